use std::sync::LazyLock;

use actix_web::http::StatusCode;
use actix_web::http::header::{self, ContentType, HeaderName, HeaderValue};
use actix_web::web::{Data, Path};
use actix_web::{HttpRequest, HttpResponse, ResponseError as _};
use latchkey_accounts::SignedIn;
use latchkey_dashboard::{
    ActivityPage, ApiKeysPage, Asset, CONTENT_SECURITY_POLICY, Page, ProfilePage, Reference,
    ReferencePage, SignInPage, SignUpPage, VERSION,
};
use serde::Serialize;
use url::form_urlencoded;

use super::cross_site::our_origin;
use super::envelope::{CROSS_ORIGIN_RESOURCE_POLICY, not_found};
use super::error::ApiError;
use super::session::User;
use super::{api_keys, audit, openapi};
use crate::app::App;

static REFERENCE: LazyLock<Reference> = LazyLock::new(|| {
    Reference::read(&openapi::document()).expect("a test reads the committed document")
});

const HOME: &str = "/account/api-keys";
const CROSS_ORIGIN_OPENER_POLICY: HeaderName =
    HeaderName::from_static("cross-origin-opener-policy");

type Visitor = Result<User, ApiError>;

pub(crate) async fn home() -> HttpResponse {
    see(HOME)
}

pub(crate) async fn account() -> HttpResponse {
    see("/account/profile")
}

pub(crate) async fn sign_in(app: Data<App>, visitor: Visitor) -> Result<HttpResponse, ApiError> {
    let sign_up_open = app.settings.sign_up_open;
    for_strangers(visitor, &SignInPage { sign_up_open })
}

pub(crate) async fn sign_up(app: Data<App>, visitor: Visitor) -> Result<HttpResponse, ApiError> {
    let sign_up_open = app.settings.sign_up_open;
    for_strangers(visitor, &SignUpPage { sign_up_open })
}

pub(crate) async fn profile(req: HttpRequest, visitor: Visitor) -> Result<HttpResponse, ApiError> {
    match signed_in(visitor)? {
        Some(user) => Ok(page(&ProfilePage { account: &user.account })),
        None => Ok(asked_to_sign_in(&req)),
    }
}

pub(crate) async fn api_keys(
    req: HttpRequest,
    app: Data<App>,
    visitor: Visitor,
) -> Result<HttpResponse, ApiError> {
    let Some(user) = signed_in(visitor)? else { return Ok(asked_to_sign_in(&req)) };
    let keys = app.keys.list(&user.account.parts().id.owner()).await?;
    Ok(page(&ApiKeysPage {
        account: &user.account,
        keys: &keys,
        keys_json: &json(&api_keys::items(&keys))?,
        limit: app.settings.issue_policy.max_keys_per_owner,
        names_optional: app.settings.names_optional,
        public_url: app.settings.public_url.as_ref().map(ToString::to_string),
        now: app.clock.now(),
    }))
}

pub(crate) async fn activity(
    req: HttpRequest,
    app: Data<App>,
    visitor: Visitor,
) -> Result<HttpResponse, ApiError> {
    let Some(user) = signed_in(visitor)? else { return Ok(asked_to_sign_in(&req)) };
    let events = app.trail.events_of(&user.account.parts().id.owner(), None, audit::PAGE).await?;
    Ok(page(&ActivityPage { account: &user.account, events_json: &json(&audit::items(&events))? }))
}

/// The same for everybody, and without asking the database.
pub(crate) async fn reference(req: HttpRequest, app: Data<App>) -> HttpResponse {
    let base_url = our_origin(req.headers(), &app).map(|origin| origin.to_string());
    page(&ReferencePage { reference: &REFERENCE, base_url: &base_url.unwrap_or_default() })
}

/// An asset under an address that holds the version: whoever has it never asks again. Pages of other
/// origins may load it, for the panel that they embed.
pub(crate) async fn asset(path: Path<(String, String)>) -> Result<HttpResponse, ApiError> {
    let (version, name) = path.into_inner();
    let asset = Asset::find(&name).filter(|_| version == *VERSION).ok_or_else(not_found)?;
    let year = "public, max-age=31536000, immutable";
    Ok(HttpResponse::Ok()
        .content_type(asset.content_type())
        .insert_header((header::CACHE_CONTROL, year))
        .insert_header((header::ACCESS_CONTROL_ALLOW_ORIGIN, "*"))
        .insert_header((CROSS_ORIGIN_RESOURCE_POLICY, "cross-origin"))
        .body(asset.bytes))
}

/// The panel for pages of other origins, under an address that stays.
pub(crate) async fn embedded_panel() -> HttpResponse {
    HttpResponse::Ok()
        .content_type("text/javascript; charset=utf-8")
        .insert_header((header::CACHE_CONTROL, "no-cache"))
        .insert_header((header::ACCESS_CONTROL_ALLOW_ORIGIN, "*"))
        .insert_header((CROSS_ORIGIN_RESOURCE_POLICY, "cross-origin"))
        .body(format!("import '../assets/{}/api-keys-panel.js'\n", *VERSION))
}

/// Nobody's page is shown while the session can't be told; without one, nobody's at all.
fn signed_in(visitor: Visitor) -> Result<Option<SignedIn>, ApiError> {
    match visitor {
        Ok(User(user)) => Ok(Some(user)),
        Err(error) if error.status_code() == StatusCode::UNAUTHORIZED => Ok(None),
        Err(error) => Err(error),
    }
}

fn json(items: &impl Serialize) -> Result<String, ApiError> {
    serde_json::to_string(items).map_err(ApiError::internal)
}

fn for_strangers(visitor: Visitor, content: &impl Page) -> Result<HttpResponse, ApiError> {
    Ok(if signed_in(visitor)?.is_some() { see(HOME) } else { page(content) })
}

fn asked_to_sign_in(req: &HttpRequest) -> HttpResponse {
    let here = req.uri().path_and_query().map_or(HOME, |it| it.as_str());
    let next: String = form_urlencoded::byte_serialize(here.as_bytes()).collect();
    see(&format!("/sign-in?next={next}"))
}

fn see(other: &str) -> HttpResponse {
    HttpResponse::SeeOther()
        .insert_header((header::LOCATION, other))
        .insert_header((header::CACHE_CONTROL, "no-store"))
        .finish()
}

fn page(content: &impl Page) -> HttpResponse {
    HttpResponse::Ok()
        .insert_header(ContentType::html())
        .insert_header((header::CACHE_CONTROL, "no-store"))
        .insert_header((CROSS_ORIGIN_OPENER_POLICY, "same-origin"))
        .insert_header((
            header::CONTENT_SECURITY_POLICY,
            HeaderValue::from_static(CONTENT_SECURITY_POLICY),
        ))
        .body(content.html())
}
