//! Whether something is in trouble, and whether it was in between.

use std::sync::atomic::{AtomicU64, Ordering};

#[derive(Debug, Default)]
pub(crate) struct Trouble {
    begun: AtomicU64,
    ended: AtomicU64,
}

/// Trouble that lasts until this is dropped.
#[derive(Debug)]
pub(crate) struct InTrouble<'a>(&'a Trouble);

impl Trouble {
    pub(crate) fn begin(&self) -> InTrouble<'_> {
        self.begun.fetch_add(1, Ordering::SeqCst);
        InTrouble(self)
    }

    /// How often there was trouble, if there is none now: the same number twice means none in
    /// between.
    pub(crate) fn calm(&self) -> Option<u64> {
        let ended = self.ended.load(Ordering::SeqCst);
        (self.begun.load(Ordering::SeqCst) == ended).then_some(ended)
    }
}

impl Drop for InTrouble<'_> {
    fn drop(&mut self) {
        self.0.ended.fetch_add(1, Ordering::SeqCst);
    }
}
