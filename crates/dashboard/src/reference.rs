//! The API reference: the OpenAPI document as a page to read.
//!
//! The types here know only what this page shows, and read the JSON that the server publishes. So the page
//! can't contradict the document, this crate needs nothing that writes OpenAPI, and a keyword that the page
//! would leave out is an error (`deny_unknown_fields`). Operations and members keep the document's order.

mod document;
mod example;
mod operation;
mod schema;
#[cfg(test)]
mod tests;

use askama::Template;

use document::Document;
use operation::Operation;

use crate::{Language, Product};

/// Every call of the API, ready to be shown.
#[derive(Debug)]
pub struct Reference {
    version: String,
    groups: Vec<Group>,
}

/// The calls of one tag.
#[derive(Debug)]
struct Group {
    name: String,
    anchor: String,
    description: String,
    operations: Vec<Operation>,
}

/// The reference as a page, the same for everybody.
#[derive(Debug, Template)]
#[template(path = "reference.html")]
pub struct ReferencePage<'a> {
    /// English, as the API's own description is.
    pub language: Language,
    /// What the page says of the product.
    pub product: &'a Product,
    /// The calls that the page shows.
    pub reference: &'a Reference,
    /// The address of the API, for the examples.
    pub base_url: &'a str,
}

impl Reference {
    /// Reads an OpenAPI document.
    pub fn read(json: &str) -> Result<Self, serde_json::Error> {
        let document: Document = serde_json::from_str(json)?;
        let operations: Vec<_> = operation::all(&document).collect();
        let groups = document.tags.into_iter().map(|tag| Group {
            anchor: tag.name.to_lowercase().replace(' ', "-"),
            operations: operations.iter().filter(|it| it.tag == tag.name).cloned().collect(),
            name: tag.name,
            description: tag.description,
        });
        Ok(Self { groups: groups.collect(), version: document.info.version })
    }
}
