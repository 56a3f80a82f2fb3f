use std::hash::{Hash, Hasher};
use std::sync::atomic::{AtomicU64, Ordering};

use latchkey_verifier::slices::Counter;

/// A number of a state: copied, compared and hashed by its value.
#[derive(Debug, Default)]
pub(crate) struct Number(AtomicU64);

impl Counter for Number {
    fn read(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }

    fn write(&self, value: u64) {
        self.0.store(value, Ordering::Relaxed);
    }

    fn exchange(&self, known: u64, value: u64) -> bool {
        self.0.compare_exchange(known, value, Ordering::Relaxed, Ordering::Relaxed).is_ok()
    }
}

impl Clone for Number {
    fn clone(&self) -> Self {
        Self(AtomicU64::new(self.read()))
    }
}

impl PartialEq for Number {
    fn eq(&self, other: &Self) -> bool {
        self.read() == other.read()
    }
}

impl Eq for Number {}

impl Hash for Number {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.read().hash(state);
    }
}
