use std::ops::Deref;

use axum_core::extract::FromRequestParts;
use axum_core::response::Response;
use http::request::Parts;
use latchkey_guard::{Principal, Refusal};

use crate::GuardError;

/// Who is calling, as an argument of a handler of axum. The handler needs [`RequireKey`](crate::RequireKey) around it;
/// without that layer it admits nobody: 500.
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

impl<S: Sync> FromRequestParts<S> for ApiKeyPrincipal {
    type Rejection = Response;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, Response> {
        let principal = parts.extensions.get::<Principal>().cloned();
        principal.map(Self).ok_or_else(|| {
            tracing::error!("no RequireKey around the handler: call Router::route_layer");
            Refusal::internal().into_response()
        })
    }
}
