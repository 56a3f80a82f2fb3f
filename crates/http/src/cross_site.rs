use std::future::{Ready, ready};

use super::Http;
use super::error::{ApiError, ErrorCode};
use super::origin::Origin;
use super::settings::SettingNames;
use actix_web::http::Method;
use actix_web::http::header::{self, HeaderMap, HeaderName, HeaderValue};
use actix_web::web::Data;
use actix_web::{FromRequest, HttpRequest};

const SEC_FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");

/// Proof that a call did not come from another site's page: needed for every call that changes
/// something in the name of a cookie, and for signing in and up.
///
/// The OWASP CSRF sheet's Fetch Metadata check, with `Origin` where a browser sends no metadata. What
/// sends neither is no browser, and holds its cookie on purpose.
#[derive(Debug)]
pub(crate) struct SameSite(());

impl FromRequest for SameSite {
    type Error = ApiError;
    type Future = Ready<Result<Self, ApiError>>;

    fn from_request(req: &HttpRequest, _: &mut actix_web::dev::Payload) -> Self::Future {
        ready(check(req))
    }
}

/// Reading is always allowed; see [`SameSite`] for the rest.
pub(crate) fn check(req: &HttpRequest) -> Result<SameSite, ApiError> {
    if is_reading(req) {
        return Ok(SameSite(()));
    }
    let http = req.app_data::<Data<Http>>().ok_or_else(|| Foreign::Unclear.refusal(None))?;
    match judge(req.headers(), http, &http.settings.trusted_origins) {
        Ok(()) => Ok(SameSite(())),
        Err(foreign) => {
            let ours = our_origin(req.headers(), http);
            if let Foreign::Page { origin, settings } = &foreign {
                http.hints.refused_page(origin, ours.as_ref(), settings);
            }
            Err(foreign.refusal(ours))
        }
    }
}

/// The same for calls that no page may make but our own: a trusted origin may not either.
pub(crate) fn check_ours(req: &HttpRequest, http: &Http) -> Result<(), ApiError> {
    if is_reading(req) {
        return Ok(());
    }
    judge(req.headers(), http, &[]).map_err(|_foreign| Foreign::Unclear.refusal(None))
}

fn is_reading(req: &HttpRequest) -> bool {
    matches!(*req.method(), Method::GET | Method::HEAD | Method::OPTIONS)
}

/// Why a call is not from a page that may make it.
enum Foreign {
    /// Its headers name no page, or contradict each other.
    Unclear,
    /// It is from a page of another origin.
    Page {
        origin: Origin,
        /// What could make the page one that may call.
        settings: String,
    },
}

fn judge(headers: &HeaderMap, http: &Http, trusted: &[Origin]) -> Result<(), Foreign> {
    let origin = only(headers, &header::ORIGIN).ok_or(Foreign::Unclear)?;
    let site = only(headers, &SEC_FETCH_SITE).ok_or(Foreign::Unclear)?;
    let origin = origin.map(|value| Origin::from_header(value.as_bytes()).ok_or(Foreign::Unclear));
    let (origin, site) = (origin.transpose()?, site.map(HeaderValue::as_bytes));
    let site_is_ours = matches!(site, Some(b"same-origin" | b"none") | None);
    let Some(origin) = origin else {
        return if site_is_ours { Ok(()) } else { Err(Foreign::Unclear) };
    };
    let is_ours = is_ours(&origin, headers, http);
    if trusted.contains(&origin) || (site_is_ours && is_ours) {
        return Ok(());
    }
    if is_ours {
        return Err(Foreign::Unclear);
    }
    let SettingNames { public_url, trusted_origins, .. } = http.settings.names;
    let settings = match site {
        // The browser says that the page is the service's own: only its address is another.
        Some(b"same-origin" | b"none") => public_url.to_owned(),
        Some(_) => trusted_origins.to_owned(),
        None => format!("{public_url} or {trusted_origins}"),
    };
    Err(Foreign::Page { origin, settings })
}

impl Foreign {
    fn refusal(&self, ours: Option<Origin>) -> ApiError {
        let message = match (self, ours) {
            (Self::Page { origin, settings }, Some(ours)) => format!(
                "Cross-site request refused: the call came from a page of {origin}, and this \
                 service is at {ours}. Open {ours}, or have the operator name {origin} in {settings}"
            ),
            _ => "Cross-site request refused".to_owned(),
        };
        ApiError::new(ErrorCode::CrossSite, message)
    }
}

/// The one value of a header, or none; nothing at all if it was sent twice.
#[expect(clippy::option_option, reason = "sent twice, not sent and sent are three answers")]
fn only<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Option<Option<&'a HeaderValue>> {
    let mut values = headers.get_all(name);
    let first = values.next();
    values.next().is_none().then_some(first)
}

fn trusted(origin: &Origin, http: &Http) -> bool {
    http.settings.trusted_origins.contains(origin)
}

/// Whether a page of this origin is one of the service's own.
fn is_ours(origin: &Origin, headers: &HeaderMap, http: &Http) -> bool {
    let reached = |url: &Origin| url == origin || url.is_another_loopback_name_of(origin);
    http.settings
        .public_url
        .as_ref()
        .map_or_else(|| our_origin(headers, http).is_some_and(|ours| ours == *origin), reached)
}

/// The public URL's origin; where none was given explicitly, the host that was asked.
pub(crate) fn our_origin(headers: &HeaderMap, http: &Http) -> Option<Origin> {
    http.settings.public_url.clone().or_else(|| {
        let host = only(headers, &header::HOST)??;
        Origin::of_host(host.to_str().ok()?)
    })
}

/// The trusted origin whose page sent this request, if one did: it is answered with CORS headers.
pub(crate) fn trusted_origin(headers: &HeaderMap, http: &Http) -> Option<HeaderValue> {
    let value = only(headers, &header::ORIGIN)??;
    let origin = Origin::from_header(value.as_bytes())?;
    trusted(&origin, http).then(|| value.clone())
}
