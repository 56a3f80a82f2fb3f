//! Black-box tests of every guard: a guarded service is asked over HTTP, and its guard asks the real
//! Latchkey binary, or a socket that misbehaves.
//!
//! The crate of each guard includes these files, and serves them by its framework in a module `host`.

mod admission;
mod cases;

mod http;
mod imposter;
pub(crate) mod latchkey;
mod logs;
pub(crate) mod service;
mod unavailable;
