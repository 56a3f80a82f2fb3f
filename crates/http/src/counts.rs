//! What is counted of requests as they are answered. No key, owner or address is a label.

mod requests;
mod verifications;

use std::fmt;

pub(super) use self::requests::{Requests, known_method};
pub(super) use self::verifications::{Outcome, Verifications};

/// What the routes have counted.
#[derive(Debug, Default)]
pub struct Counts {
    pub(super) verifications: Verifications,
    pub(super) requests: Requests,
}

impl Counts {
    /// Writes all of it in Prometheus's text format.
    pub fn write(&self, out: &mut String) -> fmt::Result {
        self.verifications.write(out)?;
        self.requests.write(out)
    }
}
