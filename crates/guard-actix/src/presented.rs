use actix_web::http::header::{self, HeaderMap, HeaderName, HeaderValue};
use latchkey_domain::{MalformedSecret, Secret};

use crate::GuardError;

const X_API_KEY: HeaderName = HeaderName::from_static("x-api-key");

/// The secret in `x-api-key`; only where that header is absent, in `Authorization: Bearer`. A
/// header sent twice could mean two things, and so is no key. Text without the form of a key, which
/// is short, is refused here, so that nobody has to be asked about it.
pub(crate) fn presented(headers: &HeaderMap) -> Result<Secret, GuardError> {
    let text = match only(headers, X_API_KEY)? {
        Some(value) => Some(value.as_bytes()),
        None => only(headers, header::AUTHORIZATION)?.and_then(|value| bearer(value.as_bytes())),
    };
    let text = text.map(<[u8]>::trim_ascii).filter(|text| !text.is_empty());
    Secret::parse(text.ok_or(GuardError::KeyRequired)?)
        .map_err(|MalformedSecret| GuardError::KeyRefused)
}

fn only(headers: &HeaderMap, name: HeaderName) -> Result<Option<&HeaderValue>, GuardError> {
    let mut values = headers.get_all(name);
    let first = values.next();
    match values.next() {
        None => Ok(first),
        Some(_second) => Err(GuardError::KeyRefused),
    }
}

fn bearer(authorization: &[u8]) -> Option<&[u8]> {
    let (scheme, token) = authorization.split_at_checked(7)?;
    scheme.eq_ignore_ascii_case(b"bearer ").then_some(token)
}
