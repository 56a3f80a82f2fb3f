use std::pin::Pin;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use actix_web::dev::Payload;
use actix_web::http::header::{self, HeaderMap, HeaderName, HeaderValue};
use actix_web::web::Data;
use actix_web::{FromRequest, HttpMessage as _, HttpRequest};
use latchkey_accounts::{SessionToken, SignedIn};
use latchkey_domain::OwnerId;
use latchkey_jwt::{ForeignSession, ForeignSessions, JwtError, looks_like_jwt};

use super::Http;
use super::cross_site;
use super::error::{ApiError, ErrorCode};
use super::settings::HttpSettings;

/// The id of an account, or of the owner in a session of another system. In an answer: whose session it was
/// given to. In a call: whose page sent it.
///
/// All tabs of a browser share one cookie, so a page of one account may call with the session of
/// another. Such a call is refused, and a page believes no answer that was given to another account.
pub(crate) const X_LATCHKEY_ACCOUNT: HeaderName = HeaderName::from_static("x-latchkey-account");

/// The most cookies of our name and form that are looked up for one request.
const MOST: usize = 4;
const WARN_EVERY: Duration = Duration::from_mins(1);

/// A session that came with a call, and so whose call it is.
///
/// In the cookie, or as a bearer a JWT of another system where there is one. Refused before a cookie is
/// looked at: cross-site calls that change something. Refused before anything is done: calls from the
/// page of another account.
///
/// `session` is the default name of whole web frameworks, and neighbours on the host or above it may
/// set one too. So each that has the form of a session is tried, and the one that is a session here
/// counts.
#[derive(Debug)]
pub(crate) enum Session {
    /// Of an account here.
    Account(SignedIn),
    /// Of another system.
    Foreign(ForeignSession),
}

/// The account that a call was answered for, as [`X_LATCHKEY_ACCOUNT`] tells it.
#[derive(Debug, Clone)]
pub(crate) struct AnsweredFor(pub(crate) HeaderValue);

impl Session {
    /// Whose keys it is about.
    pub(crate) fn owner(&self) -> OwnerId {
        match self {
            Self::Account(signed_in) => signed_in.account.parts().id.owner(),
            Self::Foreign(session) => session.owner.clone(),
        }
    }

    /// Who acts for the owner.
    pub(crate) fn actor(&self) -> OwnerId {
        match self {
            Self::Account(signed_in) => signed_in.account.parts().id.owner(),
            Self::Foreign(session) => session.actor.clone(),
        }
    }
}

impl FromRequest for Session {
    type Error = ApiError;
    type Future = Pin<Box<dyn Future<Output = Result<Self, ApiError>>>>;

    fn from_request(req: &HttpRequest, _: &mut Payload) -> Self::Future {
        let req = req.clone();
        Box::pin(async move {
            let http = req.app_data::<Data<Http>>().ok_or_else(ApiError::session_required)?;
            let session = match &http.services.foreign_sessions {
                Some(foreign) => by_bearer(req.headers(), foreign, http).await?,
                None => None,
            };
            let session = if let Some(session) = session {
                session
            } else {
                cross_site::check(&req)?;
                by_cookie(req.headers(), http).await?
            };
            answer_for(&req, session)
        })
    }
}

/// The operator by whose session a request came. Everybody else is answered that nothing is here: another account, a
/// session of another system, and nobody.
pub(crate) async fn operator(req: &HttpRequest, http: &Http) -> Result<SignedIn, ApiError> {
    let by_bearer = match &http.services.foreign_sessions {
        Some(foreign) => by_bearer(req.headers(), foreign, http).await,
        None => Ok(None),
    };
    let session = match by_bearer {
        Ok(None) => by_cookie(req.headers(), http).await,
        Ok(Some(session)) => Ok(session),
        Err(error) => Err(error),
    };
    match session {
        Ok(Session::Account(who)) if who.account.parts().is_operator => Ok(who),
        Ok(_) => Err(ApiError::not_found()),
        Err(error) if error.code() == ErrorCode::SessionRequired => Err(ApiError::not_found()),
        Err(error) => Err(error),
    }
}

pub(crate) fn answer_for(req: &HttpRequest, session: Session) -> Result<Session, ApiError> {
    let owner = session.owner();
    let is_meant = req.headers().get_all(X_LATCHKEY_ACCOUNT).all(|page| page == owner.as_str());
    let id = HeaderValue::try_from(owner.as_str()).expect("an owner is visible ASCII");
    req.extensions_mut().insert(AnsweredFor(id));
    if is_meant {
        Ok(session)
    } else {
        let message = "Another account is signed in now; reload the page";
        Err(ApiError::new(ErrorCode::Conflict, message))
    }
}

/// The session of a JWT behind `Bearer`, if there is one. No browser sends it by itself, so the page
/// that does may be of any site. With a session cookie beside it, it could not be told whose call this is.
async fn by_bearer(
    headers: &HeaderMap,
    foreign: &ForeignSessions,
    http: &Http,
) -> Result<Option<Session>, ApiError> {
    let mut credentials = headers.get_all(header::AUTHORIZATION).map(HeaderValue::as_bytes);
    let is_jwt = |token: &&[u8]| looks_like_jwt(token);
    let Some(token) = credentials.clone().filter_map(bearer).find(is_jwt) else { return Ok(None) };
    let is_alone = credentials.nth(1).is_none()
        && cookies(headers, &http.settings.session_cookie).next().is_none();
    if !is_alone {
        return Err(ApiError::session_required());
    }
    let session = by_jwt(token, foreign).await?;
    session.map(Some).ok_or_else(ApiError::session_required)
}

/// What stands behind the scheme `Bearer`.
fn bearer(credentials: &[u8]) -> Option<&[u8]> {
    let (scheme, token) = credentials.split_at_checked(7)?;
    scheme.eq_ignore_ascii_case(b"bearer ").then(|| token.trim_ascii())
}

/// The session of a JWT; none if it is not good. Why is for the operator alone.
async fn by_jwt(token: &[u8], foreign: &ForeignSessions) -> Result<Option<Session>, ApiError> {
    match foreign.authenticate(token).await {
        Ok(session) => Ok(Some(Session::Foreign(session))),
        Err(error @ JwtError::NoKeys) => Err(ApiError::unavailable(error)),
        Err(refusal) => {
            tracing::debug!(why = %refusal, "refused a JWT");
            Ok(None)
        }
    }
}

async fn by_cookie(headers: &HeaderMap, http: &Http) -> Result<Session, ApiError> {
    let name = &http.settings.session_cookie;
    let presented = presented(headers, name);
    let mut found = Vec::new();
    if http.settings.accounts && !presented.are_too_many() {
        for token in &presented.tokens {
            found.extend(http.services.accounts.authenticate(token).await?.map(Session::Account));
        }
    }
    if let Some(foreign) = &http.services.foreign_sessions {
        let jwts: Vec<_> = cookies(headers, name).filter(|value| looks_like_jwt(value)).collect();
        for token in jwts.iter().filter(|_| jwts.len() <= MOST) {
            found.extend(by_jwt(token, foreign).await?);
        }
    }
    if let (Some(session), true) = (found.pop(), found.is_empty()) {
        return Ok(session);
    }
    if presented.cookies > 1 {
        warn(name, http.settings.names.session_cookie);
    }
    let error = ApiError::session_required();
    // What is not of our form is a neighbour's, who may need it.
    Err(if presented.tokens.is_empty() {
        error
    } else {
        error.with(header::SET_COOKIE, clearing(&http.settings))
    })
}

/// Tells the operator, once a minute at most, why people can't stay signed in.
fn warn(name: &str, setting: &str) {
    static LAST: Mutex<Option<Instant>> = Mutex::new(None);
    let now = Instant::now();
    let mut last = LAST.lock().unwrap_or_else(PoisonError::into_inner);
    let is_due = last.is_none_or(|last| now.duration_since(last) >= WARN_EVERY);
    if is_due {
        *last = Some(now);
    }
    drop(last);
    if is_due {
        tracing::warn!(
            "a browser sent several cookies named {name}, and not exactly one of them is a session \
             here: another service of the host or its domain uses the name too; choose another by {setting}"
        );
    }
}

/// What a request presents under the name of the session cookie.
#[derive(Debug)]
pub(crate) struct Presented {
    /// How many cookies have the name.
    cookies: usize,
    /// Those of our form.
    pub(crate) tokens: Vec<SessionToken>,
}

impl Presented {
    /// So many are not looked up: with them no sign-in holds.
    pub(crate) const fn are_too_many(&self) -> bool {
        self.tokens.len() > MOST
    }
}

pub(crate) fn presented(headers: &HeaderMap, cookie: &str) -> Presented {
    let mut presented = Presented { cookies: 0, tokens: Vec::new() };
    for value in cookies(headers, cookie) {
        presented.cookies += 1;
        presented.tokens.extend(SessionToken::parse(value));
    }
    presented
}

/// The values of all cookies of a name.
fn cookies<'a>(headers: &'a HeaderMap, name: &'a str) -> impl Iterator<Item = &'a [u8]> {
    headers.get_all(header::COOKIE).flat_map(move |line| {
        line.as_bytes().split(|byte| *byte == b';').filter_map(move |pair| {
            let pair = pair.trim_ascii();
            let equals = pair.iter().position(|byte| *byte == b'=')?;
            let (found, value) = pair.split_at_checked(equals)?;
            let value = value.get(1..).unwrap_or_default().trim_ascii();
            (found.trim_ascii() == name.as_bytes()).then_some(value)
        })
    })
}

/// The `Set-Cookie` line that hands out a session.
pub(crate) fn granting(http: &Http, token: &SessionToken) -> HeaderValue {
    let Http { settings, services, .. } = http;
    let lifetime = services.accounts.lifetime();
    line(settings, &token.expose(), lifetime.absolute.as_secs())
}

/// The `Set-Cookie` line that takes a session away.
pub(crate) fn clearing(settings: &HttpSettings) -> HeaderValue {
    line(settings, "", 0)
}

fn line(settings: &HttpSettings, value: &str, max_age: u64) -> HeaderValue {
    let name = &settings.session_cookie;
    let secure = if settings.is_https() { "; Secure" } else { "" };
    let line = format!("{name}={value}; HttpOnly; SameSite=Lax; Path=/; Max-Age={max_age}{secure}");
    HeaderValue::try_from(line).expect("the name was checked and a token is base64url")
}

#[cfg(test)]
mod tests {
    use super::*;

    const TOKEN: &str = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";

    /// How many cookies have the name, and how many of them our form.
    fn cookies(lines: &[&str]) -> (usize, usize) {
        let mut headers = HeaderMap::new();
        for line in lines {
            headers.append(header::COOKIE, HeaderValue::try_from(*line).expect("a header"));
        }
        let presented = presented(&headers, "session");
        (presented.cookies, presented.tokens.len())
    }

    #[test]
    fn the_session_is_found_among_other_and_broken_cookies() {
        for line in [
            format!("session={TOKEN}"),
            format!("a=b; session={TOKEN}; c"),
            format!(";;=;session; session={TOKEN}"),
            format!("sessions=x; xsession=y;session={TOKEN};"),
        ] {
            assert_eq!(cookies(&[&line]), (1, 1), "{line}");
        }
    }

    #[test]
    fn every_cookie_of_the_name_is_seen_in_one_line_and_in_several() {
        let pair = format!("session={TOKEN}");
        assert_eq!(cookies(&[&format!("{pair}; session=foreign; {pair}")]), (3, 2));
        assert_eq!(cookies(&[&pair, "session=foreign", &pair]), (3, 2));
    }

    #[test]
    fn a_bearer_is_what_stands_behind_its_scheme() {
        for line in ["Bearer a.b.c", "bEARER   a.b.c "] {
            assert_eq!(bearer(line.as_bytes()), Some(&b"a.b.c"[..]), "{line}");
        }
        for line in ["", "a.b.c", "Bearera.b.c", "Bearer", "Basic a.b.c"] {
            assert_eq!(bearer(line.as_bytes()), None, "{line}");
        }
    }

    #[test]
    fn what_has_not_our_form_is_a_cookie_and_no_token() {
        for line in ["session=", "session=x", "session=\"\"", "session=%00"] {
            assert_eq!(cookies(&[line]), (1, 0), "{line}");
        }
        for line in ["", ";;=;session", "Session=x"] {
            assert_eq!(cookies(&[line]), (0, 0), "{line}");
        }
    }
}
