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
