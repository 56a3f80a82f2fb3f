use std::collections::VecDeque;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use latchkey_domain::ports::{LastUseRepository, StoreError};
use latchkey_domain::{ApiKeyId, Timestamp};
use tokio::sync::Notify;

use crate::{Principal, cause};

/// How often uses are looked through for what is due.
const TICK: Duration = Duration::from_secs(1);
/// Ticks between two writes for one key: what is stored lags behind by at most a minute.
const ROUND: usize = 58;
/// Uses in one statement.
const BATCH: usize = 1_000;

/// When a principal last presented its key: milliseconds, and in the lowest bits whether the
/// collector knows of it and whether that is not yet written. One word, so that noting a use takes
/// no lock.
#[derive(Debug, Default)]
pub(crate) struct LastUse(AtomicU64);

/// The collector knows the key: it is due to be looked at again.
const KNOWN: u64 = 1;
/// The use is not yet written.
const UNWRITTEN: u64 = 2;
const FLAGS: u32 = 2;

impl LastUse {
    /// Notes a use; the instant never moves back. Says whether the collector must be told.
    #[inline]
    fn note(&self, now: Timestamp) -> bool {
        let noted = pack(now) | KNOWN | UNWRITTEN;
        if self.0.load(Ordering::Relaxed) >= noted {
            return false;
        }
        let before = self.0.fetch_max(noted, Ordering::Relaxed);
        before < noted && before & KNOWN == 0
    }

    fn at(&self) -> Timestamp {
        let millis = i64::try_from(self.0.load(Ordering::Relaxed) >> FLAGS).unwrap_or(i64::MAX);
        Timestamp::from_unix_millis(millis).unwrap_or(Timestamp::MAX)
    }

    /// A use at `at` has been written; there may have been another since.
    fn written(&self, at: Timestamp) {
        self.swap(pack(at) | KNOWN | UNWRITTEN, pack(at) | KNOWN);
    }

    /// Lets the next use be told again, unless there is one that is not yet written.
    fn forget(&self) -> bool {
        let written = pack(self.at()) | KNOWN;
        self.swap(written, written & !KNOWN)
    }

    fn swap(&self, from: u64, to: u64) -> bool {
        self.0.compare_exchange(from, to, Ordering::Relaxed, Ordering::Relaxed).is_ok()
    }
}

fn pack(at: Timestamp) -> u64 {
    u64::try_from(at.unix_millis()).unwrap_or(0) << FLAGS
}

/// Collects when keys were last used and writes that in batches, so that a verification waits for no
/// write: a first use within two seconds, later ones at most once a minute for each key.
#[derive(Debug)]
pub struct LastUses {
    /// Used for the first time, or again after a minute without a use.
    first: Mutex<Vec<Principal>>,
    /// Keys that were written, in slots a tick apart; the front one is due next.
    written: Mutex<VecDeque<Vec<Principal>>>,
    /// When every use that was due had been written.
    up_to_date: Mutex<Instant>,
    /// Held while uses are written.
    writing: tokio::sync::Mutex<()>,
    closing: Notify,
    repository: Arc<dyn LastUseRepository>,
}

impl LastUses {
    /// Writes to `repository`, once [`keep_writing`](Self::keep_writing) runs.
    pub fn new(repository: Arc<dyn LastUseRepository>) -> Self {
        Self {
            first: Mutex::default(),
            written: Mutex::default(),
            up_to_date: Mutex::new(Instant::now()),
            writing: tokio::sync::Mutex::default(),
            closing: Notify::new(),
            repository,
        }
    }

    #[inline]
    pub(crate) fn note(&self, principal: &Principal, now: Timestamp) {
        if principal.last_use().note(now) {
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
        lock(&self.first).len()
    }

    /// The time since every use that was due had been written.
    pub(crate) fn lag(&self) -> Duration {
        lock(&self.up_to_date).elapsed()
    }

    /// Writes first uses, and what was used again of the keys in the next `slots` slots.
    async fn write_due(&self, slots: usize) {
        // What is being written is in no list, and in one again only afterwards.
        let _writing = self.writing.lock().await;
        let began = Instant::now();
        let due = self.take_due(slots);
        if self.write(due).await {
            *lock(&self.up_to_date) = began;
        }
    }

    fn take_due(&self, slots: usize) -> Vec<Principal> {
        let mut due = std::mem::take(&mut *lock(&self.first));
        let mut written = lock(&self.written);
        written.resize_with(ROUND, Vec::new);
        let looked_at = written.drain(..slots).flatten();
        due.extend(looked_at.filter(|principal| !principal.last_use().forget()));
        written.resize_with(ROUND, Vec::new);
        due
    }

    /// Writes the last uses of these; says whether it wrote all.
    async fn write(&self, mut due: Vec<Principal>) -> bool {
        due.sort_unstable_by_key(Principal::key);
        let done = Vec::with_capacity(due.len());
        let mut batches = Batches { uses: self, left: due, done };
        while !batches.left.is_empty() {
            let start = batches.left.len().saturating_sub(BATCH);
            if let Err(error) = self.record(batches.left.get(start..).unwrap_or_default()).await {
                tracing::warn!(error = cause(&error), "could not write last uses; trying again");
                return false;
            }
            batches.done.extend(batches.left.drain(start..));
        }
        true
    }

    async fn record(&self, batch: &[Principal]) -> Result<(), StoreError> {
        let uses: Vec<(ApiKeyId, Timestamp)> =
            batch.iter().map(|it| (it.key(), it.last_use().at())).collect();
        self.repository.record(&uses).await?;
        for (principal, (_, at)) in batch.iter().zip(&uses) {
            principal.last_use().written(*at);
        }
        Ok(())
    }
}

/// Uses that are being written. When it is dropped, also because the task was, what is left waits for
/// the next time, and what was written for its next turn.
struct Batches<'a> {
    uses: &'a LastUses,
    left: Vec<Principal>,
    done: Vec<Principal>,
}

impl Drop for Batches<'_> {
    fn drop(&mut self) {
        lock(&self.uses.first).append(&mut self.left);
        if let Some(last) = lock(&self.uses.written).back_mut() {
            last.append(&mut self.done);
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
