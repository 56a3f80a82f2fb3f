use std::pin::Pin;

use actix_web::dev::Payload;
use actix_web::web::Data;
use actix_web::{FromRequest, HttpRequest};
use latchkey_domain::{Caller, OwnerId};

use super::Http;
use super::caller::caller;
use super::error::{ApiError, ErrorCode};
use super::session::Session;

/// For which owner a call acts, and who asks. Every call about keys and events ends in this, however the
/// caller proved who they are; nothing else in the request says whose keys are meant.
#[derive(Debug)]
pub(crate) struct ActingFor {
    pub(crate) owner: OwnerId,
    pub(crate) caller: Caller,
}

/// The same for a call that hands out a key or ends one: where the server asks for it, an account gave its password not
/// long ago.
#[derive(Debug)]
pub(crate) struct ActingAfresh(pub(crate) ActingFor);

impl ActingFor {
    /// By a session: an account acts for itself, a person of another system for the owner that its token names.
    fn by(session: &Session, req: &HttpRequest, http: &Http) -> Self {
        let (owner, actor) = (session.owner(), session.actor());
        Self { caller: caller(req, http, &actor), owner }
    }
}

impl FromRequest for ActingFor {
    type Error = ApiError;
    type Future = Pin<Box<dyn Future<Output = Result<Self, ApiError>>>>;

    fn from_request(req: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let (req, session) = (req.clone(), Session::from_request(req, payload));
        Box::pin(async move {
            let session = session.await?;
            let http = req.app_data::<Data<Http>>().ok_or_else(ApiError::session_required)?;
            Ok(Self::by(&session, &req, http))
        })
    }
}

impl FromRequest for ActingAfresh {
    type Error = ApiError;
    type Future = Pin<Box<dyn Future<Output = Result<Self, ApiError>>>>;

    fn from_request(req: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let (req, session) = (req.clone(), Session::from_request(req, payload));
        Box::pin(async move {
            let session = session.await?;
            let http = req.app_data::<Data<Http>>().ok_or_else(ApiError::session_required)?;
            // Another system asks for its passwords itself.
            if let Session::Account(who) = &session
                && !http.services.accounts.is_fresh(who)
            {
                let message = "Your password was given too long ago; confirm it, then try again";
                return Err(ApiError::new(ErrorCode::ReauthenticationRequired, message));
            }
            Ok(Self(ActingFor::by(&session, &req, http)))
        })
    }
}
