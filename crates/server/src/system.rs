use std::io;

use latchkey_domain::ports::{Entropy, EntropyError};
use rustix::process::{Resource, Rlimit, setrlimit};

/// The operating system's source of randomness.
#[derive(Debug)]
pub(crate) struct OsEntropy;

impl Entropy for OsEntropy {
    fn fill(&self, bytes: &mut [u8]) -> Result<(), EntropyError> {
        getrandom::fill(bytes).map_err(EntropyError::new)
    }
}

/// Keeps the memory of this process out of core files and out of the reach of other processes of its
/// user: secrets are in it.
pub(crate) fn keep_memory_private() -> io::Result<()> {
    setrlimit(Resource::Core, Rlimit { current: Some(0), maximum: Some(0) })?;
    #[cfg(target_os = "linux")]
    {
        use rustix::process::{DumpableBehavior, set_dumpable_behavior};
        set_dumpable_behavior(DumpableBehavior::NotDumpable)?;
    }
    Ok(())
}
