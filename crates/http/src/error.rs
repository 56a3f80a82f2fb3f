mod code;

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
use latchkey_domain::{ChangeError, IssueError, RevokeError, VerifyError, error_chain};
use serde::Serialize;
use utoipa::ToSchema;

pub(crate) use self::code::ErrorCode;

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
    /// A sentence for a person.
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

    /// 404: there is no such route.
    pub(crate) fn not_found() -> Self {
        Self::new(ErrorCode::NotFound, "Not found")
    }

    /// 404, the same whether a key is absent or somebody else's.
    pub(crate) fn key_not_found() -> Self {
        Self::new(ErrorCode::KeyNotFound, "API key not found")
    }

    /// 429: to be asked again after a while.
    pub(crate) fn too_many(message: &'static str, wait: Duration) -> Self {
        let seconds = wait.as_secs() + u64::from(wait.subsec_nanos() > 0);
        let error = Self::new(ErrorCode::TooManyAttempts, message);
        error.with(header::RETRY_AFTER, HeaderValue::from(seconds))
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

    fn challenged(self) -> Self {
        let challenge = HeaderValue::from_static("Session realm=\"dashboard\"");
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
            IssueError::LimitReached { .. } => {
                Self::new(ErrorCode::LimitReached, error.to_string())
            }
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
            ChangeError::LimitReached { .. } => {
                Self::new(ErrorCode::LimitReached, error.to_string())
            }
            ChangeError::Refused(_) | ChangeError::Contended => {
                Self::new(ErrorCode::Conflict, error.to_string())
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
            VerifyError::Refused(_) => Self::invalid_key(),
            VerifyError::Store(error) => error.into(),
        }
    }
}

impl From<CreateAccountError> for ApiError {
    fn from(error: CreateAccountError) -> Self {
        match error {
            CreateAccountError::AddressTaken => {
                Self::new(ErrorCode::AddressTaken, error.to_string())
            }
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
                Self::new(ErrorCode::InvalidCredentials, error.to_string()).challenged()
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
            ChangePasswordError::WrongPassword => {
                Self::new(ErrorCode::WrongPassword, error.to_string())
            }
            ChangePasswordError::Stale => Self::new(ErrorCode::Conflict, error.to_string()),
            ChangePasswordError::Hash(error) => error.into(),
            ChangePasswordError::Entropy(error) => error.into(),
            ChangePasswordError::Store(error) => error.into(),
        }
    }
}
