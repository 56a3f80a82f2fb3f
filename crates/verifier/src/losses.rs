//! What this instance does about a part of the store's history that the store has lost.

use std::collections::{HashSet, VecDeque};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use latchkey_domain::ports::{News, Position};
use latchkey_domain::{ApiKeyId, BootTime, ChangeNumber};
use tokio::sync::Notify;

/// How long a change is kept, and how many are at most: 56 bytes each.
const REMEMBERED_FOR: Duration = Duration::from_hours(24);
const MOST: usize = 100_000;
/// How many points of the history the store is asked for, to see where it ends.
const POINTS: usize = 1_000;

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
    /// The other keys of which this instance was told a change that is lost. They may work as they did
    /// before it.
    pub changed: Vec<ApiKeyId>,
}

/// A change that this instance was told of.
#[derive(Debug, Clone, Copy)]
struct Told {
    at: BootTime,
    /// Where the answer that told of it had come to.
    position: Position,
    key: ApiKeyId,
    is_revoked: bool,
}

/// The changes that this instance was told of, and the revocations that it keeps to since the store
/// lost some.
#[derive(Debug, Default)]
pub(crate) struct Losses {
    told: Mutex<VecDeque<Told>>,
    refused: Mutex<HashSet<ApiKeyId>>,
    lost: Mutex<Option<Position>>,
    known: Mutex<Option<LostHistory>>,
    more: Notify,
    count: AtomicU64,
}

impl Losses {
    /// Takes note of what the store told.
    pub(crate) fn note(&self, now: BootTime, news: &News) {
        let revoked: HashSet<ApiKeyId> = news.revoked.iter().copied().collect();
        let mut told = lock(&self.told);
        told.extend(news.changed.iter().map(|key| Told {
            at: now,
            position: news.position,
            key: *key,
            is_revoked: revoked.contains(key),
        }));
        while told.len() > MOST || told.front().is_some_and(|it| now.since(it.at) > REMEMBERED_FOR)
        {
            told.pop_front();
        }
        drop(told);
    }

    /// The store has lost what made it come to `before`: from now on every key that was revoked is
    /// refused, whatever the store says.
    pub(crate) fn lose(&self, before: Position) {
        let revoked = |it: &Told| it.is_revoked.then_some(it.key);
        lock(&self.refused).extend(lock(&self.told).iter().filter_map(revoked));
        self.count.fetch_add(1, Ordering::Relaxed);
        lock(&self.lost).get_or_insert(before);
    }

    /// The latest points of the history of which it is to be asked whether the store kept them; none
    /// where nothing was lost.
    pub(crate) fn in_doubt(&self) -> Vec<Position> {
        if lock(&self.lost).is_none() {
            return Vec::new();
        }
        let mut points: Vec<_> = lock(&self.told).iter().rev().map(|it| it.position).collect();
        points.dedup();
        points.truncate(POINTS);
        points
    }

    /// The store is at `now`, and of what was in doubt has what came until `kept`.
    pub(crate) fn found(&self, now: Position, kept: Option<ChangeNumber>) {
        let Some(before) = lock(&self.lost).take() else { return };
        let refused = lock(&self.refused).clone();
        let is_lost = |it: &Told| kept.is_none_or(|kept| it.position.change > kept);
        let mut told = lock(&self.told);
        let changed = told.iter().filter(|it| is_lost(it) && !refused.contains(&it.key));
        let mut changed: Vec<_> = changed.map(|it| it.key).collect();
        changed.sort_unstable();
        changed.dedup();
        told.retain(|it| !is_lost(it));
        drop(told);
        let revoked = refused.into_iter().collect();
        *lock(&self.known) = Some(LostHistory { before, now, revoked, changed });
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

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    fn key(number: u128) -> ApiKeyId {
        ApiKeyId::new(Uuid::from_u128(number))
    }

    fn point(change: u64) -> Position {
        Position { change: ChangeNumber::new(change), nonce: Uuid::from_u128(change.into()) }
    }

    fn told(losses: &Losses, change: u64, changed: &[u128], revoked: &[u128]) {
        let keys = |numbers: &[u128]| numbers.iter().copied().map(key).collect();
        let (changed, revoked) = (keys(changed), keys(revoked));
        let news = News { changed, revoked, position: point(change), more: false };
        losses.note(BootTime::ZERO, &news);
    }

    #[tokio::test]
    async fn of_what_is_lost_the_keys_that_were_not_revoked_are_named_once() {
        let losses = Losses::default();
        told(&losses, 2, &[1, 2], &[2]);
        told(&losses, 5, &[3, 4, 3], &[]);
        told(&losses, 7, &[4, 5, 6, 5], &[5]);
        assert_eq!(losses.in_doubt(), []);
        losses.lose(point(7));
        assert_eq!(losses.in_doubt(), [7, 5, 2].map(point));
        losses.found(point(3), Some(ChangeNumber::new(2)));

        let mut lost = losses.next().await;
        lost.revoked.sort_unstable();
        assert_eq!(lost.changed, [3, 4, 6].map(key));
        assert_eq!(lost.revoked, [2, 5].map(key), "also those of before: that is always right");
        assert!(losses.refuse(key(5)) && !losses.refuse(key(3)));

        // The next loss has nothing to do with what this one lost.
        told(&losses, 4, &[8], &[]);
        losses.lose(point(4));
        losses.found(point(2), None);
        assert_eq!(losses.next().await.changed, [1, 8].map(key));
    }
}
