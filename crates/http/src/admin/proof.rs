use std::marker::PhantomData;
use std::pin::Pin;

use actix_web::dev::Payload;
use actix_web::http::header::{self, HeaderMap};
use actix_web::web::Data;
use actix_web::{FromRequest, HttpRequest};
use latchkey_accounts::{AuthenticateTokenError, Forbidden, Right};
use latchkey_domain::{Actor, Caller, OwnerId, OwnerPattern};
use percent_encoding::percent_decode_str;

use crate::Http;
use crate::acting::ActingFor;
use crate::caller::caller;
use crate::error::{ApiError, ErrorCode};
use crate::operator::Operating;

/// What a call needs of its caller.
pub(crate) trait Needs {
    /// Which right, of a token; `None`: any token may make it.
    const RIGHT: Option<Right>;
    /// Whether it can't be undone: an operator gave the password not long ago.
    const IS_FINAL: bool = false;
}

/// To see what holds for all owners.
#[derive(Debug)]
pub(crate) struct AnyRight;
/// To see keys and the settings of owners.
#[derive(Debug)]
pub(crate) struct KeysRead;
/// To change the settings of owners.
#[derive(Debug)]
pub(crate) struct OwnersWrite;
/// To read events.
#[derive(Debug)]
pub(crate) struct AuditRead;
/// To see how much keys are used, and why calls with them were refused.
#[derive(Debug)]
pub(crate) struct UsageRead;
/// To issue, change and rotate keys.
#[derive(Debug)]
pub(crate) struct KeysWrite;
/// To revoke keys.
#[derive(Debug)]
pub(crate) struct KeysEnd;

impl Needs for AnyRight {
    const RIGHT: Option<Right> = None;
}

impl Needs for KeysRead {
    const RIGHT: Option<Right> = Some(Right::KeysRead);
}

impl Needs for KeysWrite {
    const RIGHT: Option<Right> = Some(Right::KeysWrite);
}

impl Needs for KeysEnd {
    const RIGHT: Option<Right> = Some(Right::KeysWrite);
    const IS_FINAL: bool = true;
}

impl Needs for OwnersWrite {
    const RIGHT: Option<Right> = Some(Right::OwnersWrite);
}

impl Needs for AuditRead {
    const RIGHT: Option<Right> = Some(Right::AuditRead);
}

impl Needs for UsageRead {
    const RIGHT: Option<Right> = Some(Right::UsageRead);
}

/// Who makes the calls of a group of routes, and how they prove it.
pub(crate) trait Prover: 'static {
    /// Whether the call may be made, and for which owners.
    async fn prove<N: Needs>(req: &HttpRequest, http: &Data<Http>)
    -> Result<Entitlement, ApiError>;
}

/// For which owners a call may be made, and who makes it.
#[derive(Debug)]
pub(crate) struct Entitlement {
    owners: Vec<OwnerPattern>,
    caller: Caller,
}

/// A backend, by its management token.
#[derive(Debug)]
pub(crate) struct Backend;

/// An operator, by the session of an account.
#[derive(Debug)]
pub(crate) struct Operator;

impl Prover for Backend {
    async fn prove<N: Needs>(
        req: &HttpRequest,
        http: &Data<Http>,
    ) -> Result<Entitlement, ApiError> {
        let token = http.services.tokens.authenticate(presented(req.headers())?).await?;
        let owners = match N::RIGHT {
            Some(right) => token.may(right)?.owners(),
            None => &token.owners,
        };
        let owners = owners.to_vec();
        Ok(Entitlement { owners, caller: caller(req, http, Actor::Token(token.id)) })
    }
}

impl Prover for Operator {
    async fn prove<N: Needs>(
        req: &HttpRequest,
        http: &Data<Http>,
    ) -> Result<Entitlement, ApiError> {
        let operating = Operating::by(req, http).await?;
        if N::IS_FINAL {
            operating.gave_the_password_lately(http)?;
        }
        Ok(Entitlement { owners: vec![OwnerPattern::any()], caller: operating.caller })
    }
}

/// A call over many owners, by somebody who may do what it needs.
#[derive(Debug)]
pub(crate) struct By<N, P> {
    pub(crate) owners: Vec<OwnerPattern>,
    pub(crate) caller: Caller,
    proved: PhantomData<(N, P)>,
}

/// A call for the owner in its path, by somebody who may do what it needs for that owner.
#[derive(Debug)]
pub(crate) struct For<N, P> {
    pub(crate) acting: ActingFor,
    proved: PhantomData<(N, P)>,
}

impl<N, P> By<N, P> {
    /// Whether the caller may do for `owner` what the call does.
    pub(super) fn may_act_for(&self, owner: &OwnerId) -> Result<(), ApiError> {
        if self.owners.iter().any(|pattern| pattern.covers(owner)) {
            Ok(())
        } else {
            Err(Forbidden::MayNotActForOwner.into())
        }
    }
}

impl<N: Needs + 'static, P: Prover> FromRequest for By<N, P> {
    type Error = ApiError;
    type Future = Pin<Box<dyn Future<Output = Result<Self, ApiError>>>>;

    fn from_request(req: &HttpRequest, _: &mut Payload) -> Self::Future {
        let req = req.clone();
        Box::pin(async move {
            let http = req.app_data::<Data<Http>>().ok_or_else(ApiError::not_found)?;
            let Entitlement { owners, caller } = P::prove::<N>(&req, http).await?;
            Ok(Self { owners, caller, proved: PhantomData })
        })
    }
}

/// The contract's order: the token, its right, the form of the owner, and whether the token may act for it.
impl<N: Needs + 'static, P: Prover> FromRequest for For<N, P> {
    type Error = ApiError;
    type Future = Pin<Box<dyn Future<Output = Result<Self, ApiError>>>>;

    fn from_request(req: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let (req, by) = (req.clone(), By::<N, P>::from_request(req, payload));
        Box::pin(async move {
            let by = by.await?;
            let owner = owner_in_path(&req)?;
            by.may_act_for(&owner)?;
            Ok(Self { acting: ActingFor { owner, caller: by.caller }, proved: PhantomData })
        })
    }
}

/// The text of the token that a request presents.
fn presented(headers: &HeaderMap) -> Result<&[u8], ApiError> {
    let mut lines = headers.get_all(header::AUTHORIZATION);
    let (Some(line), None) = (lines.next(), lines.next()) else {
        let is_absent = !headers.contains_key(header::AUTHORIZATION);
        return Err(if is_absent { ApiError::token_required() } else { ApiError::invalid_token() });
    };
    let line = line.as_bytes();
    let (scheme, text) = line.split_at_checked(b"Bearer ".len()).unwrap_or((line, b""));
    if scheme.eq_ignore_ascii_case(b"Bearer ") {
        Ok(text.trim_ascii())
    } else {
        Err(ApiError::token_required())
    }
}

/// The owner in the path of a call, percent-encoded there.
///
/// The framework has decoded all but `%`, `/` and `+`, so that what is left is decoded once, and exactly.
pub(crate) fn owner_in_path(req: &HttpRequest) -> Result<OwnerId, ApiError> {
    let text = req.match_info().get("owner").unwrap_or_default();
    owner_from(text).ok_or_else(|| {
        ApiError::bad_request("The owner in the path must be 1 to 255 visible ASCII characters")
    })
}

fn owner_from(text: &str) -> Option<OwnerId> {
    let is_whole = text.split('%').skip(1).all(|rest| {
        let digits = rest.as_bytes().get(..2);
        digits.is_some_and(|digits| digits.iter().all(u8::is_ascii_hexdigit))
    });
    let decoded = percent_decode_str(text).decode_utf8().ok().filter(|_| is_whole)?;
    OwnerId::parse(decoded).ok()
}

impl From<AuthenticateTokenError> for ApiError {
    fn from(error: AuthenticateTokenError) -> Self {
        match error {
            AuthenticateTokenError::Invalid => Self::invalid_token(),
            AuthenticateTokenError::Store(error) => error.into(),
        }
    }
}

impl From<Forbidden> for ApiError {
    fn from(error: Forbidden) -> Self {
        match error {
            Forbidden::MayNotDoThat => {
                Self::new(ErrorCode::MissingRight, "This token may not do that")
            }
            Forbidden::MayNotActForOwner => {
                Self::new(ErrorCode::OwnerNotAllowed, "This token may not act for this owner")
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use actix_web::http::header::HeaderValue;

    use super::*;

    #[test]
    fn an_owner_is_decoded_once() {
        let owner = |text: &str| owner_from(text).map(|owner| owner.as_str().to_owned());
        assert_eq!(owner("user_1").as_deref(), Some("user_1"));
        assert_eq!(owner("org%2F1").as_deref(), Some("org/1"));
        assert_eq!(owner("a%2541").as_deref(), Some("a%41"));
        assert_eq!(owner("a+b%2B").as_deref(), Some("a+b+"));
        for bad in ["", "%", "%4", "%zz", "a b", "%00", "%0A", "\u{e9}", &"x".repeat(256)] {
            assert_eq!(owner(bad), None, "{bad}");
        }
    }

    #[test]
    fn a_token_is_presented_by_one_line_of_the_scheme_bearer() {
        let text_in = |lines: &[&'static str]| {
            let mut headers = HeaderMap::new();
            for line in lines {
                headers.append(header::AUTHORIZATION, HeaderValue::from_static(line));
            }
            presented(&headers).map(<[u8]>::to_vec).map_err(|error| error.code().as_str())
        };
        assert_eq!(text_in(&["Bearer lk_admin_x"]), Ok(b"lk_admin_x".to_vec()));
        assert_eq!(text_in(&["bearer  lk_admin_x"]), Ok(b"lk_admin_x".to_vec()));
        assert_eq!(text_in(&[]), Err("token_required"));
        for other in ["Basic eDp5", "Bearer", "", "lk_admin_x"] {
            assert_eq!(text_in(&[other]), Err("token_required"), "{other}");
        }
        assert_eq!(text_in(&["Bearer a", "Bearer a"]), Err("invalid_token"));
    }
}
