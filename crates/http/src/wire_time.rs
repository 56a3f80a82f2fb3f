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

impl fmt::Display for WireTime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.rfc3339().fmt(f)
    }
}

impl Serialize for WireTime {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.0.rfc3339().as_str())
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
