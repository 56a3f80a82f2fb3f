use askama::Template;

use crate::words::Segment;
use crate::{Language, Product};

/// Tells a person why there is no page, and what to do.
#[derive(Debug, Template)]
#[template(path = "error.html")]
pub struct ErrorPage<'a> {
    product: &'a Product,
    language: Language,
    status: u16,
    title: &'static str,
    advice: &'static str,
    /// The text of a link to the keys.
    way: Option<&'static str>,
    request_id: &'a str,
}

impl<'a> ErrorPage<'a> {
    /// The page for an error of this status, if people can meet one. `request_id` is that of the log line.
    pub fn of(
        product: &'a Product,
        language: Language,
        status: u16,
        request_id: &'a str,
    ) -> Option<Self> {
        let find = |text| language.find(&format!("errorPages.{status}.{text}"));
        let (title, advice, way) = (find("title")?, find("advice")?, find("way"));
        Some(Self { product, language, status, title, advice, way, request_id })
    }
}
