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

/// When a principal last presented its key: milliseconds, and in the lowest bit whether the
/// collector knows of it. One word, so that noting a use takes no lock.
#[derive(Debug, Default)]
pub(crate) struct LastUse(AtomicU64);

impl LastUse {
    /// Notes a use; the instant never moves back. Says whether the collector must be told.
    #[inline]
    fn note(&self, now: Timestamp) -> bool {
        let known = pack(now, true);
        if self.0.load(Ordering::Relaxed) >= known {
            return false;
        }
        let before = self.0.fetch_max(known, Ordering::Relaxed);
        before < known && before & 1 == 0
    }

    fn at(&self) -> Timestamp {
        let millis = i64::try_from(self.0.load(Ordering::Relaxed) >> 1).unwrap_or(i64::MAX);
        Timestamp::from_unix_millis(millis).unwrap_or(Timestamp::MAX)
    }

    /// Lets the next use be told again, unless there was one after `written`.
    fn forget(&self, written: Timestamp) -> bool {
        let (known, unknown) = (pack(written, true), pack(written, false));
        self.0.compare_exchange(known, unknown, Ordering::Relaxed, Ordering::Relaxed).is_ok()
    }
}

fn pack(at: Timestamp, known: bool) -> u64 {
    u64::try_from(at.unix_millis()).unwrap_or(0) << 1 | u64::from(known)
}

/// Collects when keys were last used and writes that in batches, so that a verification waits for no
/// write: a first use within two seconds, later ones at most once a minute for each key.
#[derive(Debug)]
pub struct LastUses {
    /// Used for the first time, or again after a minute without a use.
    first: Mutex<Vec<Principal>>,
    /// Keys that were written, in slots a tick apart; the front one is due next.
    written: Mutex<VecDeque<Vec<Written>>>,
    /// When every use that was due had been written.
    up_to_date: Mutex<Instant>,
    repository: Arc<dyn LastUseRepository>,
}

#[derive(Debug)]
struct Written {
    principal: Principal,
    at: Timestamp,
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
        let unwritten =
            slots.into_iter().flatten().filter(|it| it.principal.last_use().at() > it.at);
        let mut due: Vec<Principal> = unwritten.map(|it| it.principal).collect();
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
        for Written { principal, at } in slot {
            if !principal.last_use().forget(at) {
                due.push(principal);
            }
        }
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

    async fn write(&self, due: Vec<Principal>) -> Vec<Written> {
        let mut left: Vec<Written> = due
            .into_iter()
            .map(|principal| Written { at: principal.last_use().at(), principal })
            .collect();
        left.sort_unstable_by_key(|it| it.principal.key());
        let mut unwritten = Unwritten { uses: self, left };
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

    async fn record(&self, batch: &[Written]) -> Result<(), StoreError> {
        let uses: Vec<(ApiKeyId, Timestamp)> =
            batch.iter().map(|it| (it.principal.key(), it.at)).collect();
        self.repository.record(&uses).await
    }
}

/// Uses that are being written. What is left when it is dropped, also because the task was, waits
/// for the next time.
struct Unwritten<'a> {
    uses: &'a LastUses,
    left: Vec<Written>,
}

impl Drop for Unwritten<'_> {
    fn drop(&mut self) {
        lock(&self.uses.first).extend(self.left.drain(..).map(|it| it.principal));
    }
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
