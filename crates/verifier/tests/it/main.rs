//! A verifier over the embedded store, by clocks that move only when told.

#![expect(clippy::panic, reason = "a test fails by panicking, in its helpers too")]

mod allocation;
mod budgets;
mod cache;
mod instance;
mod renewals;
mod usage_writer;
