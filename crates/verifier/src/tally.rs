use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

/// More threads than this share.
const SHARDS: usize = 16;

/// Counts what happens on many threads. Each adds in a place of its own, which none of the others
/// waits for.
#[derive(Debug, Default)]
pub(crate) struct Tally([Shard; SHARDS]);

/// On cache lines of its own.
#[derive(Debug, Default)]
#[repr(align(128))]
struct Shard(AtomicU64);

impl Tally {
    /// Counts one.
    #[inline]
    pub(crate) fn add(&self) {
        static THREADS_SEEN: AtomicUsize = AtomicUsize::new(0);
        thread_local! {
            static THREAD: usize = THREADS_SEEN.fetch_add(1, Ordering::Relaxed) % SHARDS;
        }
        if let Some(shard) = THREAD.with(|thread| self.0.get(*thread)) {
            shard.0.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// All of them so far. It never goes down.
    pub(crate) fn total(&self) -> u64 {
        self.0.iter().map(|shard| shard.0.load(Ordering::Relaxed)).sum()
    }
}
