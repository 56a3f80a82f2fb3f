//! What the domain needs from outside. Every adapter of a port passes the same contract suite.
//!
//! A look-up answers `Option`: not finding something is an answer, an error means that the store
//! failed. One call is one transaction.

use std::error::Error as StdError;
use std::fmt;

use async_trait::async_trait;
use thiserror::Error;

use crate::{ApiKey, ApiKeyId, Candidates, KeyedDigest, OwnerId, PepperId, Secret, Timestamp};

/// Where keys are kept.
#[async_trait]
pub trait ApiKeyRepository: Send + Sync + fmt::Debug {
    /// Adds a new key, unless its owner holds `limit` keys that are neither revoked nor replaced.
    /// However many inserts run at once, the limit is not exceeded.
    async fn insert(&self, key: &ApiKey, limit: u32) -> Result<(), InsertError>;

    /// Stores the next version of a key, if the stored one is the version just before it and is
    /// not revoked.
    async fn update(&self, key: &ApiKey) -> Result<(), UpdateError>;

    /// Revokes the key `id` of `owner` and says whether it did: `false` if there is no such key,
    /// it belongs to someone else, or it is revoked already. Of any number of calls for one key,
    /// one answers `true`.
    async fn revoke(
        &self,
        owner: &OwnerId,
        id: ApiKeyId,
        at: Timestamp,
    ) -> Result<bool, StoreError>;

    /// The key `id` of `owner`, unless it is revoked.
    async fn find(&self, owner: &OwnerId, id: ApiKeyId) -> Result<Option<KeyInUse>, StoreError>;

    /// The key, revoked or not, that has one of these digests.
    async fn find_by_digest(&self, digests: &Candidates) -> Result<Option<ApiKey>, StoreError>;

    /// The owner of the key `id`, revoked or not.
    async fn owner_of(&self, id: ApiKeyId) -> Result<Option<OwnerId>, StoreError>;

    /// All keys of `owner` that are not revoked, newest first, equal times by id descending.
    async fn list(&self, owner: &OwnerId) -> Result<Vec<KeyInUse>, StoreError>;

    /// Up to `limit` keys of any owner that are not revoked, with ids after `after`, in id order.
    async fn page(&self, after: Option<ApiKeyId>, limit: u32) -> Result<Vec<KeyInUse>, StoreError>;
}

/// A key together with its last recorded use.
#[derive(Debug, Clone)]
pub struct KeyInUse {
    /// The key.
    pub key: ApiKey,
    /// When it last passed a verification, as far as recorded; `None` if it never did.
    pub last_used_at: Option<Timestamp>,
}

/// Where last uses are kept, apart from the keys, so that writing them never holds what a
/// revocation needs.
#[async_trait]
pub trait LastUseRepository: Send + Sync + fmt::Debug {
    /// Records uses of keys; an instant never moves back, whatever the order of calls.
    async fn record(&self, uses: &[(ApiKeyId, Timestamp)]) -> Result<(), StoreError>;
}

/// What the store knows about the peppers that made its digests.
#[async_trait]
pub trait PepperRepository: Send + Sync + fmt::Debug {
    /// Remembers `check`, a digest of a fixed text under the pepper, the first time it is seen;
    /// later says whether it is the same: `false` means that the pepper is not the one that made
    /// the stored digests.
    async fn confirm(&self, check: &KeyedDigest) -> Result<bool, StoreError>;

    /// Every pepper that is remembered, ascending.
    async fn known(&self) -> Result<Vec<PepperId>, StoreError>;

    /// The peppers that unrevoked keys depend on, ascending; cheap however many keys there are.
    async fn in_use(&self) -> Result<Vec<PepperId>, StoreError>;

    /// The number of unrevoked keys that depend on each pepper in use, ascending by pepper.
    async fn count_keys(&self) -> Result<Vec<(PepperId, u64)>, StoreError>;
}

/// The keyed one-way function between a secret and what is stored.
pub trait KeyHasher: Send + Sync + fmt::Debug {
    /// The digest under the signing pepper.
    fn digest(&self, secret: &Secret) -> KeyedDigest;

    /// The digests under every live pepper, the signing one first.
    fn candidates(&self, secret: &Secret) -> Candidates;
}

/// The wall clock.
pub trait Clock: Send + Sync + fmt::Debug {
    /// Now, in whole milliseconds.
    fn now(&self) -> Timestamp;
}

/// The source of everything random.
pub trait Entropy: Send + Sync + fmt::Debug {
    /// Fills `bytes` from a cryptographically secure source.
    fn fill(&self, bytes: &mut [u8]) -> Result<(), EntropyError>;
}

/// The store failed; whether the call took effect is unknown. To be logged, never matched.
#[derive(Debug, Error)]
#[error("the store failed")]
pub struct StoreError(#[source] Box<dyn StdError + Send + Sync>);

impl StoreError {
    /// Wraps what the driver said.
    pub fn new(source: impl Into<Box<dyn StdError + Send + Sync>>) -> Self {
        Self(source.into())
    }
}

/// The source of randomness failed.
#[derive(Debug, Error)]
#[error("the source of randomness failed")]
pub struct EntropyError(#[source] Box<dyn StdError + Send + Sync>);

impl EntropyError {
    /// Wraps what the source said.
    pub fn new(source: impl Into<Box<dyn StdError + Send + Sync>>) -> Self {
        Self(source.into())
    }
}

/// Why a key was not added.
#[derive(Debug, Error)]
pub enum InsertError {
    /// The owner holds as many keys as the limit allows.
    #[error("the owner holds as many keys as allowed")]
    LimitReached,
    /// The owner's account has been disabled; it gets no more keys.
    #[error("the owner gets no more keys")]
    OwnerClosed,
    /// The id or the digest is taken.
    #[error("the id or the digest is taken")]
    Duplicate,
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
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
