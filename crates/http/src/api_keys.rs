mod bodies;

use actix_web::http::header::ContentType;
use actix_web::web::{Bytes, Data};
use actix_web::{HttpRequest, HttpResponse};
use latchkey_dashboard::Days;
use latchkey_domain::ports::KeyInUse;
use latchkey_domain::{ApiKeyId, CreditChange, KeyChange, NewKey, OwnerId, Rotation};
use serde::Serialize;
use zeroize::Zeroizing;

pub(crate) use self::bodies::{
    ChangeBody, CreateBody, EnvironmentBody, IncludeFilter, IssuedBody, ItemBody, KeyFilter,
    RotateBody, RotatedBody, StatusFilter, present,
};
use super::Http;
use super::accounts::Success;
use super::acting::{ActingAfresh, ActingFor};
use super::body::{InOrder, JsonBody, OptionalJsonBody};
use super::error::{ApiError, ErrorBody};
use super::usage::last_days;
use super::wire_limits::CreditsBody;

/// List keys.
///
/// Returns all keys of the account that are not revoked, newest first, including disabled, expired and
/// replaced ones. With `status=revoked` it returns the keys revoked in the last 90 days instead, latest
/// first, at most 200. With `include=usage` each key tells how much it was used in the last 30 days.
#[utoipa::path(
    get, path = "/api/v1/api-keys", operation_id = "listApiKeys", tag = "API keys",
    params(KeyFilter),
    responses(
        (status = 200, description = "The keys", body = Vec<ItemBody<'_>>),
        (status = 400, description = "A parameter is unknown, repeated or invalid", body = ErrorBody),
        (status = 401, description = "Missing or invalid session", body = ErrorBody),
    ),
)]
pub(crate) async fn list(
    req: HttpRequest,
    http: Data<Http>,
    ActingFor { owner, .. }: ActingFor,
) -> Result<HttpResponse, ApiError> {
    listed(&http, &owner, &KeyFilter::of(&req)?).await
}

/// Keys as the API answers them.
fn items<'a>(keys: impl IntoIterator<Item = &'a KeyInUse>) -> Vec<ItemBody<'a>> {
    keys.into_iter().map(ItemBody::from).collect()
}

/// The same with their calls of the last 30 days.
pub(crate) fn used_items<'a>(keys: &[&'a KeyInUse], days: &Days) -> Vec<ItemBody<'a>> {
    with_usage(items(keys.iter().copied()), keys.iter().copied(), days)
}

fn with_usage<'a>(
    mut items: Vec<ItemBody<'a>>,
    keys: impl IntoIterator<Item = &'a KeyInUse>,
    days: &Days,
) -> Vec<ItemBody<'a>> {
    for (item, found) in items.iter_mut().zip(keys) {
        item.usage = days.get(&found.key.parts().id).copied();
    }
    items
}

/// Create a key.
///
/// The response is the only place that has the full key: only a keyed hash of it is stored.
#[utoipa::path(
    post, path = "/api/v1/api-keys", operation_id = "createApiKey", tag = "API keys",
    request_body = CreateBody,
    responses(
        (status = 201, description = "The key, shown once", body = IssuedBody<'_>),
        (status = 400, description = "Invalid request", body = ErrorBody),
        (status = 401, description = "Missing or invalid session", body = ErrorBody),
        (status = 403, description = "The call came from another site, or the password has to be confirmed first", body = ErrorBody),
        (status = 409, description = "The account has reached its limit of keys", body = ErrorBody),
        (status = 429, description = "Too many changes by one account; see Retry-After", body = ErrorBody),
    ),
)]
pub(crate) async fn create(
    http: Data<Http>,
    InOrder(ActingAfresh(acting), JsonBody(body)): InOrder<ActingAfresh, JsonBody<CreateBody>>,
) -> Result<HttpResponse, ApiError> {
    let new = body.read(&http)?;
    issued(&http, acting, new).await
}

/// Get a key.
///
/// Returns one key of the account, as in the list.
#[utoipa::path(
    get, path = "/api/v1/api-keys/{id}", operation_id = "getApiKey", tag = "API keys",
    params(("id" = String, Path, description = "The ID of the key", example = "019d1fb2-5b00-7c4e-a2d1-8f3b6e9a0c17")),
    responses(
        (status = 200, description = "The key", body = ItemBody<'_>),
        (status = 401, description = "Missing or invalid session", body = ErrorBody),
        (status = 404, description = "No such key in this account, or it is revoked", body = ErrorBody),
    ),
)]
pub(crate) async fn get(
    req: HttpRequest,
    http: Data<Http>,
    ActingFor { owner, .. }: ActingFor,
) -> Result<HttpResponse, ApiError> {
    found(&req, &http, &owner).await
}

/// Change a key.
///
/// Renames, disables or enables a key, or changes its expiry, scopes, networks or limits. Members that you leave out stay
/// as they are. Other limits hold also for the keys that the key replaced and that replaced it; what the present window has
/// used stays used. An expired key works again when you extend or remove its expiry. A rotated key can only be made
/// to expire sooner.
#[utoipa::path(
    patch, path = "/api/v1/api-keys/{id}", operation_id = "changeApiKey", tag = "API keys",
    params(("id" = String, Path, description = "The ID of the key", example = "019d1fb2-5b00-7c4e-a2d1-8f3b6e9a0c17")),
    request_body = ChangeBody,
    responses(
        (status = 200, description = "The key as it is now, on every instance", body = ItemBody<'_>),
        (status = 400, description = "Invalid request", body = ErrorBody),
        (status = 401, description = "Missing or invalid session", body = ErrorBody),
        (status = 403, description = "The call came from another site", body = ErrorBody),
        (status = 404, description = "No such key in this account, or it is revoked", body = ErrorBody),
        (status = 409, description = "The key has been rotated, too many rotated keys would still work, or concurrent changes kept conflicting", body = ErrorBody),
        (status = 429, description = "Too many changes by one account; see Retry-After", body = ErrorBody),
    ),
)]
pub(crate) async fn change(
    req: HttpRequest,
    http: Data<Http>,
    InOrder(acting, JsonBody(body)): InOrder<ActingFor, JsonBody<ChangeBody>>,
) -> Result<HttpResponse, ApiError> {
    changed(&req, &http, acting, body.read()?).await
}

/// Rotate a key.
///
/// Creates a new key to replace this one, with the same name, environment and lifetime. Both keys work
/// until the overlap ends. With an overlap of 0 the old key is revoked before the response is sent. A key
/// that this one had replaced ends now. The body is optional.
#[utoipa::path(
    post, path = "/api/v1/api-keys/{id}/rotate", operation_id = "rotateApiKey", tag = "API keys",
    params(("id" = String, Path, description = "The ID of the key to replace", example = "0195c7e2-4d3a-7b1c-9f00-5a1e2d3c4b5a")),
    request_body = RotateBody,
    responses(
        (status = 201, description = "The new key, shown once", body = RotatedBody<'_>),
        (status = 400, description = "Invalid request", body = ErrorBody),
        (status = 401, description = "Missing or invalid session", body = ErrorBody),
        (status = 403, description = "The call came from another site, or the password has to be confirmed first", body = ErrorBody),
        (status = 404, description = "No such key in this account, or it is revoked", body = ErrorBody),
        (status = 409, description = "The key is disabled, expired or already rotated, or too many rotated keys still work", body = ErrorBody),
        (status = 429, description = "Too many changes by one account; see Retry-After", body = ErrorBody),
    ),
)]
pub(crate) async fn rotate(
    req: HttpRequest,
    http: Data<Http>,
    InOrder(ActingAfresh(acting), OptionalJsonBody(body)): InOrder<
        ActingAfresh,
        OptionalJsonBody<RotateBody>,
    >,
) -> Result<HttpResponse, ApiError> {
    rotated(&req, &http, acting, body.read()?).await
}

/// Add credits to a key.
///
/// A negative number takes some; below what is left nothing is changed. Concurrent calls all count. A key shares its
/// credits with the keys that it replaced and that replaced it.
#[utoipa::path(
    post, path = "/api/v1/api-keys/{id}/credits", operation_id = "addCredits", tag = "API keys",
    params(("id" = String, Path, description = "The ID of the key", example = "019d1fb2-5b00-7c4e-a2d1-8f3b6e9a0c17")),
    request_body = CreditsBody,
    responses(
        (status = 200, description = "The key with its credits", body = ItemBody<'_>),
        (status = 400, description = "Invalid request", body = ErrorBody),
        (status = 401, description = "Missing or invalid session", body = ErrorBody),
        (status = 403, description = "The call came from another site", body = ErrorBody),
        (status = 404, description = "No such key in this account, or it is revoked", body = ErrorBody),
        (status = 409, description = "Fewer credits are left than are to be taken, or there would be too many", body = ErrorBody),
        (status = 429, description = "Too many changes by one account; see Retry-After", body = ErrorBody),
    ),
)]
pub(crate) async fn add_credits(
    req: HttpRequest,
    http: Data<Http>,
    InOrder(acting, JsonBody(body)): InOrder<ActingFor, JsonBody<CreditsBody>>,
) -> Result<HttpResponse, ApiError> {
    credited(&req, &http, acting, body.read()?).await
}

/// Revoke a key.
///
/// The key stops working permanently, on every instance, before the response is sent.
#[utoipa::path(
    delete, path = "/api/v1/api-keys/{id}", operation_id = "revokeApiKey", tag = "API keys",
    params(("id" = String, Path, description = "The ID of the key", example = "019d1fb2-5b00-7c4e-a2d1-8f3b6e9a0c17")),
    responses(
        (status = 200, description = "Revoked", body = Success),
        (status = 401, description = "Missing or invalid session", body = ErrorBody),
        (status = 403, description = "The call came from another site, or the password has to be confirmed first", body = ErrorBody),
        (status = 404, description = "No such key in this account, or it is revoked", body = ErrorBody),
        (status = 429, description = "Too many changes by one account; see Retry-After", body = ErrorBody),
    ),
)]
pub(crate) async fn revoke(
    req: HttpRequest,
    http: Data<Http>,
    ActingAfresh(acting): ActingAfresh,
) -> Result<HttpResponse, ApiError> {
    revoked(&req, &http, acting).await
}

// What the calls of sessions and of management tokens have in common.

pub(crate) async fn listed(
    http: &Http,
    owner: &OwnerId,
    filter: &KeyFilter,
) -> Result<HttpResponse, ApiError> {
    let keys = match filter.status {
        None => http.services.api_keys.list(owner).await?,
        Some(StatusFilter::Revoked) => http.services.api_keys.revoked_lately(owner).await?,
    };
    let items = match filter.status {
        None => items(&keys),
        Some(StatusFilter::Revoked) => keys.iter().map(ItemBody::that_may_be_revoked).collect(),
    };
    let items = if filter.includes_usage() {
        with_usage(items, &keys, &last_days(http, &keys).await?)
    } else {
        items
    };
    Ok(HttpResponse::Ok().json(items))
}

pub(crate) async fn issued(
    http: &Data<Http>,
    ActingFor { owner, caller }: ActingFor,
    new: NewKey,
) -> Result<HttpResponse, ApiError> {
    let work = Data::clone(http);
    let issuing = async move { work.services.api_keys.issue(owner, new, &caller).await };
    let issued = http.finish(issuing).await??;
    shown_once(&IssuedBody::from(&issued))
}

pub(crate) async fn found(
    req: &HttpRequest,
    http: &Http,
    owner: &OwnerId,
) -> Result<HttpResponse, ApiError> {
    let found = http.services.api_keys.get(owner, id_in(req)).await?;
    let key = found.ok_or_else(ApiError::key_not_found)?;
    Ok(HttpResponse::Ok().json(ItemBody::from(&key)))
}

pub(crate) async fn changed(
    req: &HttpRequest,
    http: &Data<Http>,
    ActingFor { owner, caller }: ActingFor,
    change: KeyChange,
) -> Result<HttpResponse, ApiError> {
    let (work, id) = (Data::clone(http), id_in(req));
    let changing = async move { work.services.api_keys.change(&owner, id, &change, &caller).await };
    let key = http.finish(changing).await??;
    Ok(HttpResponse::Ok().json(ItemBody::from(&key)))
}

pub(crate) async fn credited(
    req: &HttpRequest,
    http: &Data<Http>,
    ActingFor { owner, caller }: ActingFor,
    change: CreditChange,
) -> Result<HttpResponse, ApiError> {
    let (work, id) = (Data::clone(http), id_in(req));
    let adding =
        async move { work.services.api_keys.add_credits(&owner, id, change, &caller).await };
    let key = http.finish(adding).await??;
    Ok(HttpResponse::Ok().json(ItemBody::from(&key)))
}

pub(crate) async fn rotated(
    req: &HttpRequest,
    http: &Data<Http>,
    ActingFor { owner, caller }: ActingFor,
    rotation: Rotation,
) -> Result<HttpResponse, ApiError> {
    let (work, id) = (Data::clone(http), id_in(req));
    let rotating =
        async move { work.services.api_keys.rotate(&owner, id, rotation, &caller).await };
    let issued = http.finish(rotating).await??;
    shown_once(&RotatedBody::of(&issued, id))
}

pub(crate) async fn revoked(
    req: &HttpRequest,
    http: &Data<Http>,
    ActingFor { owner, caller }: ActingFor,
) -> Result<HttpResponse, ApiError> {
    let (work, id) = (Data::clone(http), id_in(req));
    let revoking = async move { work.services.api_keys.revoke(&owner, id, &caller).await };
    http.finish(revoking).await??;
    Ok(HttpResponse::Ok().json(Success::DONE))
}

/// An answer with the text of a key, which is erased from memory when the answer is sent; the
/// framework's buffers are not.
pub(crate) fn shown_once(body: &impl Serialize) -> Result<HttpResponse, ApiError> {
    // It has room for any of them: a buffer that grows leaves a copy behind.
    let mut text = Zeroizing::new(Vec::with_capacity(2 * 1024));
    serde_json::to_writer(&mut *text, body).map_err(ApiError::internal)?;
    Ok(HttpResponse::Created().content_type(ContentType::json()).body(Bytes::from_owner(text)))
}

/// A text that is not an id of ours names no key, and is answered as an id that names none: after
/// what is wrong with the body.
pub(crate) fn id_in(req: &HttpRequest) -> ApiKeyId {
    let text = req.match_info().get("id").unwrap_or_default();
    ApiKeyId::parse(text).unwrap_or(ApiKeyId::NONE)
}
