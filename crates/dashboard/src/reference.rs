//! The API reference: what the OpenAPI document says, as a page to read.
//!
//! The document comes in as the JSON that the server publishes, and is read into types that know only
//! what this page shows. So the page can't say anything else than the document does, this crate needs
//! nothing of what writes it, and a keyword that the page would leave out is an error instead
//! (`deny_unknown_fields`). The document's order, of operations and of members, is the page's.

mod document;
mod example;
mod operation;
mod schema;
#[cfg(test)]
mod tests;

use askama::Template;

use document::Document;
use operation::Operation;

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
    /// What it shows.
    pub reference: &'a Reference,
    /// Where the API is reached, for the examples.
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
