use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// How far the request is that a connection carries, for a listener that reads no more of the
/// connection than can be answered. A listener puts an `Arc` of it into the connection's data.
///
/// Nothing is read or written in any order: a moment that is seen late does no harm.
#[derive(Debug, Default)]
pub struct Progress {
    handling: AtomicBool,
    reading_body: AtomicBool,
}

/// While it lives, a request of the connection is being handled, and no other is read.
#[derive(Debug)]
pub(crate) struct Handling(Arc<Progress>);

/// While it lives, the request that is being handled waits for its body.
#[derive(Debug)]
pub(crate) struct ReadingBody(Arc<Progress>);

impl Progress {
    /// A request is handled from now on. The framework parses all it is given, and what it can't
    /// begin yet it keeps: so it is given nothing until the answer is there.
    pub(crate) fn handling(self: &Arc<Self>) -> Handling {
        self.handling.store(true, Ordering::Relaxed);
        Handling(Arc::clone(self))
    }

    /// The request that is handled needs its body.
    pub(crate) fn reading_body(self: &Arc<Self>) -> ReadingBody {
        self.reading_body.store(true, Ordering::Relaxed);
        ReadingBody(Arc::clone(self))
    }

    /// Whether a request is being handled.
    pub fn is_handling(&self) -> bool {
        self.handling.load(Ordering::Relaxed)
    }

    /// Whether what the peer sends is of use now: the next head, or the body of the request that is
    /// being handled.
    pub fn wants_input(&self) -> bool {
        !self.is_handling() || self.reading_body.load(Ordering::Relaxed)
    }
}

impl Drop for Handling {
    fn drop(&mut self) {
        self.0.handling.store(false, Ordering::Relaxed);
    }
}

impl Drop for ReadingBody {
    fn drop(&mut self) {
        self.0.reading_body.store(false, Ordering::Relaxed);
    }
}
