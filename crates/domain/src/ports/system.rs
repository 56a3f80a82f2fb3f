//! Time and randomness, which come from the operating system.

use std::error::Error as StdError;
use std::fmt;

use thiserror::Error;

use crate::{BootTime, Timestamp};

/// The wall clock.
pub trait Clock: Send + Sync + fmt::Debug {
    /// Now, in whole milliseconds.
    fn now(&self) -> Timestamp;
}

/// A clock that starts with the machine and never stands still.
///
/// It goes on while the process is stopped and while the machine sleeps. Leases and limits run by it.
pub trait SteadyClock: Send + Sync + fmt::Debug {
    /// Now; asked for each call, never cached.
    fn now(&self) -> BootTime;

    /// Whether the clock really goes on while the machine sleeps, on this system. A clock that may stand
    /// still then is good enough to wait and to limit by; a verifier grants no lease by it.
    fn never_stands_still(&self) -> bool {
        true
    }
}

/// The source of everything random.
pub trait Entropy: Send + Sync + fmt::Debug {
    /// Fills `bytes` from a cryptographically secure source.
    fn fill(&self, bytes: &mut [u8]) -> Result<(), EntropyError>;
}

/// The source of randomness failed.
#[derive(Debug, Error)]
#[error("the source of randomness failed")]
pub struct EntropyError(#[source] Box<dyn StdError + Send + Sync>);

impl EntropyError {
    /// Wraps what the source said.
    pub fn new(source: impl Into<Box<dyn StdError + Send + Sync>>) -> Self {
        Self(source.into())
    }
}
