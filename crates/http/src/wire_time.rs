use std::fmt;

use latchkey_domain::Timestamp;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;
use utoipa::openapi::schema::{KnownFormat, ObjectBuilder, SchemaFormat, SchemaType, Type};
use utoipa::openapi::{RefOr, Schema};
use utoipa::{PartialSchema, ToSchema};

/// An instant: RFC 3339 in UTC with exactly three fraction digits. Any RFC 3339 is
/// read, and truncated to the millisecond.
#[derive(Debug, Clone, Copy, ToSchema)]
#[schema(value_type = String, format = DateTime, example = "2026-03-24T15:30:00.000Z")]
pub struct WireTime(pub Timestamp);

impl WireTime {
    /// `2026-03-24T15:30:00.000Z`, without the machinery of `format!`: a list has many of them.
    fn text(self) -> [u8; 24] {
        let at = OffsetDateTime::from(self.0);
        let year = at.year().unsigned_abs();
        let mut text = *b"0000-00-00T00:00:00.000Z";
        for (end, number, digits) in [
            (4, year, 4),
            (7, u8::from(at.month()).into(), 2),
            (10, at.day().into(), 2),
            (13, at.hour().into(), 2),
            (16, at.minute().into(), 2),
            (19, at.second().into(), 2),
            (23, at.millisecond().into(), 3),
        ] {
            write_digits(&mut text, end, number, digits);
        }
        text
    }
}

fn write_digits(text: &mut [u8; 24], end: usize, number: u32, digits: usize) {
    let mut rest = number;
    for place in text.iter_mut().take(end).rev().take(digits) {
        *place = b'0' + u8::try_from(rest % 10).expect("a digit");
        rest /= 10;
    }
}

impl fmt::Display for WireTime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(str::from_utf8(&self.text()).expect("digits and signs"))
    }
}

impl Serialize for WireTime {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(str::from_utf8(&self.text()).expect("digits and signs"))
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

/// Describes a [`WireTime`] until which a key works: its example has to lie in the future.
#[derive(Debug)]
pub(crate) struct ExpirySchema;

impl PartialSchema for ExpirySchema {
    fn schema() -> RefOr<Schema> {
        ObjectBuilder::new()
            .schema_type(SchemaType::Type(Type::String))
            .format(Some(SchemaFormat::KnownFormat(KnownFormat::DateTime)))
            .examples(["2035-03-24T15:30:00.000Z"])
            .description(Some("RFC 3339; answers have UTC with exactly three fraction digits"))
            .into()
    }
}

impl ToSchema for ExpirySchema {}

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
