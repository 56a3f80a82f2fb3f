use std::mem;
use std::net::IpAddr;
use std::pin::Pin;
use std::task::{Context, Poll};

use http::{Extensions, Request, Response};
use latchkey_guard::Guard;
use tower_layer::Layer;
use tower_service::Service;

/// The layer that lets requests with a good key pass, with the [`Principal`](crate::Principal) in their extensions, and
/// answers all others itself. Answers get the `RateLimit` headers of the key.
///
/// What requests cost, the guard says: `RequireKey::by(guard.at_cost(5)?)`. Each layer around a route verifies, and charges
/// its own cost.
///
/// In axum, `Router::route_layer` asks a key for the routes that are there, and `Router::layer` for every path. The layer
/// asks a key of preflights too, which browsers send without one: put the layer for CORS around it.
#[derive(Debug, Clone)]
pub struct RequireKey {
    guard: Guard,
    peer: PeerOf,
}

/// Where a request's connection came from.
type PeerOf = fn(&Extensions) -> Option<IpAddr>;

impl RequireKey {
    /// The layer that admits what `guard` does. It knows nobody's address, so that keys with networks are refused.
    pub fn by(guard: Guard) -> Self {
        Self { guard, peer: |_extensions| None }
    }

    /// The same where the server says in each request's extensions what address its connection came from. With
    /// `into_make_service_with_connect_info::<SocketAddr>()` of axum:
    /// `.with_peer(|it| it.get::<ConnectInfo<SocketAddr>>().map(|ConnectInfo(peer)| peer.ip()))`.
    #[must_use]
    pub fn with_peer(self, peer: fn(&Extensions) -> Option<IpAddr>) -> Self {
        Self { peer, ..self }
    }
}

impl<S> Layer<S> for RequireKey {
    type Service = Guarded<S>;

    fn layer(&self, inner: S) -> Guarded<S> {
        Guarded { by: self.clone(), inner }
    }
}

/// A service that is called for requests with a good key only; [`RequireKey`] makes it.
#[derive(Debug, Clone)]
pub struct Guarded<S> {
    by: RequireKey,
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
        let RequireKey { guard, peer } = self.by.clone();
        // The one that is ready serves this request; its clone gets ready for the next.
        let clone = self.inner.clone();
        let mut inner = mem::replace(&mut self.inner, clone);
        Box::pin(async move {
            let admitted = guard.admit(request.headers(), peer(request.extensions())).await;
            match admitted {
                Ok(principal) => {
                    let limits = principal.headers.clone();
                    request.extensions_mut().insert(principal);
                    let mut response = inner.call(request).await?;
                    for (name, value) in &limits {
                        // What the service says itself stays, and what another layer inside said after this one.
                        response.headers_mut().entry(name).or_insert_with(|| value.clone());
                    }
                    Ok(response)
                }
                Err(refusal) => Ok(refusal.into_response()),
            }
        })
    }
}
