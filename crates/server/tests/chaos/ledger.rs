//! What was asked and answered, and whether that is what was promised.

use std::collections::VecDeque;
use std::io;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use crate::chance::Chance;
use crate::client::Answer;

/// Keys whose revoke is under way or was answered not long ago.
const DYING: usize = 64;

#[derive(Debug)]
pub(crate) struct Key {
    pub(crate) id: String,
    pub(crate) text: String,
    /// Before a revoke was sent for the first time.
    asked: OnceLock<Instant>,
    /// When the first answer had been read that says it is revoked.
    revealed: OnceLock<Instant>,
    /// Accepted since it was asked.
    accepts: Mutex<Vec<Accept>>,
}

#[derive(Debug)]
struct Accept {
    instance: usize,
    sent: Instant,
}

/// A revoke that was answered.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Revoke {
    pub(crate) how: How,
    /// From the first question to the first answer.
    pub(crate) took: Duration,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum How {
    /// Every instance had applied it.
    ByAck,
    /// It waited for the lease of those that had not.
    ByLease,
    /// A fault concerned the instance that was asked, or the first call was not answered.
    Disturbed,
}

impl How {
    pub(crate) const ALL: [Self; 3] = [Self::ByAck, Self::ByLease, Self::Disturbed];
}

#[derive(Debug)]
pub(crate) struct Ledger {
    began: Instant,
    keys: Mutex<Vec<Arc<Key>>>,
    live: Mutex<Vec<Arc<Key>>>,
    dying: Mutex<VecDeque<Arc<Key>>>,
    revokes: Mutex<Vec<Revoke>>,
    wrong: Mutex<Vec<String>>,
    pub(crate) tally: Tally,
}

/// How verifications were answered.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    pub(crate) accepted: AtomicU64,
    pub(crate) refused: AtomicU64,
    pub(crate) unavailable: AtomicU64,
    pub(crate) cut: AtomicU64,
    /// Of the answered, those that were sent to a stopped process.
    pub(crate) sent_to_stopped: AtomicU64,
}

impl Ledger {
    pub(crate) fn new() -> Self {
        Self {
            began: Instant::now(),
            keys: Mutex::default(),
            live: Mutex::default(),
            dying: Mutex::default(),
            revokes: Mutex::default(),
            wrong: Mutex::default(),
            tally: Tally::default(),
        }
    }

    /// A creation was answered.
    pub(crate) fn created(&self, id: String, text: String) -> Arc<Key> {
        let (asked, revealed) = (OnceLock::new(), OnceLock::new());
        let key = Arc::new(Key { id, text, asked, revealed, accepts: Mutex::default() });
        lock(&self.keys).push(Arc::clone(&key));
        lock(&self.live).push(Arc::clone(&key));
        key
    }

    pub(crate) fn live(&self) -> usize {
        lock(&self.live).len()
    }

    /// A key to verify: every other one, if there are such, is being revoked or was just now.
    pub(crate) fn any(&self, chance: &mut Chance) -> Option<Arc<Key>> {
        if chance.below(2) == 0 {
            let dying = lock(&self.dying);
            if !dying.is_empty() {
                return dying.get(chance.below(dying.len())).map(Arc::clone);
            }
        }
        let live = lock(&self.live);
        if live.is_empty() { None } else { Some(Arc::clone(&live[chance.below(live.len())])) }
    }

    /// A key to revoke, which is about to be asked.
    pub(crate) fn condemn(&self, chance: &mut Chance) -> Option<Arc<Key>> {
        let key = {
            let mut live = lock(&self.live);
            if live.is_empty() {
                return None;
            }
            let place = chance.below(live.len());
            live.swap_remove(place)
        };
        key.asked.set(Instant::now()).expect("it was live");
        let mut dying = lock(&self.dying);
        dying.push_back(Arc::clone(&key));
        if dying.len() > DYING {
            dying.pop_front();
        }
        drop(dying);
        Some(key)
    }

    /// An answer to a revoke reveals that it has happened.
    pub(crate) fn revealed(&self, key: &Key, at: Instant, how: How) {
        let asked = key.asked.get().expect("asked before");
        key.revealed.set(at).expect("one revoker for each key");
        lock(&self.revokes).push(Revoke { how, took: at - *asked });
    }

    /// A verification has ended.
    pub(crate) fn verified(&self, key: &Key, instance: usize, answer: &io::Result<Answer>) {
        let count = match answer {
            Ok(Answer { status: 200, sent, .. }) => {
                if key.asked.get().is_some() {
                    lock(&key.accepts).push(Accept { instance, sent: *sent });
                }
                &self.tally.accepted
            }
            Ok(Answer { status: 401, sent, .. }) => {
                if key.asked.get().is_none() {
                    let sent = *sent - self.began;
                    self.wrong(format!(
                        "{instance} refused {}, sent {sent:?}, not revoked",
                        key.id
                    ));
                }
                &self.tally.refused
            }
            Ok(Answer { status: 503, .. }) => &self.tally.unavailable,
            Ok(answer) => {
                self.wrong(format!("{instance} answered a verification: {answer:?}"));
                return;
            }
            Err(_none_in_time) => &self.tally.cut,
        };
        count.fetch_add(1, Ordering::Relaxed);
    }

    /// Something was answered that never should be.
    pub(crate) fn wrong(&self, what: String) {
        lock(&self.wrong).push(what);
    }

    pub(crate) fn wrongs(&self) -> Vec<String> {
        lock(&self.wrong).clone()
    }

    /// The revokes since this was asked last.
    pub(crate) fn take_revokes(&self) -> Vec<Revoke> {
        std::mem::take(&mut lock(&self.revokes))
    }

    /// All keys, and whether each was asked to be revoked.
    pub(crate) fn keys(&self) -> Vec<(Arc<Key>, bool)> {
        let keys = lock(&self.keys);
        keys.iter().map(|key| (Arc::clone(key), key.asked.get().is_some())).collect()
    }

    /// Every verification that was accepted though it was sent after an answer had revealed that
    /// the key is revoked.
    pub(crate) fn stale_accepts(&self) -> Vec<String> {
        let mut found = Vec::new();
        for key in lock(&self.keys).iter() {
            let Some(revealed) = key.revealed.get() else { continue };
            for Accept { instance, sent } in lock(&key.accepts).iter() {
                if sent > revealed {
                    found.push(format!(
                        "{instance} accepted {}: asked {:?}, revealed {:?}, sent {:?}",
                        key.id,
                        *key.asked.get().expect("asked before") - self.began,
                        *revealed - self.began,
                        *sent - self.began,
                    ));
                }
            }
        }
        found
    }
}

impl Tally {
    pub(crate) fn answered(&self) -> u64 {
        [&self.accepted, &self.refused, &self.unavailable]
            .iter()
            .map(|count| count.load(Ordering::Relaxed))
            .sum()
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
