use std::collections::VecDeque;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use latchkey_domain::ports::{LastUseRepository, StoreError};
use latchkey_domain::{ApiKeyId, Timestamp};

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

    fn is_unwritten(&self) -> bool {
        self.0.load(Ordering::Relaxed) & UNWRITTEN != 0
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
    repository: Arc<dyn LastUseRepository>,
}

impl LastUses {
    /// Writes to `repository`, once [`keep_writing`](Self::keep_writing) runs.
    pub fn new(repository: Arc<dyn LastUseRepository>) -> Self {
        let up_to_date = Mutex::new(Instant::now());
        Self { first: Mutex::default(), written: Mutex::default(), up_to_date, repository }
    }

    #[inline]
    pub(crate) fn note(&self, principal: &Principal, now: Timestamp) {
        if principal.last_use().note(now) {
            lock(&self.first).push(principal.clone());
        }
    }

    /// Writes what is due, for ever.
    pub async fn keep_writing(&self) {
        let mut ticks = tokio::time::interval(TICK);
        loop {
            ticks.tick().await;
            self.tick().await;
        }
    }

    /// Writes everything that is not yet written.
    pub async fn flush(&self) {
        let slots = std::mem::take(&mut *lock(&self.written));
        let mut due: Vec<Principal> =
            slots.into_iter().flatten().filter(|it| it.last_use().is_unwritten()).collect();
        due.append(&mut lock(&self.first));
        self.write(due).await;
    }

    /// Keys whose last use is waiting to be written.
    pub(crate) fn unwritten(&self) -> usize {
        lock(&self.first).len()
    }

    /// The time since every use that was due had been written.
    pub(crate) fn lag(&self) -> Duration {
        lock(&self.up_to_date).elapsed()
    }

    async fn tick(&self) {
        let slot = lock(&self.written).pop_front().unwrap_or_default();
        let mut due = std::mem::take(&mut *lock(&self.first));
        due.extend(slot.into_iter().filter(|principal| !principal.last_use().forget()));
        let began = Instant::now();
        let count = due.len();
        let written = self.write(due).await;
        if written.len() == count {
            *lock(&self.up_to_date) = began;
        }
        let mut slots = lock(&self.written);
        while slots.len() < ROUND {
            slots.push_back(Vec::new());
        }
        if let Some(last) = slots.back_mut() {
            last.extend(written);
        }
    }

    /// Writes the last uses of these, and answers those that were written.
    async fn write(&self, mut due: Vec<Principal>) -> Vec<Principal> {
        due.sort_unstable_by_key(Principal::key);
        let mut unwritten = Unwritten { uses: self, left: due };
        let mut done = Vec::with_capacity(unwritten.left.len());
        while !unwritten.left.is_empty() {
            let start = unwritten.left.len().saturating_sub(BATCH);
            if let Err(error) = self.record(unwritten.left.get(start..).unwrap_or_default()).await {
                tracing::warn!(
                    error = cause(&error),
                    "the last uses of keys were not written; trying again"
                );
                break;
            }
            done.extend(unwritten.left.drain(start..));
        }
        done
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

/// Uses that are being written. What is left when it is dropped, also because the task was, waits
/// for the next time.
struct Unwritten<'a> {
    uses: &'a LastUses,
    left: Vec<Principal>,
}

impl Drop for Unwritten<'_> {
    fn drop(&mut self) {
        lock(&self.uses.first).append(&mut self.left);
    }
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
