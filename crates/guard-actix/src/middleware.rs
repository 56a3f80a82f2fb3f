use std::pin::Pin;

use actix_web::Error;
use actix_web::body::{EitherBody, MessageBody};
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::header::{HeaderName, HeaderValue};
use actix_web::middleware::Next;

use crate::principal::admit_at;
use crate::{ApiKeyPrincipal, GuardError};

/// Middleware that lets requests with a good key pass, also where the handler asks for no key, and answers
/// all others itself: `web::scope("/api").wrap(from_fn(require_key))`.
///
/// Answers get `RateLimit-Policy` and `RateLimit` where the key has limits. It asks a key of preflights too, which browsers send without one: wrap CORS middleware around it.
pub async fn require_key(
    mut req: ServiceRequest,
    next: Next<impl MessageBody + 'static>,
) -> Result<ServiceResponse<impl MessageBody>, Error> {
    let admitted = req.extract::<ApiKeyPrincipal>().await;
    answer(req, next, admitted).await
}

/// The same where each request costs so much of the budgets of its key, 0 to 1,000,000:
/// `web::resource("/reports").wrap(from_fn(require_key_at_cost(5)))`. With a cost above that, every answer is 500.
///
/// The key is charged here. A scope around this one that asks for a key has charged its own cost before, and `wrap` puts
/// what is wrapped last around the rest: [`require_scope`] is wrapped first.
pub fn require_key_at_cost<B: MessageBody + 'static>(
    cost: u32,
) -> impl Fn(ServiceRequest, Next<B>) -> Answering<B> + Clone {
    move |req, next| {
        Box::pin(async move {
            let admitted = admit_at(req.request(), cost).await;
            answer(req, next, admitted.map_err(GuardError)).await
        })
    }
}

/// The same for a good key with a scope, or with one of several:
/// `web::scope("/docs").wrap(from_fn(require_scope("docs:read|admin")))`. A good key without them is answered 403.
pub fn require_scope<B: MessageBody + 'static>(
    requirement: &'static str,
) -> impl Fn(ServiceRequest, Next<B>) -> Answering<B> + Clone {
    move |mut req, next| {
        Box::pin(async move {
            let admitted = req.extract::<ApiKeyPrincipal>().await;
            let met = admitted.and_then(|caller| caller.require(requirement).map(|()| caller));
            answer(req, next, met).await
        })
    }
}

type Answering<B> = Pin<Box<dyn Future<Output = Result<ServiceResponse<EitherBody<B>>, Error>>>>;

async fn answer<B: MessageBody + 'static>(
    req: ServiceRequest,
    next: Next<B>,
    admitted: Result<ApiKeyPrincipal, GuardError>,
) -> Result<ServiceResponse<EitherBody<B>>, Error> {
    let caller = match admitted {
        Ok(caller) => caller,
        Err(refusal) => return Ok(req.error_response(refusal).map_into_right_body()),
    };
    let mut response = next.call(req).await?;
    for (name, value) in &caller.headers {
        let name = HeaderName::from_bytes(name.as_str().as_bytes());
        let value = HeaderValue::from_bytes(value.as_bytes());
        let (name, value) = name.ok().zip(value.ok()).expect("both versions take the same bytes");
        // What the service says itself stays, and what another guard inside said after this one.
        if !response.headers().contains_key(&name) {
            response.headers_mut().insert(name, value);
        }
    }
    Ok(response.map_into_left_body())
}
