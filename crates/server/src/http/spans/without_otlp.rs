use actix_web::http::header::HeaderMap;

use super::StartError;
use super::{Answered, collector};

/// Says so where spans are wanted, which this build can't send.
#[expect(clippy::unnecessary_wraps, reason = "a build that sends spans can fail here")]
pub(crate) fn start() -> Result<(), StartError> {
    if let Some(name) = collector() {
        tracing::warn!("{name}: this build sends no spans; build with --features otlp");
    }
    Ok(())
}

pub(crate) fn close() {}

/// Nothing is told of this request.
pub(crate) struct Span;

#[expect(clippy::unused_self, reason = "a build that sends spans asks this one")]
impl Span {
    pub(in crate::http) fn begin(_headers: &HeaderMap) -> Self {
        Self
    }

    pub(in crate::http) fn is_wanted(&self) -> bool {
        false
    }

    pub(in crate::http) fn end(&self, _answered: &Answered<'_>) {}
}
