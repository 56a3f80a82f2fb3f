use crate::{Timestamp, UsageSpan};

/// Accepted calls of a key on each of [`DAYS`](Self::DAYS) days in UTC, the last one last.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RecentUsage {
    last_day: Timestamp,
    calls: [u64; Self::DAYS],
}

impl RecentUsage {
    /// How many days there are.
    pub const DAYS: usize = 30;

    /// These calls, up to the day that `last_day` is in.
    pub fn new(last_day: Timestamp, calls: [u64; Self::DAYS]) -> Self {
        Self { last_day: UsageSpan::Day.start_of(last_day), calls }
    }

    /// Reads what a store keeps: the numbers that [`written`](Self::written) writes. `None` for any other text.
    pub fn from_storage(last_day: Timestamp, calls: &str) -> Option<Self> {
        let mut numbers = calls.split(' ').map(|number| number.parse().ok());
        let mut read = [0; Self::DAYS];
        read.iter_mut().try_for_each(|calls| {
            *calls = numbers.next()??;
            Some(())
        })?;
        numbers.next().is_none().then(|| Self::new(last_day, read))
    }

    /// The calls of each day as a store keeps them, with blanks between: databases hand a text out in a fraction of the time that
    /// they take for a list.
    pub fn written(&self) -> String {
        self.calls.map(|calls| calls.to_string()).join(" ")
    }

    /// No calls, up to the day that `last_day` is in.
    pub fn none(last_day: Timestamp) -> Self {
        Self::new(last_day, [0; Self::DAYS])
    }

    /// When the last of the days began.
    pub const fn last_day(&self) -> Timestamp {
        self.last_day
    }

    /// Adds calls to the day that `at` is in. A later day than the last makes room for itself; one that is too long ago is left out.
    pub fn add(&mut self, at: Timestamp, calls: u64) {
        let day = UsageSpan::Day.start_of(at);
        self.move_along(days_from(self.last_day, day));
        self.last_day = self.last_day.max(day);
        let ago = days_from(day, self.last_day);
        if let Some(place) = self.calls.iter_mut().rev().nth(ago) {
            *place += calls;
        }
    }

    /// The calls of the days up to that which `at` is in, the last one last.
    pub fn until(mut self, at: Timestamp) -> [u64; Self::DAYS] {
        let later = days_from(at, self.last_day).min(Self::DAYS);
        self.calls.rotate_right(later);
        if let Some(unknown) = self.calls.get_mut(..later) {
            unknown.fill(0);
        }
        self.move_along(days_from(self.last_day, at));
        self.calls
    }

    fn move_along(&mut self, days: usize) {
        let days = days.min(Self::DAYS);
        self.calls.rotate_left(days);
        self.calls.iter_mut().rev().take(days).for_each(|calls| *calls = 0);
    }
}

/// Whole days from that of `from` to that of `to`; 0 where that is not later.
fn days_from(from: Timestamp, to: Timestamp) -> usize {
    const DAY: u128 = 24 * 60 * 60 * 1_000;
    let [from, to] = [from, to].map(|at| UsageSpan::Day.start_of(at));
    usize::try_from(to.since(from).as_millis() / DAY).unwrap_or(usize::MAX)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::time::Duration;

    use proptest::collection::vec;
    use proptest::{prop_assert_eq, proptest};

    use super::*;

    fn day(number: u64) -> Timestamp {
        Timestamp::UNIX_EPOCH.saturating_add(Duration::from_hours(24 * number + 7))
    }

    #[test]
    fn what_is_not_thirty_numbers_is_not_read() {
        let text = RecentUsage::none(day(0)).written();
        let less = text.replacen("0 ", "", 1);
        for bad in ["", "1", &less, &format!("{text} 0"), &text.replacen('0', "x", 1)] {
            assert_eq!(RecentUsage::from_storage(day(0), bad), None, "{bad}");
        }
    }

    proptest! {
        #[test]
        fn the_days_are_those_of_all_that_was_added(
            told in vec((0..80_u64, 1..9_u64), 1..40), until in 0..120_u64,
        ) {
            let mut added = RecentUsage::none(day(told[0].0));
            let mut all = BTreeMap::<u64, u64>::new();
            let mut last = told[0].0;
            for (number, calls) in told {
                *all.entry(number).or_default() += calls;
                added.add(day(number), calls);
                last = last.max(number);
                prop_assert_eq!(added.last_day(), UsageSpan::Day.start_of(day(last)));
            }
            // What was too old once is gone for good, also when an earlier end is asked for.
            let is_kept = |number: &u64| number + 30 > last;
            let want = (0..30).map(|place| {
                let number = (until + 1 + place).checked_sub(30).filter(is_kept);
                number.and_then(|number| all.get(&number)).copied().unwrap_or_default()
            });
            let want: Vec<_> = want.collect();
            let stored = RecentUsage::from_storage(added.last_day(), &added.written());
            prop_assert_eq!(stored.as_ref(), Some(&added));
            prop_assert_eq!(added.until(day(until)).to_vec(), want);
        }
    }
}
