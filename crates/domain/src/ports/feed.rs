//! What instances need to verify from a cache: changes are told to each, and wait for all.

use std::fmt;

use async_trait::async_trait;
use uuid::Uuid;

use super::StoreError;
use crate::{ApiKeyId, ChangeNumber, Failover};

/// How the instances that verify from the cache learn of changes, and show each other how far they are.
///
/// A change makes a verification answer differently: revoke, disable, enable, another
/// expiry, a replacement, a new name, the beginning and the end of a suspension of its owner; in any way
/// that the store can be changed.
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
