//! What was asked and answered, and the judgement of it.
//!
//! Everything happens on one machine, so an [`Instant`] of one task compares with any other's.

use std::io;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::chance::Chance;
use super::client::Answer;
use super::keys::{Accepted, Key, Keys};

/// A revoke that was answered in the end.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Revoke {
    pub(crate) began: Instant,
    pub(crate) took: Duration,
    /// The instance that was asked or the database was in trouble, or a DELETE was not answered.
    pub(crate) in_trouble: bool,
}

#[derive(Debug, Default)]
pub(crate) struct Counts {
    pub(crate) accepted: AtomicU64,
    pub(crate) refused: AtomicU64,
    pub(crate) unavailable: AtomicU64,
    pub(crate) cut: AtomicU64,
    pub(crate) answered_after_a_stop: AtomicU64,
    /// Revocations of all keys of an owner or creator.
    pub(crate) of_many: AtomicU64,
    pub(crate) narrowings: AtomicU64,
    pub(crate) ended_narrowings: AtomicU64,
    pub(crate) suspensions: AtomicU64,
    pub(crate) ended_suspensions: AtomicU64,
}

#[derive(Debug)]
pub(crate) struct Ledger {
    began: Instant,
    pub(crate) counts: Counts,
    keys: Mutex<Keys>,
    revokes: Mutex<Vec<Revoke>>,
    /// Two servers are the primary: an instance that reads the old one, as it may for the rest of its
    /// lease, has not got a key that was made on the new one.
    pub(crate) two_primaries: AtomicBool,
    /// Answers that nothing excuses.
    wrong: Mutex<Vec<String>>,
}

impl Ledger {
    pub(crate) fn new() -> Self {
        Self {
            began: Instant::now(),
            counts: Counts::default(),
            keys: Mutex::default(),
            revokes: Mutex::default(),
            two_primaries: AtomicBool::default(),
            wrong: Mutex::default(),
        }
    }

    pub(crate) fn created(&self, key: Arc<Key>) {
        lock(&self.keys).live.push(key);
    }

    pub(crate) fn created_for_another(&self, key: Arc<Key>) {
        lock(&self.keys).of_others.push(key);
    }

    /// Those of the account.
    pub(crate) fn live(&self) -> Vec<Arc<Key>> {
        lock(&self.keys).live.clone()
    }

    pub(crate) fn of_others(&self) -> Vec<Arc<Key>> {
        lock(&self.keys).of_others.clone()
    }

    pub(crate) fn live_count(&self) -> usize {
        lock(&self.keys).live.len()
    }

    pub(crate) fn doomed(&self) -> Vec<Arc<Key>> {
        lock(&self.keys).doomed.clone()
    }

    pub(crate) fn pick(&self, chance: &mut Chance) -> Option<Arc<Key>> {
        lock(&self.keys).pick(chance)
    }

    pub(crate) fn doom(&self, chance: &mut Chance) -> Option<Arc<Key>> {
        lock(&self.keys).doom(chance)
    }

    pub(crate) fn doom_all(&self, keys: &[Arc<Key>]) {
        lock(&self.keys).doom_all(keys);
    }

    pub(crate) fn revoked(&self, revoke: Revoke) {
        lock(&self.revokes).push(revoke);
    }

    pub(crate) fn revokes(&self) -> Vec<Revoke> {
        lock(&self.revokes).clone()
    }

    pub(crate) fn verified(&self, key: &Key, instance: &'static str, answer: &io::Result<Answer>) {
        let Ok(answer) = answer else { return count(&self.counts.cut) };
        match answer.status {
            200 => {
                count(&self.counts.accepted);
                key.accept(instance, answer);
            }
            // 403 of a narrowed key.
            401 | 403 => {
                count(&self.counts.refused);
                let excused = self.two_primaries.load(Ordering::Relaxed) && key.is_new();
                if key.was_live(answer) && !excused {
                    let sent = answer.sent - self.began;
                    let id = &key.id;
                    self.wrong(&format!("{instance} refused live key {id}, sent at {sent:?}"));
                }
            }
            _ if answer.is_unavailable() => count(&self.counts.unavailable),
            _ => self.wrong(&format!("verify of {} at {instance}: {}", key.id, answer.head)),
        }
    }

    pub(crate) fn wrong(&self, what: &str) {
        let at = self.began.elapsed();
        lock(&self.wrong).push(format!("at {at:?}: {what}"));
    }

    pub(crate) fn wrongs(&self) -> Vec<String> {
        lock(&self.wrong).clone()
    }

    /// Every accepted verification that was sent while an answer had told that the key is refused.
    pub(crate) fn stale(&self) -> Vec<String> {
        self.stale_since(self.began)
    }

    /// Those that were sent after that moment.
    pub(crate) fn stale_since(&self, since: Instant) -> Vec<String> {
        let tell = |key: &Key, revealed: Instant, accepted: Accepted| {
            let Accepted { instance, sent, received } = accepted;
            let [revealed, sent, received] = [revealed, sent, received].map(|at| at - self.began);
            format!(
                "key {}: told to be refused at {revealed:?}, yet accepted by {instance}: \
                 sent at {sent:?}, answered at {received:?}",
                key.id
            )
        };
        let refused = [self.doomed(), self.of_others()].concat();
        let stale = refused.iter().flat_map(|key| key.stale().into_iter().map(move |it| (key, it)));
        let stale = stale.filter(|(_, (_, accepted))| accepted.sent >= since);
        stale.map(|(key, (revealed, accepted))| tell(key, revealed, accepted)).collect()
    }
}

pub(crate) fn count(counter: &AtomicU64) {
    counter.fetch_add(1, Ordering::Relaxed);
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
