mod activity;
mod reference;
mod usage;

use std::time::Duration;

use actix_web::http::header::{
    self, AcceptEncoding, ContentEncoding, ContentType, Encoding, Header as _, HeaderName,
    HeaderValue,
};
use actix_web::web::{Data, Path};
use actix_web::{HttpRequest, HttpResponse, HttpResponseBuilder, ResponseError as _};
use latchkey_dashboard::{
    ApiKeysPage, Asset, CONTENT_SECURITY_POLICY, Days, Page, ProfilePage, Reader, Shown,
    SignInPage, SignUpPage, VERSION, View, Who,
};
use latchkey_domain::{Action, AuditEvent, OwnerId, Timestamp};
use latchkey_jwt::ForeignSessions;
use serde::Serialize;
use url::{Url, form_urlencoded};

pub(crate) use self::activity::activity;
pub(crate) use self::reference::{reference, reference_as_text};
pub(crate) use self::usage::usage;
use super::Http;
use super::accounts::SignUpOpen;
use super::api_keys;
use super::audit::EventBody;
use super::cross_site::our_origin;
use super::error::{ApiError, ErrorCode};
use super::error_page::{for_people, language};
use super::middleware::CROSS_ORIGIN_RESOURCE_POLICY;
use super::scopes;
use super::session::Session;
use super::settings::HttpSettings;
use super::usage::last_days;

const HOME: &str = "/account/api-keys";
const CROSS_ORIGIN_OPENER_POLICY: HeaderName =
    HeaderName::from_static("cross-origin-opener-policy");
/// No page asks for any of these, so that no script that gets into one can.
const NEVER_ASKED_FOR: &str = "camera=(), display-capture=(), geolocation=(), microphone=(), \
     payment=(), publickey-credentials-get=(), serial=(), usb=()";

/// How long the list says that a key has leaked. The activity goes on saying it. `leaks.js` has the same number.
const LEAKS_SHOWN_FOR: Duration = Duration::from_hours(30 * 24);
const LATEST_EVENTS: u32 = 200;

type Visitor = Result<Session, ApiError>;

pub(crate) async fn home() -> HttpResponse {
    see(HOME)
}

pub(crate) async fn account() -> HttpResponse {
    see("/account/profile")
}

pub(crate) async fn sign_in(
    req: HttpRequest,
    http: Data<Http>,
    visitor: Visitor,
) -> Result<HttpResponse, ApiError> {
    let product = &http.settings.product;
    let sign_up_open = SignUpOpen::check(&req).is_ok();
    let next = next_in(&req);
    for_strangers(
        visitor,
        &next,
        &SignInPage { language: language(&req), product, sign_up_open, next: &next },
    )
}

pub(crate) async fn sign_up(
    req: HttpRequest,
    http: Data<Http>,
    visitor: Visitor,
) -> Result<HttpResponse, ApiError> {
    let product = &http.settings.product;
    let sign_up_open = SignUpOpen::check(&req).is_ok();
    let next = next_in(&req);
    for_strangers(
        visitor,
        &next,
        &SignUpPage { language: language(&req), product, sign_up_open, next: &next },
    )
}

pub(crate) async fn profile(
    req: HttpRequest,
    http: Data<Http>,
    visitor: Visitor,
) -> Result<HttpResponse, ApiError> {
    let Some(session) = signed_in(visitor)? else { return Ok(asked_to_sign_in(&req, &http)) };
    let (sessions, current) = match &session {
        Session::Account(who) => {
            (http.services.accounts.sessions(who).await?, Some(who.session.id))
        }
        Session::Foreign(_) => (Vec::new(), None),
    };
    let place = sign_in_place(&http);
    Ok(page(&ProfilePage {
        language: language(&req),
        product: &http.settings.product,
        reader: reader(&session, place.as_deref(), &http),
        sessions: &sessions,
        current,
        now: http.services.clock.now(),
    }))
}

pub(crate) async fn api_keys(
    req: HttpRequest,
    http: Data<Http>,
    visitor: Visitor,
) -> Result<HttpResponse, ApiError> {
    let Some(session) = signed_in(visitor)? else { return Ok(asked_to_sign_in(&req, &http)) };
    let whose = session.owner();
    let keys = http.services.api_keys.list(&whose).await?;
    let settings = http.services.api_keys.owner(&whose).await?.settings;
    let now = http.services.clock.now();
    let view = View::of_query(req.query_string());
    let mut days = Days::new();
    if view.is_by_calls() {
        days = last_days(&http, &keys).await?;
    }
    let shown = Shown::of(&keys, &days, &view, now);
    let embedded = shown.embedded();
    if !view.is_by_calls() {
        days = last_days(&http, embedded.iter().copied()).await?;
    }
    let policy = http.services.api_keys.policy();
    let leaked = leaked_lately(&http, &whose, now).await?;
    let place = sign_in_place(&http);
    Ok(page(&ApiKeysPage {
        language: language(&req),
        product: &http.settings.product,
        reader: reader(&session, place.as_deref(), &http),
        view: &view,
        shown: &shown,
        days: &days,
        keys_json: &json(&api_keys::used_items(&embedded, &days))?,
        catalogue_json: &json(&scopes::bodies(&http.services.api_keys.scope_catalogue()))?,
        leaked: &leaked,
        leaked_json: &json(&leaked.iter().map(EventBody::from).collect::<Vec<_>>())?,
        limit: settings.key_limit(policy.max_keys_per_owner),
        names_optional: policy.names_optional,
        public_url: http.settings.public_url.as_ref().map(ToString::to_string),
        origin: our_origin(req.headers(), &http).map(|origin| origin.to_string()),
        now,
    }))
}

/// The reports of leaked keys among the latest events of `owner`, newest first.
async fn leaked_lately(
    http: &Http,
    owner: &OwnerId,
    now: Timestamp,
) -> Result<Vec<AuditEvent>, ApiError> {
    let since = now.saturating_sub(LEAKS_SHOWN_FOR);
    let mut events = http.services.trail.events_of(owner, None, None, LATEST_EVENTS).await?;
    let is_shown = |event: &AuditEvent| {
        matches!(event.action, Action::KeyLeaked(_)) && event.label.is_some() && event.at > since
    };
    events.retain(is_shown);
    Ok(events)
}

/// Every part of the pages in every state.
#[cfg(debug_assertions)]
pub(crate) async fn style_guide(req: HttpRequest, http: Data<Http>) -> HttpResponse {
    let now = http.services.clock.now();
    let asked = req.query_string();
    page(&latchkey_dashboard::StyleGuidePage {
        language: language(&req),
        product: &http.settings.product,
        now,
        is_empty: asked == "empty",
        is_at_limit: asked == "at-limit",
    })
}

/// For browsers that look for an icon where no page names one, as beside an answer of the API.
pub(crate) async fn favicon(http: Data<Http>) -> HttpResponse {
    see(&http.settings.product.logo_address())
}

/// Search engines have no business on the pages of accounts.
pub(crate) async fn robots() -> HttpResponse {
    let rules = "User-agent: *\nAllow: /docs\nAllow: /assets/\nDisallow: /\n";
    HttpResponse::Ok().content_type("text/plain; charset=utf-8").body(rules)
}

/// An asset under an address that holds the version: a browser that has it never asks again. Pages of other
/// origins may load it, for the panel that they embed.
///
/// It is compressed beforehand, in the way that the browser takes and likes best. There is nothing secret in it that the
/// length of an answer could tell; pages and lists of keys, which are private, are not compressed.
pub(crate) async fn asset(
    req: HttpRequest,
    http: Data<Http>,
    path: Path<(String, String)>,
) -> Result<HttpResponse, ApiError> {
    let (version, name) = path.into_inner();
    if let Some((bytes, kind)) = http.settings.product.asset(&version, &name) {
        return Ok(kept(kind).body(bytes.to_vec()));
    }
    // While instances are replaced, another may well have what this one has not.
    let no_store = HeaderValue::from_static("no-store");
    let absent = || ApiError::not_found().with(header::CACHE_CONTROL, no_store);
    let asset = Asset::find(&name).filter(|_| version == *VERSION).ok_or_else(absent)?;
    let mut answer = kept(asset.content_type());
    answer.insert_header((header::VARY, header::ACCEPT_ENCODING.as_str()));
    let coding = coding_for(&req, &asset);
    Ok(match coding {
        Some((coding, bytes)) => {
            answer.insert_header((header::CONTENT_ENCODING, coding)).body(bytes)
        }
        None => answer.body(asset.bytes),
    })
}

/// What stays as it is under its address.
fn kept(content_type: &'static str) -> HttpResponseBuilder {
    let mut answer = HttpResponse::Ok();
    answer
        .content_type(content_type)
        .insert_header((header::CACHE_CONTROL, "public, max-age=31536000, immutable"))
        .insert_header((header::ACCESS_CONTROL_ALLOW_ORIGIN, "*"))
        .insert_header((CROSS_ORIGIN_RESOURCE_POLICY, "cross-origin"));
    answer
}

/// The coding that a request asks for, if the asset has it. A client that takes nothing that there is gets the asset as
/// it is: a script that it can't read helps no less than an error.
fn coding_for(req: &HttpRequest, asset: &Asset) -> Option<(ContentEncoding, &'static [u8])> {
    let codings = [
        (ContentEncoding::Brotli, asset.brotli),
        (ContentEncoding::Gzip, asset.gzip),
        (ContentEncoding::Identity, Some(asset.bytes)),
    ];
    let offered = codings.map(|(coding, bytes)| bytes.map(|_| Encoding::Known(coding)));
    let wanted = AcceptEncoding::parse(req).ok()?.negotiate(offered.iter().flatten())?;
    let (coding, bytes) =
        codings.into_iter().find(|(coding, _)| Encoding::Known(*coding) == wanted)?;
    bytes.filter(|_| coding != ContentEncoding::Identity).map(|bytes| (coding, bytes))
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

/// No account's page is shown while the session is unknown, or where there is none.
fn signed_in(visitor: Visitor) -> Result<Option<Session>, ApiError> {
    match visitor {
        Ok(session) => Ok(Some(session)),
        Err(error) if error.code() == ErrorCode::SessionRequired => Ok(None),
        Err(error) => Err(error),
    }
}

fn json(items: &impl Serialize) -> Result<String, ApiError> {
    serde_json::to_string(items).map_err(ApiError::internal)
}

fn for_strangers(
    visitor: Visitor,
    next: &str,
    content: &impl Page,
) -> Result<HttpResponse, ApiError> {
    Ok(if signed_in(visitor)?.is_some() { see(next) } else { page(content) })
}

/// Whom a page is for.
fn reader<'a>(session: &'a Session, place: Option<&'a str>, http: &'a Http) -> Reader<'a> {
    let who = match session {
        Session::Account(signed_in) => Who::Account(&signed_in.account),
        Session::Foreign(session) => Who::Foreign {
            owner: &session.owner,
            actor: &session.actor,
            email: session.email.as_deref(),
            issuer: http.services.foreign_sessions.as_ref().map_or("", ForeignSessions::issuer),
        },
    };
    Reader { who, sign_in_url: place, has_reference: http.settings.reference }
}

/// Where scripts send somebody to sign in, if not to our own page: where there is none, to the page that
/// says so.
fn sign_in_place(http: &Http) -> Option<String> {
    let HttpSettings { sign_in_url, accounts, .. } = &http.settings;
    let none = || (!accounts).then(|| "/".to_owned());
    sign_in_url.as_ref().map(ToString::to_string).or_else(none)
}

fn asked_to_sign_in(req: &HttpRequest, http: &Http) -> HttpResponse {
    let here = req.uri().path_and_query().map_or(HOME, |it| it.as_str());
    match &http.settings.sign_in_url {
        Some(url) => {
            let ours = our_origin(req.headers(), http);
            see(returning(url, ours.map(|ours| format!("{ours}{here}"))).as_str())
        }
        None if http.settings.accounts => {
            let next: String = form_urlencoded::byte_serialize(here.as_bytes()).collect();
            see(&format!("/sign-in?next={next}"))
        }
        None => {
            let refusal = ApiError::session_required().error_response();
            for_people(
                refusal,
                &http.settings.product,
                language(req),
                &HeaderValue::from_static(""),
            )
            .unwrap_or_else(|same| same)
        }
    }
}

/// The address of a sign-in elsewhere, which leads back to `here`; what it asks for already stays.
fn returning(url: &Url, here: Option<String>) -> Url {
    let mut url = url.clone();
    if let Some(here) = here {
        url.query_pairs_mut().append_pair("return", &here);
    }
    url
}

/// Where to go after a sign-in: to the page that was asked for, if it is one that needs it.
fn next_in(req: &HttpRequest) -> String {
    let mut members = form_urlencoded::parse(req.query_string().as_bytes());
    let next = members.find(|(name, _)| name == "next").map(|(_, next)| next.into_owned());
    next.filter(|next| is_page_of_account(next)).unwrap_or_else(|| HOME.to_owned())
}

/// Browsers leave blanks out of an address, take `\` for `/` and walk up at `..`, and so might leave this
/// origin, or these pages.
fn is_page_of_account(path: &str) -> bool {
    let rest = path.strip_prefix("/account").unwrap_or("no page");
    let is_plain = path.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'\\');
    let stays = !path.contains("/.") && !path.contains("%2e") && !path.contains("%2E");
    is_plain && stays && (rest.is_empty() || rest.starts_with(['/', '?']))
}

fn see(other: &str) -> HttpResponse {
    HttpResponse::SeeOther()
        .insert_header((header::LOCATION, other))
        .insert_header((header::CACHE_CONTROL, "no-store"))
        .finish()
}

pub(crate) fn page(content: &impl Page) -> HttpResponse {
    html(content.html())
}

fn html(content: String) -> HttpResponse {
    HttpResponse::Ok()
        .insert_header(ContentType::html())
        .insert_header((header::CACHE_CONTROL, "no-store"))
        .insert_header((CROSS_ORIGIN_OPENER_POLICY, "same-origin"))
        .insert_header((header::PERMISSIONS_POLICY, NEVER_ASKED_FOR))
        .insert_header((
            header::CONTENT_SECURITY_POLICY,
            HeaderValue::from_static(CONTENT_SECURITY_POLICY),
        ))
        .body(content)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sign_in_elsewhere_is_told_where_to_return_besides_what_it_was_told() {
        let here = || Some("https://keys.example.com/account/activity?key=1&before=2".to_owned());
        let back =
            "return=https%3A%2F%2Fkeys.example.com%2Faccount%2Factivity%3Fkey%3D1%26before%3D2";
        for (url, expected) in [
            ("https://id.example.com", format!("https://id.example.com/?{back}")),
            ("https://id.example.com/in", format!("https://id.example.com/in?{back}")),
            ("https://id.example.com/in?", format!("https://id.example.com/in?{back}")),
            (
                "https://id.example.com/in?a=b%20c#d",
                format!("https://id.example.com/in?a=b%20c&{back}#d"),
            ),
        ] {
            assert_eq!(returning(&Url::parse(url).expect(url), here()).as_str(), expected);
        }
    }

    #[test]
    fn a_sign_in_leads_to_pages_of_the_account_and_nowhere_else() {
        for page in ["/account", "/account/activity?before=1&key=2", "/account/api-keys"] {
            assert!(is_page_of_account(page), "{page}");
        }
        for other in [
            "",
            "/",
            "account",
            "//evil.example",
            "///evil.example",
            "/\\evil.example",
            "/account/\\evil.example",
            "/account/\t/evil.example",
            "/accounts",
            "/account@evil.example",
            "https://evil.example/account",
            "javascript:alert(1)",
            "/account/\r\nSet-Cookie: a=b",
            " /account",
            "/account/é",
            "/account/../verify",
            "/account/.%2e/verify",
            "/account/%2E%2E/verify",
            "/sign-in?next=/account",
        ] {
            assert!(!is_page_of_account(other), "{other}");
        }
    }
}
