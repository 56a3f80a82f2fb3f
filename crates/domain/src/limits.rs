use std::fmt;
use std::num::NonZeroU32;

use thiserror::Error;
use time::{Duration, OffsetDateTime, Time};

use crate::Timestamp;

/// A calendar window, in UTC.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Window {
    /// A second.
    Second,
    /// A minute.
    Minute,
    /// An hour.
    Hour,
    /// A day.
    Day,
    /// A month.
    Month,
}

impl Window {
    /// All there are, the shortest first.
    pub const ALL: [Self; 5] = [Self::Second, Self::Minute, Self::Hour, Self::Day, Self::Month];

    /// Its name, on the wire and in stores.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Second => "second",
            Self::Minute => "minute",
            Self::Hour => "hour",
            Self::Day => "day",
            Self::Month => "month",
        }
    }

    /// The window of that name.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|window| window.as_str() == text)
    }

    /// The window that `at` is in: when it began, and when it ends.
    pub fn around(self, at: Timestamp) -> (Timestamp, Timestamp) {
        let at = OffsetDateTime::from(at);
        let midnight = at.replace_time(Time::MIDNIGHT);
        let within = at - midnight;
        let (began, lasts) = match self {
            Self::Second => (at - Duration::nanoseconds(at.nanosecond().into()), Duration::SECOND),
            Self::Minute => {
                (midnight + Duration::minutes(within.whole_minutes()), Duration::MINUTE)
            }
            Self::Hour => (midnight + Duration::hours(within.whole_hours()), Duration::HOUR),
            Self::Day => (midnight, Duration::DAY),
            Self::Month => {
                let days = at.month().length(at.year());
                let first = midnight - Duration::days(i64::from(at.day()) - 1);
                (first, Duration::days(days.into()))
            }
        };
        let began = Timestamp::from(began);
        (began, began.saturating_add(lasts.unsigned_abs()))
    }

    const fn place(self) -> usize {
        match self {
            Self::Second => 0,
            Self::Minute => 1,
            Self::Hour => 2,
            Self::Day => 3,
            Self::Month => 4,
        }
    }
}

/// How much may be used in each window: 1 to 1,000,000,000.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Limit(NonZeroU32);

/// The number is no [`Limit`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("a limit is 1 to 1000000000")]
pub struct OutOfRange;

impl Limit {
    /// The highest limit.
    pub const MAX: Self = Self(NonZeroU32::new(1_000_000_000).expect("not zero"));

    /// Accepts 1 to 1,000,000,000.
    pub const fn new(limit: u32) -> Result<Self, OutOfRange> {
        match NonZeroU32::new(limit) {
            Some(limit) if limit.get() <= Self::MAX.0.get() => Ok(Self(limit)),
            _ => Err(OutOfRange),
        }
    }

    /// The number.
    pub const fn get(self) -> u32 {
        self.0.get()
    }
}

/// The limits of a key or of an owner: at most one for each window.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub struct Limits([Option<Limit>; Window::ALL.len()]);

/// Why a list is no [`Limits`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum MalformedLimits {
    /// A window is there twice.
    #[error("there is more than one limit for a {}", .0.as_str())]
    Repeated(Window),
    /// A text is not one that [`Limits`] wrote.
    #[error("not written by Latchkey")]
    Unreadable,
}

impl Limits {
    /// Nothing is limited.
    pub const NONE: Self = Self([None; Window::ALL.len()]);

    /// These limits.
    pub fn new(limits: impl IntoIterator<Item = (Window, Limit)>) -> Result<Self, MalformedLimits> {
        let mut all = Self::NONE;
        for (window, limit) in limits {
            let place = all.0.get_mut(window.place());
            if place.and_then(|place| place.replace(limit)).is_some() {
                return Err(MalformedLimits::Repeated(window));
            }
        }
        Ok(all)
    }

    /// The limit for this window.
    pub fn of(&self, window: Window) -> Option<Limit> {
        self.0.get(window.place()).copied().flatten()
    }

    /// All limits there are, that of the shortest window first.
    pub fn iter(&self) -> impl Iterator<Item = (Window, Limit)> {
        Window::ALL.into_iter().filter_map(|window| Some((window, self.of(window)?)))
    }

    /// Whether nothing is limited.
    pub fn is_empty(&self) -> bool {
        *self == Self::NONE
    }

    /// Reads what a store keeps: the text that these limits are displayed as.
    pub fn from_storage(text: &str) -> Result<Self, MalformedLimits> {
        let limits = text.split_ascii_whitespace().map(|limit| {
            let (window, limit) = limit.split_once('=')?;
            Some((Window::parse(window)?, Limit::new(limit.parse().ok()?).ok()?))
        });
        let limits: Option<Vec<_>> = limits.collect();
        Self::new(limits.ok_or(MalformedLimits::Unreadable)?)
    }
}

/// For a store: `minute=100 day=1000`.
impl fmt::Display for Limits {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (place, (window, limit)) in self.iter().enumerate() {
            let blank = if place == 0 { "" } else { " " };
            write!(f, "{blank}{}={}", window.as_str(), limit.get())?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_limit_is_one_to_a_billion() {
        assert_eq!(Limit::new(0), Err(OutOfRange));
        assert_eq!(Limit::new(1).map(Limit::get), Ok(1));
        assert_eq!(Limit::new(1_000_000_000), Ok(Limit::MAX));
        assert_eq!(Limit::new(1_000_000_001), Err(OutOfRange));
    }

    #[test]
    fn windows_are_those_of_the_calendar() {
        // 2028-02-29T23:59:59Z and 999 milliseconds.
        let inside = Timestamp::from_unix_millis(1_835_481_599_999).expect("in range");
        for (window, began, ends) in [
            (Window::Second, "2028-02-29T23:59:59.000Z", "2028-03-01T00:00:00.000Z"),
            (Window::Minute, "2028-02-29T23:59:00.000Z", "2028-03-01T00:00:00.000Z"),
            (Window::Hour, "2028-02-29T23:00:00.000Z", "2028-03-01T00:00:00.000Z"),
            (Window::Day, "2028-02-29T00:00:00.000Z", "2028-03-01T00:00:00.000Z"),
            (Window::Month, "2028-02-01T00:00:00.000Z", "2028-03-01T00:00:00.000Z"),
        ] {
            let (since, until) = window.around(inside);
            assert_eq!(since.rfc3339().as_str(), began, "{window:?}");
            assert_eq!(until.rfc3339().as_str(), ends, "{window:?}");
            assert_eq!(window.around(since), (since, until), "{window:?}");
            assert_eq!(window.around(until).0, until, "{window:?}");
        }
    }

    #[test]
    fn limits_are_kept_as_a_text() {
        let limit = |limit| Limit::new(limit).expect("in range");
        let limits = Limits::new([(Window::Day, limit(1000)), (Window::Second, limit(5))]);
        let limits = limits.expect("two windows");
        assert_eq!(limits.to_string(), "second=5 day=1000");
        assert_eq!(Limits::from_storage("second=5 day=1000"), Ok(limits));
        assert_eq!(Limits::from_storage(""), Ok(Limits::NONE));
        assert_eq!(limits.of(Window::Day), Some(limit(1000)));
        assert_eq!(limits.of(Window::Hour), None);
    }

    #[test]
    fn a_window_has_one_limit() {
        assert_eq!(
            Limits::from_storage("day=1 day=2"),
            Err(MalformedLimits::Repeated(Window::Day))
        );
        for bad in ["day", "day=0", "week=1", "day=1000000001", "day=-1"] {
            assert_eq!(Limits::from_storage(bad), Err(MalformedLimits::Unreadable), "{bad}");
        }
    }
}
