//! A listener for actix-web: how many connections there may be, which one gives way to a new one, and when one
//! is closed that only costs. HTTP is spoken over a stream of this crate, since the framework bounds none of it:
//! `docs/decisions/0012-connections-are-read-by-a-stream-of-our-own.md`.
//!
//! The server serves [`latchkey_http::application`] by it. Any actix-web application can be served:
//!
//! ```
//! use std::sync::Arc;
//! use std::time::Duration;
//!
//! use actix_web::{App, HttpResponse, web};
//! use latchkey_listener::{Address, Descriptors, Listener, Refusals, Room, Serving, Tally};
//!
//! # #[tokio::main]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let workers = 2;
//! let serving = Serving {
//!     workers,
//!     keep_alive: Duration::from_secs(75),
//!     grace: 10,
//!     room: Room {
//!         most: Descriptors::raise().for_connections(workers),
//!         per_address: 256,
//!         trusted_proxies: Vec::new(),
//!     },
//!     tally: Arc::new(Tally::default()),
//!     refusals: Refusals::new(|status| HttpResponse::build(status).body("not HTTP, or too late")),
//! };
//! let listener = Listener::bind(["127.0.0.1:0".parse()?])?;
//! # let [Address::Tcp(address)] = *listener.addresses() else { panic!("one address") };
//! let server = listener.serve(serving, || App::new().route("/", web::get().to(async || "here")))?;
//! # let handle = server.handle();
//! # std::thread::spawn(move || {
//! #     use std::io::{Read as _, Write as _};
//! #     let mut peer = std::net::TcpStream::connect(address).expect("it listens");
//! #     peer.write_all(b"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n").expect("written");
//! #     let mut answer = String::new();
//! #     peer.read_to_string(&mut answer).expect("an answer");
//! #     assert!(answer.ends_with("here"), "{answer}");
//! #     drop(handle.stop(true));
//! # });
//! server.await?;
//! # Ok(())
//! # }
//! ```
//!
//! A request for which the peer has more to send than its head must be handled within 15 seconds, unless its
//! handlers say how far it is by the [`Progress`](latchkey_http::Progress) in the connection's data, as those of
//! `latchkey-http` do. An answer of a handler is told from one of the framework by its `X-Request-Id`: an
//! error without a body and without that header gets the words of [`Refusals`].

mod address;
mod connection;
mod descriptors;
mod listener;
mod refusal;
mod registry;
mod socket;
mod socket_file;
mod stream;
mod tally;

pub use address::{Address, AddressError, BindError};
pub use descriptors::Descriptors;
pub use listener::{Listener, Serving};
pub use refusal::Refusals;
pub use registry::Room;
pub use socket_file::SocketFile;
pub use tally::{Closed, Tally};
