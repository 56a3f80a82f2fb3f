use std::borrow::Cow;
use std::error::Error as StdError;
use std::fmt;
use std::time::Duration;

use actix_web::http::StatusCode;
use actix_web::http::header::{self, HeaderName, HeaderValue};
use actix_web::{HttpResponse, ResponseError};
use latchkey_accounts::ports::HashError;
use latchkey_accounts::{ChangePasswordError, CreateAccountError, EndSessionError, SignInError};
use latchkey_domain::ports::{EntropyError, StoreError};
use latchkey_domain::{ChangeError, IssueError, RevokeError};
use latchkey_verifier::VerifyError;
use serde::Serialize;
use utoipa::ToSchema;

use crate::telemetry::error_chain;

/// Any answer that is not a success: a status and a sentence for a person.
#[derive(Debug)]
pub(crate) struct ApiError {
    status: StatusCode,
    message: Cow<'static, str>,
    headers: Vec<(HeaderName, HeaderValue)>,
    /// What went wrong inside; it is logged and never answered.
    cause: Option<Box<dyn StdError + Send + Sync>>,
}

/// The body of every answer that is not a success.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ErrorBody {
    /// A sentence for a person.
    #[schema(example = "Authentication required")]
    error: Cow<'static, str>,
}

impl ApiError {
    pub(crate) fn new(status: StatusCode, message: impl Into<Cow<'static, str>>) -> Self {
        Self { status, message: message.into(), headers: Vec::new(), cause: None }
    }

    pub(crate) fn bad_request(message: impl Into<Cow<'static, str>>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, message)
    }

    /// 401 for a call that needs a session.
    pub(crate) fn session_required() -> Self {
        Self::new(StatusCode::UNAUTHORIZED, "Authentication required").challenged()
    }

    /// 401 for a call that needs an API key.
    pub(crate) fn key_refused(message: &'static str) -> Self {
        let challenge = HeaderValue::from_static("ApiKey realm=\"api\"");
        Self::new(StatusCode::UNAUTHORIZED, message).with(header::WWW_AUTHENTICATE, challenge)
    }

    /// 404, the same whether a key is absent or somebody else's.
    pub(crate) fn key_not_found() -> Self {
        Self::new(StatusCode::NOT_FOUND, "API key not found")
    }

    /// 429: to be asked again after a while.
    pub(crate) fn too_many(message: &'static str, wait: Duration) -> Self {
        let seconds = wait.as_secs() + u64::from(wait.subsec_nanos() > 0);
        let error = Self::new(StatusCode::TOO_MANY_REQUESTS, message);
        error.with(header::RETRY_AFTER, HeaderValue::from(seconds))
    }

    /// 503: the service can't tell right now, and says when to ask again.
    pub(crate) fn unavailable(cause: impl Into<Box<dyn StdError + Send + Sync>>) -> Self {
        let retry = HeaderValue::from_static("1");
        let message = "Temporarily unavailable; try again shortly";
        let error = Self::new(StatusCode::SERVICE_UNAVAILABLE, message);
        Self { cause: Some(cause.into()), ..error.with(header::RETRY_AFTER, retry) }
    }

    /// 500: something that should not happen did.
    pub(crate) fn internal(cause: impl Into<Box<dyn StdError + Send + Sync>>) -> Self {
        let error = Self::new(StatusCode::INTERNAL_SERVER_ERROR, "Internal server error");
        Self { cause: Some(cause.into()), ..error }
    }

    pub(crate) fn with(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.headers.push((name, value));
        self
    }

    /// What went wrong inside, with its sources.
    pub(crate) fn cause_chain(&self) -> Option<String> {
        self.cause.as_ref().map(|cause| error_chain(cause.as_ref()))
    }

    fn challenged(self) -> Self {
        let challenge = HeaderValue::from_static("Session realm=\"dashboard\"");
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
        self.status
    }

    fn error_response(&self) -> HttpResponse {
        let mut response = HttpResponse::build(self.status);
        for header in &self.headers {
            response.append_header(header.clone());
        }
        response.json(ErrorBody { error: self.message.clone() })
    }
}

impl From<StoreError> for ApiError {
    fn from(error: StoreError) -> Self {
        Self::unavailable(error)
    }
}

impl From<EntropyError> for ApiError {
    fn from(error: EntropyError) -> Self {
        Self::unavailable(error)
    }
}

impl From<HashError> for ApiError {
    fn from(error: HashError) -> Self {
        Self::unavailable(error)
    }
}

impl From<IssueError> for ApiError {
    fn from(error: IssueError) -> Self {
        match error {
            IssueError::ExpiryNotInFuture => Self::bad_request(error.to_string()),
            IssueError::LimitReached { .. } => Self::new(StatusCode::CONFLICT, error.to_string()),
            // The account was disabled after the session was checked: the session is dead too.
            IssueError::OwnerClosed => Self::session_required(),
            IssueError::Entropy(error) => error.into(),
            IssueError::Store(error) => error.into(),
        }
    }
}

impl From<ChangeError> for ApiError {
    fn from(error: ChangeError) -> Self {
        match error {
            ChangeError::ExpiryNotInFuture => Self::bad_request(error.to_string()),
            ChangeError::NotFound => Self::key_not_found(),
            ChangeError::Refused(_) | ChangeError::LimitReached { .. } | ChangeError::Contended => {
                Self::new(StatusCode::CONFLICT, error.to_string())
            }
            ChangeError::Entropy(error) => error.into(),
            ChangeError::Store(error) => error.into(),
        }
    }
}

impl From<RevokeError> for ApiError {
    fn from(error: RevokeError) -> Self {
        match error {
            RevokeError::NotFound => Self::key_not_found(),
            RevokeError::Entropy(error) => error.into(),
            RevokeError::Store(error) => error.into(),
        }
    }
}

impl From<VerifyError> for ApiError {
    fn from(error: VerifyError) -> Self {
        match error {
            VerifyError::Refused(_) => Self::key_refused("Invalid API key"),
            VerifyError::Store(error) => error.into(),
        }
    }
}

impl From<CreateAccountError> for ApiError {
    fn from(error: CreateAccountError) -> Self {
        match error {
            CreateAccountError::AddressTaken => Self::new(StatusCode::CONFLICT, error.to_string()),
            CreateAccountError::Hash(error) => error.into(),
            CreateAccountError::Entropy(error) => error.into(),
            CreateAccountError::Store(error) => error.into(),
        }
    }
}

impl From<SignInError> for ApiError {
    fn from(error: SignInError) -> Self {
        match error {
            SignInError::Rejected => {
                Self::new(StatusCode::UNAUTHORIZED, error.to_string()).challenged()
            }
            SignInError::Hash(error) => error.into(),
            SignInError::Entropy(error) => error.into(),
            SignInError::Store(error) => error.into(),
        }
    }
}

impl From<EndSessionError> for ApiError {
    fn from(error: EndSessionError) -> Self {
        match error {
            EndSessionError::Entropy(error) => error.into(),
            EndSessionError::Store(error) => error.into(),
        }
    }
}

impl From<ChangePasswordError> for ApiError {
    fn from(error: ChangePasswordError) -> Self {
        match error {
            ChangePasswordError::WrongPassword => Self::bad_request(error.to_string()),
            ChangePasswordError::Stale => Self::new(StatusCode::CONFLICT, error.to_string()),
            ChangePasswordError::Hash(error) => error.into(),
            ChangePasswordError::Entropy(error) => error.into(),
            ChangePasswordError::Store(error) => error.into(),
        }
    }
}
