use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use latchkey_domain::ports::{Clock, LastUseRepository};
use latchkey_domain::{ApiKeyId, Timestamp};

use crate::telemetry::error_chain;

/// How often uses are looked through for what is due.
const TICK: Duration = Duration::from_secs(1);
/// The least time between two writes for one key. With the tick, what is stored lags behind by at
/// most a minute.
const INTERVAL: Duration = Duration::from_secs(59);
/// Uses in one statement.
const BATCH: usize = 1_000;

/// Collects when keys were last used and writes that in batches, so that a verification waits for no
/// write: a first use within two seconds, later ones at most once a minute for each key.
#[derive(Debug)]
pub(crate) struct LastUses {
    seen: Mutex<HashMap<ApiKeyId, Seen>>,
    repository: Arc<dyn LastUseRepository>,
    clock: Arc<dyn Clock>,
}

#[derive(Debug, Clone, Copy)]
struct Seen {
    used_at: Timestamp,
    /// The last use that was written, and when that was.
    written: Option<(Timestamp, Timestamp)>,
}

impl Seen {
    fn is_due(self, now: Timestamp) -> bool {
        self.is_unwritten() && self.written.is_none_or(|(_, when)| now.since(when) >= INTERVAL)
    }

    fn is_unwritten(self) -> bool {
        self.written.is_none_or(|(used_at, _)| used_at < self.used_at)
    }
}

impl LastUses {
    pub(crate) fn new(repository: Arc<dyn LastUseRepository>, clock: Arc<dyn Clock>) -> Self {
        Self { seen: Mutex::default(), repository, clock }
    }

    /// Notes that a key was used now.
    pub(crate) fn note(&self, id: ApiKeyId) {
        let now = self.clock.now();
        self.lock()
            .entry(id)
            .and_modify(|seen| seen.used_at = seen.used_at.max(now))
            .or_insert(Seen { used_at: now, written: None });
    }

    /// Writes what is due, for ever.
    pub(crate) async fn keep_writing(&self) {
        let mut ticks = tokio::time::interval(TICK);
        loop {
            ticks.tick().await;
            let now = self.clock.now();
            self.write(|seen| seen.is_due(now)).await;
            self.forget_settled(now);
        }
    }

    /// Writes everything that is not yet written.
    pub(crate) async fn flush(&self) {
        self.write(Seen::is_unwritten).await;
    }

    async fn write(&self, which: impl Fn(Seen) -> bool) {
        let due = |(id, seen): (&ApiKeyId, &Seen)| which(*seen).then_some((*id, seen.used_at));
        let mut uses: Vec<_> = self.lock().iter().filter_map(due).collect();
        uses.sort_unstable();
        for batch in uses.chunks(BATCH) {
            if let Err(error) = self.repository.record(batch).await {
                // What was not written stays noted, and is due again at the next tick.
                let cause = error_chain(&error);
                tracing::warn!(cause, keys = uses.len(), "last uses could not be written");
                return;
            }
            let now = self.clock.now();
            let mut seen = self.lock();
            for (id, used_at) in batch {
                seen.entry(*id).and_modify(|seen| seen.written = Some((*used_at, now)));
            }
        }
    }

    fn forget_settled(&self, now: Timestamp) {
        self.lock().retain(|_, seen| {
            seen.is_unwritten() || seen.written.is_some_and(|(_, when)| now.since(when) < INTERVAL)
        });
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<ApiKeyId, Seen>> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use latchkey_domain::ports::ApiKeyRepository as _;
    use latchkey_store_sqlite::SqliteStore;
    use latchkey_testkit::fakes::FakeClock;
    use latchkey_testkit::fixtures::a_key;

    use super::*;

    struct Fixture {
        uses: LastUses,
        clock: Arc<FakeClock>,
        store: Arc<SqliteStore>,
        id: ApiKeyId,
        _dir: tempfile::TempDir,
    }

    impl Fixture {
        async fn new() -> Self {
            let dir = tempfile::tempdir().expect("a directory");
            let store = SqliteStore::open(&dir.path().join("test.db")).expect("opens");
            store.migrate().await.expect("migrates");
            let (store, clock) = (Arc::new(store), Arc::new(FakeClock::default()));
            let key = a_key().build();
            store.insert(&key, 1).await.expect("stored");
            let uses =
                LastUses::new(Arc::<SqliteStore>::clone(&store), Arc::<FakeClock>::clone(&clock));
            Self { uses, clock, store, id: key.parts().id, _dir: dir }
        }

        /// Uses the key now, lets a tick pass, and gives what is stored then.
        async fn use_and_tick(&self) -> Option<Timestamp> {
            self.uses.note(self.id);
            self.uses.write(|seen| seen.is_due(self.clock.now())).await;
            self.stored().await
        }

        async fn stored(&self) -> Option<Timestamp> {
            let page = self.store.page(None, 1).await.expect("answers");
            page.first().expect("the key").last_used_at
        }
    }

    #[tokio::test]
    async fn the_first_use_is_written_at_once_and_later_ones_once_a_minute() {
        let it = Fixture::new().await;
        let first = it.clock.now();
        assert_eq!(it.use_and_tick().await, Some(first));
        for _second in 1..59 {
            it.clock.advance(TICK);
            assert_eq!(it.use_and_tick().await, Some(first));
        }
        it.clock.advance(TICK);
        assert_eq!(it.use_and_tick().await, Some(it.clock.now()));
    }

    #[tokio::test]
    async fn a_flush_writes_the_very_last_use() {
        let it = Fixture::new().await;
        it.use_and_tick().await;
        it.clock.advance(TICK);
        it.uses.note(it.id);
        it.uses.flush().await;
        assert_eq!(it.stored().await, Some(it.clock.now()));
    }

    #[tokio::test]
    async fn a_key_that_is_no_longer_used_is_forgotten_once_written() {
        let it = Fixture::new().await;
        it.uses.note(it.id);
        it.uses.forget_settled(it.clock.now());
        assert_eq!(it.uses.lock().len(), 1, "not yet written");
        it.uses.flush().await;
        it.clock.advance(INTERVAL);
        it.uses.forget_settled(it.clock.now());
        assert!(it.uses.lock().is_empty());
    }
}
