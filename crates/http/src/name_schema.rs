use utoipa::openapi::schema::{ObjectBuilder, SchemaType, Type};
use utoipa::openapi::{RefOr, Schema};
use utoipa::{PartialSchema, ToSchema};

/// Describes a `KeyName` to readers of the OpenAPI document. No pattern can say what is visible, and JavaScript
/// and the generators of clients fail on one that tries.
#[derive(Debug)]
pub(crate) struct NameSchema;

impl PartialSchema for NameSchema {
    fn schema() -> RefOr<Schema> {
        ObjectBuilder::new()
            .schema_type(SchemaType::Type(Type::String))
            .min_length(Some(1))
            .max_length(Some(100))
            .examples(["Production"])
            .description(Some(
                "1 to 100 Unicode characters, at least one of them visible; no control, text direction \
                 or hidden characters, and no API key",
            ))
            .into()
    }
}

impl ToSchema for NameSchema {}
