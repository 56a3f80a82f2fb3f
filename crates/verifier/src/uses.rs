use std::sync::atomic::{AtomicU64, Ordering};

use latchkey_domain::Timestamp;

/// Accepted calls of a principal that are not yet collected, and when the last one was. Adding one takes no lock.
#[derive(Debug, Default)]
pub(crate) struct Uses {
    /// Accepted calls, each of them [`ONE`], and [`KNOWN`]. No instance lives to see the end of its range, nor of `cost`.
    accepted: AtomicU64,
    cost: AtomicU64,
    /// Milliseconds since the Unix epoch; never moves back.
    last: AtomicU64,
}

/// The collector has the principal in a list.
const KNOWN: u64 = 1;
const ONE: u64 = 2;

/// What was collected of a principal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Collected {
    pub(crate) accepted: u64,
    pub(crate) cost: u64,
    pub(crate) last: Timestamp,
}

impl Uses {
    /// Counts an accepted call. Says whether the collector must be told.
    #[inline]
    pub(crate) fn add(&self, cost: u32, now: Timestamp) -> bool {
        let now = u64::try_from(now.unix_millis()).unwrap_or(0);
        if self.last.load(Ordering::Relaxed) < now {
            self.last.fetch_max(now, Ordering::Relaxed);
        }
        self.cost.fetch_add(cost.into(), Ordering::Relaxed);
        // Last: who collects the call finds its cost and its time.
        let before = self.accepted.fetch_add(ONE, Ordering::Release);
        before & KNOWN == 0 && self.accepted.fetch_or(KNOWN, Ordering::Relaxed) & KNOWN == 0
    }

    /// Takes what was counted. With nothing there the collector forgets the principal, and the next call tells it again.
    pub(crate) fn collect(&self) -> Option<Collected> {
        let (taken, forgotten) = (Ordering::Acquire, Ordering::Relaxed);
        if self.accepted.compare_exchange(KNOWN, 0, forgotten, forgotten).is_ok() {
            return None;
        }
        let accepted = self.accepted.swap(KNOWN, taken) / ONE;
        let last = i64::try_from(self.last.load(Ordering::Relaxed)).unwrap_or(i64::MAX);
        let last = Timestamp::from_unix_millis(last).unwrap_or(Timestamp::MAX);
        Some(Collected { accepted, cost: self.cost.swap(0, Ordering::Relaxed), last })
    }
}

#[cfg(test)]
mod tests {
    use std::thread::{ScopedJoinHandle, scope};

    use super::*;

    fn at(millis: i64) -> Timestamp {
        Timestamp::from_unix_millis(millis).expect("in range")
    }

    #[test]
    fn the_collector_is_told_of_the_first_call_and_of_the_next_after_it_forgot() {
        let uses = Uses::default();
        assert!(uses.add(3, at(5)));
        assert!(!uses.add(0, at(4)));
        assert_eq!(uses.collect(), Some(Collected { accepted: 2, cost: 3, last: at(5) }));
        assert!(!uses.add(1, at(4)));
        assert_eq!(uses.collect(), Some(Collected { accepted: 1, cost: 1, last: at(5) }));
        assert_eq!(uses.collect(), None);
        assert!(uses.add(1, at(6)));
    }

    #[test]
    fn calls_that_are_counted_while_somebody_collects_are_collected_once() {
        let (uses, told) = (Uses::default(), AtomicU64::new(0));
        let count = || {
            let add = || u64::from(uses.add(2, at(1)));
            for _ in 0..100_000 {
                told.fetch_add(add(), Ordering::SeqCst);
            }
        };
        let (mut accepted, mut cost, mut is_listed) = (0, 0, false);
        scope(|threads| {
            let counting = [(); 3].map(|()| threads.spawn(count));
            let mut is_counted = false;
            while !is_counted || is_listed {
                is_counted = counting.iter().all(ScopedJoinHandle::is_finished);
                match told.swap(0, Ordering::SeqCst) {
                    0 => {}
                    times => assert!(times == 1 && !std::mem::replace(&mut is_listed, true)),
                }
                let collected = if is_listed { uses.collect() } else { None };
                is_listed = collected.is_some();
                let some = collected.unwrap_or(Collected { accepted: 0, cost: 0, last: at(0) });
                (accepted, cost) = (accepted + some.accepted, cost + some.cost);
            }
        });
        assert_eq!((accepted, cost), (300_000, 600_000));
    }
}
