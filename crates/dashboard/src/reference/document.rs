//! The part of OpenAPI 3.1 that the document uses.

use indexmap::IndexMap;
use serde::Deserialize;
use serde_json::{Number, Value};

#[derive(Debug, Deserialize)]
pub(super) struct Document {
    pub(super) info: Info,
    pub(super) paths: IndexMap<String, PathItem>,
    pub(super) components: Components,
    pub(super) tags: Vec<Tag>,
    pub(super) security: Vec<Requirement>,
}

#[derive(Debug, Deserialize)]
pub(super) struct Info {
    pub(super) version: String,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Tag {
    pub(super) name: String,
    pub(super) description: String,
}

/// The names of the security schemes that a call needs together.
pub(super) type Requirement = IndexMap<String, Vec<String>>;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(super) struct Components {
    #[serde(default)]
    pub(super) schemas: IndexMap<String, Schema>,
    #[serde(default)]
    pub(super) security_schemes: IndexMap<String, SecurityScheme>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase", tag = "type")]
pub(super) enum SecurityScheme {
    ApiKey {
        #[serde(rename = "in")]
        place: String,
        name: String,
    },
    Http {
        #[serde(rename = "scheme")]
        _scheme: HttpScheme,
        /// What is presented.
        #[serde(rename = "bearerFormat")]
        format: String,
    },
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum HttpScheme {
    Bearer,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct PathItem {
    pub(super) get: Option<Operation>,
    pub(super) post: Option<Operation>,
    pub(super) put: Option<Operation>,
    pub(super) patch: Option<Operation>,
    pub(super) delete: Option<Operation>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(super) struct Operation {
    pub(super) tags: Vec<String>,
    #[serde(rename = "operationId")]
    pub(super) id: String,
    pub(super) summary: String,
    #[serde(default)]
    pub(super) description: String,
    #[serde(default)]
    pub(super) parameters: Vec<Parameter>,
    pub(super) request_body: Option<RequestBody>,
    pub(super) responses: IndexMap<String, Response>,
    pub(super) security: Option<Vec<Requirement>>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Parameter {
    pub(super) name: String,
    #[serde(rename = "in")]
    pub(super) place: String,
    pub(super) description: Option<String>,
    pub(super) required: bool,
    pub(super) schema: Schema,
    pub(super) example: Option<Value>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RequestBody {
    pub(super) content: IndexMap<String, MediaType>,
    pub(super) required: bool,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct MediaType {
    pub(super) schema: Schema,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Response {
    pub(super) description: String,
    #[serde(default)]
    pub(super) headers: IndexMap<String, Header>,
    #[serde(default)]
    pub(super) content: IndexMap<String, MediaType>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Header {
    pub(super) description: Option<String>,
    pub(super) schema: Schema,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default, rename_all = "camelCase")]
pub(super) struct Schema {
    #[serde(rename = "$ref")]
    pub(super) reference: Option<String>,
    #[serde(rename = "type")]
    pub(super) types: Types,
    pub(super) all_of: Vec<Self>,
    pub(super) one_of: Vec<Self>,
    pub(super) description: Option<String>,
    pub(super) format: Option<String>,
    #[serde(rename = "enum")]
    pub(super) values: Vec<Value>,
    pub(super) default: Option<Value>,
    pub(super) example: Option<Value>,
    pub(super) examples: Vec<Value>,
    pub(super) minimum: Option<Number>,
    pub(super) maximum: Option<Number>,
    pub(super) min_length: Option<u64>,
    pub(super) max_length: Option<u64>,
    /// Not shown: the description says the same in words.
    #[serde(rename = "pattern")]
    pub(super) _pattern: Option<String>,
    pub(super) min_items: Option<u64>,
    pub(super) max_items: Option<u64>,
    pub(super) items: Option<Box<Self>>,
    pub(super) properties: IndexMap<String, Self>,
    pub(super) required: Vec<String>,
    pub(super) additional_properties: Option<bool>,
    pub(super) min_properties: Option<u64>,
}

/// `"string"` or `["string", "null"]`.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(from = "OneOrMany")]
pub(super) struct Types(pub(super) Vec<String>);

#[derive(Deserialize)]
#[serde(untagged)]
enum OneOrMany {
    One(String),
    Many(Vec<String>),
}

impl From<OneOrMany> for Types {
    fn from(types: OneOrMany) -> Self {
        match types {
            OneOrMany::One(name) => Self(vec![name]),
            OneOrMany::Many(names) => Self(names),
        }
    }
}
