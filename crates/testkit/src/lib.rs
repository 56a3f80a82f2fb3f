//! What the tests of several crates share: the ports' contract suite, fixtures, a fake clock and
//! entropy, an issuer of tokens, a throwaway Postgres, and a bad line to it.
//!
//! It holds no mocks and no store made of maps: the embedded SQLite store is the fast real one.
//! It is never published and never part of the server.

pub mod contract;
pub mod fakes;
pub mod fixtures;
pub mod issuer;
pub mod postgres;
pub mod proxy;
