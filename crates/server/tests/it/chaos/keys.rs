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
    /// Before the first DELETE was sent.
    asked: Option<Instant>,
    /// When an answer first told that the key is revoked.
    revealed: Option<Instant>,
    /// The accepted verifications that were noted after the first DELETE was sent.
    accepted: Vec<Accepted>,
}

#[derive(Debug, Clone, Copy)]
pub(crate) struct Accepted {
    pub(crate) instance: &'static str,
    pub(crate) sent: Instant,
    pub(crate) received: Instant,
}

#[derive(Debug, Default)]
pub(crate) struct Keys {
    pub(crate) live: Vec<Arc<Key>>,
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

    /// Notes the first answer that tells of the revocation.
    pub(crate) fn reveal(&self, at: Instant) {
        self.fate().revealed.get_or_insert(at);
    }

    pub(crate) fn accept(&self, instance: &'static str, answer: &Answer) {
        let accepted = Accepted { instance, sent: answer.sent, received: answer.received };
        let mut fate = self.fate();
        // Before that, no answer can have told of a revocation.
        if fate.asked.is_some() {
            fate.accepted.push(accepted);
        }
    }

    /// Whether nobody had asked for a revocation by then.
    pub(crate) fn was_live(&self, at: Instant) -> bool {
        self.fate().asked.is_none_or(|asked| at < asked)
    }

    /// The accepted verifications that were sent after the revocation had been revealed, and when
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
        let Some(revealed) = self.revealed else { return Vec::new() };
        let stale = self.accepted.iter().filter(|accepted| accepted.sent > revealed);
        stale.map(|accepted| (revealed, *accepted)).collect()
    }
}

impl Keys {
    /// A key to present: mostly a live one, else one that is being or was just revoked.
    pub(crate) fn pick(&mut self, chance: &mut Chance) -> Option<Arc<Key>> {
        let doomed = chance.below(DOOMED_ONE_IN) == 0 && !self.recently_doomed.is_empty();
        let among = if doomed { self.recently_doomed.make_contiguous() } else { &self.live[..] };
        chance.one_of(among).map(Arc::clone)
    }

    /// A live key that is to be revoked from now on.
    pub(crate) fn doom(&mut self, chance: &mut Chance) -> Option<Arc<Key>> {
        let at = chance.index(self.live.len())?;
        let key = self.live.swap_remove(at);
        key.fate().asked = Some(Instant::now());
        self.doomed.push(Arc::clone(&key));
        self.recently_doomed.push_back(Arc::clone(&key));
        if self.recently_doomed.len() > RECENTLY_DOOMED {
            self.recently_doomed.pop_front();
        }
        Some(key)
    }
}
