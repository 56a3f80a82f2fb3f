//! What this instance does about a part of the store's history that the store has lost.

use std::collections::{HashSet, VecDeque};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use latchkey_domain::ApiKeyId;
use latchkey_domain::ports::Position;
use tokio::sync::Notify;

use crate::BootTime;

/// How long a revocation is remembered, and how many are at most: 24 bytes each.
const REMEMBERED_FOR: Duration = Duration::from_hours(24);
const MOST: usize = 100_000;

/// A part of the history that the store had and has no more, as after a failover to a server that
/// lacked it.
#[derive(Debug, Clone)]
pub struct LostHistory {
    /// How far this instance was.
    pub before: Position,
    /// Where the store is now.
    pub now: Position,
    /// The keys of whose revocation this instance was told in the last day. Some of them may work
    /// again as far as the store knows.
    pub revoked: Vec<ApiKeyId>,
}

/// The revocations that this instance was told of, and those that it goes by since the store lost
/// some.
#[derive(Debug, Default)]
pub(crate) struct Losses {
    told: Mutex<VecDeque<(BootTime, ApiKeyId)>>,
    refused: Mutex<HashSet<ApiKeyId>>,
    lost: Mutex<Option<Position>>,
    known: Mutex<Option<LostHistory>>,
    more: Notify,
    count: AtomicU64,
}

impl Losses {
    /// Takes note of keys that the store told were revoked.
    pub(crate) fn note(&self, now: BootTime, revoked: impl IntoIterator<Item = ApiKeyId>) {
        let mut told = lock(&self.told);
        told.extend(revoked.into_iter().map(|key| (now, key)));
        while told.len() > MOST
            || told.front().is_some_and(|(at, _)| now.since(*at) > REMEMBERED_FOR)
        {
            told.pop_front();
        }
        drop(told);
    }

    /// The store has lost what made it come to `before`: from now on every key that was revoked is
    /// refused, whatever the store says.
    pub(crate) fn lose(&self, before: Position) {
        lock(&self.refused).extend(lock(&self.told).iter().map(|(_, key)| *key));
        self.count.fetch_add(1, Ordering::Relaxed);
        lock(&self.lost).get_or_insert(before);
    }

    /// The store is at `now`, with whatever it has.
    pub(crate) fn found(&self, now: Position) {
        let Some(before) = lock(&self.lost).take() else { return };
        let revoked = lock(&self.refused).iter().copied().collect();
        *lock(&self.known) = Some(LostHistory { before, now, revoked });
        self.more.notify_one();
    }

    /// Whether the key was revoked in a history that may be lost. A revocation is final.
    pub(crate) fn refuse(&self, key: ApiKeyId) -> bool {
        self.count() > 0 && lock(&self.refused).contains(&key)
    }

    /// How often a history was lost.
    pub(crate) fn count(&self) -> u64 {
        self.count.load(Ordering::Relaxed)
    }

    /// Waits for the next one.
    pub(crate) async fn next(&self) -> LostHistory {
        loop {
            if let Some(lost) = lock(&self.known).take() {
                return lost;
            }
            self.more.notified().await;
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
