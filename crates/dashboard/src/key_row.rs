//! A key as the list of keys shows it before scripts run; `assets/row.js` shows the same.

use latchkey_domain::ports::KeyInUse;
use latchkey_domain::{KeyState, Timestamp, has_expired};

const MINUTE: i64 = 60_000;
const DAY: i64 = 24 * 60 * MINUTE;

/// What the list says of a key beside its fields.
pub(crate) struct About {
    /// The first that holds of disabled, expired, replaced, active.
    pub(crate) state: &'static str,
    /// A class.
    pub(crate) tone: &'static str,
    /// Within a week. Of a replaced key it is known.
    pub(crate) expires_soon: bool,
    /// For 90 days, from its creation if it was never used.
    pub(crate) is_unused: bool,
}

impl About {
    pub(crate) fn of(KeyInUse { key, last_used_at }: &KeyInUse, now: Timestamp) -> Self {
        let key = key.parts();
        let expired = has_expired(key.expires_at, now);
        let replaced = key.replaced_by.is_some();
        let (state, tone) = match key.state {
            KeyState::Active if expired => ("Expired", "bad"),
            KeyState::Active if replaced => ("Replaced", "warn"),
            KeyState::Active => ("Active", "good"),
            KeyState::Disabled { .. } | KeyState::Revoked { .. } => ("Disabled", ""),
        };
        let ends_soon = key.expires_at.is_some_and(|end| away(end, now) <= 7 * DAY);
        let last = last_used_at.unwrap_or(key.created_at);
        Self {
            state,
            tone,
            expires_soon: ends_soon && !expired && !replaced,
            is_unused: away(now, last) >= 90 * DAY,
        }
    }
}

/// "3 minutes ago", "in 7 days": the past is rounded down, the future to the nearest.
pub(crate) fn distance(at: Timestamp, now: Timestamp) -> String {
    let away = away(at, now);
    let units = [
        ("year", 365 * DAY),
        ("month", 30 * DAY),
        ("day", DAY),
        ("hour", 60 * MINUTE),
        ("minute", MINUTE),
    ];
    for (unit, size) in units {
        let count = if away < 0 { -away / size } else { (away + size / 2) / size };
        if count > 0 && (away < 0 || away >= size - MINUTE) {
            let plural = if count == 1 { "" } else { "s" };
            return if away < 0 {
                format!("{count} {unit}{plural} ago")
            } else {
                format!("in {count} {unit}{plural}")
            };
        }
    }
    if away < 0 { "just now" } else { "in a moment" }.to_owned()
}

const fn away(at: Timestamp, from: Timestamp) -> i64 {
    at.unix_millis() - from.unix_millis()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn distances_read_like_those_of_the_scripts() {
        let now = Timestamp::from_unix_millis(1_774_000_000_000).expect("in range");
        for (away, text) in [
            (-59_999, "just now"),
            (-MINUTE, "1 minute ago"),
            (-2 * DAY + 1, "1 day ago"),
            (-800 * DAY, "2 years ago"),
            (20 * 60 * MINUTE, "in 20 hours"),
            (7 * DAY - 400, "in 7 days"),
            (30 * DAY - 400, "in 1 month"),
            (10_000, "in a moment"),
        ] {
            let at = Timestamp::from_unix_millis(now.unix_millis() + away).expect("in range");
            assert_eq!(distance(at, now), text, "{away}");
        }
    }
}
