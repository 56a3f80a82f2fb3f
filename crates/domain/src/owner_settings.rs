use thiserror::Error;

use crate::change::ATTEMPTS;
use crate::ports::{EntropyError, FoundOwner, StoreError, UpdateError};
use crate::{
    Action, ApiKeyService, AuditEvent, Caller, Limits, OwnerDifference, OwnerId, Timestamp,
};

/// What holds for one owner, as somebody who manages owners has decided.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct OwnerSettings {
    /// The most keys that the owner holds, and the most replaced keys that work; `None`: as many as the
    /// policy allows.
    pub max_keys: Option<MaxKeys>,
    /// Since when the owner is suspended, if it is: none of its keys may be used, and it gets no new ones.
    pub suspended_at: Option<Timestamp>,
    /// How much all its keys together may use in each window.
    pub limits: Limits,
}

/// A limit on the keys of one owner: 0 to 1,000,000.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct MaxKeys(u32);

/// The number is no [`MaxKeys`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("a limit on keys is at most 1000000")]
pub struct TooManyKeys;

impl MaxKeys {
    /// The highest limit.
    pub const MAX: Self = Self(1_000_000);

    /// Accepts 0 to 1,000,000.
    pub const fn new(keys: u32) -> Result<Self, TooManyKeys> {
        if keys <= Self::MAX.0 { Ok(Self(keys)) } else { Err(TooManyKeys) }
    }

    /// The number.
    pub const fn get(self) -> u32 {
        self.0
    }
}

impl OwnerSettings {
    /// The most keys that the owner may hold where the policy allows `policy` keys.
    pub fn key_limit(&self, policy: u32) -> u32 {
        self.max_keys.map_or(policy, MaxKeys::get)
    }

    /// The settings after `change` at `now`. A suspension that goes on keeps its instant.
    fn change(&self, change: &OwnerChange, now: Timestamp) -> Self {
        let OwnerChange { max_keys, suspended, limits } = change;
        Self {
            max_keys: max_keys.unwrap_or(self.max_keys),
            suspended_at: match suspended {
                None => self.suspended_at,
                Some(false) => None,
                Some(true) => Some(self.suspended_at.unwrap_or(now)),
            },
            limits: limits.unwrap_or(self.limits),
        }
    }
}

/// A change of what holds for an owner; `None` leaves it as it is. There may be more members one day:
/// name those that are to change, and the rest by `..OwnerChange::default()`.
#[derive(Debug, Clone, Default)]
pub struct OwnerChange {
    /// Another limit on its keys, or that of the policy.
    pub max_keys: Option<Option<MaxKeys>>,
    /// Whether it is suspended.
    pub suspended: Option<bool>,
    /// Other limits on what its keys use.
    pub limits: Option<Limits>,
}

/// Why an owner was not changed.
#[derive(Debug, Error)]
pub enum ChangeOwnerError {
    /// Concurrent changes of the owner won five times; try again.
    #[error("concurrent changes of the owner kept conflicting")]
    Contended,
    /// No randomness to make an id from.
    #[error(transparent)]
    Entropy(#[from] EntropyError),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl ApiKeyService {
    /// What holds for `owner`, which need not be known before.
    pub async fn owner(&self, owner: &OwnerId) -> Result<FoundOwner, StoreError> {
        self.owners.find(owner).await
    }

    /// Changes what holds for `owner`, which need not be known before, and returns what holds then.
    /// Once this returns, no instance accepts a key of a suspended owner, and every instance accepts
    /// the good keys of one whose suspension has ended; also where another call made that change.
    ///
    /// A limit below what the owner holds touches none of its keys. Calls are not limited: owners do
    /// not change their own settings.
    pub async fn change_owner(
        &self,
        owner: &OwnerId,
        change: &OwnerChange,
        caller: &Caller,
    ) -> Result<FoundOwner, ChangeOwnerError> {
        for _attempt in 0..ATTEMPTS {
            let found = self.owners.find(owner).await?;
            let now = self.clock.now();
            let settings = found.settings.change(change, now);
            let Some(difference) = OwnerDifference::between(&found.settings, &settings) else {
                self.keys.confirm().await?;
                self.barrier.pass(found.as_of).await;
                return Ok(found);
            };
            let action = Action::OwnerChanged { difference: Some(difference) };
            let event = AuditEvent::new(&self.ids, now, Some(owner.clone()), action, caller)?;
            match self.owners.change(owner, &found.settings, &settings, &event).await {
                Ok(as_of) => {
                    self.barrier.pass(as_of).await;
                    return Ok(FoundOwner { settings, as_of, ..found });
                }
                Err(UpdateError::Stale) => {}
                Err(UpdateError::Store(error)) => return Err(error.into()),
            }
        }
        Err(ChangeOwnerError::Contended)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(millis: i64) -> Timestamp {
        Timestamp::from_unix_millis(millis).expect("in range")
    }

    #[test]
    fn a_limit_on_keys_is_at_most_a_million() {
        assert_eq!(MaxKeys::new(0).map(MaxKeys::get), Ok(0));
        assert_eq!(MaxKeys::new(1_000_000), Ok(MaxKeys::MAX));
        assert_eq!(MaxKeys::new(1_000_001), Err(TooManyKeys));
    }

    #[test]
    fn an_owner_without_a_limit_of_its_own_has_that_of_the_policy() {
        let of_policy = OwnerSettings::default();
        assert_eq!(of_policy.key_limit(100), 100);
        let none = OwnerSettings { max_keys: MaxKeys::new(0).ok(), ..of_policy };
        assert_eq!(none.key_limit(100), 0);
    }

    #[test]
    fn a_suspension_keeps_the_instant_at_which_it_began() {
        let suspend = OwnerChange { suspended: Some(true), ..OwnerChange::default() };
        let resume = OwnerChange { suspended: Some(false), ..OwnerChange::default() };
        let before = OwnerSettings { max_keys: MaxKeys::new(5).ok(), ..OwnerSettings::default() };
        let suspended = before.change(&suspend, at(1));
        assert_eq!(suspended, OwnerSettings { suspended_at: Some(at(1)), ..before });
        assert_eq!(suspended.change(&suspend, at(2)), suspended);
        assert_eq!(suspended.change(&OwnerChange::default(), at(2)), suspended);
        assert_eq!(suspended.change(&resume, at(2)), before);
        let as_allowed = OwnerChange { max_keys: Some(None), ..OwnerChange::default() };
        assert_eq!(suspended.change(&as_allowed, at(2)).max_keys, None);
    }

    #[test]
    fn limits_stay_until_others_are_named() {
        let daily = Limits::from_storage("day=9").expect("limits");
        let limit = |limits| OwnerChange { limits: Some(limits), ..OwnerChange::default() };
        let limited = OwnerSettings::default().change(&limit(daily), at(0));
        assert_eq!(limited.limits, daily);
        assert_eq!(limited.change(&OwnerChange::default(), at(1)), limited);
        assert_eq!(limited.change(&limit(Limits::NONE), at(1)), OwnerSettings::default());
    }
}
