//! The store on a Postgres of its own: what the ports promise, and what is Postgres's alone.
//!
//! One binary, so that what waits does it beside the others; tests begin in the order of their names, and
//! what waits longest stands near the front.

mod bulk;
mod busy_or_away;
mod changes;
mod contract;
mod corruption;
mod fresh;
mod locks;
mod migrations;
mod tls;
