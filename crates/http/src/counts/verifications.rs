use std::fmt::{self, Write as _};
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

use latchkey_domain::{Denial, Refusal, VerifyError};

use crate::exposition::head;

/// More threads than this share.
const SHARDS: usize = 16;
/// The latency histogram ends its buckets at 1 us, 2 us, 4 us, … about 8 s; the last takes the rest.
const BUCKETS: usize = 25;

/// What became of a verification.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Outcome {
    Accepted,
    /// No key was presented.
    Missing,
    Refused(Refusal),
    /// What was required of a good key could not be read.
    Unreadable,
    /// A good key was not allowed that.
    Denied(Denial),
    /// A good key had reached a limit.
    OverLimit,
    /// A good key had too few credits left.
    NoCredits,
    /// Whether the key is good could not be told.
    Unavailable,
}

/// Counts verifications. Each thread counts in a place of its own, and they are added up when
/// somebody asks: counting is a few additions that nobody waits for.
#[derive(Debug, Default)]
pub(crate) struct Verifications([Shard; SHARDS]);

/// On cache lines of its own.
#[derive(Debug, Default)]
#[repr(align(128))]
struct Shard {
    accepted: AtomicU64,
    missing: AtomicU64,
    malformed: AtomicU64,
    unknown: AtomicU64,
    disabled: AtomicU64,
    expired: AtomicU64,
    revoked: AtomicU64,
    suspended: AtomicU64,
    unreadable: AtomicU64,
    network: AtomicU64,
    scope: AtomicU64,
    rate: AtomicU64,
    credits: AtomicU64,
    unavailable: AtomicU64,
    buckets: [AtomicU64; BUCKETS],
    nanos: AtomicU64,
}

impl From<&VerifyError> for Outcome {
    fn from(error: &VerifyError) -> Self {
        match error {
            VerifyError::Refused(refused) => Self::Refused(refused.why),
            VerifyError::Store(_) => Self::Unavailable,
        }
    }
}

impl Outcome {
    const ALL: [(&'static str, Self); 14] = [
        ("accepted", Self::Accepted),
        ("missing", Self::Missing),
        ("malformed", Self::Refused(Refusal::Malformed)),
        ("unknown", Self::Refused(Refusal::Unknown)),
        ("disabled", Self::Refused(Refusal::Disabled)),
        ("expired", Self::Refused(Refusal::Expired)),
        ("revoked", Self::Refused(Refusal::Revoked)),
        ("suspended", Self::Refused(Refusal::OwnerSuspended)),
        ("unreadable", Self::Unreadable),
        ("network", Self::Denied(Denial::Network)),
        ("scope", Self::Denied(Denial::Scope)),
        ("rate", Self::OverLimit),
        ("credits", Self::NoCredits),
        ("unavailable", Self::Unavailable),
    ];
}

impl Shard {
    const fn counter(&self, outcome: Outcome) -> &AtomicU64 {
        match outcome {
            Outcome::Accepted => &self.accepted,
            Outcome::Missing => &self.missing,
            Outcome::Refused(Refusal::Malformed) => &self.malformed,
            Outcome::Refused(Refusal::Unknown) => &self.unknown,
            Outcome::Refused(Refusal::Disabled) => &self.disabled,
            Outcome::Refused(Refusal::Expired) => &self.expired,
            Outcome::Refused(Refusal::Revoked) => &self.revoked,
            Outcome::Refused(Refusal::OwnerSuspended) => &self.suspended,
            Outcome::Unreadable => &self.unreadable,
            Outcome::Denied(Denial::Network) => &self.network,
            Outcome::Denied(Denial::Scope) => &self.scope,
            Outcome::OverLimit => &self.rate,
            Outcome::NoCredits => &self.credits,
            Outcome::Unavailable => &self.unavailable,
        }
    }
}

impl Verifications {
    pub(crate) fn count(&self, outcome: Outcome, took: Duration) {
        static THREADS_SEEN: AtomicUsize = AtomicUsize::new(0);
        thread_local! {
            static THREAD: usize = THREADS_SEEN.fetch_add(1, Ordering::Relaxed) % SHARDS;
        }
        let Some(shard) = THREAD.with(|thread| self.0.get(*thread)) else { return };
        let nanos = u64::try_from(took.as_nanos()).unwrap_or(u64::MAX);
        shard.counter(outcome).fetch_add(1, Ordering::Relaxed);
        shard.nanos.fetch_add(nanos, Ordering::Relaxed);
        if let Some(bucket) = shard.buckets.get(bucket(nanos)) {
            bucket.fetch_add(1, Ordering::Relaxed);
        }
    }

    fn sum<'a>(&'a self, which: impl Fn(&'a Shard) -> &'a AtomicU64) -> u64 {
        self.0.iter().map(|shard| which(shard).load(Ordering::Relaxed)).sum()
    }

    fn bucket(&self, index: usize) -> u64 {
        let of =
            |shard: &Shard| shard.buckets.get(index).map_or(0, |it| it.load(Ordering::Relaxed));
        self.0.iter().map(of).sum()
    }

    pub(super) fn write(&self, out: &mut String) -> fmt::Result {
        self.write_outcomes(out)?;
        self.write_latency(out)
    }

    fn write_outcomes(&self, out: &mut String) -> fmt::Result {
        let name = "latchkey_verifications_total";
        head(out, name, "counter", "Verifications by outcome.")?;
        for (label, outcome) in Outcome::ALL {
            let count = self.sum(|shard| shard.counter(outcome));
            writeln!(out, "{name}{{outcome=\"{label}\"}} {count}")?;
        }
        Ok(())
    }

    fn write_latency(&self, out: &mut String) -> fmt::Result {
        let name = "latchkey_verification_duration_seconds";
        head(out, name, "histogram", "Time from the head of a request to its answer.")?;
        let mut total = 0;
        let mut end = 1e-6;
        for index in 0..BUCKETS - 1 {
            total += self.bucket(index);
            writeln!(out, "{name}_bucket{{le=\"{end}\"}} {total}")?;
            end *= 2.0;
        }
        total += self.bucket(BUCKETS - 1);
        let sum = Duration::from_nanos(self.sum(|shard| &shard.nanos)).as_secs_f64();
        writeln!(
            out,
            "{name}_bucket{{le=\"+Inf\"}} {total}\n{name}_sum {sum}\n{name}_count {total}"
        )
    }
}

/// The bucket whose upper end is the first power of two microseconds that is not below.
fn bucket(nanos: u64) -> usize {
    let micros = nanos.div_ceil(1_000).max(1);
    let power = u64::BITS - (micros - 1).leading_zeros();
    usize::try_from(power).unwrap_or(BUCKETS).min(BUCKETS - 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_duration_counts_in_the_first_bucket_that_is_long_enough() {
        for (nanos, expected) in
            [(0, 0), (1, 0), (1_000, 0), (1_001, 1), (2_000, 1), (2_001, 2), (4_000, 2)]
        {
            assert_eq!(bucket(nanos), expected, "{nanos} ns");
        }
        assert_eq!(bucket(u64::MAX), BUCKETS - 1);
    }
}
