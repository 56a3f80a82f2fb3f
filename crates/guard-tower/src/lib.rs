//! "This route needs an API key", for axum and other stacks of tower services.
//!
//! The layer [`RequireKey`] lets requests with a good key pass and answers all others itself. Behind it a handler of axum
//! takes an `ApiKeyPrincipal` (feature `axum`) and learns whose the key is; another service finds the [`Principal`] in
//! the request's extensions. [`require_scope`] asks for a scope of the key too, and [`Guard::at_cost`] says what a request costs
//! of the limits and credits of its key: `RequireKey::by(guard.at_cost(5)?)`.
//!
//! ```no_run
//! use std::net::SocketAddr;
//!
//! use axum::{Router, extract::ConnectInfo, routing::post};
//! use latchkey_guard_tower::{ApiKeyPrincipal, Guard, Remote, RequireKey};
//!
//! async fn screenshot(caller: ApiKeyPrincipal) -> String {
//!     format!("for {}, by the key {}", caller.owner_id, caller.name)
//! }
//!
//! #[tokio::main]
//! async fn main() -> Result<(), Box<dyn std::error::Error>> {
//!     let guard = Guard::remote(&Remote::new("http://127.0.0.1:8080")?);
//!     // Where the client is, for keys that may be used from some networks only.
//!     let require_key = RequireKey::by(guard)
//!         .with_peer(|it| it.get::<ConnectInfo<SocketAddr>>().map(|ConnectInfo(peer)| peer.ip()));
//!     let app = Router::new()
//!         .route("/api/v1/screenshots", post(screenshot))
//!         .route_layer(require_key)
//!         .into_make_service_with_connect_info::<SocketAddr>();
//!     let listener = tokio::net::TcpListener::bind("127.0.0.1:3000").await?;
//!     Ok(axum::serve(listener, app).await?)
//! }
//! ```
//!
//! [`Remote`] asks a Latchkey over HTTP. With the feature `embedded`, `Embedded` opens its Postgres
//! and verifies in this process, from the cache and as strictly as the server does.
//!
//! The key is taken from `x-api-key`; only where that header is absent or empty, from
//! `Authorization: Bearer`.
//! What a request without a good key is answered, [`Refusal`] says. The guard fails closed: while
//! it cannot be told whether a key is good, the answer is 503, never the service's. It logs no key.

#[cfg(feature = "axum")]
mod error;
#[cfg(feature = "axum")]
mod extractor;
mod layer;
mod require_scope;

#[cfg(feature = "axum")]
pub use error::GuardError;
#[cfg(feature = "axum")]
pub use extractor::ApiKeyPrincipal;
pub use latchkey_guard::{
    ApiKeyId, Cost, CostTooHigh, Environment, Guard, Hops, KeyName, KeyPrefix, NotVerified,
    OverBudget, OwnerId, Principal, Refusal, Remote, RemoteError, Secret, Timestamp, Unavailable,
    Verify,
};
#[cfg(feature = "embedded")]
pub use latchkey_guard::{Embedded, EmbeddedError};
pub use layer::{Guarded, RequireKey};
pub use require_scope::{RequireScope, Scoped, require_scope};
