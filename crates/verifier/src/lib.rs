//! Verification from memory, with revocation that is strict on every instance: once a change to a
//! key has been answered, no instance answers by what was before.
//!
//! [`Verifier`] answers, and gives the [`FeedBarrier`] that changes wait for. What it may believe
//! of what it remembers is decided in [`freshness`], what it says to the other instances in
//! [`protocol`]; neither does I/O, and the model in `tests/model/` runs both. The store is
//! reached through the ports of the domain.
#![warn(clippy::future_not_send)]

mod barrier;
mod boot_clock;
mod durations;
mod flights;
pub mod freshness;
mod keeper;
mod last_uses;
mod losses;
mod memory;
mod others;
mod principal;
pub mod protocol;
mod renewals;
mod tally;
mod verifier;

use latchkey_domain::error_chain as cause;

pub use barrier::{FeedBarrier, Passed};
pub use boot_clock::{BootClock, BootTime, LeaseClock};
pub use durations::Durations;
pub use keeper::Heartbeats;
pub use last_uses::LastUses;
pub use losses::LostHistory;
pub use others::others_run;
pub use principal::Principal;
pub use verifier::{Answering, Missed, Misses, Status, Verifier, VerifierPorts};
