//! What operators and background tasks need.

use std::fmt;

use async_trait::async_trait;

use super::{KeyInUse, OldUsage, StoreError};
use crate::{
    ApiKeyId, ChangeNumber, KeyCursor, KeySearch, KeyedDigest, OwnerId, PepperId, Timestamp,
};

/// The keys of all owners, for operators and for recoveries.
#[async_trait]
pub trait KeyRegister: Send + Sync + fmt::Debug {
    /// The number of the latest change of any key, or a later number.
    async fn last_change(&self) -> Result<ChangeNumber, StoreError>;

    /// The owner of the key `id`, revoked or not.
    async fn owner_of(&self, id: ApiKeyId) -> Result<Option<OwnerId>, StoreError>;

    /// The key `id` of any owner, revoked or not.
    async fn key(&self, id: ApiKeyId) -> Result<Option<KeyInUse>, StoreError>;

    /// Up to `limit` keys of any owner that are not revoked, with ids after `after`, in id order.
    async fn page(&self, after: Option<ApiKeyId>, limit: u32) -> Result<Vec<KeyInUse>, StoreError>;

    /// The same with those that are revoked.
    async fn page_of_all(
        &self,
        after: Option<ApiKeyId>,
        limit: u32,
    ) -> Result<Vec<KeyInUse>, StoreError>;

    /// Up to `limit` keys that are looked for, after `after`: the newest first, equal times by id descending.
    async fn search(
        &self,
        search: &KeySearch,
        after: Option<KeyCursor>,
        limit: u32,
    ) -> Result<Vec<KeyInUse>, StoreError>;

    /// Up to `limit` keys of any owner that are not revoked and depend on `pepper`.
    async fn under_pepper(
        &self,
        pepper: PepperId,
        limit: u32,
    ) -> Result<Vec<(OwnerId, ApiKeyId)>, StoreError>;
}

/// Removes old rows in small batches, so that nothing waits for it. Each call may be repeated, and made
/// by several instances at the same time.
#[async_trait]
pub trait Housekeeping: Send + Sync + fmt::Debug {
    /// The time of the store, which is the same for all instances on it.
    async fn now(&self) -> Result<Timestamp, StoreError>;

    /// Looks at up to `limit` keys with ids after `after`, in id order, and removes those that were
    /// revoked before `before`, with their last uses and their usage. This is not a change: their secrets did not work, and
    /// are unknown from now on. Returns the last id that it looked at; `None`: there are no more.
    async fn remove_revoked_keys(
        &self,
        before: Timestamp,
        after: Option<ApiKeyId>,
        limit: u32,
    ) -> Result<Option<ApiKeyId>, StoreError>;

    /// Looks at up to `limit` last uses of keys with ids after `after`, in id order, and removes
    /// those of keys that are gone. Returns the same as [`remove_revoked_keys`](Self::remove_revoked_keys).
    async fn remove_uses_without_key(
        &self,
        after: Option<ApiKeyId>,
        limit: u32,
    ) -> Result<Option<ApiKeyId>, StoreError>;

    /// Removes up to `limit` rows of `old` that are from before `before`, and answers how many.
    async fn remove_usage(
        &self,
        old: OldUsage,
        before: Timestamp,
        limit: u32,
    ) -> Result<u32, StoreError>;

    /// Looks at the `limit` events with the smallest ids, which are the eldest, and removes those
    /// from before `before`. Answers how many.
    async fn remove_events(&self, before: Timestamp, limit: u32) -> Result<u32, StoreError>;
}

/// What the store knows about the peppers that made its digests.
#[async_trait]
pub trait PepperRepository: Send + Sync + fmt::Debug {
    /// Stores `check`, a digest of a fixed text under the pepper, at the first call. Later calls return
    /// whether it is the same: `false` means that another pepper than this one made the stored digests.
    async fn confirm(&self, check: &KeyedDigest) -> Result<bool, StoreError>;

    /// Every pepper whose check is stored, ascending.
    async fn known(&self) -> Result<Vec<PepperId>, StoreError>;

    /// The peppers that unrevoked keys depend on, ascending. The cost does not grow with the keys.
    async fn in_use(&self) -> Result<Vec<PepperId>, StoreError>;

    /// How many keys depend on each pepper in use, ascending by pepper. It reads all keys.
    async fn usage(&self) -> Result<Vec<PepperUse>, StoreError>;
}

/// How many keys depend on a pepper.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PepperUse {
    /// Which one.
    pub pepper: PepperId,
    /// How many unrevoked keys depend on it.
    pub keys: u64,
    /// The last recorded use of one of those; `None` if none was ever used.
    pub last_used_at: Option<Timestamp>,
}
