//! Whether a request has a good API key: what the guards for web frameworks share.
//!
//! `latchkey-guard-actix` and `latchkey-guard-tower` are such guards. A guard for another framework calls
//! [`Guard::admit`] with the request's headers and the address of its peer. Then it hands the [`Principal`] to the service, or answers with the
//! [`Refusal`]:
//!
//! ```no_run
//! use std::net::SocketAddr;
//!
//! use http::{Request, Response};
//! use latchkey_guard::{Guard, Remote};
//!
//! async fn answer(guard: &Guard, request: Request<String>, peer: SocketAddr) -> Response<String> {
//!     match guard.admit(request.headers(), Some(peer.ip())).await {
//!         Ok(caller) => Response::new(format!("for {}, by the key {}", caller.owner_id, caller.name)),
//!         Err(refusal) => refusal.into_response(),
//!     }
//! }
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let guard = Guard::remote(&Remote::new("http://127.0.0.1:8080")?);
//! # Ok(())
//! # }
//! ```
//!
//! [`Remote`] asks a Latchkey over HTTP. With the feature `embedded`, `Embedded` opens its Postgres
//! and verifies in this process, from the cache and as strictly as the server does.
//!
//! The key is taken from `x-api-key`; only where that header is absent or empty, from
//! `Authorization: Bearer`.
//! The guard fails closed: while it cannot be told whether a key is good, the answer is 503, never the
//! service's. It logs no key.

#[cfg(feature = "embedded")]
mod embedded;
mod guard;
mod hops;
mod presented;
mod principal;
mod refusal;
mod remote;

#[cfg(feature = "embedded")]
pub use embedded::{Embedded, EmbeddedError};
pub use guard::{Guard, NotVerified, Unavailable, Verify};
pub use hops::Hops;
pub use latchkey_domain::{
    ApiKeyId, Cost, CostTooHigh, Environment, KeyName, KeyPrefix, OverBudget, OwnerId, Secret,
    Timestamp,
};
pub use principal::Principal;
pub use refusal::Refusal;
pub use remote::{Remote, RemoteError};
