use std::fmt;

use thiserror::Error;

use crate::ports::{EntropyError, KeyInUse, OverlapError, StoreError};
use crate::{
    Action, AllowedNetworks, ApiKeyId, ApiKeyService, AuditEvent, Caller, Grants, KeyDifference,
    KeyName, Limits, Metadata, NotNow, OwnerId, ScopeRefused, Timestamp, TransitionError,
    has_expired,
};

/// How often a key is read again because somebody else changed it meanwhile.
pub(crate) const ATTEMPTS: u32 = 5;

/// The number of a change to a key: the later one was committed, the greater it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct ChangeNumber(u64);

impl ChangeNumber {
    /// Before the first change.
    pub const ZERO: Self = Self(0);

    /// Wraps a number of the store.
    pub const fn new(number: u64) -> Self {
        Self(number)
    }

    /// The number, for an adapter to store or compare.
    pub const fn get(self) -> u64 {
        self.0
    }
}

impl fmt::Display for ChangeNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// A change of a key; `None` leaves it as it is. There may be more members one day:
/// name those that are to change, and the rest by `..KeyChange::default()`.
#[derive(Debug, Clone, Default)]
pub struct KeyChange {
    /// What to call it.
    pub name: Option<KeyName>,
    /// Whether it is switched on.
    pub enabled: Option<bool>,
    /// The first instant at which it no longer works, or none; it must lie in the future.
    pub expires_at: Option<Option<Timestamp>>,
    /// What another system keeps with it, in the place of all that was kept.
    pub metadata: Option<Metadata>,
    /// What it may be used for.
    pub scopes: Option<Grants>,
    /// From where it may be used.
    pub allowed_networks: Option<AllowedNetworks>,
    /// How much may be used in each window, by it and the other keys of its family.
    pub limits: Option<Limits>,
}

impl KeyChange {
    /// Whether it leaves everything as it is.
    pub const fn is_nothing(&self) -> bool {
        matches!(
            self,
            Self {
                name: None,
                enabled: None,
                expires_at: None,
                metadata: None,
                scopes: None,
                allowed_networks: None,
                limits: None,
            }
        )
    }
}

/// Why a key was not changed or not rotated.
#[derive(Debug, Error)]
pub enum ChangeError {
    /// The change leaves everything as it is.
    #[error("nothing is to be changed")]
    Nothing,
    /// The owner has made too many changes of keys.
    #[error(transparent)]
    NotNow(#[from] NotNow),
    /// To stop a key now, disable or revoke it.
    #[error("the expiry does not lie in the future")]
    ExpiryNotInFuture,
    /// Not all of its scopes may be given.
    #[error(transparent)]
    Scopes(#[from] ScopeRefused),
    /// There is no such key, it belongs to someone else, or it is revoked.
    #[error("there is no such key, or it is revoked")]
    NotFound,
    /// The state of the key does not allow it.
    #[error(transparent)]
    Refused(TransitionError),
    /// Too many replaced keys of the owner would work.
    #[error("{limit} replaced keys of the owner work, which is the limit")]
    LimitReached {
        /// The most replaced keys of the owner that may work.
        limit: u32,
    },
    /// The owner is suspended; it gets no new keys until that ends.
    #[error("the owner is suspended")]
    OwnerSuspended,
    /// Concurrent changes of the key won five times; try again.
    #[error("concurrent changes of the key kept conflicting")]
    Contended,
    /// No randomness to make a secret from.
    #[error(transparent)]
    Entropy(#[from] EntropyError),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl From<TransitionError> for ChangeError {
    /// To its owner a revoked key is not there.
    fn from(error: TransitionError) -> Self {
        match error {
            TransitionError::Revoked => Self::NotFound,
            refusal => Self::Refused(refusal),
        }
    }
}

impl ApiKeyService {
    /// Changes a key of `owner`, and returns the key as it is then. Once this returns, even with an error,
    /// every instance uses the state in which the key was found or left.
    pub async fn change(
        &self,
        owner: &OwnerId,
        id: ApiKeyId,
        change: &KeyChange,
        caller: &Caller,
    ) -> Result<KeyInUse, ChangeError> {
        if change.is_nothing() {
            return Err(ChangeError::Nothing);
        }
        self.limits.count_change(owner, caller)?;
        if has_expired(change.expires_at.flatten(), self.clock.now()) {
            return Err(ChangeError::ExpiryNotInFuture);
        }
        let answer = self.store_change(owner, id, change, caller).await;
        self.answer_when_applied(owner, id, answer).await
    }

    /// The key, and the number of its change if it was not like that already.
    async fn store_change(
        &self,
        owner: &OwnerId,
        id: ApiKeyId,
        change: &KeyChange,
        caller: &Caller,
    ) -> Result<(KeyInUse, Option<ChangeNumber>), ChangeError> {
        for _attempt in 0..ATTEMPTS {
            let found = self.keys.find(owner, id).await?.ok_or(ChangeError::NotFound)?;
            let now = self.clock.now();
            let held = &found.key.parts().restrictions.scopes;
            self.allow_scopes(change.scopes.as_ref(), held, &caller.actor)?;
            let key = found.key.change(change, now)?;
            let Some(difference) = KeyDifference::between(&found.key, &key) else {
                return Ok((found, None));
            };
            let action = Action::KeyChanged { key: id, difference: Some(Box::new(difference)) };
            let event = AuditEvent::of_key(&self.ids, now, &key, action, caller)?;
            let limit = self.policy.max_keys_per_owner;
            let stored = if key.overlaps(now) && !found.key.overlaps(now) {
                self.keys.revive(&key, limit, &event).await
            } else {
                self.keys.update(&key, &event).await.map_err(Into::into)
            };
            match stored {
                Ok(number) => return Ok((KeyInUse { key, ..found }, Some(number))),
                Err(OverlapError::Stale) => {}
                Err(OverlapError::LimitReached { limit }) => {
                    return Err(ChangeError::LimitReached { limit });
                }
                Err(OverlapError::OwnerSuspended) => return Err(ChangeError::OwnerSuspended),
                Err(OverlapError::Store(error)) => return Err(error.into()),
            }
        }
        Err(ChangeError::Contended)
    }

    /// Holds an answer about a key back until what it rests on holds everywhere.
    pub(crate) async fn answer_when_applied<T>(
        &self,
        owner: &OwnerId,
        id: ApiKeyId,
        answer: Result<(T, Option<ChangeNumber>), ChangeError>,
    ) -> Result<T, ChangeError> {
        let made = match answer {
            Ok((_, made)) => made,
            // Nothing is known about the key.
            Err(error @ (ChangeError::Entropy(_) | ChangeError::Store(_))) => return Err(error),
            Err(_) => None,
        };
        self.wait_for_latest(owner, id, made).await?;
        answer.map(|(it, _)| it)
    }
}
