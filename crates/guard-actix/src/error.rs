use actix_web::http::StatusCode;
use actix_web::http::header;
use actix_web::{HttpResponse, ResponseError};
use serde_json::json;
use thiserror::Error;

use crate::Unavailable;

/// Why a request was not admitted. It answers like Latchkey itself, with the body
/// `{"error": "<a sentence>"}` and with `X-Error-Code` for programs.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum GuardError {
    /// No key was presented. 401, with `WWW-Authenticate: ApiKey realm="api", Bearer realm="api"`.
    #[error("API key required")]
    KeyRequired,
    /// What was presented is not a good key. 401, with the same challenge.
    #[error("Invalid API key")]
    KeyRefused,
    /// Whether the key is good could not be told. 503, with `Retry-After`.
    #[error("Temporarily unavailable; try again shortly")]
    Unavailable(#[from] Unavailable),
    /// The application's data holds no [`Guard`](crate::Guard). 500.
    #[error("Internal server error")]
    NoGuard,
}

/// Both ways to present a key.
const CHALLENGE: &str = "ApiKey realm=\"api\", Bearer realm=\"api\"";

impl GuardError {
    const fn code(&self) -> &'static str {
        match self {
            Self::KeyRequired => "key_required",
            Self::KeyRefused => "invalid_key",
            Self::Unavailable(_) => "unavailable",
            Self::NoGuard => "internal",
        }
    }
}

impl ResponseError for GuardError {
    fn status_code(&self) -> StatusCode {
        match self {
            Self::KeyRequired | Self::KeyRefused => StatusCode::UNAUTHORIZED,
            Self::Unavailable(_) => StatusCode::SERVICE_UNAVAILABLE,
            Self::NoGuard => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }

    fn error_response(&self) -> HttpResponse {
        let mut response = HttpResponse::build(self.status_code());
        response.insert_header(("x-error-code", self.code()));
        match self {
            Self::KeyRequired | Self::KeyRefused => {
                response.insert_header((header::WWW_AUTHENTICATE, CHALLENGE));
            }
            Self::Unavailable(_) => {
                response.insert_header((header::RETRY_AFTER, "1"));
            }
            Self::NoGuard => {}
        }
        response.json(json!({ "error": self.to_string() }))
    }
}
