use std::sync::LazyLock;

use actix_web::web::Data;
use actix_web::{HttpRequest, HttpResponse};
use latchkey_dashboard::{Language, Reference, ReferencePage};

use super::page;
use crate::Http;
use crate::cross_site::our_origin;
use crate::openapi;

static REFERENCE: LazyLock<Reference> = LazyLock::new(|| {
    Reference::read(&openapi::document()).expect("a test reads the committed document")
});

/// The API reference, the same for everybody; it asks no database.
pub(crate) async fn reference(req: HttpRequest, http: Data<Http>) -> HttpResponse {
    let base_url = our_origin(req.headers(), &http).map(|origin| origin.to_string());
    page(&ReferencePage {
        language: Language::English,
        product: &http.settings.product,
        reference: &REFERENCE,
        base_url: &base_url.unwrap_or_default(),
    })
}
