//! "This route needs an API key", for actix-web services.
//!
//! Put a [`Guard`] into the application's data. Then a handler that takes an [`ApiKeyPrincipal`]
//! runs only for a good key and learns whose it is; [`require_key`] asks the same of a whole scope of routes,
//! [`require_scope`] asks for a scope of the key too, and no request is verified twice. [`require_key_at_cost`] says what a
//! request costs of the limits and credits of its key.
//!
//! ```no_run
//! use actix_web::middleware::from_fn;
//! use actix_web::{App, HttpServer, web};
//! use latchkey_guard_actix::{ApiKeyPrincipal, Guard, Remote, require_key};
//!
//! async fn screenshot(caller: ApiKeyPrincipal) -> String {
//!     format!("for {}, by the key {}", caller.owner_id, caller.name)
//! }
//!
//! #[actix_web::main]
//! async fn main() -> Result<(), Box<dyn std::error::Error>> {
//!     let latchkey = Remote::new("http://127.0.0.1:8080")?;
//!     let server = HttpServer::new(move || {
//!         let api = web::scope("/api/v1")
//!             .wrap(from_fn(require_key))
//!             .route("/screenshots", web::post().to(screenshot));
//!         App::new().app_data(Guard::remote(&latchkey)).service(api)
//!     });
//!     Ok(server.bind(("127.0.0.1", 3000))?.run().await?)
//! }
//! ```
//!
//! [`Remote`] asks a Latchkey over HTTP. Make a guard for each worker, in the function that makes the `App`, as
//! above: then a connection is served by the thread that uses it, and never waits for another worker. With the feature
//! `embedded`, `Embedded` opens Latchkey's Postgres and verifies in this process, from the cache and as strictly as the
//! server does.
//!
//! The key is taken from `x-api-key`; only where that header is absent or empty, from
//! `Authorization: Bearer`.
//! What a request without a good key is answered, [`Refusal`] says. The guard fails closed: while
//! it cannot be told whether a key is good, the answer is 503, never the handler's. It logs no key.

mod error;
mod middleware;
mod principal;

pub use error::GuardError;
pub use latchkey_guard::{
    ApiKeyId, Cost, CostTooHigh, Environment, Guard, Hops, KeyName, KeyPrefix, NotVerified,
    OverBudget, OwnerId, Principal, Refusal, Remote, RemoteError, Secret, Timestamp, Unavailable,
    Verify,
};
#[cfg(feature = "embedded")]
pub use latchkey_guard::{Embedded, EmbeddedError};
pub use middleware::{require_key, require_key_at_cost, require_scope};
pub use principal::ApiKeyPrincipal;
