//! What maps of digests are measured with: keys, values and a hash like the verifier's own.

use std::cmp::Ordering;
use std::hash::{BuildHasher, Hasher};
use std::sync::Arc;

use latchkey_testkit::fixtures::a_digest;
use quick_cache::sync::{Cache, DefaultLifecycle};
use quick_cache::{OptionsBuilder, UnitWeighter};

/// As many keys as are cached.
pub(crate) const MANY: usize = 1_000_000;
/// Keys that are asked for all the time; they fit the processor's caches.
pub(crate) const FEW: usize = 10_000;

pub(crate) type Digest = [u8; 32];
/// A stamp and a principal.
pub(crate) type Known = (u64, u64, Arc<[u8; 96]>);
pub(crate) type Memory = Cache<Digest, Known, UnitWeighter, FirstBytes>;

/// Digests of keys that look like chance; no two alike.
pub(crate) fn digests() -> Vec<Digest> {
    std::iter::repeat_with(|| *a_digest().digest.as_bytes()).take(MANY).collect()
}

/// An order that has nothing to do with that in which they were put in, nor with their places in
/// a map.
pub(crate) fn by_the_end(one: &Digest, other: &Digest) -> Ordering {
    one.iter().rev().cmp(other.iter().rev())
}

pub(crate) fn known() -> Known {
    (0, 0, Arc::new([0; 96]))
}

/// The verifier's map, with its options.
pub(crate) fn memory() -> Memory {
    let options = OptionsBuilder::new()
        .estimated_items_capacity(1 << 20)
        .weight_capacity(1 << 20)
        .ghost_allocation(0.0)
        .build()
        .expect("both capacities are given");
    Cache::with_options(options, UnitWeighter, FirstBytes, DefaultLifecycle::default())
}

/// The first eight bytes of a digest are hash enough.
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

    /// The length that an array writes before its bytes.
    fn write_usize(&mut self, _length: usize) {}

    fn finish(&self) -> u64 {
        self.0
    }
}
