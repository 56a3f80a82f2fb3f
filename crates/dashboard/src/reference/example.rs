//! Values that a schema allows, for examples.

use indexmap::IndexMap;
use serde::Serialize;
use serde_json::{Value, json};

use super::document::Schema;
use super::schema::Schemas;

/// A value whose members are in the order of the document.
#[derive(Debug, PartialEq, Serialize)]
#[serde(untagged)]
pub(super) enum Example {
    Plain(Value),
    List(Vec<Self>),
    Members(IndexMap<String, Self>),
}

impl Example {
    /// The example of the schema. A member without an example is null if the schema allows null, and absent
    /// if the schema does not require it.
    pub(super) fn of(schema: &Schema, schemas: &Schemas) -> Self {
        let whole = schema.resolved(schemas);
        let own = schema.example.as_ref();
        let given = own.cloned().or_else(|| {
            let inherited = [&whole.example, &whole.default].into_iter().flatten();
            let mut given = inherited.chain(&whole.examples).chain(&whole.values);
            if whole.is_nullable() { Some(Value::Null) } else { given.next().cloned() }
        });
        match (given, whole.types.0.first().map(String::as_str)) {
            (Some(value), _) => Self::Plain(value),
            (None, Some("object")) => Self::Members(members(&whole, schemas)),
            (None, Some("array")) => {
                Self::List(whole.items.iter().map(|items| Self::of(items, schemas)).collect())
            }
            (None, Some("integer" | "number")) => Self::Plain(json!(1)),
            (None, Some("boolean")) => Self::Plain(json!(true)),
            (None, _) => Self::Plain(json!("text")),
        }
    }

    /// As an answer has it.
    pub(super) fn pretty(&self) -> String {
        serde_json::to_string_pretty(self).expect("values of JSON are JSON")
    }

    /// As a person types it: on one line if it has one member.
    pub(super) fn brief(&self) -> String {
        let text = self.pretty();
        let lines: Vec<_> = text.lines().map(str::trim).collect();
        match lines.as_slice() {
            [open, member, close] => [*open, member, close].concat(),
            _ => text,
        }
    }
}

/// The required members; if there is none, the first.
fn members(whole: &Schema, schemas: &Schemas) -> IndexMap<String, Example> {
    let any = whole.required.is_empty();
    let needed = whole.properties.iter().filter(|(name, _)| any || whole.required.contains(name));
    let needed = needed.map(|(name, schema)| (name.clone(), Example::of(schema, schemas)));
    if any { needed.take(1).collect() } else { needed.collect() }
}
