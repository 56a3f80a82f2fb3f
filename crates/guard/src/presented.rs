use http::header::{self, HeaderMap, HeaderName, HeaderValue};
use latchkey_domain::{MalformedSecret, Secret};

use crate::Refusal;

const X_API_KEY: HeaderName = HeaderName::from_static("x-api-key");

/// The secret that a request presents. Text without the form of a key is refused here, so that nobody
/// has to be asked about it.
pub(crate) fn presented(headers: &HeaderMap) -> Result<Secret, Refusal> {
    let all = |name: HeaderName| headers.get_all(name).into_iter().map(HeaderValue::as_bytes);
    let text = latchkey_domain::presented(all(X_API_KEY), all(header::AUTHORIZATION));
    Secret::parse(text.ok_or_else(Refusal::key_required)?)
        .map_err(|MalformedSecret| Refusal::invalid_key())
}
