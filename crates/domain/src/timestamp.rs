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

    /// The time from `earlier` until this instant; zero if `earlier` is not earlier.
    pub fn since(self, earlier: Self) -> Duration {
        Duration::from_millis(u64::try_from(self.0 - earlier.0).unwrap_or(0))
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
    fn years_that_rfc_3339_cannot_write_are_refused() {
        assert_eq!(Timestamp::from_unix_millis(Timestamp::MAX.0 + 1), None);
        assert_eq!(Timestamp::from_unix_millis(Timestamp::MIN.0 - 1), None);
        assert_eq!(Timestamp::MAX.saturating_add(Duration::MAX), Timestamp::MAX);
    }
}
