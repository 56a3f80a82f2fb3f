//! What every guard does, in a service on actix-web.

#![expect(
    clippy::panic,
    clippy::indexing_slicing,
    clippy::string_slice,
    reason = "a test fails by panicking, in its helpers too"
)]

mod host;
#[path = "../../../guard/tests/suite/mod.rs"]
mod suite;
