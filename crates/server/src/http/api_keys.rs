#![expect(single_use_lifetimes, reason = "fires in what the schema derive writes")]

use actix_web::web::Data;
use actix_web::{HttpRequest, HttpResponse};
use latchkey_domain::ports::KeyInUse;
use latchkey_domain::{ApiKeyId, Environment, IssuedKey, KeyName, KeyState, NewKey, OwnerId};
use serde::{Deserialize, Deserializer, Serialize};
use utoipa::ToSchema;

use super::accounts::Success;
use super::body::{JsonBody, Then};
use super::error::{ApiError, ErrorBody};
use super::name_schema::NameSchema;
use super::session::User;
use super::wire_time::WireTime;
use crate::app::App;

/// What a key is called where names are optional and none was given.
const UNTITLED: &str = "Untitled key";

/// A key to be issued.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(crate) struct CreateBody {
    /// 1 to 100 Unicode characters, at least one of them visible.
    #[serde(default, deserialize_with = "present")]
    #[schema(value_type = NameSchema, required)]
    name: Option<String>,
    /// What the key is meant for.
    #[serde(default)]
    environment: EnvironmentBody,
    /// The first instant at which the key no longer works; it must lie in the future.
    #[serde(default)]
    expires_at: Option<WireTime>,
}

/// What a key is meant for.
#[derive(Debug, Clone, Copy, Default, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub(crate) enum EnvironmentBody {
    #[default]
    Live,
    Test,
}

/// A key that was just issued: the only answer that holds its text.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct IssuedBody<'a> {
    id: String,
    name: &'a str,
    /// The full key. It can't be shown again: only a keyed hash of it is stored.
    #[schema(example = "sk_live_0123456789ABCDEFGHIJKLMNOPQRSTUV28hqg7")]
    key: &'a str,
    /// The beginning of the key, to tell keys apart.
    #[schema(example = "sk_live_0123")]
    key_prefix: &'a str,
    created_at: WireTime,
    environment: EnvironmentBody,
    #[schema(required)]
    expires_at: Option<WireTime>,
}

/// A key, as its owner sees it.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ItemBody<'a> {
    id: String,
    name: &'a str,
    /// The beginning of the key, to tell keys apart.
    #[schema(example = "sk_live_0123")]
    key_prefix: &'a str,
    /// When it last passed a verification; it may lag a minute behind.
    #[schema(required)]
    last_used_at: Option<WireTime>,
    created_at: WireTime,
    environment: EnvironmentBody,
    /// Whether its owner has it switched on; an expired key may still be.
    enabled: bool,
    #[schema(required)]
    expires_at: Option<WireTime>,
    /// The id of the key that took its place.
    #[schema(required)]
    replaced_by: Option<String>,
}

/// All keys of the account that are not revoked, newest first.
#[utoipa::path(
    get, path = "/api/v1/api-keys", operation_id = "listApiKeys", tag = "API keys",
    responses(
        (status = 200, description = "The keys", body = Vec<ItemBody<'_>>),
        (status = 401, description = "No valid session", body = ErrorBody),
    ),
)]
pub(crate) async fn list(app: Data<App>, User(user): User) -> Result<HttpResponse, ApiError> {
    let keys = app.keys.list(&user.account.parts().id.owner()).await?;
    let items: Vec<_> = keys.iter().map(ItemBody::from).collect();
    Ok(HttpResponse::Ok().json(items))
}

/// Issue a key. Its full text is in this answer and nowhere else.
#[utoipa::path(
    post, path = "/api/v1/api-keys", operation_id = "createApiKey", tag = "API keys",
    request_body = CreateBody,
    responses(
        (status = 201, description = "The key, shown once", body = IssuedBody<'_>),
        (status = 400, description = "Malformed or invalid", body = ErrorBody),
        (status = 401, description = "No valid session", body = ErrorBody),
        (status = 403, description = "The call came from another site", body = ErrorBody),
        (status = 409, description = "The account holds as many keys as it may", body = ErrorBody),
    ),
)]
pub(crate) async fn create(
    app: Data<App>,
    Then(User(user), JsonBody(body)): Then<User, JsonBody<CreateBody>>,
) -> Result<HttpResponse, ApiError> {
    let name = match body.name {
        Some(name) => name,
        None if app.settings.names_optional => UNTITLED.to_owned(),
        None => return Err(ApiError::bad_request("name is required")),
    };
    let new = NewKey {
        name: KeyName::parse(name).map_err(|error| ApiError::bad_request(error.to_string()))?,
        environment: body.environment.into(),
        expires_at: body.expires_at.map(|at| at.0),
    };
    let owner: OwnerId = user.account.parts().id.owner();
    let work = app.clone();
    let issued = app.finish(async move { work.api_keys.issue(owner, new).await }).await??;
    Ok(HttpResponse::Created().json(IssuedBody::from(&issued)))
}

/// One key.
#[utoipa::path(
    get, path = "/api/v1/api-keys/{id}", operation_id = "getApiKey", tag = "API keys",
    params(("id" = String, Path, description = "The key's id")),
    responses(
        (status = 200, description = "The key", body = ItemBody<'_>),
        (status = 401, description = "No valid session", body = ErrorBody),
        (status = 404, description = "Absent, revoked, or somebody else's", body = ErrorBody),
    ),
)]
pub(crate) async fn get(
    req: HttpRequest,
    app: Data<App>,
    User(user): User,
) -> Result<HttpResponse, ApiError> {
    let found = app.keys.find(&user.account.parts().id.owner(), id_in(&req)?).await?;
    let key = found.ok_or_else(ApiError::key_not_found)?;
    Ok(HttpResponse::Ok().json(ItemBody::from(&key)))
}

/// Revoke a key: it stops working at once, everywhere and for ever.
#[utoipa::path(
    delete, path = "/api/v1/api-keys/{id}", operation_id = "revokeApiKey", tag = "API keys",
    params(("id" = String, Path, description = "The key's id")),
    responses(
        (status = 200, description = "Revoked", body = Success),
        (status = 401, description = "No valid session", body = ErrorBody),
        (status = 403, description = "The call came from another site", body = ErrorBody),
        (status = 404, description = "Absent, revoked, or somebody else's", body = ErrorBody),
    ),
)]
pub(crate) async fn revoke(
    req: HttpRequest,
    app: Data<App>,
    User(user): User,
) -> Result<HttpResponse, ApiError> {
    let id = id_in(&req)?;
    let owner = user.account.parts().id.owner();
    let work = app.clone();
    app.finish(async move { work.api_keys.revoke(&owner, id).await }).await??;
    Ok(HttpResponse::Ok().json(Success::DONE))
}

/// An id that is not one of ours names no key.
fn id_in(req: &HttpRequest) -> Result<ApiKeyId, ApiError> {
    let text = req.match_info().get("id").unwrap_or_default();
    ApiKeyId::parse(text).map_err(|_malformed| ApiError::key_not_found())
}

/// For a member that may be left out but not be null.
fn present<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<String>, D::Error> {
    String::deserialize(deserializer).map(Some)
}

impl From<EnvironmentBody> for Environment {
    fn from(body: EnvironmentBody) -> Self {
        match body {
            EnvironmentBody::Live => Self::Live,
            EnvironmentBody::Test => Self::Test,
        }
    }
}

impl From<Environment> for EnvironmentBody {
    fn from(environment: Environment) -> Self {
        match environment {
            Environment::Live => Self::Live,
            Environment::Test => Self::Test,
        }
    }
}

impl<'a> From<&'a IssuedKey> for IssuedBody<'a> {
    fn from(issued: &'a IssuedKey) -> Self {
        let key = issued.key.parts();
        Self {
            id: key.id.to_string(),
            name: key.name.as_str(),
            key: issued.secret.expose(),
            key_prefix: key.prefix.as_str(),
            created_at: WireTime(key.created_at),
            environment: key.environment.into(),
            expires_at: key.expires_at.map(WireTime),
        }
    }
}

impl<'a> From<&'a KeyInUse> for ItemBody<'a> {
    fn from(found: &'a KeyInUse) -> Self {
        let key = found.key.parts();
        Self {
            id: key.id.to_string(),
            name: key.name.as_str(),
            key_prefix: key.prefix.as_str(),
            last_used_at: found.last_used_at.map(WireTime),
            created_at: WireTime(key.created_at),
            environment: key.environment.into(),
            enabled: key.state == KeyState::Active,
            expires_at: key.expires_at.map(WireTime),
            replaced_by: key.replaced_by.map(|id| id.to_string()),
        }
    }
}
