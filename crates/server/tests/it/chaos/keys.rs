//! The keys of a run, and what became of each.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::chance::Chance;
use super::client::Answer;

/// How many of the keys last asked to be revoked are presented on.
const RECENTLY_DOOMED: usize = 48;
/// Of how many presented keys one is such a key.
const DOOMED_ONE_IN: u64 = 3;
/// With some slack for slow machines.
const LEASE: Duration = Duration::from_secs(4);

#[derive(Debug)]
pub(crate) struct Key {
    pub(crate) id: String,
    pub(crate) secret: String,
    created: Instant,
    fate: Mutex<Fate>,
}

#[derive(Debug, Default)]
struct Fate {
    refusals: Vec<Refusal>,
    /// The accepted verifications that were noted after the first refusal was asked for.
    accepted: Vec<Accepted>,
}

/// A time in which the key is to be refused: since it was revoked, or while its owner is suspended, or while the key may
/// not do what verifications require.
#[derive(Debug)]
struct Refusal {
    /// Before the first request for it was sent.
    asked: Instant,
    /// When an answer first told that it has begun.
    revealed: Option<Instant>,
    /// Before the request that ends it was sent.
    ending: Option<Instant>,
    /// When an answer told that it has ended.
    ended: Option<Instant>,
}

#[derive(Debug, Clone, Copy)]
pub(crate) struct Accepted {
    pub(crate) instance: &'static str,
    pub(crate) sent: Instant,
    pub(crate) received: Instant,
}

#[derive(Debug, Default)]
pub(crate) struct Keys {
    /// Of the account.
    pub(crate) live: Vec<Arc<Key>>,
    /// Of owners that a backend names, who are suspended now and then.
    pub(crate) of_others: Vec<Arc<Key>>,
    /// All that were asked to be revoked.
    pub(crate) doomed: Vec<Arc<Key>>,
    recently_doomed: VecDeque<Arc<Key>>,
}

impl Key {
    pub(crate) fn new(id: String, secret: String) -> Self {
        Self { id, secret, created: Instant::now(), fate: Mutex::default() }
    }

    /// Whether it is no older than a lease may last.
    pub(crate) fn is_new(&self) -> bool {
        self.created.elapsed() < LEASE
    }

    /// Notes that a request for its refusal is sent now.
    pub(crate) fn ask_to_refuse(&self) {
        let asked = Instant::now();
        self.fate().refusals.push(Refusal { asked, revealed: None, ending: None, ended: None });
    }

    /// Notes the first answer after which the key has to be refused.
    pub(crate) fn reveal(&self, at: Instant) {
        if let Some(refusal) = self.fate().refusals.last_mut() {
            refusal.revealed.get_or_insert(at);
        }
    }

    /// Notes that a request for the end of its refusal is sent now.
    pub(crate) fn ask_to_accept(&self) {
        if let Some(refusal) = self.fate().refusals.last_mut() {
            refusal.ending.get_or_insert_with(Instant::now);
        }
    }

    /// Notes the first answer after which the key has to be accepted again.
    pub(crate) fn reveal_end(&self, at: Instant) {
        if let Some(refusal) = self.fate().refusals.last_mut() {
            refusal.ended.get_or_insert(at);
        }
    }

    pub(crate) fn accept(&self, instance: &'static str, answer: &Answer) {
        let accepted = Accepted { instance, sent: answer.sent, received: answer.received };
        let mut fate = self.fate();
        // Before that, no answer can have told of a refusal.
        if !fate.refusals.is_empty() {
            fate.accepted.push(accepted);
        }
    }

    /// Whether nothing excuses that this answer refused the key.
    pub(crate) fn was_live(&self, answer: &Answer) -> bool {
        self.fate().refusals.iter().all(|refusal| {
            answer.received < refusal.asked
                || refusal.ended.is_some_and(|ended| answer.sent > ended)
        })
    }

    /// The accepted verifications that were sent after the refusal had been revealed, and when
    /// that was.
    pub(crate) fn stale(&self) -> Vec<(Instant, Accepted)> {
        self.fate().stale()
    }

    fn fate(&self) -> MutexGuard<'_, Fate> {
        self.fate.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Fate {
    fn stale(&self) -> Vec<(Instant, Accepted)> {
        let stale_in = |refusal: &Refusal| {
            let (revealed, ending) = (refusal.revealed?, refusal.ending);
            let is_stale = move |it: &&Accepted| {
                it.sent > revealed && ending.is_none_or(|ending| it.received < ending)
            };
            Some(self.accepted.iter().filter(is_stale).map(move |it| (revealed, *it)))
        };
        self.refusals.iter().filter_map(stale_in).flatten().collect()
    }
}

impl Keys {
    /// A key to present: mostly a live one, else one that is being or was just revoked.
    pub(crate) fn pick(&mut self, chance: &mut Chance) -> Option<Arc<Key>> {
        if chance.below(DOOMED_ONE_IN) == 0 && !self.recently_doomed.is_empty() {
            return chance.one_of(self.recently_doomed.make_contiguous()).map(Arc::clone);
        }
        let at = chance.index(self.live.len() + self.of_others.len())?;
        self.live.get(at).or_else(|| self.of_others.get(at - self.live.len())).map(Arc::clone)
    }

    /// A live key that is to be revoked from now on.
    pub(crate) fn doom(&mut self, chance: &mut Chance) -> Option<Arc<Key>> {
        let at = chance.index(self.live.len())?;
        let key = self.live.swap_remove(at);
        self.bury(&key);
        Some(key)
    }

    /// These keys of another owner are to be revoked from now on.
    pub(crate) fn doom_all(&mut self, keys: &[Arc<Key>]) {
        self.of_others.retain(|other| !keys.iter().any(|key| Arc::ptr_eq(key, other)));
        for key in keys {
            self.bury(key);
        }
    }

    fn bury(&mut self, key: &Arc<Key>) {
        key.ask_to_refuse();
        self.doomed.push(Arc::clone(key));
        self.recently_doomed.push_back(Arc::clone(key));
        if self.recently_doomed.len() > RECENTLY_DOOMED {
            self.recently_doomed.pop_front();
        }
    }
}
