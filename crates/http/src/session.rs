use std::pin::Pin;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use actix_web::dev::Payload;
use actix_web::http::header::{self, HeaderMap, HeaderName, HeaderValue};
use actix_web::web::Data;
use actix_web::{FromRequest, HttpMessage as _, HttpRequest};
use latchkey_accounts::{SessionToken, SignedIn};

use super::Http;
use super::cross_site;
use super::error::{ApiError, ErrorCode};
use super::settings::HttpSettings;

/// The id of an account. In an answer: whose session it was given to. In a call: whose page sent it.
///
/// All tabs of a browser share one cookie, so a page of one account may call with the session of
/// another. Such a call is refused, and a page believes no answer that was given to another account.
pub(crate) const X_LATCHKEY_ACCOUNT: HeaderName = HeaderName::from_static("x-latchkey-account");

/// The most cookies of our name and form that are looked up for one request.
const MOST: usize = 4;
const WARN_EVERY: Duration = Duration::from_mins(1);

/// The one whose session cookie came with a call. Refused before the cookie is looked at: cross-site
/// calls that change something. Refused before anything is done: calls from the page of another
/// account.
///
/// `session` is the default name of whole web frameworks, and neighbours on the host or above it may
/// set one too. So each that has our form is tried, and the one that is a session here counts.
#[derive(Debug)]
pub(crate) struct User(pub SignedIn);

/// The account that a call was answered for, as [`X_LATCHKEY_ACCOUNT`] tells it.
#[derive(Debug, Clone)]
pub(crate) struct AnsweredFor(pub(crate) HeaderValue);

impl FromRequest for User {
    type Error = ApiError;
    type Future = Pin<Box<dyn Future<Output = Result<Self, ApiError>>>>;

    fn from_request(req: &HttpRequest, _: &mut Payload) -> Self::Future {
        let req = req.clone();
        Box::pin(async move {
            cross_site::check(&req)?;
            let http = req.app_data::<Data<Http>>().ok_or_else(ApiError::session_required)?;
            let presented = presented(req.headers(), &http.settings.session_cookie);
            answer_for(&req, signed_in(&presented, http).await?)
        })
    }
}

fn answer_for(req: &HttpRequest, signed_in: SignedIn) -> Result<User, ApiError> {
    let id = signed_in.account.parts().id.to_string();
    let is_meant = req.headers().get_all(X_LATCHKEY_ACCOUNT).all(|page| page == id.as_str());
    let id = HeaderValue::try_from(id).expect("an id is letters, digits and hyphens");
    req.extensions_mut().insert(AnsweredFor(id));
    if is_meant {
        Ok(User(signed_in))
    } else {
        let message = "Another account is signed in now; reload the page";
        Err(ApiError::new(ErrorCode::Conflict, message))
    }
}

async fn signed_in(presented: &Presented, http: &Http) -> Result<SignedIn, ApiError> {
    let mut found = Vec::new();
    if !presented.are_too_many() {
        for token in &presented.tokens {
            found.extend(http.services.accounts.authenticate(token).await?);
        }
    }
    if let (Some(signed_in), true) = (found.pop(), found.is_empty()) {
        return Ok(signed_in);
    }
    if presented.cookies > 1 {
        warn(&http.settings.session_cookie, http.settings.names.session_cookie);
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
    let values = headers.get_all(header::COOKIE).flat_map(|line| {
        line.as_bytes().split(|byte| *byte == b';').filter_map(|pair| {
            let pair = pair.trim_ascii();
            let equals = pair.iter().position(|byte| *byte == b'=')?;
            let (name, value) = pair.split_at_checked(equals)?;
            (name.trim_ascii() == cookie.as_bytes()).then(|| value.get(1..).unwrap_or_default())
        })
    });
    let mut presented = Presented { cookies: 0, tokens: Vec::new() };
    for value in values {
        presented.cookies += 1;
        presented.tokens.extend(SessionToken::parse(value.trim_ascii()));
    }
    presented
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
    fn what_has_not_our_form_is_a_cookie_and_no_token() {
        for line in ["session=", "session=x", "session=\"\"", "session=%00"] {
            assert_eq!(cookies(&[line]), (1, 0), "{line}");
        }
        for line in ["", ";;=;session", "Session=x"] {
            assert_eq!(cookies(&[line]), (0, 0), "{line}");
        }
    }
}
