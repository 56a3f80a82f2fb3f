//! Black-box tests: a guarded service is asked over HTTP, and its guard asks the real Latchkey
//! binary, or a socket that misbehaves.

#![expect(
    clippy::panic,
    clippy::indexing_slicing,
    clippy::string_slice,
    reason = "a test fails by panicking, in its helpers too"
)]

mod admission;
mod http;
mod imposter;
mod latchkey;
mod logs;
mod service;
mod unavailable;
