//! A key as the list of keys shows it before scripts run; `assets/row.js` shows the same.

use latchkey_domain::ports::KeyInUse;
use latchkey_domain::{KeyState, Timestamp, has_expired};

use crate::words::DAY;

/// What the list says of a key beside its fields.
pub(crate) struct About {
    /// The name of the text of the first that holds of disabled, expired, replaced, active.
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
            KeyState::Active if expired => ("statuses.expired", "bad"),
            KeyState::Active if replaced => ("statuses.replaced", "warn"),
            KeyState::Active => ("statuses.active", "good"),
            KeyState::Disabled { .. } | KeyState::Revoked { .. } => ("statuses.disabled", ""),
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

const fn away(at: Timestamp, from: Timestamp) -> i64 {
    at.unix_millis() - from.unix_millis()
}
