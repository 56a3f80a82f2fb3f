use std::pin::Pin;

use actix_web::Error;
use actix_web::body::{EitherBody, MessageBody};
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

/// The same for a good key with a scope, or with one of several:
/// `web::scope("/docs").wrap(from_fn(require_scope("docs:read|admin")))`. A good key without them is answered 403.
pub fn require_scope<B: MessageBody + 'static>(
    requirement: &'static str,
) -> impl Fn(ServiceRequest, Next<B>) -> Answering<B> + Clone {
    move |mut req, next| {
        Box::pin(async move {
            let principal = req.extract::<ApiKeyPrincipal>().await;
            match principal.and_then(|principal| principal.require(requirement)) {
                Ok(()) => next.call(req).await.map(ServiceResponse::map_into_left_body),
                Err(refusal) => Ok(req.error_response(refusal).map_into_right_body()),
            }
        })
    }
}

type Answering<B> = Pin<Box<dyn Future<Output = Result<ServiceResponse<EitherBody<B>>, Error>>>>;
