use axum_core::response::{IntoResponse, Response};
use latchkey_guard::Refusal;
use thiserror::Error;

/// Why a handler refuses a good key. It answers as its [`Refusal`] says.
#[derive(Debug, Error)]
#[error(transparent)]
pub struct GuardError(#[from] pub Refusal);

impl IntoResponse for GuardError {
    fn into_response(self) -> Response {
        self.0.into_response()
    }
}
