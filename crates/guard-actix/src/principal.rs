use std::ops::Deref;
use std::pin::Pin;

use actix_web::dev::Payload;
use actix_web::http::header::HeaderMap;
use actix_web::{FromRequest, HttpMessage as _, HttpRequest};
use latchkey_guard::{Guard, Principal, Refusal};

use crate::GuardError;

/// Who is calling, as an argument of a handler: the handler runs for requests with a good key only.
#[derive(Debug, Clone)]
pub struct ApiKeyPrincipal(pub Principal);

impl Deref for ApiKeyPrincipal {
    type Target = Principal;

    fn deref(&self) -> &Principal {
        &self.0
    }
}

impl ApiKeyPrincipal {
    /// Asks for a scope, or for one of several, in a handler: `caller.require("docs:read|admin")?`. Where the key
    /// lacks them, the answer is 403 and names them.
    pub fn require(&self, requirement: &str) -> Result<(), GuardError> {
        Ok(self.0.require(requirement)?)
    }
}

/// Left with a request, so that it is verified once, though middleware and handler both ask. An
/// inner scope may have a guard of its own, which does not take another one's word.
struct Admitted {
    by: Guard,
    principal: ApiKeyPrincipal,
}

impl FromRequest for ApiKeyPrincipal {
    type Error = GuardError;
    type Future = Pin<Box<dyn Future<Output = Result<Self, GuardError>>>>;

    fn from_request(req: &HttpRequest, _payload: &mut Payload) -> Self::Future {
        let req = req.clone();
        Box::pin(async move { Ok(admit(&req).await?) })
    }
}

async fn admit(req: &HttpRequest) -> Result<ApiKeyPrincipal, Refusal> {
    let guard = guard_of(req)?;
    if let Some(admitted) = req.extensions().get::<Admitted>()
        && admitted.by.is(guard)
    {
        return Ok(admitted.principal.clone());
    }
    verified(req, guard, guard).await
}

/// By the same guard at another cost. A handler that asks who calls takes its word.
pub(crate) async fn admit_at(req: &HttpRequest, cost: u32) -> Result<ApiKeyPrincipal, Refusal> {
    let guard = guard_of(req)?;
    let Ok(costly) = guard.at_cost(cost) else {
        tracing::error!(cost, "not a cost: 0 to 1000000");
        return Err(Refusal::internal());
    };
    verified(req, guard, &costly).await
}

fn guard_of(req: &HttpRequest) -> Result<&Guard, Refusal> {
    req.app_data::<Guard>().ok_or_else(|| {
        tracing::error!("no Guard in the application's data: call App::app_data(guard)");
        Refusal::internal()
    })
}

async fn verified(
    req: &HttpRequest,
    for_guard: &Guard,
    by: &Guard,
) -> Result<ApiKeyPrincipal, Refusal> {
    let peer = req.peer_addr().map(|peer| peer.ip());
    let principal = ApiKeyPrincipal(by.admit(&headers(req.headers()), peer).await?);
    let admitted = Admitted { by: for_guard.clone(), principal: principal.clone() };
    req.extensions_mut().insert(admitted);
    Ok(principal)
}

/// Those that may present a key, and that say where the request came from, as the guard's version of `http` has them; actix-web has an older one.
fn headers(headers: &HeaderMap) -> http::HeaderMap {
    let mut read = http::HeaderMap::new();
    for name in ["x-api-key", "authorization", "x-forwarded-for"] {
        for value in headers.get_all(name) {
            let value = http::HeaderValue::from_bytes(value.as_bytes());
            read.append(name, value.expect("both versions take the same bytes"));
        }
    }
    read
}
