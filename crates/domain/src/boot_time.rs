use std::time::Duration;

/// An instant of a [`SteadyClock`](crate::ports::SteadyClock), which starts with the machine.
///
/// It is not the time of day, and stepping that does not move it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct BootTime(u64);

impl BootTime {
    /// Before any instant that a clock gives.
    pub const ZERO: Self = Self(0);
    /// After any instant that a clock gives.
    pub const MAX: Self = Self(u64::MAX);

    /// So many nanoseconds after the machine started.
    #[inline]
    pub const fn from_nanos(nanos: u64) -> Self {
        Self(nanos)
    }

    /// Nanoseconds since the machine started.
    #[inline]
    pub const fn nanos(self) -> u64 {
        self.0
    }

    /// The instant `span` later.
    #[must_use]
    #[inline]
    pub fn after(self, span: Duration) -> Self {
        Self(self.0.saturating_add(u64::try_from(span.as_nanos()).unwrap_or(u64::MAX)))
    }

    /// The time from `earlier` until this instant; zero if `earlier` is not earlier.
    #[inline]
    pub const fn since(self, earlier: Self) -> Duration {
        Duration::from_nanos(self.0.saturating_sub(earlier.0))
    }
}
