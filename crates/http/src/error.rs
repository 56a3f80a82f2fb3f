mod account_refusals;
mod code;
mod refusals;

use std::borrow::Cow;
use std::error::Error as StdError;
use std::fmt;
use std::time::Duration;

use actix_web::http::StatusCode;
use actix_web::http::header::{self, HeaderName, HeaderValue};
use actix_web::{HttpResponse, ResponseError};
use latchkey_domain::{NotNow, OverBudget, error_chain, seconds_up};
use serde::Serialize;
use utoipa::ToSchema;

pub(crate) use self::code::ErrorCode;

/// Why a good key is not accepted, in one word.
pub(crate) const X_API_KEY_REFUSAL: HeaderName = HeaderName::from_static("x-api-key-refusal");
pub(crate) const X_ERROR_CODE: HeaderName = HeaderName::from_static("x-error-code");

/// Any answer that is not a success: a code for programs, from which the status follows, and a
/// sentence for a person.
#[derive(Debug)]
pub(crate) struct ApiError {
    code: ErrorCode,
    message: Cow<'static, str>,
    headers: Vec<(HeaderName, HeaderValue)>,
    /// What went wrong inside; it is logged and never answered.
    cause: Option<Box<dyn StdError + Send + Sync>>,
}

/// The body of every answer that is not a success.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ErrorBody {
    /// A message for people.
    #[schema(example = "Authentication required")]
    error: Cow<'static, str>,
}

impl ApiError {
    pub(crate) fn new(code: ErrorCode, message: impl Into<Cow<'static, str>>) -> Self {
        Self { code, message: message.into(), headers: Vec::new(), cause: None }
    }

    pub(crate) fn bad_request(message: impl Into<Cow<'static, str>>) -> Self {
        Self::new(ErrorCode::InvalidRequest, message)
    }

    /// 401 for a call that needs a session.
    pub(crate) fn session_required() -> Self {
        Self::new(ErrorCode::SessionRequired, "Authentication required").challenged()
    }

    /// 401 for a call that needs an API key and came without one.
    pub(crate) fn key_required() -> Self {
        Self::new(ErrorCode::KeyRequired, "API key required").asked_for_a_key()
    }

    /// 401, the same for every key that is not good.
    pub(crate) fn invalid_key() -> Self {
        Self::new(ErrorCode::InvalidKey, "Invalid API key").asked_for_a_key()
    }

    /// 403 for a good key without the scopes that are required, which the challenge names (RFC 6750, section 3.1).
    pub(crate) fn insufficient_scope(required: &str) -> Self {
        let challenge = format!("Bearer error=\"insufficient_scope\", scope=\"{required}\"");
        let challenge = HeaderValue::try_from(challenge).expect("scopes are visible ASCII");
        Self::new(ErrorCode::InsufficientScope, "Insufficient scope")
            .with(header::WWW_AUTHENTICATE, challenge)
            .with(X_API_KEY_REFUSAL, HeaderValue::from_static("scope"))
    }

    /// 403 for a good key from an address that it may not be used from.
    pub(crate) fn address_not_allowed() -> Self {
        Self::new(ErrorCode::AddressNotAllowed, "Address not allowed")
            .with(X_API_KEY_REFUSAL, HeaderValue::from_static("network"))
    }

    /// 401 for a call that needs a management token and came without one.
    pub(crate) fn token_required() -> Self {
        Self::new(ErrorCode::TokenRequired, "Management token required").asked_for_a_token()
    }

    /// 401, the same for every management token that is not good.
    pub(crate) fn invalid_token() -> Self {
        Self::new(ErrorCode::InvalidToken, "Invalid management token").asked_for_a_token()
    }

    /// 404: there is no such route.
    pub(crate) fn not_found() -> Self {
        Self::new(ErrorCode::NotFound, "Not found")
    }

    /// 404, the same whether a key is absent or somebody else's.
    pub(crate) fn key_not_found() -> Self {
        Self::new(ErrorCode::KeyNotFound, "API key not found")
    }

    /// 429: to be asked again after a while.
    pub(crate) fn too_many(message: &'static str, not_now: NotNow) -> Self {
        Self::new(ErrorCode::TooManyAttempts, message).retry_after(not_now.retry_after())
    }

    /// 429 for a good key without room in one of its budgets; 403 where the caller `forbids`.
    pub(crate) fn over_budget(over: OverBudget, forbids: bool) -> Self {
        match over {
            OverBudget::Rate { retry_after } => {
                let code = if forbids { ErrorCode::RateForbidden } else { ErrorCode::RateLimited };
                Self::new(code, "Rate limit exceeded")
                    .with(X_API_KEY_REFUSAL, HeaderValue::from_static("rate"))
                    .retry_after(retry_after)
            }
            OverBudget::Credits => {
                let code = if forbids { ErrorCode::CreditsForbidden } else { ErrorCode::NoCredits };
                Self::new(code, "No credits left")
                    .with(X_API_KEY_REFUSAL, HeaderValue::from_static("credits"))
            }
        }
    }

    /// 503: the service can't tell right now, and says when to ask again.
    pub(crate) fn unavailable(cause: impl Into<Box<dyn StdError + Send + Sync>>) -> Self {
        let retry = HeaderValue::from_static("1");
        let message = "Temporarily unavailable; try again shortly";
        let error = Self::new(ErrorCode::Unavailable, message);
        Self { cause: Some(cause.into()), ..error.with(header::RETRY_AFTER, retry) }
    }

    /// 500: something that should not happen did.
    pub(crate) fn internal(cause: impl Into<Box<dyn StdError + Send + Sync>>) -> Self {
        let error = Self::new(ErrorCode::Internal, "Internal server error");
        Self { cause: Some(cause.into()), ..error }
    }

    pub(crate) fn with(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.headers.push((name, value));
        self
    }

    pub(crate) const fn code(&self) -> ErrorCode {
        self.code
    }

    /// What went wrong inside, with its sources.
    pub(crate) fn cause_chain(&self) -> Option<String> {
        self.cause.as_ref().map(|cause| error_chain(cause.as_ref()))
    }

    fn retry_after(self, wait: Duration) -> Self {
        self.with(header::RETRY_AFTER, HeaderValue::from(seconds_up(wait)))
    }

    fn challenged(self) -> Self {
        let challenge = HeaderValue::from_static("Session realm=\"dashboard\"");
        self.with(header::WWW_AUTHENTICATE, challenge)
    }

    fn asked_for_a_token(self) -> Self {
        let challenge = HeaderValue::from_static("Bearer realm=\"management\"");
        self.with(header::WWW_AUTHENTICATE, challenge)
    }

    /// Names both ways to present a key.
    fn asked_for_a_key(self) -> Self {
        let challenge = HeaderValue::from_static("ApiKey realm=\"api\", Bearer realm=\"api\"");
        self.with(header::WWW_AUTHENTICATE, challenge)
    }
}

impl fmt::Display for ApiError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl ResponseError for ApiError {
    fn status_code(&self) -> StatusCode {
        self.code.status()
    }

    fn error_response(&self) -> HttpResponse {
        let mut response = HttpResponse::build(self.code.status());
        response.insert_header((X_ERROR_CODE, self.code.header_value()));
        for header in &self.headers {
            response.append_header(header.clone());
        }
        response.json(ErrorBody { error: self.message.clone() })
    }
}
