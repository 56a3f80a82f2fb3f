use std::fmt;
use std::time::Duration;

use rustix::time::ClockId;

/// An instant of a clock that starts with the machine and never stands still.
///
/// It goes on while the process is stopped and while the machine sleeps. It is not the time of day,
/// and stepping that does not move it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct BootTime(u64);

impl BootTime {
    /// Before any instant that a clock gives.
    pub const ZERO: Self = Self(0);
    /// After any instant that a clock gives.
    pub const MAX: Self = Self(u64::MAX);

    /// So many nanoseconds after the machine started.
    pub const fn from_nanos(nanos: u64) -> Self {
        Self(nanos)
    }

    /// Nanoseconds since the machine started.
    pub const fn nanos(self) -> u64 {
        self.0
    }

    /// The instant `span` later.
    #[must_use]
    pub fn after(self, span: Duration) -> Self {
        Self(self.0.saturating_add(u64::try_from(span.as_nanos()).unwrap_or(u64::MAX)))
    }

    /// The time from `earlier` until this instant; zero if `earlier` is not earlier.
    pub const fn since(self, earlier: Self) -> Duration {
        Duration::from_nanos(self.0.saturating_sub(earlier.0))
    }
}

/// The clock of leases.
pub trait LeaseClock: Send + Sync + fmt::Debug {
    /// Now; asked for each call, never cached.
    fn now(&self) -> BootTime;
}

/// The operating system's clock.
///
/// `CLOCK_BOOTTIME` on Linux; `CLOCK_MONOTONIC` on Apple's systems, where it also counts while the
/// machine sleeps. Elsewhere that one may stand still: good enough to wait
/// by, but not to answer from the cache.
#[derive(Debug, Clone, Copy)]
pub struct BootClock;

impl BootClock {
    /// Whether leases can be trusted on this system.
    pub const NEVER_STANDS_STILL: bool =
        cfg!(any(target_os = "linux", target_os = "android", target_vendor = "apple"));
    #[cfg(any(target_os = "linux", target_os = "android"))]
    const ID: ClockId = ClockId::Boottime;
    #[cfg(not(any(target_os = "linux", target_os = "android")))]
    const ID: ClockId = ClockId::Monotonic;
}

impl LeaseClock for BootClock {
    #[inline]
    fn now(&self) -> BootTime {
        let now = rustix::time::clock_gettime(Self::ID);
        let seconds = u64::try_from(now.tv_sec).unwrap_or(0);
        BootTime(seconds * 1_000_000_000 + u64::try_from(now.tv_nsec).unwrap_or(0))
    }
}
