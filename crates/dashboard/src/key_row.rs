//! A key as the list of keys shows it before scripts run; `assets/row.js` shows the same, and a browser test holds the two
//! to each other.

use latchkey_domain::ports::KeyInUse;
use latchkey_domain::{KeyState, Timestamp, has_expired};

use crate::words::{DAY, HOUR};

/// What can hold of a key; several can. The list is filtered by it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Status {
    Active,
    Disabled,
    Expiring,
    Expired,
    Replaced,
    Unused,
}

impl Status {
    /// All, as addresses name them.
    pub(crate) const ALL: [(&str, Self); 6] = [
        ("active", Self::Active),
        ("disabled", Self::Disabled),
        ("expiring", Self::Expiring),
        ("expired", Self::Expired),
        ("replaced", Self::Replaced),
        ("unused", Self::Unused),
    ];
}

/// The first that holds of a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum State {
    Disabled,
    Expired,
    Replaced,
    Active,
}

impl State {
    /// The name of its text.
    pub(crate) const fn text(self) -> &'static str {
        match self {
            Self::Disabled => "statuses.disabled",
            Self::Expired => "statuses.expired",
            Self::Replaced => "statuses.replaced",
            Self::Active => "statuses.active",
        }
    }

    /// A class.
    pub(crate) const fn tone(self) -> &'static str {
        match self {
            Self::Disabled => "",
            Self::Expired => "bad",
            Self::Replaced => "warn",
            Self::Active => "good",
        }
    }
}

/// Whether programs still use a key that was replaced and still works.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Silence {
    /// The last call was within the last hour.
    Used(Timestamp),
    /// No call came for an hour, and it was replaced before that.
    Silent,
}

/// What the list says of a key beside its fields.
#[derive(Debug)]
pub(crate) struct About {
    pub(crate) state: State,
    statuses: Vec<Status>,
    /// Whether another key has replaced it, and it works for a while yet.
    pub(crate) stops: bool,
}

impl About {
    pub(crate) fn of(KeyInUse { key, last_used_at, .. }: &KeyInUse, now: Timestamp) -> Self {
        let key = key.parts();
        let is_expired = has_expired(key.expires_at, now);
        let is_replaced = key.replaced_by.is_some();
        let is_enabled = key.state == KeyState::Active;
        let state = match () {
            () if !is_enabled => State::Disabled,
            () if is_expired => State::Expired,
            () if is_replaced => State::Replaced,
            () => State::Active,
        };
        let lasts = !is_expired && key.expires_at.is_some();
        let ends_soon = key.expires_at.is_some_and(|end| away(end, now) <= 7 * DAY);
        let last = last_used_at.unwrap_or(key.created_at);
        let holds = |status: &Status| match status {
            Status::Active => state == State::Active,
            Status::Disabled => !is_enabled,
            // Within a week. A replaced key shows its end in another way.
            Status::Expiring => lasts && ends_soon && !is_replaced,
            Status::Expired => is_expired,
            Status::Replaced => is_replaced,
            // For 90 days, from its creation if it was never used.
            Status::Unused => away(now, last) >= 90 * DAY,
        };
        let statuses = Status::ALL.into_iter().map(|(_, status)| status).filter(holds).collect();
        Self { state, statuses, stops: is_replaced && lasts }
    }

    pub(crate) fn has(&self, status: Status) -> bool {
        self.statuses.contains(&status)
    }

    /// Whether programs still use it; `None` unless it was replaced and still works, or while nobody can say.
    pub(crate) fn silence(
        &self,
        used: &KeyInUse,
        successor: Option<&KeyInUse>,
        now: Timestamp,
    ) -> Option<Silence> {
        let is_over = |at: Timestamp| away(now, at) >= HOUR;
        let last = used.last_used_at.filter(|at| !is_over(*at));
        match (self.state, last) {
            (State::Replaced, Some(at)) => Some(Silence::Used(at)),
            (State::Replaced, None) => successor
                .filter(|successor| is_over(successor.key.parts().created_at))
                .map(|_| Silence::Silent),
            _ => None,
        }
    }

    pub(crate) fn is_enabled(&self) -> bool {
        !self.has(Status::Disabled)
    }
}

const fn away(at: Timestamp, from: Timestamp) -> i64 {
    at.unix_millis() - from.unix_millis()
}
