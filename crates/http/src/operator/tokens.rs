use std::time::Duration;

use actix_web::web::Data;
use actix_web::{HttpRequest, HttpResponse};
use latchkey_accounts::{
    CreateTokenError, IssuedToken, ManagementToken, NewManagementToken, NewManagementTokenError,
    RevokeTokenError, Right, Rights, TokenLifetime,
};
use latchkey_domain::{KeyName, OwnerPattern, TokenId};
use serde::{Deserialize, Serialize};

use super::OperatingAfresh;
use crate::Http;
use crate::accounts::Success;
use crate::api_keys::shown_once;
use crate::body::{InOrder, JsonBody};
use crate::error::{ApiError, ErrorCode};
use crate::wire_time::WireTime;

const DAY: u64 = 24 * 60 * 60;

/// A management token to be made.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct TokenBody {
    name: String,
    rights: Vec<String>,
    /// Patterns.
    owners: Vec<String>,
    /// How long it works.
    days: u32,
}

/// A new management token, with its full text.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct IssuedTokenBody<'a> {
    id: String,
    name: &'a str,
    token: &'a str,
    created_at: WireTime,
    expires_at: WireTime,
}

/// Makes a management token, which is shown in this answer and nowhere else.
pub(crate) async fn create(
    http: Data<Http>,
    InOrder(OperatingAfresh(operating), JsonBody(body)): InOrder<
        OperatingAfresh,
        JsonBody<TokenBody>,
    >,
) -> Result<HttpResponse, ApiError> {
    let new = body.read()?;
    let (work, caller) = (Data::clone(&http), operating.caller);
    let creating = async move { work.services.tokens.create(new, &caller).await };
    let IssuedToken { token, text } = http.finish(creating).await??;
    let ManagementToken { id, name, created_at, expires_at, .. } = &token;
    shown_once(&IssuedTokenBody {
        id: id.to_string(),
        name: name.as_str(),
        token: text.expose(),
        created_at: WireTime(*created_at),
        expires_at: WireTime(*expires_at),
    })
}

/// Revokes a management token: no instance accepts it when this is answered.
pub(crate) async fn revoke(
    req: HttpRequest,
    http: Data<Http>,
    OperatingAfresh(operating): OperatingAfresh,
) -> Result<HttpResponse, ApiError> {
    let text = req.match_info().get("id").unwrap_or_default();
    let id = TokenId::parse(text).map_err(|_no_id| RevokeTokenError::NotFound)?;
    let (work, caller) = (Data::clone(&http), operating.caller);
    let revoking = async move { work.services.tokens.revoke(id, &caller).await };
    http.finish(revoking).await??;
    Ok(HttpResponse::Ok().json(Success::DONE))
}

impl TokenBody {
    fn read(self) -> Result<NewManagementToken, ApiError> {
        let Self { name, rights, owners, days } = self;
        let name = KeyName::parse(name)?;
        let rights = rights.iter().map(|right| right.parse()).collect::<Result<Vec<Right>, _>>();
        let rights: Rights = rights
            .map_err(|_unknown| {
                let message = "rights must be of keys:read, keys:write, audit:read, owners:write and usage:read";
                ApiError::bad_request(message)
            })?
            .into_iter()
            .collect();
        let owners = owners.into_iter().map(OwnerPattern::parse).collect::<Result<Vec<_>, _>>();
        let owners = owners.map_err(|_malformed| {
            let message = "owners must be ids of owners, or beginnings of ids followed by one *";
            ApiError::bad_request(message)
        })?;
        let lifetime = TokenLifetime::new(Duration::from_secs(u64::from(days) * DAY));
        let lifetime = lifetime
            .map_err(|_out_of_bounds| ApiError::bad_request("days must be from 1 to 400"))?;
        Ok(NewManagementToken::new(name, rights, owners, lifetime)?)
    }
}

impl From<NewManagementTokenError> for ApiError {
    fn from(error: NewManagementTokenError) -> Self {
        Self::bad_request(match error {
            NewManagementTokenError::NoRight => "rights must name at least one",
            NewManagementTokenError::NoOwner => "owners must name at least one pattern",
            NewManagementTokenError::TooManyOwners => "owners must name at most 50 patterns",
        })
    }
}

impl From<CreateTokenError> for ApiError {
    fn from(error: CreateTokenError) -> Self {
        match error {
            CreateTokenError::Entropy(error) => error.into(),
            CreateTokenError::Store(error) => error.into(),
        }
    }
}

impl From<RevokeTokenError> for ApiError {
    fn from(error: RevokeTokenError) -> Self {
        match error {
            RevokeTokenError::NotFound => {
                Self::new(ErrorCode::NotFound, "Management token not found")
            }
            RevokeTokenError::Entropy(error) => error.into(),
            RevokeTokenError::Store(error) => error.into(),
        }
    }
}
