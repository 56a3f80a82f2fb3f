use actix_web::http::StatusCode;
use actix_web::http::header::HeaderValue;

/// Why a request was refused, for programs: what clients branch on and translate by. The status
/// follows from it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ErrorCode {
    InvalidRequest,
    ExpectationFailed,
    WrongPassword,
    WeakPassword,
    InvalidCredentials,
    SessionRequired,
    KeyRequired,
    InvalidKey,
    TokenRequired,
    InvalidToken,
    MissingRight,
    OwnerNotAllowed,
    InsufficientScope,
    AddressNotAllowed,
    CrossSite,
    SignUpClosed,
    ReauthenticationRequired,
    NotFound,
    KeyNotFound,
    MethodNotAllowed,
    Timeout,
    LimitReached,
    AddressTaken,
    OwnerSuspended,
    Conflict,
    BodyTooLarge,
    UriTooLarge,
    HeadTooLarge,
    UnsupportedMediaType,
    TooManyAttempts,
    RateLimited,
    NoCredits,
    /// As [`RateLimited`](Self::RateLimited), for gateways that know no 429.
    RateForbidden,
    /// As [`NoCredits`](Self::NoCredits), for gateways that know no 429.
    CreditsForbidden,
    Internal,
    Unavailable,
}

impl ErrorCode {
    pub(crate) const ALL: [Self; 36] = [
        Self::InvalidRequest,
        Self::ExpectationFailed,
        Self::WrongPassword,
        Self::WeakPassword,
        Self::InvalidCredentials,
        Self::SessionRequired,
        Self::KeyRequired,
        Self::InvalidKey,
        Self::TokenRequired,
        Self::InvalidToken,
        Self::MissingRight,
        Self::OwnerNotAllowed,
        Self::InsufficientScope,
        Self::AddressNotAllowed,
        Self::CrossSite,
        Self::SignUpClosed,
        Self::ReauthenticationRequired,
        Self::NotFound,
        Self::KeyNotFound,
        Self::MethodNotAllowed,
        Self::Timeout,
        Self::LimitReached,
        Self::AddressTaken,
        Self::OwnerSuspended,
        Self::Conflict,
        Self::BodyTooLarge,
        Self::UriTooLarge,
        Self::HeadTooLarge,
        Self::UnsupportedMediaType,
        Self::TooManyAttempts,
        Self::RateLimited,
        Self::NoCredits,
        Self::RateForbidden,
        Self::CreditsForbidden,
        Self::Internal,
        Self::Unavailable,
    ];

    /// The codes of a status.
    pub(crate) fn of(status: StatusCode) -> impl Iterator<Item = Self> {
        Self::ALL.into_iter().filter(move |code| code.status() == status)
    }

    pub(crate) const fn status(self) -> StatusCode {
        self.told().0
    }

    pub(crate) const fn as_str(self) -> &'static str {
        self.told().1
    }

    pub(crate) const fn header_value(self) -> HeaderValue {
        HeaderValue::from_static(self.as_str())
    }

    /// The status and the text. Clients do the same about a text whatever the status is, so some
    /// reasons share one.
    const fn told(self) -> (StatusCode, &'static str) {
        match self {
            Self::InvalidRequest => (StatusCode::BAD_REQUEST, "invalid_request"),
            Self::ExpectationFailed => (StatusCode::EXPECTATION_FAILED, "invalid_request"),
            Self::WrongPassword => (StatusCode::BAD_REQUEST, "wrong_password"),
            Self::WeakPassword => (StatusCode::BAD_REQUEST, "weak_password"),
            Self::InvalidCredentials => (StatusCode::UNAUTHORIZED, "invalid_credentials"),
            Self::SessionRequired => (StatusCode::UNAUTHORIZED, "session_required"),
            Self::KeyRequired => (StatusCode::UNAUTHORIZED, "key_required"),
            Self::InvalidKey => (StatusCode::UNAUTHORIZED, "invalid_key"),
            Self::TokenRequired => (StatusCode::UNAUTHORIZED, "token_required"),
            Self::InvalidToken => (StatusCode::UNAUTHORIZED, "invalid_token"),
            Self::MissingRight => (StatusCode::FORBIDDEN, "missing_right"),
            Self::OwnerNotAllowed => (StatusCode::FORBIDDEN, "owner_not_allowed"),
            Self::InsufficientScope => (StatusCode::FORBIDDEN, "insufficient_scope"),
            Self::AddressNotAllowed => (StatusCode::FORBIDDEN, "address_not_allowed"),
            Self::CrossSite => (StatusCode::FORBIDDEN, "cross_site"),
            Self::SignUpClosed => (StatusCode::FORBIDDEN, "sign_up_closed"),
            Self::ReauthenticationRequired => (StatusCode::FORBIDDEN, "reauthentication_required"),
            Self::NotFound => (StatusCode::NOT_FOUND, "not_found"),
            Self::KeyNotFound => (StatusCode::NOT_FOUND, "key_not_found"),
            Self::MethodNotAllowed => (StatusCode::METHOD_NOT_ALLOWED, "method_not_allowed"),
            Self::Timeout => (StatusCode::REQUEST_TIMEOUT, "timeout"),
            Self::LimitReached => (StatusCode::CONFLICT, "limit_reached"),
            Self::AddressTaken => (StatusCode::CONFLICT, "address_taken"),
            Self::OwnerSuspended => (StatusCode::CONFLICT, "owner_suspended"),
            Self::Conflict => (StatusCode::CONFLICT, "conflict"),
            Self::BodyTooLarge => (StatusCode::PAYLOAD_TOO_LARGE, "too_large"),
            Self::UriTooLarge => (StatusCode::URI_TOO_LONG, "too_large"),
            Self::HeadTooLarge => (StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE, "too_large"),
            Self::UnsupportedMediaType => {
                (StatusCode::UNSUPPORTED_MEDIA_TYPE, "unsupported_media_type")
            }
            Self::TooManyAttempts => (StatusCode::TOO_MANY_REQUESTS, "too_many_attempts"),
            Self::RateLimited => (StatusCode::TOO_MANY_REQUESTS, "rate_limited"),
            Self::NoCredits => (StatusCode::TOO_MANY_REQUESTS, "no_credits"),
            Self::RateForbidden => (StatusCode::FORBIDDEN, "rate_limited"),
            Self::CreditsForbidden => (StatusCode::FORBIDDEN, "no_credits"),
            Self::Internal => (StatusCode::INTERNAL_SERVER_ERROR, "internal"),
            Self::Unavailable => (StatusCode::SERVICE_UNAVAILABLE, "unavailable"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_code_is_of_an_error_and_in_plain_letters() {
        for code in ErrorCode::ALL {
            let status = code.status();
            assert!(status.is_client_error() || status.is_server_error(), "{code:?}");
            assert!(code.as_str().bytes().all(|b| b.is_ascii_lowercase() || b == b'_'), "{code:?}");
        }
    }
}
