use actix_web::http::StatusCode;
use actix_web::{HttpResponse, ResponseError};
use latchkey_guard::Refusal;
use thiserror::Error;

/// Why a request was not admitted. It answers as its [`Refusal`] says.
#[derive(Debug, Error)]
#[error(transparent)]
pub struct GuardError(#[from] pub Refusal);

impl ResponseError for GuardError {
    fn status_code(&self) -> StatusCode {
        let status = self.0.response().status();
        StatusCode::from_u16(status.as_u16()).expect("a status of another version of http")
    }

    fn error_response(&self) -> HttpResponse {
        let mut response = HttpResponse::build(self.status_code());
        for (name, value) in self.0.response().headers() {
            response.append_header((name.as_str(), value.as_bytes()));
        }
        response.body(self.0.response().body().clone())
    }
}
