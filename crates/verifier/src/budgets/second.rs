use std::sync::atomic::{AtomicU64, Ordering};

/// How much was used in the latest second: slices would lapse before they were spent, so each instance keeps to an equal
/// part of the limit.
///
/// The second in the upper half, the use in the lower: a limit is below 2^30, and so is what a second uses.
#[derive(Debug, Default)]
pub(super) struct Second(AtomicU64);

impl Second {
    /// What was used in this second of the Unix epoch.
    pub(super) fn used(&self, second: u64) -> u64 {
        used_in(self.0.load(Ordering::Relaxed), second)
    }

    /// Uses `cost`, if not more than `part` is used then. Says whether.
    pub(super) fn spend(&self, cost: u64, second: u64, part: u64) -> bool {
        self.change(|word| {
            let used = used_in(word, second) + cost;
            (used <= part).then_some(second << 32 | used)
        })
    }

    /// Takes a use of this second back.
    pub(super) fn put_back(&self, cost: u64, second: u64) {
        self.change(|word| (word >> 32 == second).then(|| word - cost));
    }

    fn change(&self, to: impl Fn(u64) -> Option<u64>) -> bool {
        self.0.try_update(Ordering::Relaxed, Ordering::Relaxed, to).is_ok()
    }
}

/// A clock that was set back finds a later second: nothing was used in this one.
fn used_in(word: u64, second: u64) -> u64 {
    if word >> 32 == second { word & 0xffff_ffff } else { 0 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_second_uses_more_than_the_part() {
        let second = Second::default();
        assert!(second.spend(3, 100, 5));
        assert!(!second.spend(3, 100, 5), "six of five");
        assert!(second.spend(2, 100, 5));
        assert_eq!(second.used(100), 5);
        assert!(second.spend(5, 101, 5), "another second");
        second.put_back(5, 101);
        assert!(second.spend(5, 101, 5));
        second.put_back(5, 100);
        assert_eq!(second.used(101), 5, "that second is over");
    }
}
