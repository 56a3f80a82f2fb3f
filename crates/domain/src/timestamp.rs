use std::fmt;
use std::time::Duration;

use time::OffsetDateTime;

/// An instant in whole milliseconds, UTC.
///
/// Both stores keep milliseconds, so an instant that has been stored reads back equal.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp(i64);

impl Timestamp {
    /// The first instant of the year 0000, the earliest that RFC 3339 can write.
    pub const MIN: Self = Self(-62_167_219_200_000);
    /// The first instant of the year 1970.
    pub const UNIX_EPOCH: Self = Self(0);
    /// The last millisecond of the year 9999, the latest that RFC 3339 can write.
    pub const MAX: Self = Self(253_402_300_799_999);

    /// The instant `millis` milliseconds after the Unix epoch, if RFC 3339 can write it.
    pub const fn from_unix_millis(millis: i64) -> Option<Self> {
        if millis < Self::MIN.0 || millis > Self::MAX.0 { None } else { Some(Self(millis)) }
    }

    /// Milliseconds since the Unix epoch.
    pub const fn unix_millis(self) -> i64 {
        self.0
    }

    /// The instant `span` later, or [`Timestamp::MAX`] if that lies beyond it.
    #[must_use]
    pub fn saturating_add(self, span: Duration) -> Self {
        let millis = i64::try_from(span.as_millis()).unwrap_or(i64::MAX);
        Self(self.0.saturating_add(millis).min(Self::MAX.0))
    }

    /// The instant `span` earlier, or [`Timestamp::MIN`] if that lies before it.
    #[must_use]
    pub fn saturating_sub(self, span: Duration) -> Self {
        let millis = i64::try_from(span.as_millis()).unwrap_or(i64::MAX);
        Self(self.0.saturating_sub(millis).max(Self::MIN.0))
    }

    /// The instant as RFC 3339 writes it, without the machinery of `format!`: a list has many of them.
    ///
    /// ```
    /// use latchkey_domain::Timestamp;
    ///
    /// assert_eq!(Timestamp::UNIX_EPOCH.rfc3339().as_str(), "1970-01-01T00:00:00.000Z");
    /// ```
    pub fn rfc3339(self) -> Rfc3339 {
        let at = OffsetDateTime::from(self);
        let mut text = Rfc3339(*b"0000-00-00T00:00:00.000Z");
        for (end, number, digits) in [
            (4, at.year().unsigned_abs(), 4),
            (7, u8::from(at.month()).into(), 2),
            (10, at.day().into(), 2),
            (13, at.hour().into(), 2),
            (16, at.minute().into(), 2),
            (19, at.second().into(), 2),
            (23, at.millisecond().into(), 3),
        ] {
            text.write_digits(end, number, digits);
        }
        text
    }

    /// The time from `earlier` until this instant; zero if `earlier` is not earlier.
    pub fn since(self, earlier: Self) -> Duration {
        Duration::from_millis(u64::try_from(self.0 - earlier.0).unwrap_or(0))
    }
}

/// The text of an instant, in UTC and with exactly three fraction digits; see [`Timestamp::rfc3339`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rfc3339([u8; 24]);

impl Rfc3339 {
    /// The text.
    pub fn as_str(&self) -> &str {
        str::from_utf8(&self.0).expect("digits and signs")
    }

    /// Writes the last `digits` decimal digits of `number` before the place `end`.
    fn write_digits(&mut self, end: usize, number: u32, digits: usize) {
        let mut rest = number;
        for place in self.0.iter_mut().take(end).rev().take(digits) {
            *place = b'0' + u8::try_from(rest % 10).expect("a digit");
            rest /= 10;
        }
    }
}

impl fmt::Display for Rfc3339 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl From<OffsetDateTime> for Timestamp {
    /// Truncates to the millisecond, and to the years 0000 to 9999.
    fn from(at: OffsetDateTime) -> Self {
        let millis = at.unix_timestamp_nanos().div_euclid(1_000_000);
        let clamped = millis.clamp(i128::from(Self::MIN.0), i128::from(Self::MAX.0));
        Self(i64::try_from(clamped).expect("clamped to a range of i64"))
    }
}

impl From<Timestamp> for OffsetDateTime {
    fn from(at: Timestamp) -> Self {
        Self::from_unix_timestamp_nanos(i128::from(at.0) * 1_000_000)
            .expect("the years 0000 to 9999 are in range")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_instant_is_truncated_to_the_millisecond_not_rounded() {
        let at = OffsetDateTime::from_unix_timestamp_nanos(1_999_999).expect("in range");
        assert_eq!(Timestamp::from(at).unix_millis(), 1);
        let before_epoch = OffsetDateTime::from_unix_timestamp_nanos(-1).expect("in range");
        assert_eq!(Timestamp::from(before_epoch).unix_millis(), -1);
    }

    #[test]
    fn an_instant_survives_the_way_to_a_date_and_back() {
        for at in [Timestamp::MIN, Timestamp(0), Timestamp(1_774_000_000_123), Timestamp::MAX] {
            assert_eq!(Timestamp::from(OffsetDateTime::from(at)), at);
        }
    }

    #[test]
    fn an_instant_is_written_in_utc_with_three_fraction_digits() {
        for (at, text) in [
            (Timestamp::MIN, "0000-01-01T00:00:00.000Z"),
            (Timestamp(1_774_366_200_007), "2026-03-24T15:30:00.007Z"),
            (Timestamp(-1), "1969-12-31T23:59:59.999Z"),
            (Timestamp::MAX, "9999-12-31T23:59:59.999Z"),
        ] {
            assert_eq!(at.rfc3339().to_string(), text);
        }
    }

    #[test]
    fn years_that_rfc_3339_cannot_write_are_refused() {
        assert_eq!(Timestamp::from_unix_millis(Timestamp::MAX.0 + 1), None);
        assert_eq!(Timestamp::from_unix_millis(Timestamp::MIN.0 - 1), None);
        assert_eq!(Timestamp::MAX.saturating_add(Duration::MAX), Timestamp::MAX);
    }
}
