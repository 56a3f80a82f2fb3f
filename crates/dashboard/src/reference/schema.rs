//! What a schema says about a value, for people.

use std::fmt::Display;

use indexmap::IndexMap;
use serde_json::Value;

use super::document::Schema;

/// The schemas that have names.
pub(super) type Schemas = IndexMap<String, Schema>;

/// A member of an object, a parameter, or a header.
#[derive(Debug, Clone)]
pub(super) struct Member {
    /// Members of members have a path, `owner.id`; those of each item of an array, `keys[].id`.
    pub(super) name: String,
    pub(super) kind: String,
    /// An instant; the page describes the form of all instants once.
    pub(super) is_time: bool,
    pub(super) is_required: bool,
    pub(super) description: String,
    /// Limits, in words.
    pub(super) limits: Vec<String>,
    /// The only values that are allowed; empty if others are.
    pub(super) values: Vec<String>,
    /// The value if the member is left out.
    pub(super) default: Option<String>,
}

impl Schema {
    /// The same schema without references: it takes over what each reference and each part of an `allOf` says,
    /// unless it says something else itself. A `oneOf` is read in the same way, since the document uses it only
    /// for "this, or null".
    pub(super) fn resolved(&self, schemas: &Schemas) -> Self {
        let mut whole = self.clone();
        let named = whole
            .reference
            .take()
            .and_then(|path| schemas.get(path.strip_prefix("#/components/schemas/")?).cloned());
        let parts = whole.all_of.split_off(0).into_iter().chain(whole.one_of.split_off(0));
        for part in named.into_iter().chain(parts) {
            whole.add(part.resolved(schemas));
        }
        whole
    }

    fn add(&mut self, part: Self) {
        for name in part.types.0 {
            if !self.types.0.contains(&name) {
                self.types.0.push(name);
            }
        }
        self.values.extend(part.values);
        self.examples.extend(part.examples);
        self.properties.extend(part.properties);
        self.required.extend(part.required);
        self.description = self.description.take().or(part.description);
        self.format = self.format.take().or(part.format);
        self.default = self.default.take().or(part.default);
        self.example = self.example.take().or(part.example);
        self.minimum = self.minimum.take().or(part.minimum);
        self.maximum = self.maximum.take().or(part.maximum);
        self.min_length = self.min_length.or(part.min_length);
        self.max_length = self.max_length.or(part.max_length);
        self.min_items = self.min_items.or(part.min_items);
        self.max_items = self.max_items.or(part.max_items);
        self.items = self.items.take().or(part.items);
        self.additional_properties = self.additional_properties.or(part.additional_properties);
        self.min_properties = self.min_properties.or(part.min_properties);
    }

    pub(super) fn is_nullable(&self) -> bool {
        self.types.0.iter().any(|name| name == "null")
    }

    fn is_time(&self) -> bool {
        self.format.as_deref() == Some("date-time")
    }

    /// The name of the type of a resolved schema.
    pub(super) fn kind(&self, schemas: &Schemas) -> String {
        let name = |name: &String| match (name.as_str(), &self.items) {
            ("array", Some(items)) => {
                format!("array of {}s", items.resolved(schemas).kind(schemas))
            }
            ("string", _) if self.is_time() => "time".to_owned(),
            ("string", _) if self.format.as_deref() == Some("email") => "e-mail address".to_owned(),
            (name, _) => name.to_owned(),
        };
        self.types.0.iter().map(name).collect::<Vec<_>>().join(" or ")
    }

    /// All members of an object, or of each item of an array of objects.
    pub(super) fn members(&self, schemas: &Schemas) -> Vec<Member> {
        let whole = self.resolved(schemas);
        if let Some(items) = whole.items {
            return items.members(schemas);
        }
        let mut members = Vec::new();
        for (name, schema) in &whole.properties {
            let member = schema.member(name, whole.required.contains(name), schemas);
            let within = if member.kind.starts_with("array") { "[]." } else { "." };
            members.push(member);
            members.extend(schema.members(schemas).into_iter().map(|mut inner| {
                inner.name = [name, within, &inner.name].concat();
                inner
            }));
        }
        members
    }

    pub(super) fn member(&self, name: &str, is_required: bool, schemas: &Schemas) -> Member {
        let whole = self.resolved(schemas);
        let generic = self.one_of.is_empty() && self.description.is_none() && whole.is_time();
        Member {
            name: name.to_owned(),
            kind: whole.kind(schemas),
            is_time: whole.is_time(),
            is_required,
            limits: whole.limits(),
            values: whole.values.iter().map(plain).collect(),
            default: whole.default.as_ref().map(plain),
            description: whole.description.filter(|_| !generic).unwrap_or_default(),
        }
    }

    fn limits(&self) -> Vec<String> {
        let length = range(self.min_length, self.max_length);
        let value = range(self.minimum.as_ref(), self.maximum.as_ref());
        let items = range(self.min_items, self.max_items).map(|it| it + " items");
        length.map(|it| it + " characters").into_iter().chain(value).chain(items).collect()
    }
}

fn range<T: Display + PartialEq>(least: Option<T>, most: Option<T>) -> Option<String> {
    match (least, most) {
        (Some(least), Some(most)) if least == most => Some(least.to_string()),
        (Some(least), Some(most)) => Some(format!("{least} to {most}")),
        (Some(least), None) => Some(format!("at least {least}")),
        (None, Some(most)) => Some(format!("at most {most}")),
        (None, None) => None,
    }
}

/// A value in a sentence: texts have no quotes.
fn plain(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}
