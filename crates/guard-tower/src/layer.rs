use std::mem;
use std::pin::Pin;
use std::task::{Context, Poll};

use http::{Request, Response};
use latchkey_guard::Guard;
use tower_layer::Layer;
use tower_service::Service;

/// The layer that lets requests with a good key pass, with the [`Principal`](crate::Principal) in their extensions, and
/// answers all others itself.
///
/// In axum, `Router::route_layer` asks a key for the routes that are there, and `Router::layer` for every path. The layer
/// asks a key of preflights too, which browsers send without one: put the layer for CORS around it.
#[derive(Debug, Clone)]
pub struct RequireKey(Guard);

impl RequireKey {
    /// The layer that admits what `guard` does.
    pub fn by(guard: Guard) -> Self {
        Self(guard)
    }
}

impl<S> Layer<S> for RequireKey {
    type Service = Guarded<S>;

    fn layer(&self, inner: S) -> Guarded<S> {
        Guarded { guard: self.0.clone(), inner }
    }
}

/// A service that is called for requests with a good key only; [`RequireKey`] makes it.
#[derive(Debug, Clone)]
pub struct Guarded<S> {
    guard: Guard,
    inner: S,
}

impl<S, B, R> Service<Request<B>> for Guarded<S>
where
    S: Service<Request<B>, Response = Response<R>> + Clone + Send + 'static,
    S::Future: Send,
    B: Send + 'static,
    R: From<String>,
{
    type Response = Response<R>;
    type Error = S::Error;
    type Future = Pin<Box<dyn Future<Output = Result<Response<R>, S::Error>> + Send>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, mut request: Request<B>) -> Self::Future {
        let guard = self.guard.clone();
        // The one that is ready serves this request; its clone gets ready for the next.
        let clone = self.inner.clone();
        let mut inner = mem::replace(&mut self.inner, clone);
        Box::pin(async move {
            let admitted = guard.admit(request.headers()).await;
            match admitted {
                Ok(principal) => {
                    request.extensions_mut().insert(principal);
                    inner.call(request).await
                }
                Err(refusal) => Ok(refusal.into_response()),
            }
        })
    }
}
