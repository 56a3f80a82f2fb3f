//! Latchkey over HTTP: the routes of the API and the pages, sessions, and the middleware around every
//! answer. It sees use cases and ports, in [`Services`], and neither a store nor a hasher.
//!
//! The server serves it by [`application`]. Another actix-web service mounts it by [`configure`], under a
//! path of its choice, and may put keys of its people and the panel that shows them into its own
//! dashboard:
//!
//! ```no_run
//! use std::sync::Arc;
//!
//! use actix_web::{App, HttpServer, web};
//! use latchkey_domain::ports::Entropy;
//! use latchkey_http::{Http, HttpSettings, Product, Services, SettingNames, SignUp, configure};
//!
//! async fn serve(
//!     services: Services,
//!     entropy: &dyn Entropy,
//! ) -> Result<(), Box<dyn std::error::Error>> {
//!     let settings = HttpSettings {
//!         public_url: None,
//!         trusted_origins: Vec::new(),
//!         trusted_proxies: Vec::new(),
//!         sign_up: SignUp::Closed,
//!         accounts: true,
//!         sign_in_url: None,
//!         session_cookie: "keys-session".to_owned(),
//!         metrics: false,
//!         admin: false,
//!         pages: false,
//!         product: Product::default(),
//!         reference: true,
//!         limit_headers: true,
//!         names: SettingNames::default(),
//!     };
//!     let services = Arc::new(services);
//!     // Verifications need it, also those that ask the store.
//!     let keeping = Arc::clone(&services);
//!     actix_web::rt::spawn(async move { keeping.verifier.keep().await });
//!     let http = web::Data::new(Http::new(services, settings, Arc::new(()), entropy)?);
//!     HttpServer::new(move || {
//!         App::new()
//!             .route("/", web::get().to(async || "another service"))
//!             .service(web::scope("/keys").configure(configure(http.clone())))
//!     })
//!     .bind(("127.0.0.1", 3000))?
//!     .run()
//!     .await?;
//!     Ok(())
//! }
//! ```
//!
//! A file for each group of routes; [`Http`] is what all requests share.

mod accounts;
mod acting;
mod admin;
mod api_keys;
mod audit;
mod body;
mod caller;
mod care;
mod client_address;
mod counts;
mod cross_site;
mod dashboard;
mod error;
mod error_page;
mod export;
pub mod exposition;
mod head;
mod hints;
mod leaks;
mod middleware;
mod mount;
mod name_schema;
mod openapi;
mod operations;
mod operator;
mod origin;
mod outages;
mod price;
mod progress;
mod query;
mod request_ids;
mod required;
mod routes;
mod scopes;
mod services;
mod session;
mod settings;
mod shared;
pub mod spans;
mod this_machine;
mod trace_context;
mod usage;
mod verify;
mod wire_limits;
mod wire_metadata;
mod wire_restrictions;
mod wire_time;

pub use audit::ExportedEvent;
pub use client_address::LocalPeer;
pub use counts::Counts;
pub use latchkey_dashboard::{Accent, Logo, Product};
pub use middleware::refuse_unread;
pub use openapi::document;
pub use origin::{Origin, OriginError};
pub use progress::Progress;
pub use routes::{admin_application, application, configure, metrics_application};
pub use services::{Host, Services};
pub use settings::{HttpSettings, SettingNames, SignUp};
pub use shared::Http;
pub use wire_limits::WireLimits;
pub use wire_metadata::WireMetadata;
pub use wire_restrictions::{WireNetworks, WireScopes};
pub use wire_time::WireTime;
