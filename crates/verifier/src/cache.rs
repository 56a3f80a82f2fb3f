use std::hash::{BuildHasher, Hash, Hasher};
use std::time::Duration;

use latchkey_domain::{BootTime, Candidates, Digest, KeyedDigest};
use quick_cache::sync::{Cache, DefaultLifecycle};
use quick_cache::{OptionsBuilder, UnitWeighter};

use crate::barred::Barred;
use crate::freshness::{Fill, Freshness, Stamp};
use crate::single_flight::Verdict;

/// Keys that are cached at most; then those that were asked for least give way. About 260 bytes
/// each.
pub(crate) const CAPACITY: usize = 1 << 20;
/// Secrets of no key that are cached at most, and for how long: a restored backup may bring a
/// key back without a change being told.
const UNKNOWN_CAPACITY: usize = 10_000;
const UNKNOWN_FOR: Duration = Duration::from_secs(1);

/// What earlier look-ups found, by digest. It says nothing about whether that is still so: see
/// [`Freshness`].
#[derive(Debug)]
pub(crate) struct KeyCache {
    keys: Map<Known>,
    unknown: Map<Unknown>,
}

type Map<V> = Cache<ByDigest, V, UnitWeighter, FirstBytes>;

/// What the cache holds of a key.
#[derive(Debug, Clone)]
pub(crate) struct Known {
    pub(crate) stamp: Stamp,
    pub(crate) answer: Verdict,
}

#[derive(Debug, Clone, Copy)]
struct Unknown {
    fill: Fill,
    until: BootTime,
}

impl KeyCache {
    pub(crate) fn new() -> Self {
        Self { keys: map(CAPACITY), unknown: map(UNKNOWN_CAPACITY) }
    }

    /// What the cache holds of the secret with these digests, if it still holds, and under which of
    /// them.
    #[inline]
    pub(crate) fn get<'a>(
        &self,
        candidates: &'a Candidates,
        freshness: &Freshness,
        now: impl FnOnce() -> BootTime,
    ) -> Option<(&'a KeyedDigest, Verdict)> {
        for candidate in candidates.as_slice() {
            if let Some(known) = self.keys.get(&ByDigest(candidate.digest)) {
                return freshness.holds(known.stamp).then_some((candidate, known.answer));
            }
        }
        let first = candidates.as_slice().first()?;
        let unknown = self.unknown.get(&ByDigest(first.digest))?;
        let holds = now() < unknown.until && freshness.unchanged_since(unknown.fill);
        holds.then_some((first, Err(Barred::UNKNOWN)))
    }

    /// What was last cached under this digest, whether or not it still holds.
    pub(crate) fn last(&self, digest: &KeyedDigest) -> Option<Known> {
        self.keys.peek(&ByDigest(digest.digest))
    }

    pub(crate) fn insert(&self, digest: &KeyedDigest, known: Known) {
        self.keys.insert(ByDigest(digest.digest), known);
    }

    /// Lets the entry be found under another digest of the same secret. It holds as long
    /// as before: that depends on the key alone.
    pub(crate) fn rename(&self, from: &KeyedDigest, to: &KeyedDigest) {
        if let Some(known) = self.last(from) {
            self.insert(to, known);
            self.keys.remove(&ByDigest(from.digest));
        }
    }

    pub(crate) fn insert_unknown(&self, candidates: &Candidates, fill: Fill, now: BootTime) {
        if let Some(first) = candidates.as_slice().first() {
            let unknown = Unknown { fill, until: now.after(UNKNOWN_FOR) };
            self.unknown.insert(ByDigest(first.digest), unknown);
        }
    }

    pub(crate) fn len(&self) -> usize {
        self.keys.len()
    }
}

fn map<V: Clone>(capacity: usize) -> Map<V> {
    let mut options = OptionsBuilder::new();
    options.estimated_items_capacity(capacity);
    options.weight_capacity(u64::try_from(capacity).unwrap_or(u64::MAX));
    // Evicted keys leave no trace: it would take as much room as half the keys do.
    options.ghost_allocation(0.0);
    let options = options.build().expect("both capacities are given");
    Cache::with_options(options, UnitWeighter, FirstBytes, DefaultLifecycle::default())
}

/// A digest as a map's key.
#[derive(Debug, Clone, Copy)]
pub(crate) struct ByDigest(pub(crate) Digest);

impl PartialEq for ByDigest {
    fn eq(&self, other: &Self) -> bool {
        self.0.matches(&other.0)
    }
}

impl Eq for ByDigest {}

impl Hash for ByDigest {
    fn hash<H: Hasher>(&self, state: &mut H) {
        state.write(self.0.as_bytes());
    }
}

/// A digest is a keyed hash already, which nobody without the pepper can steer: its first bytes do.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct FirstBytes;

#[derive(Debug, Default)]
pub(crate) struct FirstEight(u64);

impl BuildHasher for FirstBytes {
    type Hasher = FirstEight;

    fn build_hasher(&self) -> FirstEight {
        FirstEight::default()
    }
}

impl Hasher for FirstEight {
    fn write(&mut self, bytes: &[u8]) {
        if let Some(first) = bytes.first_chunk() {
            self.0 = u64::from_le_bytes(*first);
        }
    }

    fn finish(&self) -> u64 {
        self.0
    }
}
