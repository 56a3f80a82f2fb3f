//! The connections that are served: how many there may be, which one gives way to a new one, and
//! when one is closed that only costs. HTTP is spoken over a stream of ours, since the framework
//! bounds none of it: `docs/decisions/0012-connections-are-read-by-a-stream-of-our-own.md`.

mod connection;
mod descriptors;
mod listener;
mod refusal;
mod registry;
mod stream;
mod tally;

pub(crate) use descriptors::Descriptors;
pub(crate) use listener::{Listener, Serving};
pub(crate) use refusal::Refusals;
pub(crate) use registry::Room;
pub(crate) use tally::{Closed, Tally};
