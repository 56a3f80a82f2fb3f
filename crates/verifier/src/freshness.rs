//! What may still be believed of what is cached: the decisions that strict revocation rests on,
//! without locks and without I/O. The server, the model and the interleaving test run this code.

use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};

use latchkey_domain::{ApiKeyId, BootTime};

/// Keys that fall into one bucket are void together; more buckets make that rarer. 2 MiB.
const BUCKETS: usize = 1 << BUCKET_BITS;
const BUCKET_BITS: u32 = 18;

/// How a word is read.
pub const LOAD: Ordering = Ordering::Acquire;
/// How it is written.
pub const STORE: Ordering = Ordering::Release;
/// How it is counted up.
pub const INCREMENT: Ordering = Ordering::AcqRel;

/// An atomic number; the interleaving test has one of its own, with the same orderings.
pub trait Word: Default + Send + Sync {
    /// Reads it; what was written before the number that is read is visible.
    fn load(&self) -> u64;
    /// Writes it; a reader that sees it also sees what was written before.
    fn store(&self, value: u64);
    /// Adds one.
    fn increment(&self);
}

impl Word for AtomicU64 {
    #[inline]
    fn load(&self) -> u64 {
        Self::load(self, LOAD)
    }

    fn store(&self, value: u64) {
        Self::store(self, value, STORE);
    }

    fn increment(&self) {
        self.fetch_add(1, INCREMENT);
    }
}

/// The lease, and which entries of the cache are void.
///
/// An entry carries a [`Stamp`]: its key's bucket and the generation of that bucket. A change to a
/// key moves its bucket on, so that no index from keys to entries is needed, whatever digests a
/// key has been found by; of a million entries it voids about four.
///
/// | who | does, in this order |
/// |---|---|
/// | a verification | reads the clock; asks [`covers`](Self::covers); looks up; asks [`holds`](Self::holds) |
/// | a fill | [`begin_fill`](Self::begin_fill); reads the store; [`stamp`](Self::stamp); inserts |
/// | the keeper | [`void`](Self::void) for each change; then [`extend`](Self::extend) |
#[derive(Default, Clone, PartialEq, Eq, Hash)]
pub struct Freshness<W = AtomicU64> {
    lease_end: W,
    /// Counts changes of any key: a fill does not know its key before it has read the row.
    changes: W,
    generations: Box<[W]>,
}

/// The changes that a fill can't have missed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Fill(u64);

/// What an entry needs to know about itself to tell whether it still holds: its bucket in the lowest
/// bits, and that bucket's generation in the other 46, which no clock of changes ever fills.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Stamp(u64);

impl Stamp {
    fn new(bucket: u64, generation: u64) -> Self {
        Self(generation << BUCKET_BITS | bucket)
    }

    fn bucket(self) -> u64 {
        self.0 & ((1 << BUCKET_BITS) - 1)
    }
}

impl Freshness {
    /// Without a lease.
    pub fn new() -> Self {
        Self::with_buckets(BUCKETS)
    }
}

impl<W: Word> Freshness<W> {
    /// Without a lease, and with at least one bucket and 2^18 at most.
    pub fn with_buckets(buckets: usize) -> Self {
        let buckets = buckets.clamp(1, BUCKETS);
        let generations = std::iter::repeat_with(W::default).take(buckets).collect();
        Self { lease_end: W::default(), changes: W::default(), generations }
    }

    /// Whether entries may be believed at `now`. The clock must have been read after the request
    /// arrived and before the entry is: the other way round, a lease renewed between the two would
    /// cover an entry from before the renewal.
    #[inline]
    pub fn covers(&self, now: BootTime) -> bool {
        now < BootTime::from_nanos(self.lease_end.load())
    }

    /// The end of the lease; it may be over.
    pub fn lease_end(&self) -> BootTime {
        BootTime::from_nanos(self.lease_end.load())
    }

    /// Whether nothing has happened to the key since it was read.
    #[inline]
    pub fn holds(&self, stamp: Stamp) -> bool {
        let bucket = stamp.bucket();
        Stamp::new(bucket, self.generation(bucket)) == stamp
    }

    /// To be called before the store is asked.
    pub fn begin_fill(&self) -> Fill {
        Fill(self.changes.load())
    }

    /// Whether no change at all has been applied since; for what belongs to no key.
    #[inline]
    pub fn unchanged_since(&self, fill: Fill) -> bool {
        self.changes.load() == fill.0
    }

    /// The stamp under which the answer of the store may be cached, unless a change was applied
    /// meanwhile: the row may have been read before it.
    ///
    /// A change counts itself before it moves the bucket on, and here the bucket is read before the
    /// count: so a bucket that has moved on is never stamped by a fill from before.
    pub fn stamp(&self, fill: Fill, key: ApiKeyId) -> Option<Stamp> {
        let bucket = self.bucket(key);
        let generation = self.generation(bucket);
        self.unchanged_since(fill).then_some(Stamp::new(bucket, generation))
    }

    /// A change to `key` is applied: what is cached of it is void, and so are all fills under
    /// way.
    pub fn void(&self, key: ApiKeyId) {
        self.changes.increment();
        if let Some(generation) = self.generations.get(index(self.bucket(key))) {
            generation.increment();
        }
    }

    /// Everything that is cached is void, and so are all fills under way.
    pub fn void_all(&self) {
        self.changes.increment();
        for generation in &self.generations {
            generation.increment();
        }
    }

    /// Entries may be believed before `end`.
    pub fn extend(&self, end: BootTime) {
        self.lease_end.store(end.nanos());
    }

    /// Nothing may be answered from the cache any more.
    pub fn end_lease(&self) {
        self.lease_end.store(0);
    }

    /// The last bits of an id are random.
    fn bucket(&self, key: ApiKeyId) -> u64 {
        let (_, random) = key.as_uuid().as_u64_pair();
        let buckets = u64::try_from(self.generations.len()).unwrap_or(1);
        random % buckets
    }

    #[inline]
    fn generation(&self, bucket: u64) -> u64 {
        self.generations.get(index(bucket)).map_or(0, W::load)
    }
}

#[inline]
fn index(bucket: u64) -> usize {
    usize::try_from(bucket).unwrap_or(0)
}

impl<W: Word> fmt::Debug for Freshness<W> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Freshness")
            .field("lease_end", &self.lease_end())
            .field("changes", &self.changes.load())
            .finish_non_exhaustive()
    }
}
