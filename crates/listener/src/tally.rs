use std::sync::atomic::{AtomicU64, Ordering};

/// Why a connection was closed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Closed {
    /// By its peer, or by the rules of HTTP.
    Ended,
    /// The peer took no answer in time.
    Unread,
    /// The peer began a request and did not end it in time.
    Unfinished,
    /// It was idle longest when its address opened one more than it may.
    Address,
    /// It was idle longest when the server had no room for another.
    Pressure,
}

/// Counts the connections of all listeners.
#[derive(Debug, Default)]
pub struct Tally {
    opened: AtomicU64,
    ended: AtomicU64,
    unread: AtomicU64,
    unfinished: AtomicU64,
    address: AtomicU64,
    pressure: AtomicU64,
}

impl Closed {
    /// Each with its label in metrics.
    pub const ALL: [(&'static str, Self); 5] = [
        ("ended", Self::Ended),
        ("unread", Self::Unread),
        ("unfinished", Self::Unfinished),
        ("address", Self::Address),
        ("pressure", Self::Pressure),
    ];
}

impl Tally {
    /// How many are open.
    pub fn open(&self) -> u64 {
        let closed: u64 = Closed::ALL.iter().map(|(_, why)| self.closed(*why)).sum();
        self.opened.load(Ordering::Relaxed).saturating_sub(closed)
    }

    /// How many were closed for this reason.
    pub fn closed(&self, why: Closed) -> u64 {
        self.counter(why).load(Ordering::Relaxed)
    }

    pub(crate) fn count_opened(&self) {
        self.opened.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn count_closed(&self, why: Closed) {
        self.counter(why).fetch_add(1, Ordering::Relaxed);
    }

    const fn counter(&self, why: Closed) -> &AtomicU64 {
        match why {
            Closed::Ended => &self.ended,
            Closed::Unread => &self.unread,
            Closed::Unfinished => &self.unfinished,
            Closed::Address => &self.address,
            Closed::Pressure => &self.pressure,
        }
    }
}
