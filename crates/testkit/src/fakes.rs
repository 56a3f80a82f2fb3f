//! Stand-ins for what a test must be able to foresee, time and chance, and for the hash of secrets.

use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::time::Duration;

use latchkey_domain::ports::{Clock, Entropy, EntropyError, KeyHasher};
use latchkey_domain::{Candidates, Digest, KeyedDigest, Secret, Timestamp};

use crate::fixtures::{moment, pepper, scatter};

/// A clock that moves only when told; share it as `Arc<FakeClock>`.
#[derive(Debug)]
pub struct FakeClock(AtomicI64);

impl FakeClock {
    /// A clock that stands at `now`.
    pub const fn at(now: Timestamp) -> Self {
        Self(AtomicI64::new(now.unix_millis()))
    }

    /// Moves the clock to `now`, back if need be.
    pub fn set(&self, now: Timestamp) {
        self.0.store(now.unix_millis(), Ordering::SeqCst);
    }

    /// Moves the clock on by `span`.
    pub fn advance(&self, span: Duration) {
        let millis = i64::try_from(span.as_millis()).expect("tests don't last that long");
        self.0.fetch_add(millis, Ordering::SeqCst);
    }
}

impl Default for FakeClock {
    /// A clock that stands at the fixtures' [`moment`] zero.
    fn default() -> Self {
        Self::at(moment(0))
    }
}

impl Clock for FakeClock {
    fn now(&self) -> Timestamp {
        let millis = self.0.load(Ordering::SeqCst);
        Timestamp::from_unix_millis(millis).expect("tests stay within the years 0000 to 9999")
    }
}

/// Entropy that gives the same bytes in every run, and never the same twice within one.
#[derive(Debug, Default)]
pub struct CountingEntropy(AtomicU64);

impl Entropy for CountingEntropy {
    fn fill(&self, bytes: &mut [u8]) -> Result<(), EntropyError> {
        for chunk in bytes.chunks_mut(8) {
            let count = self.0.fetch_add(1, Ordering::Relaxed);
            for (byte, drawn) in chunk.iter_mut().zip(scatter(count).to_le_bytes()) {
                *byte = drawn;
            }
        }
        Ok(())
    }
}

/// A hash of secrets without a pepper, that tells them apart and protects nothing.
#[derive(Debug)]
pub struct PlainHasher;

impl KeyHasher for PlainHasher {
    fn digest(&self, secret: &Secret) -> KeyedDigest {
        let mut bytes = [0; 32];
        for (lane, part) in bytes.chunks_exact_mut(8).zip(0_u64..) {
            let fold = |hash, byte: u8| scatter(hash ^ u64::from(byte));
            lane.copy_from_slice(&secret.expose().bytes().fold(part, fold).to_le_bytes());
        }
        KeyedDigest { pepper: pepper(1), digest: Digest::new(bytes) }
    }

    fn candidates(&self, secret: &Secret) -> Candidates {
        Candidates::new(self.digest(secret), [])
    }
}

#[cfg(test)]
mod tests {
    use latchkey_domain::{Brand, Environment, Secret};

    use super::*;

    #[test]
    fn a_fake_clock_moves_only_when_told() {
        let clock = FakeClock::default();
        assert_eq!(clock.now(), clock.now());
        clock.advance(Duration::from_secs(5));
        assert_eq!(clock.now(), moment(5_000));
        clock.set(moment(-1));
        assert_eq!(clock.now(), moment(-1));
    }

    #[test]
    fn counting_entropy_repeats_itself_between_runs_but_not_within_one() {
        let draw = |entropy: &CountingEntropy| {
            Secret::generate(&Brand::default(), Environment::Live, entropy)
                .expect("never fails")
                .expose()
                .to_owned()
        };
        let (one, other) = (CountingEntropy::default(), CountingEntropy::default());
        let first = draw(&one);
        assert_eq!(first, draw(&other));
        assert_ne!(first, draw(&one));
    }
}
