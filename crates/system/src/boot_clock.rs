use latchkey_domain::BootTime;
use latchkey_domain::ports::SteadyClock;
use rustix::time::ClockId;

/// The clock that starts with the machine.
///
/// `CLOCK_BOOTTIME` on Linux; `CLOCK_MONOTONIC` on Apple's systems, where it also counts while the
/// machine sleeps. Elsewhere that one may stand still: good enough to wait and to limit
/// by, but not to answer from the cache.
#[derive(Debug, Clone, Copy)]
pub struct BootClock;

impl BootClock {
    const NEVER_STANDS_STILL: bool =
        cfg!(any(target_os = "linux", target_os = "android", target_vendor = "apple"));
    #[cfg(any(target_os = "linux", target_os = "android"))]
    const ID: ClockId = ClockId::Boottime;
    #[cfg(not(any(target_os = "linux", target_os = "android")))]
    const ID: ClockId = ClockId::Monotonic;
}

impl SteadyClock for BootClock {
    fn never_stands_still(&self) -> bool {
        Self::NEVER_STANDS_STILL
    }

    #[inline]
    fn now(&self) -> BootTime {
        let now = rustix::time::clock_gettime(Self::ID);
        let seconds = u64::try_from(now.tv_sec).unwrap_or(0);
        BootTime::from_nanos(seconds * 1_000_000_000 + u64::try_from(now.tv_nsec).unwrap_or(0))
    }
}
