//! What the domain needs from outside. Every adapter of a port passes the same contract suite.
//!
//! A look-up answers `Option`: not finding something is an answer, an error means that the store
//! failed. One call is one transaction.

use std::error::Error as StdError;
use std::fmt;

use async_trait::async_trait;
use thiserror::Error;

use uuid::Uuid;

use crate::{
    ApiKey, ApiKeyId, AuditEvent, BootTime, Candidates, ChangeNumber, Digest, EventId, Failover,
    KeyedDigest, OwnerId, PepperId, Secret, Timestamp,
};

/// Where keys are kept, as the use cases of their owners need it.
///
/// Each method that changes a key takes the event of the change, and stores both or neither.
#[async_trait]
pub trait ApiKeyRepository: Send + Sync + fmt::Debug {
    /// Adds a new key, unless its owner holds `limit` keys that are neither revoked nor replaced.
    /// However many inserts run concurrently, the limit is not exceeded.
    async fn insert(&self, key: &ApiKey, limit: u32, event: &AuditEvent)
    -> Result<(), InsertError>;

    /// Stores the next version of a key, if the stored one is the version just before it and is
    /// not revoked.
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

    /// Stores the next version of a key, adds its successor, and ends its predecessor: all or
    /// nothing. Both old keys must be as for [`update`](Self::update). The limit on keys is not
    /// checked; the limit on replaced keys is, as in [`revive`](Self::revive), without the predecessor.
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

    /// The number of the latest change of the key `id` of `owner`, revoked or not, or a later number;
    /// `None` if there is no such key. A caller that finds its change already made waits for this
    /// number before it answers.
    async fn latest_change(
        &self,
        owner: &OwnerId,
        id: ApiKeyId,
    ) -> Result<Option<ChangeNumber>, StoreError>;

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

/// How the key of a presented secret is found.
#[async_trait]
pub trait KeyLookup: Send + Sync + fmt::Debug {
    /// Stores `renewed`, the digest of the same secret under another pepper, in place of `stored`,
    /// if the key still has that and is not revoked. This is not a change: it neither raises the version
    /// nor conflicts with concurrent changes.
    async fn redigest(
        &self,
        id: ApiKeyId,
        stored: &Digest,
        renewed: &KeyedDigest,
    ) -> Result<(), StoreError>;

    /// The key, revoked or not, that has one of these digests, as it was at `since` or later. Where a
    /// store consists of several servers, the answer of one that lags behind `since`, or has another
    /// history, is discarded; an error if no other server answers.
    async fn find_by_digest(
        &self,
        digests: &Candidates,
        since: Option<Position>,
    ) -> Result<Option<ApiKey>, StoreError>;
}

/// The keys of all owners, for operators and for recoveries.
#[async_trait]
pub trait KeyRegister: Send + Sync + fmt::Debug {
    /// The number of the latest change of any key, or a later number.
    async fn last_change(&self) -> Result<ChangeNumber, StoreError>;

    /// The owner of the key `id`, revoked or not.
    async fn owner_of(&self, id: ApiKeyId) -> Result<Option<OwnerId>, StoreError>;

    /// Up to `limit` keys of any owner that are not revoked, with ids after `after`, in id order.
    async fn page(&self, after: Option<ApiKeyId>, limit: u32) -> Result<Vec<KeyInUse>, StoreError>;

    /// The same with those that are revoked.
    async fn page_of_all(
        &self,
        after: Option<ApiKeyId>,
        limit: u32,
    ) -> Result<Vec<KeyInUse>, StoreError>;

    /// Up to `limit` keys of any owner that are not revoked and depend on `pepper`.
    async fn under_pepper(
        &self,
        pepper: PepperId,
        limit: u32,
    ) -> Result<Vec<(OwnerId, ApiKeyId)>, StoreError>;
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
}

/// Where the audit trail is kept. Events outlive the keys and accounts that they are about.
#[async_trait]
pub trait AuditTrail: Send + Sync + fmt::Debug {
    /// Adds an event that is part of no change, unless it is there already: a caller may repeat the call.
    async fn record(&self, event: &AuditEvent) -> Result<(), StoreError>;

    /// Up to `limit` events of `owner` with ids before `before`, the greatest id first. With a
    /// `key`, those that were done to it, and the rotation that it was issued by.
    async fn events_of(
        &self,
        owner: &OwnerId,
        key: Option<ApiKeyId>,
        before: Option<EventId>,
        limit: u32,
    ) -> Result<Vec<AuditEvent>, StoreError>;

    /// Up to `limit` events of any owner or none, with ids after `after`, in id order.
    async fn all_events(
        &self,
        after: Option<EventId>,
        limit: u32,
    ) -> Result<Vec<AuditEvent>, StoreError>;
}

/// How the instances that verify from the cache learn of changes, and show each other how far they are.
///
/// A change makes a verification answer differently: revoke, disable, enable, another
/// expiry, a replacement, a new name; in any way that the store can be changed.
///
/// Changes are numbered in the order in which they were committed. A digest under another pepper and a
/// last use are not changes, nor is a new key: no instance can have cached it.
#[async_trait]
pub trait ChangeFeed: Send + Sync + fmt::Debug {
    /// Makes ready what the next registration or heartbeat needs, so that this takes one round trip: a
    /// lease runs from before it is sent. However far away the store is, that may take its time.
    async fn connect(&self) -> Result<(), StoreError>;

    /// How often another server took over from the one that heartbeats reached, since the start and as
    /// far as the store can tell. It is counted before anything is committed on the new server.
    fn takeovers(&self) -> u64;

    /// Adds an instance that has applied every change until now. Its id was never used before.
    async fn register(&self) -> Result<Registration, StoreError>;

    /// Records that `instance` is alive and has applied every change up to `applied`, and returns the
    /// keys that changed after that. Every change that was committed before this call was sent is
    /// included; of very many, the first are, and [`News::more`] is set.
    async fn heartbeat(
        &self,
        instance: InstanceId,
        applied: Position,
    ) -> Result<Heartbeat, StoreError>;

    /// The latest of these points that the store has in its history, as long as it keeps it.
    async fn kept(&self, points: &[Position]) -> Result<Option<ChangeNumber>, StoreError>;

    /// What becomes of changes when another server of the store takes over, as far as it can tell.
    async fn failover(&self) -> Result<Failover, StoreError>;

    /// Removes an instance that answers nothing from the cache any more.
    async fn leave(&self, instance: InstanceId) -> Result<(), StoreError>;

    /// All instances there are, and how far the server that shows them has come.
    async fn instances(&self) -> Result<InstanceList, StoreError>;

    /// Removes those of `silent` that have not shown themselves since.
    async fn expel(&self, silent: &[InstanceStatus]) -> Result<(), StoreError>;

    /// Removes the history of changes that are a day old and that every instance has applied.
    async fn trim(&self) -> Result<(), StoreError>;

    /// Waits until a change was committed somewhere, as far as the store tells: what it does not tell,
    /// a later heartbeat does.
    async fn woken(&self);
}

/// One run of an instance, from a registration to the next.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct InstanceId(pub Uuid);

/// A point in the history of changes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Position {
    /// The latest change.
    pub change: ChangeNumber,
    /// Drawn for each change: where a database was restored or has failed over, another
    /// history may have given out the same number.
    pub nonce: Uuid,
}

impl Position {
    /// Whether a server that is at this point has made every change up to `since`. The nonce tells
    /// apart two servers that gave out the same number; of a greater number that another history
    /// gave out it can say nothing.
    pub fn includes(self, since: Self) -> bool {
        self.change > since.change || self == since
    }
}

/// What a new instance begins with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Registration {
    /// Its id.
    pub instance: InstanceId,
    /// Where it begins.
    pub position: Position,
}

/// The answer to a heartbeat. Without news, the instance has to void its whole cache.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Heartbeat {
    /// The instance is on the list.
    News(News),
    /// Its registration is gone, or the next change is of more keys than can be told.
    Unlisted,
    /// The store no longer has the change that the instance had come to: it is another history.
    HistoryLost,
}

/// What changed since an instance last asked.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct News {
    /// The keys that changed; one may be there several times.
    pub changed: Vec<ApiKeyId>,
    /// Those of them that are revoked. A store that can't lose its history names none.
    pub revoked: Vec<ApiKeyId>,
    /// The last of these changes, or where the instance was. An instance that has applied them is there.
    pub position: Position,
    /// Whether the store has come further than that.
    pub more: bool,
}

/// What an instance has shown of itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct InstanceStatus {
    /// Which one.
    pub instance: InstanceId,
    /// Everything up to this it has applied.
    pub applied: ChangeNumber,
    /// How many heartbeats it has sent.
    pub heartbeats: u64,
}

/// The instances that one server of the store shows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InstanceList {
    /// The last change there. An instance that joined before a later one may be missing.
    pub as_of: ChangeNumber,
    /// In any order.
    pub instances: Vec<InstanceStatus>,
}

/// Delays the answer to a change until every instance applies it.
#[async_trait]
pub trait Barrier: Send + Sync + fmt::Debug {
    /// Returns when no instance verifies by the state before `change` any more: each has applied the
    /// change, or its lease is over. It takes a few seconds at most and cannot fail; `change` must be
    /// committed before the call.
    async fn pass(&self, change: ChangeNumber);
}

/// The barrier of a service that verifies in one process and keeps no cache.
///
/// There a change holds as soon as it is committed. Where another instance verifies on the same store,
/// a revoke that passes this barrier is answered too early.
#[derive(Debug, Clone, Copy)]
pub struct NoBarrier;

#[async_trait]
impl Barrier for NoBarrier {
    async fn pass(&self, _change: ChangeNumber) {}
}

/// Where last uses are kept: apart from the keys, so that writing them never locks a row that a
/// revoke needs.
#[async_trait]
pub trait LastUseRepository: Send + Sync + fmt::Debug {
    /// Records uses of keys; an instant never moves back, in any order of calls.
    async fn record(&self, uses: &[(ApiKeyId, Timestamp)]) -> Result<(), StoreError>;
}

/// Removes old rows in small batches, so that nothing waits for it. Each call may be repeated, and made
/// by several instances at the same time.
#[async_trait]
pub trait Housekeeping: Send + Sync + fmt::Debug {
    /// The time of the store, which is the same for all instances on it.
    async fn now(&self) -> Result<Timestamp, StoreError>;

    /// Looks at up to `limit` keys with ids after `after`, in id order, and removes those that were
    /// revoked before `before`, with their last uses. This is not a change: their secrets did not work, and
    /// are unknown from now on. Returns the last id that it looked at; `None`: there are no more.
    async fn forget_revoked(
        &self,
        before: Timestamp,
        after: Option<ApiKeyId>,
        limit: u32,
    ) -> Result<Option<ApiKeyId>, StoreError>;

    /// Looks at up to `limit` last uses of keys with ids after `after`, in id order, and removes
    /// those of keys that are gone. Returns the same as [`forget_revoked`](Self::forget_revoked).
    async fn forget_uses_of_no_key(
        &self,
        after: Option<ApiKeyId>,
        limit: u32,
    ) -> Result<Option<ApiKeyId>, StoreError>;

    /// Looks at the `limit` events with the smallest ids, which are the eldest, and removes those
    /// from before `before`. Answers how many.
    async fn forget_events(&self, before: Timestamp, limit: u32) -> Result<u32, StoreError>;
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

/// A clock that starts with the machine and never stands still.
///
/// It goes on while the process is stopped and while the machine sleeps. Leases and limits run by it.
pub trait SteadyClock: Send + Sync + fmt::Debug {
    /// Now; asked for each call, never cached.
    fn now(&self) -> BootTime;
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

/// Why a change was not stored that would let a replaced key work.
#[derive(Debug, Error)]
pub enum OverlapError {
    /// Somebody changed a key since it was read, or it is gone.
    #[error("changed by somebody else since it was read, or gone")]
    Stale,
    /// As many replaced keys of the owner work as may.
    #[error("the owner has as many replaced keys that work as allowed")]
    LimitReached,
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
