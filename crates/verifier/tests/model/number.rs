use std::hash::{Hash, Hasher};
use std::sync::atomic::{AtomicU64, Ordering};

use latchkey_verifier::freshness::Word;
use latchkey_verifier::slices::Counter;

/// A number of a state: copied, compared and hashed by its value. Both models use it.
#[derive(Debug, Default)]
pub(crate) struct Number(AtomicU64);

impl Word for Number {
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

impl Counter for Number {
    fn read(&self) -> u64 {
        Word::load(self)
    }

    fn write(&self, value: u64) {
        Word::store(self, value);
    }

    fn exchange(&self, known: u64, value: u64) -> bool {
        self.0.compare_exchange(known, value, Ordering::Relaxed, Ordering::Relaxed).is_ok()
    }
}

impl Clone for Number {
    fn clone(&self) -> Self {
        Self(AtomicU64::new(self.load()))
    }
}

impl PartialEq for Number {
    fn eq(&self, other: &Self) -> bool {
        self.load() == other.load()
    }
}

impl Eq for Number {}

impl Hash for Number {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.load().hash(state);
    }
}
