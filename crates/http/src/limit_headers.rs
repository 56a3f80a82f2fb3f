//! How far a key is from its limits, for the caller to see: draft-ietf-httpapi-ratelimit-headers-10.

use std::fmt::Write as _;

use actix_web::http::header::{HeaderName, HeaderValue};
use latchkey_verifier::LimitState;

use crate::error::seconds_up;

pub(crate) const RATELIMIT_POLICY: HeaderName = HeaderName::from_static("ratelimit-policy");
pub(crate) const RATELIMIT: HeaderName = HeaderName::from_static("ratelimit");

/// About as long as one limit is in either header.
const ONE: usize = 40;

/// `RateLimit-Policy` and `RateLimit`, where there is a limit.
pub(crate) fn limit_headers(
    limits: impl Iterator<Item = LimitState>,
) -> Option<[(HeaderName, HeaderValue); 2]> {
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
    if policy.is_empty() {
        return None;
    }
    let value = |text| HeaderValue::try_from(text).ok();
    Some([(RATELIMIT_POLICY, value(policy)?), (RATELIMIT, value(state)?)])
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use latchkey_domain::Window;

    use super::*;

    #[test]
    fn each_limit_has_a_place_in_both_headers() {
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
        let [policy, state] = limit_headers([minute, day].into_iter()).expect("limits");
        assert_eq!(policy.1, "\"minute\";q=100;w=60, \"owner-day\";q=1000;w=86400");
        assert_eq!(state.1, "\"minute\";r=42;t=18, \"owner-day\";r=0;t=3600");
        assert!(limit_headers(std::iter::empty()).is_none());
    }
}
