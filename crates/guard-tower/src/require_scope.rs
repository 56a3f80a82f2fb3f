use std::pin::Pin;
use std::task::{Context, Poll};

use http::{Extensions, Request, Response};
use latchkey_guard::{Principal, Refusal};
use tower_layer::Layer;
use tower_service::Service;

/// The layer that lets requests pass whose key has a scope, or one of several, and answers all others with 403.
///
/// It goes inside [`RequireKey`](crate::RequireKey), which admits the key:
/// `.route_layer(require_scope("docs:read|admin")).route_layer(RequireKey::by(guard))`. Without that layer, and with a text
/// that is no requirement, every answer is 500.
pub const fn require_scope(requirement: &'static str) -> RequireScope {
    RequireScope(requirement)
}

/// What [`require_scope`] makes.
#[derive(Debug, Clone, Copy)]
pub struct RequireScope(&'static str);

impl<S> Layer<S> for RequireScope {
    type Service = Scoped<S>;

    fn layer(&self, inner: S) -> Scoped<S> {
        Scoped { requirement: self.0, inner }
    }
}

/// A service that is called for requests whose key has a scope; [`require_scope`] makes it.
#[derive(Debug, Clone)]
pub struct Scoped<S> {
    requirement: &'static str,
    inner: S,
}

impl<S, B, R> Service<Request<B>> for Scoped<S>
where
    S: Service<Request<B>, Response = Response<R>>,
    S::Future: Send + 'static,
    S::Error: Send + 'static,
    R: From<String> + Send + 'static,
{
    type Response = Response<R>;
    type Error = S::Error;
    type Future = Pin<Box<dyn Future<Output = Result<Response<R>, S::Error>> + Send>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        match self.judge(request.extensions()) {
            Ok(()) => Box::pin(self.inner.call(request)),
            Err(refusal) => Box::pin(async { Ok(refusal.into_response()) }),
        }
    }
}

impl<S> Scoped<S> {
    fn judge(&self, extensions: &Extensions) -> Result<(), Refusal> {
        let Some(principal) = extensions.get::<Principal>() else {
            tracing::error!("no RequireKey around require_scope: add it after, and so around it");
            return Err(Refusal::internal());
        };
        principal.require(self.requirement)
    }
}
