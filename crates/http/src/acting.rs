use std::pin::Pin;

use actix_web::dev::Payload;
use actix_web::web::Data;
use actix_web::{FromRequest, HttpRequest};
use latchkey_domain::{Caller, OwnerId};

use super::Http;
use super::caller::caller;
use super::error::ApiError;
use super::session::User;

/// For which owner a call acts, and who asks. Every call about keys and events ends in this, however the
/// caller proved who they are; nothing else in the request says whose keys are meant.
#[derive(Debug)]
pub(crate) struct ActingFor {
    pub(crate) owner: OwnerId,
    pub(crate) caller: Caller,
}

/// By a session: an account acts for itself.
impl FromRequest for ActingFor {
    type Error = ApiError;
    type Future = Pin<Box<dyn Future<Output = Result<Self, ApiError>>>>;

    fn from_request(req: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let (req, user) = (req.clone(), User::from_request(req, payload));
        Box::pin(async move {
            let User(signed_in) = user.await?;
            let owner = signed_in.account.parts().id.owner();
            let http = req.app_data::<Data<Http>>().ok_or_else(ApiError::session_required)?;
            Ok(Self { caller: caller(&req, http, &owner), owner })
        })
    }
}
