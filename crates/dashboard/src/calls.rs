//! How much keys are used, as lists show it before scripts run; `assets/calls.js` shows the same.

use std::collections::HashMap;
use std::fmt::Write as _;

use latchkey_domain::{ApiKeyId, RecentUsage, Timestamp};

use crate::Language;
use crate::key_row::Silence;

/// Accepted calls of keys on each of the last 30 days, today last. Of a key that is absent there were none.
pub type Days = HashMap<ApiKeyId, [u64; RecentUsage::DAYS]>;

/// All calls of a key.
pub(crate) fn calls(days: &Days, key: ApiKeyId) -> u64 {
    days.get(&key).map_or(0, |days| days.iter().sum())
}

impl Language {
    /// The last 30 days of a key as a line, and the calls of today, as markup.
    pub(crate) fn calls(self, days: &Days, key: &ApiKeyId) -> String {
        self.line_and_today(&days.get(key).copied().unwrap_or([0; RecentUsage::DAYS]))
    }

    /// The same of a key with these days.
    pub(crate) fn line_and_today(self, days: &[u64; RecentUsage::DAYS]) -> String {
        let [.., today] = *days;
        let number = |number| self.number(number);
        let all = self.fill("callsAll", &number(days.iter().sum()));
        let today = self.fill("callsToday", &number(today));
        let muted = if days.iter().all(|calls| *calls == 0) { " muted" } else { "" };
        let path = line(days);
        format!(
            "<span class=\"spark{muted}\" title=\"{all}\"><svg viewBox=\"0 0 116 20\" aria-hidden=\"true\"><path d=\"{path}\"/></svg>\
             <span>{today}</span><span class=\"visually-hidden\">, {all}</span></span>"
        )
    }

    /// When a key that was replaced was called last, or that nothing calls it any more, as markup.
    pub(crate) fn silence(self, silence: Option<Silence>, now: Timestamp) -> String {
        match silence {
            Some(Silence::Used(at)) => {
                let used = self.fill("stillUsed", &self.distance(at, now));
                format!("<span class=\"soon\">{used}</span> ")
            }
            Some(Silence::Silent) => {
                let (why, safe) = (self.say("silentWhy"), self.say("safeToRevoke"));
                format!("<span title=\"{why}\">{safe}</span> ")
            }
            None => String::new(),
        }
    }

    /// A number with its digits in groups of three.
    pub(crate) fn number(self, number: u64) -> String {
        let digits = number.to_string();
        let separator = match self {
            Self::English => ',',
            Self::German => '.',
        };
        let mut grouped = String::with_capacity(digits.len() * 2);
        for (at, digit) in digits.chars().enumerate() {
            if at > 0 && (digits.len() - at).is_multiple_of(3) {
                grouped.push(separator);
            }
            grouped.push(digit);
        }
        grouped
    }
}

/// The line in a box of 116 by 20.
fn line(days: &[u64; RecentUsage::DAYS]) -> String {
    let most = u128::from(days.iter().copied().max().unwrap_or_default()).max(1);
    let mut path = String::new();
    for (x, calls) in (0..).step_by(4).zip(days) {
        let (step, height) = (if x == 0 { 'M' } else { 'L' }, 18 - 16 * u128::from(*calls) / most);
        write!(path, "{step}{x} {height}").expect("a String takes all text");
    }
    path
}

#[cfg(test)]
mod tests {
    use super::line;
    use crate::Language;

    #[test]
    fn a_line_goes_from_the_foot_of_its_box_to_the_head() {
        let mut days = [0; 30];
        assert!(line(&days).starts_with("M0 18L4 18"), "{}", line(&days));
        (days[1], days[29]) = (u64::MAX / 3, u64::MAX);
        assert!(line(&days).starts_with("M0 18L4 13L8 18"), "{}", line(&days));
        assert!(line(&days).ends_with("L112 18L116 2"), "{}", line(&days));
    }

    #[test]
    fn numbers_are_grouped_as_the_language_does() {
        for (number, english, german) in [
            (0, "0", "0"),
            (999, "999", "999"),
            (1_204, "1,204", "1.204"),
            (1_000_000, "1,000,000", "1.000.000"),
        ] {
            assert_eq!(Language::English.number(number), english);
            assert_eq!(Language::German.number(number), german);
        }
    }
}
