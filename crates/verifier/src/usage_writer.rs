use std::collections::VecDeque;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use latchkey_domain::ports::UsageRepository;
use latchkey_domain::{ApiKeyId, Timestamp};
use tokio::sync::Notify;

use crate::{Principal, cause};

/// How often uses are looked through for what is due.
const TICK: Duration = Duration::from_secs(1);
/// Ticks between two writes for one key: what is stored lags behind by at most a minute.
const ROUND: usize = 58;
/// Uses in one statement.
const BATCH: usize = 1_000;

/// Keys and their last uses.
type Batch = Vec<(ApiKeyId, Timestamp)>;

/// Collects when keys were last used and writes that in batches, so that a verification waits for no
/// write: a first use within two seconds, later ones at most once a minute for each key.
#[derive(Debug)]
pub struct UsageWriter {
    /// Used for the first time, or again after a minute without a use.
    first: Mutex<Vec<Principal>>,
    /// Keys that were written, in slots a tick apart; the front one is due next.
    written: Mutex<VecDeque<Vec<Principal>>>,
    /// When every use that was due had been written.
    up_to_date: Mutex<Instant>,
    /// Held while uses are written: the batch whose outcome is not known. It is sent again, unchanged, before any other.
    unsure: tokio::sync::Mutex<Option<Batch>>,
    /// Keys in that batch.
    unsure_keys: AtomicUsize,
    closing: Notify,
    repository: Arc<dyn UsageRepository>,
}

impl UsageWriter {
    /// Writes to `repository`, once [`keep_writing`](Self::keep_writing) runs.
    pub fn new(repository: Arc<dyn UsageRepository>) -> Self {
        Self {
            first: Mutex::default(),
            written: Mutex::default(),
            up_to_date: Mutex::new(Instant::now()),
            unsure: tokio::sync::Mutex::default(),
            unsure_keys: AtomicUsize::new(0),
            closing: Notify::new(),
            repository,
        }
    }

    #[inline]
    pub(crate) fn count(&self, principal: &Principal, cost: u32, now: Timestamp) {
        if principal.uses().add(cost, now) {
            lock(&self.first).push(principal.clone());
        }
    }

    /// Writes what is due, until [`close`](Self::close).
    pub async fn keep_writing(&self) {
        let mut ticks = tokio::time::interval(TICK);
        loop {
            tokio::select! {
                () = self.closing.notified() => return,
                _ = ticks.tick() => {}
            }
            self.write_due(1).await;
        }
    }

    /// Ends [`keep_writing`](Self::keep_writing) and writes everything that is not yet written, also
    /// what was being written just then.
    pub async fn close(&self) {
        self.closing.notify_one();
        self.write_due(ROUND).await;
    }

    /// Keys whose last use is waiting to be written.
    pub(crate) fn unwritten(&self) -> usize {
        lock(&self.first).len() + self.unsure_keys.load(Ordering::Relaxed)
    }

    /// The time since every use that was due had been written.
    pub(crate) fn lag(&self) -> Duration {
        lock(&self.up_to_date).elapsed()
    }

    /// Writes first uses, and what was used again of the keys in the next `slots` slots.
    async fn write_due(&self, slots: usize) {
        let mut unsure = self.unsure.lock().await;
        let began = Instant::now();
        let mut due = None;
        loop {
            let batch = unsure.take().unwrap_or_else(|| {
                let all = || Due { uses: self, left: self.take_due(slots) };
                due.get_or_insert_with(all).collect()
            });
            self.unsure_keys.store(batch.len(), Ordering::Relaxed);
            if batch.is_empty() {
                break;
            }
            // Kept first: this task may be dropped while it waits.
            if let Err(error) = self.repository.record(unsure.insert(batch)).await {
                tracing::warn!(error = cause(&error), "could not write last uses; trying again");
                return;
            }
            *unsure = None;
        }
        drop(unsure);
        *lock(&self.up_to_date) = began;
    }

    fn take_due(&self, slots: usize) -> Vec<Principal> {
        let mut due = std::mem::take(&mut *lock(&self.first));
        let mut written = lock(&self.written);
        written.resize_with(ROUND, Vec::new);
        due.extend(written.drain(..slots).flatten());
        written.resize_with(ROUND, Vec::new);
        drop(written);
        due.sort_unstable_by_key(Principal::key);
        due
    }
}

/// Principals whose uses are due to be written. When it is dropped, also because the task was, they wait for the next time.
struct Due<'a> {
    uses: &'a UsageWriter,
    left: Vec<Principal>,
}

impl Due<'_> {
    /// Collects a batch. Who was used gets another turn; the others are forgotten.
    fn collect(&mut self) -> Batch {
        let mut batch = Batch::with_capacity(BATCH.min(self.left.len()));
        let mut used = Vec::new();
        while batch.len() < BATCH
            && let Some(principal) = self.left.pop()
        {
            if let Some(collected) = principal.uses().collect() {
                batch.push((principal.key(), collected.last));
                used.push(principal);
            }
        }
        if let Some(last) = lock(&self.uses.written).back_mut() {
            last.append(&mut used);
        }
        batch
    }
}

impl Drop for Due<'_> {
    fn drop(&mut self) {
        lock(&self.uses.first).append(&mut self.left);
    }
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
