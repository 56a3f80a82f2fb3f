use std::ops::Deref;

use axum_core::extract::FromRequestParts;
use axum_core::response::Response;
use http::request::Parts;
use latchkey_guard::{Principal, Refusal};

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

impl<S: Sync> FromRequestParts<S> for ApiKeyPrincipal {
    type Rejection = Response;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, Response> {
        let principal = parts.extensions.get::<Principal>().cloned();
        principal.map(Self).ok_or_else(|| {
            tracing::error!("no RequireKey around the handler: call Router::route_layer");
            Refusal::no_guard().into_response()
        })
    }
}
