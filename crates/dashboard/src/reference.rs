//! The API reference: the OpenAPI document as a page to read.
//!
//! The types here know only what this page shows, and read the JSON that the server publishes. So the page
//! can't contradict the document, this crate needs nothing that writes OpenAPI, and a keyword that the page
//! would leave out is an error (`deny_unknown_fields`). Operations and members keep the document's order.

mod colour;
mod document;
mod example;
mod introduction;
mod markdown;
mod operation;
mod prose;
mod schema;
#[cfg(test)]
mod tests;

use askama::Template;

use colour::Syntax;
use document::Document;
use introduction::{Block, Section};
use operation::Operation;
use prose::{Part, parts};

use crate::{Language, Page as _, Product};

pub use introduction::WayIn;

const SUMMARY: &str =
    "Create, rotate and revoke API keys, and verify them from your backend or gateway.";

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

/// Where the reference is read: what its examples say.
#[derive(Debug, Clone, Copy)]
pub struct ReferenceAt<'a> {
    /// What it says of the product.
    pub product: &'a Product,
    /// The address of the API.
    pub base_url: &'a str,
    /// The name of the session's cookie.
    pub session_cookie: &'a str,
    /// How a reader gets a session.
    pub way_in: WayIn,
}

/// The reference as a page, the same for everybody.
#[derive(Debug, Template)]
#[template(path = "reference.html")]
struct ReferencePage<'a> {
    /// English, as the API's own description is.
    language: Language,
    product: &'a Product,
    reference: &'a Reference,
    at: ReferenceAt<'a>,
    introduction: &'a [Section<'a>],
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

    /// The page, the same for everybody.
    pub fn html(&self, at: ReferenceAt<'_>) -> String {
        let introduction = introduction::markdown(&at, &self.version);
        let introduction = introduction::sections(&introduction);
        let language = Language::English;
        let product = at.product;
        ReferencePage { language, product, reference: self, at, introduction: &introduction }.html()
    }

    /// All of it as Markdown, as `/llms.txt` is written: a title, a summary, and sections.
    pub fn markdown(&self, at: ReferenceAt<'_>) -> String {
        markdown::Text { reference: self, at }.to_string()
    }
}
