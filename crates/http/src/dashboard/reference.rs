use std::sync::LazyLock;

use actix_web::http::header::{self, ContentType, HeaderName, HeaderValue};
use actix_web::web::Data;
use actix_web::{HttpRequest, HttpResponse};
use latchkey_dashboard::{Reference, ReferenceAt, WayIn};

use super::html;
use crate::Http;
use crate::cross_site::our_origin;
use crate::openapi;
use crate::settings::{HttpSettings, SignUp};

static REFERENCE: LazyLock<Reference> = LazyLock::new(|| {
    Reference::read(&openapi::document()).expect("a test reads the committed document")
});

/// For people who were sent here, not for search engines: the customers of a product have its own documents to find.
const ROBOTS: (HeaderName, HeaderValue) =
    (HeaderName::from_static("x-robots-tag"), HeaderValue::from_static("noindex, nofollow"));

/// The API reference, the same for everybody; it asks no database.
pub(crate) async fn reference(req: HttpRequest, http: Data<Http>) -> HttpResponse {
    let page = at(&req, &http, |at| REFERENCE.html(at));
    let mut response = html(page);
    response.headers_mut().insert(ROBOTS.0, ROBOTS.1);
    response
}

/// The same for programs that read.
pub(crate) async fn reference_as_text(req: HttpRequest, http: Data<Http>) -> HttpResponse {
    HttpResponse::Ok()
        .insert_header(ContentType::plaintext())
        .insert_header((header::CACHE_CONTROL, "no-store"))
        .insert_header(ROBOTS)
        .body(at(&req, &http, |at| REFERENCE.markdown(at)))
}

/// What `show` makes of the reference where this request reads it.
fn at(req: &HttpRequest, http: &Http, show: impl FnOnce(ReferenceAt<'_>) -> String) -> String {
    let base_url = our_origin(req.headers(), http).map(|origin| origin.to_string());
    let HttpSettings { product, accounts, sign_up, session_cookie, .. } = &http.settings;
    let way_in = match sign_up {
        _ if !accounts => WayIn::Token,
        SignUp::Closed => WayIn::SignIn,
        SignUp::Open | SignUp::OpenToThisMachine => WayIn::SignUp,
    };
    let base_url = &base_url.unwrap_or_default();
    show(ReferenceAt { product, base_url, session_cookie, way_in })
}
