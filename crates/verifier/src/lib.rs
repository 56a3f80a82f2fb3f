//! Verification from the cache, with revocation that is strict on every instance: once a change to a
//! key has been answered, no instance uses the state before the change.
//!
//! [`Verifier`] answers, and gives the [`FeedBarrier`] that changes wait for. [`freshness`] decides which
//! cached keys still hold, [`protocol`] what this instance says to the others; neither does I/O, and
//! the model in `tests/model/` runs both. [`slices`] decides how instances share a budget. The store is
//! reached through the ports of the domain.
//!
//! ```no_run
//! use std::sync::Arc;
//!
//! use latchkey_domain::UsageWriterId;
//! use latchkey_domain::ports::{Barrier, KeyHasher};
//! use latchkey_store_sqlite::SqliteStore;
//! use latchkey_system::{BootClock, OsEntropy, SystemClock};
//! use latchkey_verifier::{Answering, UsageWriter, Verifier, VerifierPorts};
//!
//! # async fn verify(store: Arc<SqliteStore>, hasher: Arc<dyn KeyHasher>, presented: &[u8]) {
//! let this_process = UsageWriterId::draw(&OsEntropy).expect("random bytes");
//! let usage = Arc::new(UsageWriter::new(Arc::<SqliteStore>::clone(&store), this_process));
//! let ports = VerifierPorts {
//!     lookup: Arc::<SqliteStore>::clone(&store),
//!     feed: Arc::<SqliteStore>::clone(&store),
//!     shares: store,
//!     hasher,
//!     clock: Arc::new(SystemClock),
//!     lease_clock: Arc::new(BootClock),
//!     usage: Arc::clone(&usage),
//! };
//! let verifier = Arc::new(Verifier::new(ports, Answering::FromCache, None));
//! // The changes of this process wait for it, by its place in `ApiKeyPorts`.
//! let barrier: Arc<dyn Barrier> = Arc::new(verifier.barrier());
//!
//! let keeping = Arc::clone(&verifier);
//! tokio::spawn(async move { keeping.keep().await });
//! tokio::spawn(async move { usage.keep_writing().await });
//! if let Ok(principal) = verifier.verify(presented).await {
//!     // Networks and scopes are judged here, and then the call is accepted.
//!     verifier.accepted(&principal, 1);
//!     println!("a key of {}", principal.owner());
//! }
//! # }
//! ```
//!
//! # Stopping
//!
//! A service stops in this order:
//!
//! 1. Answer the requests that have begun, and take no others: a change waits for the barrier, and the
//!    barrier needs this verifier.
//! 2. [`UsageWriter::close`] ends [`UsageWriter::keep_writing`], and writes the usage that is not yet written.
//! 3. [`Verifier::leave`] ends [`Verifier::keep`], and takes this instance off the list. Without this
//!    call the next change waits for the lease of this instance, 3.3 seconds at most.
//! 4. Close the store.
#![warn(clippy::future_not_send)]

mod barred;
mod barrier;
mod budgets;
mod cache;
mod charge;
mod durations;
pub mod freshness;
mod interned;
mod keeper;
mod limit_texts;
mod losses;
mod others;
mod principal;
pub mod protocol;
mod refusals;
mod renewals;
mod silent;
mod single_flight;
pub mod slices;
mod tally;
mod usage_writer;
mod uses;
mod verifier;

use latchkey_domain::error_chain as cause;

pub use barrier::{FeedBarrier, Passed};
pub use budgets::{ChargeError, LimitState};
pub use durations::Durations;
pub use keeper::Heartbeats;
pub use limit_texts::LimitTexts;
pub use losses::LostHistory;
pub use others::other_instances_alive;
pub use principal::Principal;
pub use usage_writer::UsageWriter;
pub use verifier::{Answering, Missed, Misses, Status, Verifier, VerifierPorts};
