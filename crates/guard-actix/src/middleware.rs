use actix_web::Error;
use actix_web::body::MessageBody;
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::middleware::Next;

use crate::ApiKeyPrincipal;

/// Middleware that lets requests with a good key pass, also where the handler asks for no key, and answers
/// all others itself: `web::scope("/api").wrap(from_fn(require_key))`.
///
/// It asks a key of preflights too, which browsers send without one: wrap CORS middleware around it.
pub async fn require_key(
    mut req: ServiceRequest,
    next: Next<impl MessageBody + 'static>,
) -> Result<ServiceResponse<impl MessageBody>, Error> {
    match req.extract::<ApiKeyPrincipal>().await {
        Ok(_principal) => next.call(req).await.map(ServiceResponse::map_into_left_body),
        Err(refusal) => Ok(req.error_response(refusal).map_into_right_body()),
    }
}
