//! Calls by the day, as a page shows them before scripts run; `assets/figures.js` and `assets/usage.js` draw the same, and a
//! browser test holds the two to each other.

use std::collections::BTreeMap;
use std::iter::successors;
use std::time::Duration;

use latchkey_domain::{RefusalReason, Timestamp, UsageCounts, UsagePeriod, UsageSpan};

use crate::Language;

/// How high the drawing is, and how wide the place of a bar.
const HEIGHT: u32 = 112;
const BAR: u32 = 10;

/// What is shown of the calls of the last 30 days.
#[derive(Debug)]
pub(crate) struct Figures {
    /// All days, ascending, with those without a call.
    days: Vec<(Timestamp, UsageCounts)>,
}

/// A day in the drawing. Accepted calls stand above a line, refused ones below it.
#[derive(Debug)]
pub(crate) struct Bar {
    pub(crate) x: u32,
    pub(crate) day: Timestamp,
    pub(crate) accepted: u64,
    pub(crate) refused: u64,
    /// How high it is above the line, and how high below.
    pub(crate) up: u32,
    pub(crate) down: u32,
}

impl Figures {
    /// Those of the days up to `now`, from counts of each day that has a call.
    pub(crate) fn of(counts: &BTreeMap<Timestamp, UsageCounts>, now: Timestamp) -> Self {
        let day = |back| {
            let at = now.saturating_sub(Duration::from_hours(24 * u64::from(back)));
            let start = UsageSpan::Day.start_of(at);
            (start, counts.get(&start).cloned().unwrap_or_default())
        };
        Self { days: (0..UsagePeriod::DAYS).rev().map(day).collect() }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.accepted() + self.refused() == 0
    }

    pub(crate) fn accepted(&self) -> u64 {
        self.days.iter().map(|(_, calls)| calls.accepted).sum()
    }

    pub(crate) fn refused(&self) -> u64 {
        self.days.iter().map(|(_, calls)| refused(calls)).sum()
    }

    /// The reasons of all refused calls, as [`Language::reasons`] has them.
    pub(crate) fn reasons(&self, language: Language) -> Vec<String> {
        let mut all = BTreeMap::new();
        for (reason, calls) in self.days.iter().flat_map(|(_, calls)| &calls.refused) {
            *all.entry(*reason).or_default() += calls;
        }
        language.reasons(&all)
    }

    /// The days that have a call, the latest first.
    pub(crate) fn rows(&self) -> impl Iterator<Item = &(Timestamp, UsageCounts)> {
        self.days.iter().rev().filter(|(_, calls)| calls.accepted + refused(calls) > 0)
    }

    pub(crate) fn first(&self) -> Option<Timestamp> {
        self.days.first().map(|(day, _)| *day)
    }

    pub(crate) fn last(&self) -> Option<Timestamp> {
        self.days.last().map(|(day, _)| *day)
    }

    pub(crate) const fn height() -> u32 {
        HEIGHT
    }

    pub(crate) const fn place() -> u32 {
        BAR
    }

    pub(crate) fn width() -> u32 {
        BAR * UsagePeriod::DAYS
    }

    /// Where the line is, which all bars stand on.
    pub(crate) fn line(&self) -> u32 {
        self.long(self.most(|calls| calls.accepted)) + 1
    }

    /// The bars, of one scale.
    pub(crate) fn bars(&self) -> Vec<Bar> {
        let bar = |(x, (day, calls)): (u32, &(Timestamp, UsageCounts))| {
            let (accepted, refused) = (calls.accepted, refused(calls));
            let (up, down) = (self.long(accepted), self.long(refused));
            Bar { x, day: *day, accepted, refused, up, down }
        };
        successors(Some(0), |x| Some(x + BAR)).zip(&self.days).map(bar).collect()
    }

    fn most(&self, what: impl Fn(&UsageCounts) -> u64) -> u64 {
        self.days.iter().map(|(_, calls)| what(calls)).max().unwrap_or_default()
    }

    /// How long the bar of so many calls is; what is there is at least 2.
    fn long(&self, calls: u64) -> u32 {
        let all = u128::from(self.most(|calls| calls.accepted)) + u128::from(self.most(refused));
        let rounded = (2 * u128::from(calls) * u128::from(HEIGHT - 4) + all) / (2 * all.max(1));
        if calls == 0 { 0 } else { u32::try_from(rounded).unwrap_or(HEIGHT).max(2) }
    }
}

/// All refused calls of a day.
fn refused(calls: &UsageCounts) -> u64 {
    calls.refused.values().sum()
}

impl Language {
    /// Reasons with how many calls were refused for them: the most frequent first, and else by their names.
    pub(crate) fn reasons(self, refused: &BTreeMap<RefusalReason, u64>) -> Vec<String> {
        let mut all: Vec<_> = refused.iter().map(|(why, calls)| (why.as_str(), *calls)).collect();
        all.sort_by(|(a, few), (b, many)| many.cmp(few).then(a.cmp(b)));
        let text = |(why, calls): (&str, u64)| {
            let reason = self.say(&format!("usage.reasons.{why}"));
            format!("{reason}: {}", self.number(calls))
        };
        all.into_iter().map(text).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Accepted calls and refused ones, by how many days ago they were.
    fn figures(days: &[(u64, u64, u64)]) -> Figures {
        let now = Timestamp::from_unix_millis(1_774_000_000_000).expect("in range");
        let counts = days.iter().map(|(back, accepted, refused)| {
            let at = now.saturating_sub(Duration::from_hours(24 * back));
            let refused = BTreeMap::from([(RefusalReason::Rate, *refused)]);
            let counts = UsageCounts { accepted: *accepted, cost: *accepted, refused };
            (UsageSpan::Day.start_of(at), counts)
        });
        Figures::of(&counts.collect(), now)
    }

    #[test]
    fn accepted_calls_stand_above_the_line_refused_ones_below_and_what_is_there_is_seen() {
        let figures = figures(&[(0, 100, 0), (1, 50, 100), (29, 1, 1), (30, 900, 900)]);
        let bars: Vec<_> = figures.bars().iter().map(|bar| (bar.x, bar.up, bar.down)).collect();
        assert_eq!(bars.len(), 30);
        assert_eq!(bars[..2], [(0, 2, 2), (10, 0, 0)]);
        assert_eq!(bars[28..], [(280, 27, 54), (290, 54, 0)]);
        assert_eq!((figures.line(), figures.accepted(), figures.refused()), (55, 151, 101));
        let days: Vec<_> = figures.rows().map(|(_, calls)| calls.accepted).collect();
        assert_eq!(days, [100, 50, 1]);
    }

    #[test]
    fn where_there_was_no_call_there_is_no_bar() {
        assert!(figures(&[]).is_empty());
        assert!(figures(&[]).bars().iter().all(|bar| bar.up == 0 && bar.down == 0));
        let many = figures(&[(0, u64::MAX, 0)]);
        assert_eq!(many.bars().last().map(|bar| bar.up), Some(108));
    }

    #[test]
    fn reasons_are_counted_the_most_frequent_first() {
        let refused =
            [(RefusalReason::Rate, 3), (RefusalReason::Credits, 3), (RefusalReason::Scope, 1_200)];
        let reasons = Language::English.reasons(&BTreeMap::from(refused));
        assert_eq!(reasons, ["Scope: 1,200", "No credits left: 3", "Limit reached: 3"]);
    }
}
