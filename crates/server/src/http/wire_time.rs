use std::fmt;

use latchkey_domain::Timestamp;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;
use utoipa::ToSchema;

/// An instant as it travels: RFC 3339 in UTC with exactly three fraction digits. Any RFC 3339 is
/// read, and truncated to the millisecond.
#[derive(Debug, Clone, Copy, ToSchema)]
#[schema(value_type = String, format = DateTime, example = "2026-03-24T15:30:00.000Z")]
pub(crate) struct WireTime(pub Timestamp);

impl fmt::Display for WireTime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let at = OffsetDateTime::from(self.0);
        let (year, month, day) = (at.year(), u8::from(at.month()), at.day());
        let (hour, minute, second, milli) = (at.hour(), at.minute(), at.second(), at.millisecond());
        write!(f, "{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{milli:03}Z")
    }
}

impl Serialize for WireTime {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for WireTime {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        OffsetDateTime::parse(&text, &Rfc3339).map(|at| Self(at.into())).map_err(|_not_rfc_3339| {
            let expected = "an RFC 3339 time such as 2026-03-24T15:30:00.000Z";
            de::Error::invalid_value(de::Unexpected::Other("text"), &expected)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn through(text: &str) -> String {
        let time: WireTime = serde_json::from_str(&format!("\"{text}\"")).expect("RFC 3339");
        time.to_string()
    }

    #[test]
    fn a_time_goes_out_in_utc_with_three_fraction_digits() {
        assert_eq!(through("2026-03-24T15:30:00Z"), "2026-03-24T15:30:00.000Z");
        assert_eq!(through("2026-03-24T15:30:00.9999Z"), "2026-03-24T15:30:00.999Z");
        assert_eq!(through("2026-03-24T17:30:00.5+02:00"), "2026-03-24T15:30:00.500Z");
        assert_eq!(through("9999-12-31T23:59:59.999Z"), "9999-12-31T23:59:59.999Z");
        assert_eq!(through("0000-01-01T00:00:00Z"), "0000-01-01T00:00:00.000Z");
    }

    #[test]
    fn what_is_not_rfc_3339_is_refused() {
        for text in ["", "2026-03-24", "2026-03-24T15:30:00", "1774366200", "tomorrow"] {
            assert!(serde_json::from_str::<WireTime>(&format!("\"{text}\"")).is_err(), "{text}");
        }
    }
}
