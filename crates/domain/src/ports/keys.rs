//! What the use cases of owners need: where keys are kept.

use std::fmt;

use async_trait::async_trait;
use thiserror::Error;

use super::StoreError;
use crate::{
    ApiKey, ApiKeyId, AuditEvent, ChangeNumber, CreditChange, Credits, CreditsRefused, OwnerId,
    Selection, Timestamp,
};

/// Where keys are kept, as the use cases of their owners need it.
///
/// Each `limit` is that of the policy; where the owner has one of its own, that holds instead.
///
/// Each method that changes a key takes the event of the change, and stores both or neither.
#[async_trait]
pub trait ApiKeyRepository: Send + Sync + fmt::Debug {
    /// Adds a new key, unless its owner holds `limit` keys that are neither revoked nor replaced.
    /// However many inserts run concurrently, the limit is not exceeded. A suspended owner gets no key.
    ///
    /// With the key begin the budgets of its family: one for each of its limits, and one that counts `credits`, if there
    /// is a number.
    async fn insert(
        &self,
        key: &ApiKey,
        credits: Option<Credits>,
        limit: u32,
        event: &AuditEvent,
    ) -> Result<(), InsertError>;

    /// Stores the next version of a key, if the stored one is the version just before it and is
    /// not revoked.
    ///
    /// Where the event says that its limits changed, they hold for its whole family: for each unrevoked key of it, whose
    /// version rises too if that changes the key, and for its budgets. What the present window has used stays used.
    /// Where a budget begins or ceases to count, this is a change of each unrevoked key of the family.
    async fn update(&self, key: &ApiKey, event: &AuditEvent) -> Result<ChangeNumber, UpdateError>;

    /// As [`update`](Self::update), of a replaced key that is to work again, unless its owner has
    /// `limit` other replaced keys that work at the instant of the event. However many calls run at
    /// the same time, the limit is not exceeded.
    async fn revive(
        &self,
        key: &ApiKey,
        limit: u32,
        event: &AuditEvent,
    ) -> Result<ChangeNumber, OverlapError>;

    /// Adds credits to the budget that the key `id` of `owner` shares with its family, takes some from it, or stops
    /// counting. Stores the event with what was left before and after. However many calls run concurrently, each counts
    /// once, and there are never less than none. Where counting begins or ends, this is a change of each unrevoked key of
    /// the family. An end of counting that has ended already leaves no event.
    async fn add_credits(
        &self,
        owner: &OwnerId,
        id: ApiKeyId,
        change: CreditChange,
        event: &AuditEvent,
    ) -> Result<AddedCredits, CreditsError>;

    /// Stores the next version of a key, adds its successor, and ends its predecessor: all or
    /// nothing. Both old keys must be as for [`update`](Self::update). The limit on keys is not
    /// checked; the limit on replaced keys is, as in [`revive`](Self::revive), without the predecessor.
    /// A suspended owner gets no successor.
    async fn replace(&self, replacement: &Replacement) -> Result<ChangeNumber, OverlapError>;

    /// The key of `owner` that `successor` replaced, unless it is revoked.
    async fn predecessor(
        &self,
        owner: &OwnerId,
        successor: ApiKeyId,
    ) -> Result<Option<ApiKey>, StoreError>;

    /// Revokes the key `id` of `owner` at the instant of the event, and stores in the event the name
    /// and prefix that the key has then. Returns `None` if there was nothing to revoke: no such key, a
    /// key of another owner, or one that is revoked already. Of concurrent calls for one key, exactly
    /// one returns `Some`.
    async fn revoke(
        &self,
        owner: &OwnerId,
        id: ApiKeyId,
        event: &AuditEvent,
    ) -> Result<Option<ChangeNumber>, StoreError>;

    /// Up to `limit` keys that `selection` means and that are not revoked, in any order.
    async fn selected(
        &self,
        selection: &Selection,
        limit: u32,
    ) -> Result<Vec<SelectedKey>, StoreError>;

    /// Revokes those of `keys` that are not revoked yet, all or none, and answers their ids, ascending, with the
    /// number of the change; `None` if none was left. Each is revoked at the instant of the events, of which there is
    /// one for each owner: it is stored with those of its keys that this call revoked, and not at all without any.
    ///
    /// Where a key was replaced since it was read, its successor is meant too, but not among `keys`: that is
    /// [`UpdateError::Stale`].
    async fn revoke_all(
        &self,
        keys: &[SelectedKey],
        events: &[AuditEvent],
    ) -> Result<Option<(Vec<ApiKeyId>, ChangeNumber)>, UpdateError>;

    /// The number of the latest change of the key `id` of `owner`, revoked or not, or a later number;
    /// `None` if there is no such key. A caller that finds its change already made waits for this
    /// number before it answers. A store that fails over answers only where it would have taken a change too, so that
    /// nobody is told of a server that was left behind that a key is gone.
    async fn latest_change(
        &self,
        owner: &OwnerId,
        id: ApiKeyId,
    ) -> Result<Option<ChangeNumber>, StoreError>;

    /// Answers only where the store would take a change. A server that a failover left behind fails, or never answers:
    /// for an answer that rests on a key that was not found.
    async fn confirm(&self) -> Result<(), StoreError>;

    /// The key `id` of `owner`, unless it is revoked.
    async fn find(&self, owner: &OwnerId, id: ApiKeyId) -> Result<Option<KeyInUse>, StoreError>;

    /// All keys of `owner` that are not revoked, newest first, equal times by id descending.
    async fn list(&self, owner: &OwnerId) -> Result<Vec<KeyInUse>, StoreError>;

    /// Up to `limit` keys of `owner` that were revoked at `since` or later, the last revoked first,
    /// equal times by id descending.
    async fn revoked(
        &self,
        owner: &OwnerId,
        since: Timestamp,
        limit: u32,
    ) -> Result<Vec<KeyInUse>, StoreError>;
}

/// A key that is one of many to be revoked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SelectedKey {
    /// Which one.
    pub id: ApiKeyId,
    /// Whose key it is.
    pub owner: OwnerId,
    /// The key that took its place.
    pub replaced_by: Option<ApiKeyId>,
}

/// A rotation: a key, its successor, and the key that ends with it.
#[derive(Debug)]
pub struct Replacement {
    /// The next version of the key that is replaced.
    pub key: ApiKey,
    /// The key in its place.
    pub successor: ApiKey,
    /// The next version of the key that this one had replaced, if that is to end now, and the event
    /// of its end.
    pub ended: Option<(ApiKey, AuditEvent)>,
    /// The most replaced keys that may work, if the replaced key goes on to work.
    pub limit: Option<u32>,
    /// The event of the replacement.
    pub event: AuditEvent,
}

/// A key together with its last recorded use.
#[derive(Debug, Clone)]
pub struct KeyInUse {
    /// The key.
    pub key: ApiKey,
    /// When it last passed a verification, as far as recorded; `None` if it never did.
    pub last_used_at: Option<Timestamp>,
    /// How many credits are left for its family, as the store counts: those that instances hold in hand are spent.
    /// `None`: they are not counted.
    pub credits: Option<Credits>,
}

/// What an addition of credits left.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AddedCredits {
    /// How many are left; `None`: they are not counted.
    pub left: Option<Credits>,
    /// The latest change of any key when this was made, or a later one: the change that began or ended the counting is
    /// not after it.
    pub as_of: ChangeNumber,
}

/// Why credits were not added.
#[derive(Debug, Error)]
pub enum CreditsError {
    /// There is no such key, or it is revoked.
    #[error("there is no such key, or it is revoked")]
    NotFound,
    /// What is left does not allow it.
    #[error(transparent)]
    Refused(#[from] CreditsRefused),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Why a key was not added.
#[derive(Debug, Error)]
pub enum InsertError {
    /// The owner holds as many keys as the limit allows.
    #[error("the owner holds {limit} keys, which is the limit")]
    LimitReached {
        /// The limit that held.
        limit: u32,
    },
    /// The owner's account has been disabled; it gets no more keys.
    #[error("the owner gets no more keys")]
    OwnerClosed,
    /// The owner is suspended; it gets no keys until that ends.
    #[error("the owner is suspended")]
    OwnerSuspended,
    /// The id or the digest is taken.
    #[error("the id or the digest is taken")]
    Duplicate,
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Why a change was not stored that would let a replaced key work.
#[derive(Debug, Error)]
pub enum OverlapError {
    /// Somebody changed a key since it was read, or it is gone.
    #[error("changed by somebody else since it was read, or gone")]
    Stale,
    /// As many replaced keys of the owner work as may.
    #[error("{limit} replaced keys of the owner work, which is the limit")]
    LimitReached {
        /// The limit that held.
        limit: u32,
    },
    /// The owner is suspended; it gets no keys until that ends.
    #[error("the owner is suspended")]
    OwnerSuspended,
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl From<UpdateError> for OverlapError {
    fn from(error: UpdateError) -> Self {
        match error {
            UpdateError::Stale => Self::Stale,
            UpdateError::Store(error) => Self::Store(error),
        }
    }
}

/// Why a change was not stored.
#[derive(Debug, Error)]
pub enum UpdateError {
    /// Somebody changed it since it was read, or it is gone.
    #[error("changed by somebody else since it was read, or gone")]
    Stale,
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}
