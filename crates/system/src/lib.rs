//! What the domain asks the operating system for: the time of day, the time since the machine started,
//! and randomness; and files for their owner alone, which hold secrets.

mod boot_clock;
mod private_file;

use std::time::{Duration, SystemTime};

use latchkey_domain::Timestamp;
use latchkey_domain::ports::{Clock, Entropy, EntropyError};

pub use boot_clock::BootClock;
pub use private_file::{close_to_others, rights_of_others, write_private};

/// The machine's wall clock.
#[derive(Debug, Clone, Copy)]
pub struct SystemClock;

impl Clock for SystemClock {
    /// Not by way of a date, which takes as long as asking the clock does.
    #[expect(clippy::disallowed_methods, reason = "this is the Clock port")]
    fn now(&self) -> Timestamp {
        let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
        Timestamp::UNIX_EPOCH.saturating_add(since.unwrap_or(Duration::ZERO))
    }
}

/// The operating system's source of randomness, which is good for secrets.
#[derive(Debug, Clone, Copy)]
pub struct OsEntropy;

impl Entropy for OsEntropy {
    fn fill(&self, bytes: &mut [u8]) -> Result<(), EntropyError> {
        getrandom::fill(bytes).map_err(EntropyError::new)
    }
}
