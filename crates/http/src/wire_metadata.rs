use serde::{Serialize, Serializer, ser};
use serde_json::value::RawValue;
use utoipa::openapi::schema::{AdditionalProperties, ObjectBuilder, SchemaType, Type};
use utoipa::openapi::{RefOr, Schema};
use utoipa::{PartialSchema, ToSchema};

/// The compact text of a JSON object, written into an answer as it is.
///
/// What is read and written again can't be trusted to be the same: numbers lose digits, and names that repeat
/// are lost. So a body takes it as a [`RawValue`], for
/// [`Metadata::parse`](latchkey_domain::Metadata::parse).
#[derive(Debug, Clone, Copy)]
pub struct WireMetadata<'a>(pub &'a str);

impl Serialize for WireMetadata<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let raw: &RawValue = serde_json::from_str(self.0).map_err(ser::Error::custom)?;
        raw.serialize(serializer)
    }
}

impl PartialSchema for WireMetadata<'_> {
    fn schema() -> RefOr<Schema> {
        ObjectBuilder::new()
            .schema_type(SchemaType::Type(Type::Object))
            .additional_properties(Some(AdditionalProperties::FreeForm(true)))
            .examples([serde_json::json!({ "plan": "pro" })])
            .description(Some(
                "What another system keeps with the key: an object of at most 2,048 bytes and 5 levels, given \
                 back as sent but for blanks; `{}` where there is nothing",
            ))
            .into()
    }
}

impl ToSchema for WireMetadata<'_> {}

#[cfg(test)]
mod tests {
    use latchkey_domain::{Metadata, MetadataError};
    use proptest::prelude::*;
    use serde_json::Value;

    use super::*;

    /// As JSON has it, any size and depth.
    fn json() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<i64>().prop_map(Value::from),
            any::<f64>().prop_map(Value::from),
            "\\PC{0,9}[\\\\\"{}\\[\\]\u{0}\n ]{0,3}".prop_map(Value::from),
        ];
        let of = |inner: BoxedStrategy<Value>| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
                prop::collection::btree_map("[a-z\\\\\"\u{0} ]{0,4}", inner, 0..4)
                    .prop_map(|members| Value::Object(members.into_iter().collect())),
            ]
        };
        leaf.prop_recursive(7, 64, 4, move |inner| of(inner.boxed()))
    }

    fn levels(value: &Value) -> usize {
        match value {
            Value::Array(items) => 1 + items.iter().map(levels).max().unwrap_or(0),
            Value::Object(members) => 1 + members.values().map(levels).max().unwrap_or(0),
            _ => 0,
        }
    }

    fn has_nul(value: &Value) -> bool {
        match value {
            Value::String(text) => text.contains('\0'),
            Value::Array(items) => items.iter().any(has_nul),
            Value::Object(members) => {
                members.iter().any(|(name, value)| name.contains('\0') || has_nul(value))
            }
            _ => false,
        }
    }

    proptest! {
        #[test]
        fn metadata_is_what_the_json_library_writes_compactly(value in json(), pretty: bool) {
            let compact = value.to_string();
            let sent = if pretty { serde_json::to_string_pretty(&value).unwrap() } else { compact.clone() };
            let is_good = value.is_object()
                && levels(&value) <= Metadata::MAX_LEVELS
                && compact.len() <= Metadata::MAX_BYTES
                && !has_nul(&value);
            match Metadata::parse(&sent) {
                Ok(metadata) => {
                    prop_assert!(is_good, "{sent}");
                    prop_assert_eq!(metadata.as_str(), &compact);
                    let written = serde_json::to_string(&WireMetadata(metadata.as_str())).unwrap();
                    prop_assert_eq!(written, compact);
                }
                Err(error) => prop_assert!(!is_good, "{sent}: {error}"),
            }
        }

        /// Stores check that it is JSON; this must not depend on it.
        #[test]
        fn a_text_that_is_no_json_ends_no_process(text in any::<String>()) {
            let _metadata_or_not: Result<Metadata, MetadataError> = Metadata::parse(&text);
        }
    }
}
