use std::collections::{BTreeMap, VecDeque};
use std::sync::{Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use latchkey_domain::ports::{
    ChangeFeed, Heartbeat, InstanceId, InstanceList, InstanceStatus, News, Position, Registration,
    StoreError,
};
use latchkey_domain::{ApiKeyId, ChangeNumber, Failover};
use tokio::sync::Notify;
use uuid::Uuid;

use crate::SqliteStore;

/// The changes of a store that one process holds. They are lost with the process, as its cache is, and
/// so the numbers may begin again with the next.
#[derive(Debug, Default)]
pub(crate) struct Changes {
    log: Mutex<Log>,
    woken: Notify,
}

#[derive(Debug, Default)]
struct Log {
    last: u64,
    /// Everybody has applied what came until then, and it is gone.
    forgotten: u64,
    /// Those that some instance has not applied yet.
    pending: VecDeque<(u64, ApiKeyId)>,
    instances: BTreeMap<InstanceId, Progress>,
    registered: u128,
}

#[derive(Debug, Clone, Copy)]
struct Progress {
    applied: u64,
    heartbeats: u64,
}

impl Changes {
    /// Logs committed changes, and returns the number of the latest.
    pub(crate) fn tell(&self, keys: impl IntoIterator<Item = ApiKeyId>) -> ChangeNumber {
        let latest = self.log().tell(keys);
        self.woken.notify_waiters();
        latest
    }

    pub(crate) fn latest(&self) -> ChangeNumber {
        self.log().position().change
    }

    /// Fails where the store is not at `since` or later.
    pub(crate) fn require(&self, since: Option<Position>) -> Result<(), StoreError> {
        match since {
            Some(since) if !self.log().position().includes(since) => {
                Err(StoreError::new("these changes were made in another history"))
            }
            _ => Ok(()),
        }
    }

    /// The instances on the list.
    pub(crate) fn instances(&self) -> Vec<InstanceId> {
        self.log().instances.keys().copied().collect()
    }

    fn log(&self) -> MutexGuard<'_, Log> {
        self.log.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Log {
    fn tell(&mut self, keys: impl IntoIterator<Item = ApiKeyId>) -> ChangeNumber {
        for key in keys {
            self.last += 1;
            self.pending.push_back((self.last, key));
        }
        self.trim_applied();
        ChangeNumber::new(self.last)
    }

    fn position(&self) -> Position {
        // There is one history: the process's.
        Position { change: ChangeNumber::new(self.last), nonce: Uuid::nil() }
    }

    fn register(&mut self) -> Registration {
        self.registered += 1;
        let instance = InstanceId(Uuid::from_u128(self.registered));
        self.instances.insert(instance, Progress { applied: self.last, heartbeats: 0 });
        Registration { instance, position: self.position() }
    }

    fn heartbeat(&mut self, instance: InstanceId, applied: Position) -> Heartbeat {
        let position = self.position();
        let known = applied.change.get();
        let Some(progress) = self.instances.get_mut(&instance) else { return Heartbeat::Unlisted };
        let is_known = (self.forgotten..=self.last).contains(&known);
        if applied.nonce != position.nonce || !is_known {
            return Heartbeat::Unlisted;
        }
        progress.applied = progress.applied.max(known);
        progress.heartbeats += 1;
        let news = self.pending.iter().filter(|(number, _)| *number > known);
        let changed = news.map(|(_, key)| *key).collect();
        self.trim_applied();
        Heartbeat::News(News { changed, revoked: Vec::new(), position, more: false })
    }

    fn remove(&mut self, which: impl Fn(InstanceId, Progress) -> bool) {
        self.instances.retain(|instance, progress| !which(*instance, *progress));
        self.trim_applied();
    }

    fn list(&self) -> InstanceList {
        let status = |(instance, it): (&InstanceId, &Progress)| InstanceStatus {
            instance: *instance,
            applied: ChangeNumber::new(it.applied),
            heartbeats: it.heartbeats,
        };
        let instances = self.instances.iter().map(status).collect();
        InstanceList { as_of: ChangeNumber::new(self.last), instances }
    }

    fn trim_applied(&mut self) {
        let applied = self.instances.values().map(|it| it.applied).min().unwrap_or(self.last);
        while let Some((number, _)) = self.pending.front().filter(|(number, _)| *number <= applied)
        {
            self.forgotten = *number;
            self.pending.pop_front();
        }
    }
}

#[async_trait]
impl ChangeFeed for SqliteStore {
    async fn connect(&self) -> Result<(), StoreError> {
        Ok(())
    }

    fn takeovers(&self) -> u64 {
        0
    }

    async fn register(&self) -> Result<Registration, StoreError> {
        self.held().await?;
        // Also those of the process before.
        self.close_shares_of_absent().await?;
        Ok(self.0.changes.log().register())
    }

    async fn heartbeat(
        &self,
        instance: InstanceId,
        applied: Position,
    ) -> Result<Heartbeat, StoreError> {
        // What is cached of a file that was taken away counts no longer than the file.
        if self.held().await.is_err() {
            return Ok(Heartbeat::Unlisted);
        }
        Ok(self.0.changes.log().heartbeat(instance, applied))
    }

    async fn kept(&self, points: &[Position]) -> Result<Option<ChangeNumber>, StoreError> {
        let now = self.0.changes.log().position();
        let kept = points.iter().filter(|it| it.nonce == now.nonce && it.change <= now.change);
        Ok(kept.map(|it| it.change).max())
    }

    async fn failover(&self) -> Result<Failover, StoreError> {
        Ok(Failover::None)
    }

    async fn leave(&self, instance: InstanceId) -> Result<(), StoreError> {
        self.0.changes.log().remove(|it, _| it == instance);
        self.close_shares_of_absent().await
    }

    async fn instances(&self) -> Result<InstanceList, StoreError> {
        Ok(self.0.changes.log().list())
    }

    async fn expel(&self, silent: &[InstanceStatus]) -> Result<(), StoreError> {
        self.0.changes.log().remove(|instance, progress| {
            let is_it = |it: &InstanceStatus| {
                it.instance == instance && it.heartbeats == progress.heartbeats
            };
            silent.iter().any(is_it)
        });
        self.close_shares_of_absent().await
    }

    async fn trim(&self) -> Result<(), StoreError> {
        // Nothing is kept that everybody has applied.
        Ok(())
    }

    async fn woken(&self) {
        self.0.changes.woken.notified().await;
    }
}
