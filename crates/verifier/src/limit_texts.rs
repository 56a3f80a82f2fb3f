use std::fmt::Write as _;

use latchkey_domain::seconds_up;

use crate::budgets::LimitState;

/// About as long as one limit is in either text.
const ONE: usize = 40;

/// How far a key is from its limits, for the caller to see: the values of two headers of
/// draft-ietf-httpapi-ratelimit-headers-10.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LimitTexts {
    /// Of `RateLimit-Policy`: what the limits are.
    pub policy: String,
    /// Of `RateLimit`: what is left of each, and when its window ends.
    pub state: String,
}

impl LimitTexts {
    /// `None` where there is no limit.
    pub fn of(limits: impl Iterator<Item = LimitState>) -> Option<Self> {
        let (mut policy, mut state) = (String::new(), String::new());
        for limit in limits {
            if policy.is_empty() {
                policy.reserve(ONE);
                state.reserve(ONE);
            } else {
                policy.push_str(", ");
                state.push_str(", ");
            }
            let LimitState { window, is_owners, limit, left, ends_in, length } = limit;
            let (of, name) = (if is_owners { "owner-" } else { "" }, window.as_str());
            let (length, ends_in) = (length.as_secs(), seconds_up(ends_in));
            // Writing to a text does not fail.
            write!(policy, "\"{of}{name}\";q={limit};w={length}").ok()?;
            write!(state, "\"{of}{name}\";r={left};t={ends_in}").ok()?;
        }
        if policy.is_empty() { None } else { Some(Self { policy, state }) }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use latchkey_domain::Window;

    use super::*;

    #[test]
    fn each_limit_has_a_place_in_both_texts() {
        let minute = LimitState {
            window: Window::Minute,
            is_owners: false,
            limit: 100,
            left: 42,
            ends_in: Duration::from_millis(17_001),
            length: Duration::from_mins(1),
        };
        let day = LimitState {
            window: Window::Day,
            is_owners: true,
            limit: 1000,
            left: 0,
            ends_in: Duration::from_hours(1),
            length: Duration::from_hours(24),
        };
        let texts = LimitTexts::of([minute, day].into_iter()).expect("limits");
        assert_eq!(texts.policy, "\"minute\";q=100;w=60, \"owner-day\";q=1000;w=86400");
        assert_eq!(texts.state, "\"minute\";r=42;t=18, \"owner-day\";r=0;t=3600");
        assert!(LimitTexts::of(std::iter::empty()).is_none());
    }
}
