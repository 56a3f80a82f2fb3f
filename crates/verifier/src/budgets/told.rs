use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use latchkey_domain::BootTime;
use latchkey_domain::ports::budgets::Answer;

/// What the store said last of a budget, for verifications to read. Each number stands for itself.
#[derive(Debug, Default)]
pub(super) struct Told {
    amount: AtomicU64,
    left: AtomicU64,
    period: AtomicU64,
    instances: AtomicU64,
    /// When the period ends at the latest, in nanoseconds of the clock of leases.
    ends: AtomicU64,
    /// Until when it is believed.
    believed_until: AtomicU64,
}

impl Told {
    pub(super) fn note(&self, answer: &Answer, received: BootTime, believed_until: BootTime) {
        let ends = answer.rest.map_or(BootTime::MAX, |rest| received.after(rest));
        for (place, number) in [
            (&self.amount, answer.amount),
            (&self.left, answer.left),
            (&self.period, answer.share.period),
            (&self.instances, answer.instances.into()),
            (&self.ends, ends.nanos()),
        ] {
            place.store(number, Ordering::Relaxed);
        }
        // Last: who sees it sees the others too.
        self.believed_until.store(believed_until.nanos(), Ordering::Release);
    }

    pub(super) fn is_believed(&self, now: BootTime) -> bool {
        now < BootTime::from_nanos(self.believed_until.load(Ordering::Acquire))
    }

    /// Nothing of it is believed any more.
    pub(super) fn forget(&self) {
        self.believed_until.store(0, Ordering::Release);
    }

    pub(super) fn amount(&self) -> u64 {
        self.amount.load(Ordering::Relaxed)
    }

    pub(super) fn left(&self) -> u64 {
        self.left.load(Ordering::Relaxed)
    }

    pub(super) fn period(&self) -> u64 {
        self.period.load(Ordering::Relaxed)
    }

    /// An equal part of the amount, rounded up.
    pub(super) fn part(&self) -> u64 {
        self.amount().div_ceil(self.instances.load(Ordering::Relaxed).max(1))
    }

    pub(super) fn ends_in(&self, now: BootTime) -> Duration {
        BootTime::from_nanos(self.ends.load(Ordering::Relaxed)).since(now)
    }
}
