use actix_web::http::header::HeaderMap;

use super::StartError;
use super::{Answered, collector};

/// Says so where spans are wanted, which this build can't send.
pub fn start() -> Result<(), StartError> {
    if let Some(name) = collector() {
        tracing::warn!("{name}: this build sends no spans; build with --features otlp");
    }
    Ok(())
}

/// Nothing waits to be sent.
pub fn close() {}

/// Nothing is told of this request.
pub(crate) struct Span;

#[expect(clippy::unused_self, reason = "a build that sends spans asks this one")]
impl Span {
    pub(crate) fn begin(_headers: &HeaderMap) -> Self {
        Self
    }

    pub(crate) fn is_wanted(&self) -> bool {
        false
    }

    pub(crate) fn end(&self, _answered: &Answered<'_>) {}
}
