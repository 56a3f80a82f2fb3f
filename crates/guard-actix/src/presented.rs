use actix_web::http::header::{self, HeaderMap, HeaderName, HeaderValue};
use latchkey_domain::{MalformedSecret, Secret};

use crate::GuardError;

const X_API_KEY: HeaderName = HeaderName::from_static("x-api-key");

/// The secret that a request presents. Text without the form of a key is refused here, so that nobody
/// has to be asked about it.
pub(crate) fn presented(headers: &HeaderMap) -> Result<Secret, GuardError> {
    let all = |name: HeaderName| headers.get_all(name).map(HeaderValue::as_bytes);
    let text = latchkey_domain::presented(all(X_API_KEY), all(header::AUTHORIZATION));
    Secret::parse(text.ok_or(GuardError::KeyRequired)?)
        .map_err(|MalformedSecret| GuardError::KeyRefused)
}
