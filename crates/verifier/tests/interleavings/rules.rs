use latchkey_domain::{ApiKeyId, BootTime};
use latchkey_verifier::freshness::{Fill, Freshness, INCREMENT, LOAD, STORE, Stamp, Word};
use latchkey_verifier::protocol::Effect;
use loom::sync::atomic::{AtomicU64, Ordering};
use uuid::Uuid;

/// The one key.
pub(crate) const KEY: ApiKeyId = ApiKeyId::new(Uuid::nil());

/// A word with the orderings of the real one.
#[derive(Debug, Default)]
pub(crate) struct Ordered(AtomicU64);

impl Word for Ordered {
    fn load(&self) -> u64 {
        self.0.load(LOAD)
    }

    fn store(&self, value: u64) {
        self.0.store(value, STORE);
    }

    fn increment(&self) {
        self.0.fetch_add(1, INCREMENT);
    }
}

/// A word that says nothing about what was written before.
#[derive(Debug, Default)]
pub(crate) struct Relaxed(AtomicU64);

impl Word for Relaxed {
    fn load(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }

    fn store(&self, value: u64) {
        self.0.store(value, Ordering::Relaxed);
    }

    fn increment(&self) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

/// What decides: the crate's code, or a copy of it with a flaw.
pub(crate) trait Rules: Send + Sync + 'static {
    type Fill;
    type Stamp: Copy + Send;

    fn begin_fill(&self) -> Self::Fill;
    fn stamp(&self, fill: Self::Fill) -> Option<Self::Stamp>;
    fn holds(&self, stamp: Self::Stamp) -> bool;
    fn covers(&self, now: BootTime) -> bool;
    fn apply(&self, effect: Effect);
}

impl<W: Word + 'static> Rules for Freshness<W> {
    type Fill = Fill;
    type Stamp = Stamp;

    fn begin_fill(&self) -> Fill {
        self.begin_fill()
    }

    fn stamp(&self, fill: Fill) -> Option<Stamp> {
        self.stamp(fill, KEY)
    }

    fn holds(&self, stamp: Stamp) -> bool {
        self.holds(stamp)
    }

    fn covers(&self, now: BootTime) -> bool {
        self.covers(now)
    }

    fn apply(&self, effect: Effect) {
        match effect {
            Effect::EndLease => self.end_lease(),
            Effect::VoidAll => self.void_all(),
            Effect::Void(key) => self.void(key),
            Effect::Extend(end) => self.extend(end),
            // Here no server lags.
            Effect::Require(_) => {}
        }
    }
}

/// A step that is taken too late.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Flaw {
    /// The bucket is moved on before the change is counted.
    LateCount,
    /// A stamp reads the bucket after the count.
    LateBucket,
}

/// The rules with one bucket, written down again so that a flaw can be built in.
#[derive(Debug, Default)]
pub(crate) struct Copied {
    changes: Ordered,
    generation: Ordered,
    lease_end: Ordered,
    flaw: Option<Flaw>,
}

impl Copied {
    pub(crate) fn with(flaw: Flaw) -> Self {
        Self { flaw: Some(flaw), ..Self::default() }
    }
}

impl Rules for Copied {
    type Fill = u64;
    type Stamp = u64;

    fn begin_fill(&self) -> u64 {
        self.changes.load()
    }

    fn stamp(&self, fill: u64) -> Option<u64> {
        if self.flaw == Some(Flaw::LateBucket) {
            return (self.changes.load() == fill).then(|| self.generation.load());
        }
        let generation = self.generation.load();
        (self.changes.load() == fill).then_some(generation)
    }

    fn holds(&self, stamp: u64) -> bool {
        self.generation.load() == stamp
    }

    fn covers(&self, now: BootTime) -> bool {
        now.nanos() < self.lease_end.load()
    }

    fn apply(&self, effect: Effect) {
        match effect {
            Effect::EndLease => self.lease_end.store(0),
            Effect::Extend(end) => self.lease_end.store(end.nanos()),
            Effect::Require(_) => {}
            Effect::VoidAll | Effect::Void(_) if self.flaw == Some(Flaw::LateCount) => {
                self.generation.increment();
                self.changes.increment();
            }
            Effect::VoidAll | Effect::Void(_) => {
                self.changes.increment();
                self.generation.increment();
            }
        }
    }
}
