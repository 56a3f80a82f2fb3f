use std::future::{Ready, ready};

use super::error::{ApiError, ErrorCode};
use crate::app::App;
use crate::origin::Origin;
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
    let safe = matches!(*req.method(), Method::GET | Method::HEAD | Method::OPTIONS);
    let app = req.app_data::<Data<App>>();
    if safe || app.is_some_and(|app| is_same_site(req.headers(), app)) {
        Ok(SameSite(()))
    } else {
        Err(ApiError::new(ErrorCode::CrossSite, "Cross-site request refused"))
    }
}

fn is_same_site(headers: &HeaderMap, app: &App) -> bool {
    let (Some(origin), Some(site)) =
        (only(headers, &header::ORIGIN), only(headers, &SEC_FETCH_SITE))
    else {
        return false;
    };
    let origin = origin.map(|value| Origin::from_header(value.as_bytes()));
    if trusted(origin.as_ref(), app) {
        return true;
    }
    let is_ours = |origin: &Option<Origin>| origin.is_some() && *origin == our_origin(headers, app);
    match (site.map(HeaderValue::as_bytes), origin) {
        (Some(b"same-origin" | b"none") | None, None) => true,
        (Some(b"same-origin" | b"none") | None, Some(origin)) => is_ours(&origin),
        (Some(_), _) => false,
    }
}

/// The one value of a header, or none; nothing at all if it was sent twice.
#[expect(clippy::option_option, reason = "sent twice, not sent and sent are three answers")]
fn only<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Option<Option<&'a HeaderValue>> {
    let mut values = headers.get_all(name);
    let first = values.next();
    values.next().is_none().then_some(first)
}

fn trusted(origin: Option<&Option<Origin>>, app: &App) -> bool {
    let Some(Some(origin)) = origin else { return false };
    app.settings.trusted_origins.contains(origin)
}

/// The public URL's origin; where none was given explicitly, the host that was asked.
pub(crate) fn our_origin(headers: &HeaderMap, app: &App) -> Option<Origin> {
    app.settings.public_url.clone().or_else(|| {
        let host = only(headers, &header::HOST)??;
        Origin::of_host(host.to_str().ok()?)
    })
}

/// The trusted origin whose page sent this request, if one did: it is answered with CORS headers.
pub(crate) fn trusted_origin(headers: &HeaderMap, app: &App) -> Option<HeaderValue> {
    let value = only(headers, &header::ORIGIN)??;
    let origin = Origin::from_header(value.as_bytes());
    trusted(Some(&origin), app).then(|| value.clone())
}
