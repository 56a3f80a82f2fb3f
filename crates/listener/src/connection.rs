use std::net::{IpAddr, Ipv6Addr};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use futures_util::future::AbortHandle;

use crate::tally::Closed;
use latchkey_http::Progress;

/// Then a peer that takes nothing of what waits for it is closed.
const UNREAD_LIMIT: Duration = Duration::from_secs(10);
/// Then a peer that began a request and did not end it is closed. The first head of a connection has
/// a limit of its own, which is answered.
const UNFINISHED_LIMIT: Duration = Duration::from_secs(15);

/// Whose connections count together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Client {
    /// Of IPv6 a /64, which is what one customer gets.
    Address(IpAddr),
    /// All that came by a Unix socket.
    Local,
}

/// What is known of a connection to its own task, which notes all of it, and to those who close it.
///
/// Nothing is read or written in any order: a moment that is seen late does no harm.
#[derive(Debug)]
pub(crate) struct Connection {
    pub(crate) id: u64,
    pub(crate) client: Client,
    trusted: bool,
    epoch: Instant,
    active: Moment,
    unfinished: Moment,
    unread: Moment,
    progress: Arc<Progress>,
    closed: OnceLock<Closed>,
    close: AbortHandle,
}

/// A time in milliseconds, or none, which is 0.
#[derive(Debug, Default)]
struct Moment(AtomicU64);

impl Client {
    pub(crate) fn of(address: IpAddr) -> Self {
        match address.to_canonical() {
            IpAddr::V6(ip) => Self::Address(Ipv6Addr::from_bits(ip.to_bits() >> 64 << 64).into()),
            v4 @ IpAddr::V4(_) => Self::Address(v4),
        }
    }
}

impl Connection {
    pub(crate) fn new(
        id: u64,
        client: Client,
        trusted: bool,
        epoch: Instant,
        close: AbortHandle,
    ) -> Self {
        let this = Self {
            id,
            client,
            trusted,
            epoch,
            active: Moment::default(),
            unfinished: Moment::default(),
            unread: Moment::default(),
            progress: Arc::default(),
            closed: OnceLock::new(),
            close,
        };
        this.active.set(this.now());
        this
    }

    /// What handlers say of the request that it carries.
    pub(crate) const fn progress(&self) -> &Arc<Progress> {
        &self.progress
    }

    pub(crate) fn is_handling(&self) -> bool {
        self.progress.is_handling()
    }

    pub(crate) fn wants_input(&self) -> bool {
        self.progress.wants_input()
    }

    pub(crate) fn received(&self) {
        let now = self.now();
        self.active.set(now);
        self.unfinished.set_if_none(now);
    }

    /// All or some of an answer left.
    pub(crate) fn sent(&self) {
        self.unfinished.clear();
        if self.unread.clear() {
            self.active.set(self.now());
        }
    }

    /// An answer waits for the peer to read.
    pub(crate) fn waits(&self) {
        self.unfinished.clear();
        self.unread.set_if_none(self.now());
    }

    /// Why to close it, if it only costs.
    pub(crate) fn stalled(&self) -> Option<Closed> {
        let now = self.now();
        if self.unread.is_over(UNREAD_LIMIT, now) {
            return Some(Closed::Unread);
        }
        (!self.is_handling() && self.unfinished.is_over(UNFINISHED_LIMIT, now))
            .then_some(Closed::Unfinished)
    }

    /// The least gives way first: no proxy of ours, nothing under way, idle longest.
    pub(crate) fn worth(&self) -> impl Ord + use<> {
        (self.trusted, self.is_handling(), self.active.get(), self.id)
    }

    /// Ends its task, which closes the socket.
    pub(crate) fn close(&self, why: Closed) {
        self.closed.get_or_init(|| why);
        self.close.abort();
    }

    pub(crate) fn why_closed(&self) -> Closed {
        self.closed.get().copied().unwrap_or(Closed::Ended)
    }

    /// Never 0.
    fn now(&self) -> u64 {
        u64::try_from(self.epoch.elapsed().as_millis()).unwrap_or(u64::MAX).saturating_add(1)
    }
}

impl Moment {
    fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }

    fn set(&self, now: u64) {
        self.0.store(now, Ordering::Relaxed);
    }

    fn set_if_none(&self, now: u64) {
        if self.get() == 0 {
            self.set(now);
        }
    }

    /// Whether there was one.
    fn clear(&self) -> bool {
        let was = self.get() != 0;
        if was {
            self.set(0);
        }
        was
    }

    fn is_over(&self, limit: Duration, now: u64) -> bool {
        let since = self.get();
        since != 0 && u128::from(now.saturating_sub(since)) >= limit.as_millis()
    }
}
