use std::pin::Pin;

use actix_web::dev::Payload;
use actix_web::http::StatusCode;
use actix_web::http::header::{self, HeaderMap, HeaderName, HeaderValue};
use actix_web::web::Data;
use actix_web::{FromRequest, HttpMessage as _, HttpRequest};
use latchkey_accounts::{SessionToken, SignedIn};

use super::cross_site;
use super::error::ApiError;
use crate::app::App;
use crate::settings::Settings;

/// The id of an account. In an answer: whose session it was given to. In a call: whose page sent it.
///
/// All tabs of a browser share one cookie, so a page of one account may call with the session of
/// another. Such a call is refused, and a page believes no answer that was given to another account.
pub(crate) const X_LATCHKEY_ACCOUNT: HeaderName = HeaderName::from_static("x-latchkey-account");

/// Whoever the session cookie of a call belongs to. Refused before the cookie is looked at: cross-site
/// calls that change something. Refused before anything is done: calls from the page of another
/// account.
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
            let app = req.app_data::<Data<App>>().ok_or_else(ApiError::session_required)?;
            match presented(req.headers(), &app.settings.session_cookie) {
                Presented::Nothing => Err(ApiError::session_required()),
                Presented::Unusable => Err(ended(&app.settings)),
                Presented::Token(token) => match app.accounts.authenticate(&token).await? {
                    Some(signed_in) => answer_for(&req, signed_in),
                    None => Err(ended(&app.settings)),
                },
            }
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
        Err(ApiError::new(StatusCode::CONFLICT, message))
    }
}

/// What a request presents under the name of the session cookie.
#[derive(Debug)]
pub(crate) enum Presented {
    /// No such cookie.
    Nothing,
    /// More than one, or no token of ours: nobody can say whose session is meant.
    Unusable,
    /// One token.
    Token(SessionToken),
}

pub(crate) fn presented(headers: &HeaderMap, cookie: &str) -> Presented {
    let mut values = headers.get_all(header::COOKIE).flat_map(|line| {
        line.as_bytes().split(|byte| *byte == b';').filter_map(|pair| {
            let pair = pair.trim_ascii();
            let equals = pair.iter().position(|byte| *byte == b'=')?;
            let (name, value) = pair.split_at_checked(equals)?;
            (name.trim_ascii() == cookie.as_bytes()).then(|| value.get(1..).unwrap_or_default())
        })
    });
    match (values.next(), values.next()) {
        (None, _) => Presented::Nothing,
        (Some(value), None) => {
            SessionToken::parse(value.trim_ascii()).map_or(Presented::Unusable, Presented::Token)
        }
        (Some(_), Some(_)) => Presented::Unusable,
    }
}

/// 401 that also takes the useless cookie away.
fn ended(settings: &Settings) -> ApiError {
    ApiError::session_required().with(header::SET_COOKIE, clearing(settings))
}

/// The `Set-Cookie` line that hands out a session.
pub(crate) fn granting(settings: &Settings, token: &SessionToken) -> HeaderValue {
    let max_age = settings.session_lifetime.absolute.as_secs();
    line(settings, &token.expose(), max_age)
}

/// The `Set-Cookie` line that takes a session away.
pub(crate) fn clearing(settings: &Settings) -> HeaderValue {
    line(settings, "", 0)
}

fn line(settings: &Settings, value: &str, max_age: u64) -> HeaderValue {
    let name = &settings.session_cookie;
    let secure = if settings.is_https() { "; Secure" } else { "" };
    let line = format!("{name}={value}; HttpOnly; SameSite=Lax; Path=/; Max-Age={max_age}{secure}");
    HeaderValue::try_from(line).expect("the name was checked and a token is base64url")
}

#[cfg(test)]
mod tests {
    use super::*;

    const TOKEN: &str = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";

    fn cookies(lines: &[&str]) -> Presented {
        let mut headers = HeaderMap::new();
        for line in lines {
            headers.append(header::COOKIE, HeaderValue::try_from(*line).expect("a header"));
        }
        presented(&headers, "session")
    }

    #[test]
    fn the_session_is_found_among_other_and_broken_cookies() {
        for line in [
            format!("session={TOKEN}"),
            format!("a=b; session={TOKEN}; c"),
            format!(";;=;session; session={TOKEN}"),
            format!("sessions=x; xsession=y;session={TOKEN};"),
        ] {
            assert!(matches!(cookies(&[&line]), Presented::Token(_)), "{line}");
        }
    }

    #[test]
    fn two_cookies_of_the_name_are_none_even_if_equal() {
        let pair = format!("session={TOKEN}");
        assert!(matches!(cookies(&[&format!("{pair}; {pair}")]), Presented::Unusable));
        assert!(matches!(cookies(&[&pair, &pair]), Presented::Unusable));
    }

    #[test]
    fn what_is_no_token_is_unusable_and_no_cookie_is_nothing() {
        for line in ["session=", "session=x", "session=\"\"", "session=%00"] {
            assert!(matches!(cookies(&[line]), Presented::Unusable), "{line}");
        }
        for line in ["", ";;=;session", "Session=x"] {
            assert!(matches!(cookies(&[line]), Presented::Nothing), "{line}");
        }
    }
}
