use std::time::Duration;

use http::header::{CONTENT_TYPE, HeaderName, HeaderValue, RETRY_AFTER, WWW_AUTHENTICATE};
use http::{HeaderMap, Response, StatusCode};
use latchkey_domain::{OverBudget, Requirement};
use serde_json::json;
use thiserror::Error;

pub(crate) const X_API_KEY_REFUSAL: HeaderName = HeaderName::from_static("x-api-key-refusal");
const X_ERROR_CODE: HeaderName = HeaderName::from_static("x-error-code");
/// What an answer says of the limits of a key.
pub(crate) const LIMITS: [HeaderName; 2] =
    [HeaderName::from_static("ratelimit-policy"), HeaderName::from_static("ratelimit")];
/// What a refusal of Latchkey's says beside its sentence.
const PASSED_ON: [HeaderName; 5] = [
    WWW_AUTHENTICATE,
    RETRY_AFTER,
    X_API_KEY_REFUSAL,
    X_ERROR_CODE,
    HeaderName::from_static("x-request-id"),
];
const JSON: HeaderValue = HeaderValue::from_static("application/json");
/// Both ways to present a key.
const CHALLENGE: HeaderValue =
    HeaderValue::from_static("ApiKey realm=\"api\", Bearer realm=\"api\"");
const SHORTLY: HeaderValue = HeaderValue::from_static("1");

/// What a request that is not admitted is answered: the body is `{"error": "<a sentence>"}`, and
/// `X-Error-Code` is for programs.
///
/// What Latchkey refuses with 401, 403 or 429 is passed on as it is, with its headers.
#[derive(Debug, Clone, Error)]
#[error("refused with {}", self.0.status())]
pub struct Refusal(Box<Response<String>>);

impl Refusal {
    /// No key was presented. 401, with `WWW-Authenticate: ApiKey realm="api", Bearer realm="api"`.
    pub fn key_required() -> Self {
        Self::of(StatusCode::UNAUTHORIZED, "key_required", "API key required")
            .with(WWW_AUTHENTICATE, CHALLENGE)
    }

    /// What was presented is not a good key. 401, with the same challenge.
    pub fn invalid_key() -> Self {
        Self::of(StatusCode::UNAUTHORIZED, "invalid_key", "Invalid API key")
            .with(WWW_AUTHENTICATE, CHALLENGE)
    }

    /// The key is good and lacks a scope. 403, with a challenge that names what was required (RFC 6750, section 3.1)
    /// and `X-Api-Key-Refusal: scope`, as Latchkey answers.
    pub(crate) fn insufficient_scope<T: AsRef<str>>(required: &Requirement<T>) -> Self {
        let required = required.as_str();
        let challenge = format!("Bearer error=\"insufficient_scope\", scope=\"{required}\"");
        let challenge = HeaderValue::try_from(challenge).expect("scopes are visible ASCII");
        Self::of(StatusCode::FORBIDDEN, "insufficient_scope", "Insufficient scope")
            .with(WWW_AUTHENTICATE, challenge)
            .with(X_API_KEY_REFUSAL, HeaderValue::from_static("scope"))
    }

    /// The key is good, and may not be used from there. 403, with `X-Api-Key-Refusal: network`.
    #[cfg(feature = "embedded")]
    pub(crate) fn address_not_allowed() -> Self {
        Self::of(StatusCode::FORBIDDEN, "address_not_allowed", "Address not allowed")
            .with(X_API_KEY_REFUSAL, HeaderValue::from_static("network"))
    }

    /// The key is good, and a budget has no room. 429, with `X-Api-Key-Refusal: rate` and `Retry-After`, or `credits`.
    #[cfg(feature = "embedded")]
    pub(crate) fn of_budget(over: OverBudget) -> Self {
        let refused = |code, sentence, budget| {
            Self::of(StatusCode::TOO_MANY_REQUESTS, code, sentence)
                .with(X_API_KEY_REFUSAL, HeaderValue::from_static(budget))
        };
        match over {
            OverBudget::Rate { retry_after } => {
                let seconds = HeaderValue::from(latchkey_domain::seconds_up(retry_after));
                refused("rate_limited", "Rate limit exceeded", "rate").with(RETRY_AFTER, seconds)
            }
            OverBudget::Credits => refused("no_credits", "No credits left", "credits"),
        }
    }

    /// Whether the key is good could not be told. 503, with `Retry-After`.
    pub fn unavailable() -> Self {
        let sentence = "Temporarily unavailable; try again shortly";
        Self::of(StatusCode::SERVICE_UNAVAILABLE, "unavailable", sentence)
            .with(RETRY_AFTER, SHORTLY)
    }

    /// The service itself is wrong: it asks for a principal where no guard is, or requires by a text that is no requirement.
    /// 500.
    pub fn internal() -> Self {
        Self::of(StatusCode::INTERNAL_SERVER_ERROR, "internal", "Internal server error")
    }

    /// What Latchkey refused with, as it is.
    pub(crate) fn passed_on(status: StatusCode, headers: &HeaderMap, sentence: &str) -> Self {
        let mut refusal = Self::saying(status, sentence);
        for name in PASSED_ON.into_iter().chain(LIMITS) {
            for value in headers.get_all(&name) {
                refusal = refusal.with(name.clone(), value.clone());
            }
        }
        refusal
    }

    /// Which budget of the key has no room, where that is why the request is refused.
    pub fn over_budget(&self) -> Option<OverBudget> {
        let headers = self.0.headers();
        match headers.get(X_API_KEY_REFUSAL)?.as_bytes() {
            b"rate" => {
                let told = headers.get(RETRY_AFTER).and_then(|value| value.to_str().ok());
                let seconds = told.and_then(|text| text.parse().ok()).unwrap_or(1);
                Some(OverBudget::Rate { retry_after: Duration::from_secs(seconds) })
            }
            b"credits" => Some(OverBudget::Credits),
            _ => None,
        }
    }

    /// The answer: status, headers and body.
    pub fn response(&self) -> &Response<String> {
        &self.0
    }

    /// The answer, with its body as another type.
    pub fn into_response<B: From<String>>(self) -> Response<B> {
        self.0.map(B::from)
    }

    fn of(status: StatusCode, code: &'static str, sentence: &str) -> Self {
        Self::saying(status, sentence).with(X_ERROR_CODE, HeaderValue::from_static(code))
    }

    fn saying(status: StatusCode, sentence: &str) -> Self {
        let mut response = Response::new(json!({ "error": sentence }).to_string());
        *response.status_mut() = status;
        Self(Box::new(response)).with(CONTENT_TYPE, JSON)
    }

    fn with(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.0.headers_mut().append(name, value);
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn over(headers: &[(HeaderName, &'static str)]) -> Option<OverBudget> {
        let value = HeaderValue::from_static;
        let headers = headers.iter().map(|(name, text)| (name.clone(), value(text))).collect();
        Refusal::passed_on(StatusCode::TOO_MANY_REQUESTS, &headers, "No").over_budget()
    }

    #[test]
    fn a_refusal_says_which_budget_has_no_room_and_how_long_to_wait() {
        let rate = |seconds| OverBudget::Rate { retry_after: Duration::from_secs(seconds) };
        let refused = |why| (X_API_KEY_REFUSAL, why);
        let told = over(&[refused("rate"), (RETRY_AFTER, "18")]);
        assert_eq!(told, Some(rate(18)));
        for unreadable in [&[refused("rate")][..], &[refused("rate"), (RETRY_AFTER, "soon")]] {
            assert_eq!(over(unreadable), Some(rate(1)));
        }
        assert_eq!(over(&[refused("credits")]), Some(OverBudget::Credits));
        for other in [&[][..], &[refused("scope")], &[(RETRY_AFTER, "18")]] {
            assert_eq!(over(other), None);
        }
        assert_eq!(Refusal::unavailable().over_budget(), None);
    }
}
