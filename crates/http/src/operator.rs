//! The pages of operators, and the calls that these pages make. For everybody else there is nothing at their addresses.
//!
//! What a backend may do by a management token is done by the same handlers here, proved by the session of an operator's
//! account ([`Operator`](crate::admin::proof::Operator)). Beside these are calls about accounts and management tokens, which
//! no token may make. None of the calls is a part of the API: their paths and bodies go with the pages.

pub(crate) mod accounts;
mod find;
pub(crate) mod pages;
pub(crate) mod system;
pub(crate) mod tokens;

use std::pin::Pin;

use actix_web::dev::Payload;
use actix_web::web::Data;
use actix_web::{FromRequest, HttpRequest};
use latchkey_accounts::SignedIn;
use latchkey_domain::{Actor, Caller};

use super::Http;
use super::caller::caller;
use super::cross_site;
use super::error::{ApiError, ErrorCode};
use super::session::{self, Session};

/// An operator, whose request it is.
///
/// First comes who it is: the rest of what is wrong with a request is nobody else's business.
#[derive(Debug)]
pub(crate) struct Operating {
    pub(crate) who: SignedIn,
    pub(crate) caller: Caller,
}

/// The same for a call that can't be undone: the operator gave the password not long ago.
#[derive(Debug)]
pub(crate) struct OperatingAfresh(pub(crate) Operating);

impl Operating {
    pub(crate) async fn by(req: &HttpRequest, http: &Data<Http>) -> Result<Self, ApiError> {
        let who = session::operator(req, http).await?;
        cross_site::check_ours(req, http)?;
        let _answered = session::answer_for(req, Session::Account(who.clone()))?;
        let actor = Actor::OperatorAccount(who.account.parts().id.as_uuid());
        Ok(Self { caller: caller(req, http, actor), who })
    }

    /// Whether what can't be undone may be done.
    pub(crate) fn gave_the_password_lately(&self, http: &Http) -> Result<(), ApiError> {
        if http.services.accounts.is_operators_proof_fresh(&self.who) {
            return Ok(());
        }
        let message = "This can't be undone; confirm your password, then try again";
        Err(ApiError::new(ErrorCode::ReauthenticationRequired, message))
    }
}

impl FromRequest for Operating {
    type Error = ApiError;
    type Future = Pin<Box<dyn Future<Output = Result<Self, ApiError>>>>;

    fn from_request(req: &HttpRequest, _: &mut Payload) -> Self::Future {
        let req = req.clone();
        Box::pin(async move {
            let http = req.app_data::<Data<Http>>().ok_or_else(ApiError::not_found)?;
            Self::by(&req, http).await
        })
    }
}

impl FromRequest for OperatingAfresh {
    type Error = ApiError;
    type Future = Pin<Box<dyn Future<Output = Result<Self, ApiError>>>>;

    fn from_request(req: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let (req, operating) = (req.clone(), Operating::from_request(req, payload));
        Box::pin(async move {
            let operating = operating.await?;
            let http = req.app_data::<Data<Http>>().ok_or_else(ApiError::not_found)?;
            operating.gave_the_password_lately(http)?;
            Ok(Self(operating))
        })
    }
}
