use actix_web::web::Data;
use actix_web::{FromRequest as _, HttpRequest, HttpResponse};

use super::bodies::{ChangeForOwnerBody, CreateForOwnerBody, RotateForOwnerBody};
use super::proof::{For, KeysEnd, KeysRead, KeysWrite, Prover, UsageRead};
use crate::Http;
use crate::accounts::Success;
use crate::api_keys::{
    IssuedBody, ItemBody, KeyFilter, RotatedBody, changed, credited, found, issued, listed,
    revoked, rotated,
};
use crate::body::{InOrder, JsonBody, OptionalJsonBody};
use crate::error::{ApiError, ErrorBody, ErrorCode};
use crate::wire_limits::CreditsBody;

/// List an owner's keys.
///
/// Returns all keys of the owner that are not revoked, newest first. With `status=revoked` it returns the
/// keys revoked in the last 90 days instead. `include=usage` needs the right `usage:read` too.
#[utoipa::path(
    get, path = "/api/v1/admin/owners/{owner}/api-keys", operation_id = "listApiKeysOfOwner", tag = "Management",
    params(("owner" = String, Path, description = "Your ID of the owner, percent-encoded", example = "user_123"), KeyFilter),
    security(("managementToken" = [])),
    responses(
        (status = 200, description = "The keys", body = Vec<ItemBody<'_>>),
        (status = 400, description = "A parameter is unknown, repeated or invalid", body = ErrorBody),
        (status = 401, description = "Missing or invalid management token", body = ErrorBody),
        (status = 403, description = "The token lacks the right `keys:read` (or `usage:read`, where it is needed), or may not act for this owner", body = ErrorBody),
    ),
)]
pub(crate) async fn list<P: Prover>(
    req: HttpRequest,
    http: Data<Http>,
    by: For<KeysRead, P>,
) -> Result<HttpResponse, ApiError> {
    let filter = KeyFilter::of(&req)?;
    if filter.includes_usage() {
        For::<UsageRead, P>::extract(&req).await?;
    }
    listed(&http, &by.acting.owner, &filter).await
}

/// Create a key for an owner.
///
/// The owner does not have to exist before. The response is the only place that has the full key.
#[utoipa::path(
    post, path = "/api/v1/admin/owners/{owner}/api-keys", operation_id = "createApiKeyForOwner", tag = "Management",
    params(("owner" = String, Path, description = "Your ID of the owner, percent-encoded", example = "user_123")),
    request_body = CreateForOwnerBody, security(("managementToken" = [])),
    responses(
        (status = 201, description = "The key, shown once", body = IssuedBody<'_>),
        (status = 400, description = "Invalid request", body = ErrorBody),
        (status = 401, description = "Missing or invalid management token", body = ErrorBody),
        (status = 403, description = "The token lacks the right `keys:write`, or may not act for this owner", body = ErrorBody),
        (status = 409, description = "The owner has reached its limit of keys, is suspended, or is an account that is disabled", body = ErrorBody),
    ),
)]
pub(crate) async fn create<P: Prover>(
    http: Data<Http>,
    InOrder(by, JsonBody(body)): InOrder<For<KeysWrite, P>, JsonBody<CreateForOwnerBody>>,
) -> Result<HttpResponse, ApiError> {
    let new = body.read(&http)?;
    issued(&http, by.acting, new).await.map_err(|error| match error.code() {
        // To a session of a disabled account it is over. A token goes on.
        ErrorCode::SessionRequired => {
            let message = "The account of this owner is disabled; it gets no more API keys";
            ApiError::new(ErrorCode::Conflict, message)
        }
        _ => error,
    })
}

/// Get an owner's key.
///
/// Returns one key of the owner, as in the list.
#[utoipa::path(
    get, path = "/api/v1/admin/owners/{owner}/api-keys/{id}", operation_id = "getApiKeyOfOwner", tag = "Management",
    params(
        ("owner" = String, Path, description = "Whose key", example = "user_123"),
        ("id" = String, Path, description = "The ID of the key", example = "019d1fb2-5b00-7c4e-a2d1-8f3b6e9a0c17"),
    ),
    security(("managementToken" = [])),
    responses(
        (status = 200, description = "The key", body = ItemBody<'_>),
        (status = 400, description = "Invalid owner in the path", body = ErrorBody),
        (status = 401, description = "Missing or invalid management token", body = ErrorBody),
        (status = 403, description = "The token lacks the right `keys:read`, or may not act for this owner", body = ErrorBody),
        (status = 404, description = "No such key of this owner, or it is revoked", body = ErrorBody),
    ),
)]
pub(crate) async fn get<P: Prover>(
    req: HttpRequest,
    http: Data<Http>,
    by: For<KeysRead, P>,
) -> Result<HttpResponse, ApiError> {
    found(&req, &http, &by.acting.owner).await
}

/// Change an owner's key.
///
/// Changes a key as its owner can. Members that you leave out stay as they are.
#[utoipa::path(
    patch, path = "/api/v1/admin/owners/{owner}/api-keys/{id}", operation_id = "changeApiKeyOfOwner", tag = "Management",
    params(
        ("owner" = String, Path, description = "Whose key", example = "user_123"),
        ("id" = String, Path, description = "The ID of the key", example = "019d1fb2-5b00-7c4e-a2d1-8f3b6e9a0c17"),
    ),
    request_body = ChangeForOwnerBody, security(("managementToken" = [])),
    responses(
        (status = 200, description = "The key as it is now, on every instance", body = ItemBody<'_>),
        (status = 400, description = "Invalid request", body = ErrorBody),
        (status = 401, description = "Missing or invalid management token", body = ErrorBody),
        (status = 403, description = "The token lacks the right `keys:write`, or may not act for this owner", body = ErrorBody),
        (status = 404, description = "No such key of this owner, or it is revoked", body = ErrorBody),
        (status = 409, description = "The key has been rotated, too many rotated keys would still work, or concurrent changes kept conflicting", body = ErrorBody),
    ),
)]
pub(crate) async fn change<P: Prover>(
    req: HttpRequest,
    http: Data<Http>,
    InOrder(by, JsonBody(body)): InOrder<For<KeysWrite, P>, JsonBody<ChangeForOwnerBody>>,
) -> Result<HttpResponse, ApiError> {
    changed(&req, &http, by.acting, body.read()?).await
}

/// Add credits to an owner's key.
///
/// A negative number takes some; below what is left nothing is changed. Concurrent calls all count. A key shares its
/// credits with the keys that it replaced and that replaced it.
#[utoipa::path(
    post, path = "/api/v1/admin/owners/{owner}/api-keys/{id}/credits", operation_id = "addCreditsOfKey", tag = "Management",
    params(
        ("owner" = String, Path, description = "Whose key", example = "user_123"),
        ("id" = String, Path, description = "The ID of the key", example = "019d1fb2-5b00-7c4e-a2d1-8f3b6e9a0c17"),
    ),
    request_body = CreditsBody, security(("managementToken" = [])),
    responses(
        (status = 200, description = "The key with its credits", body = ItemBody<'_>),
        (status = 400, description = "Invalid request", body = ErrorBody),
        (status = 401, description = "Missing or invalid management token", body = ErrorBody),
        (status = 403, description = "The token lacks the right `keys:write`, or may not act for this owner", body = ErrorBody),
        (status = 404, description = "No such key of this owner, or it is revoked", body = ErrorBody),
        (status = 409, description = "Fewer credits are left than are to be taken, or there would be too many", body = ErrorBody),
    ),
)]
pub(crate) async fn add_credits<P: Prover>(
    req: HttpRequest,
    http: Data<Http>,
    InOrder(by, JsonBody(body)): InOrder<For<KeysWrite, P>, JsonBody<CreditsBody>>,
) -> Result<HttpResponse, ApiError> {
    credited(&req, &http, by.acting, body.read()?).await
}

/// Rotate an owner's key.
///
/// Creates a new key to replace this one, as its owner can. The body is optional.
#[utoipa::path(
    post, path = "/api/v1/admin/owners/{owner}/api-keys/{id}/rotate", operation_id = "rotateApiKeyOfOwner", tag = "Management",
    params(
        ("owner" = String, Path, description = "Whose key", example = "user_123"),
        ("id" = String, Path, description = "The ID of the key to replace", example = "0195c7e2-4d3a-7b1c-9f00-5a1e2d3c4b5a"),
    ),
    request_body = RotateForOwnerBody, security(("managementToken" = [])),
    responses(
        (status = 201, description = "The new key, shown once", body = RotatedBody<'_>),
        (status = 400, description = "Invalid request", body = ErrorBody),
        (status = 401, description = "Missing or invalid management token", body = ErrorBody),
        (status = 403, description = "The token lacks the right `keys:write`, or may not act for this owner", body = ErrorBody),
        (status = 404, description = "No such key of this owner, or it is revoked", body = ErrorBody),
        (status = 409, description = "The key is disabled, expired or already rotated, too many rotated keys still work, or the owner is suspended", body = ErrorBody),
    ),
)]
pub(crate) async fn rotate<P: Prover>(
    req: HttpRequest,
    http: Data<Http>,
    InOrder(by, OptionalJsonBody(body)): InOrder<
        For<KeysWrite, P>,
        OptionalJsonBody<RotateForOwnerBody>,
    >,
) -> Result<HttpResponse, ApiError> {
    rotated(&req, &http, by.acting, body.read()?).await
}

/// Revoke an owner's key.
///
/// The key stops working permanently, on every instance, before the response is sent.
#[utoipa::path(
    delete, path = "/api/v1/admin/owners/{owner}/api-keys/{id}", operation_id = "revokeApiKeyOfOwner", tag = "Management",
    params(
        ("owner" = String, Path, description = "Whose key", example = "user_123"),
        ("id" = String, Path, description = "The ID of the key", example = "019d1fb2-5b00-7c4e-a2d1-8f3b6e9a0c17"),
    ),
    security(("managementToken" = [])),
    responses(
        (status = 200, description = "Revoked", body = Success),
        (status = 400, description = "Invalid owner in the path", body = ErrorBody),
        (status = 401, description = "Missing or invalid management token", body = ErrorBody),
        (status = 403, description = "The token lacks the right `keys:write`, or may not act for this owner", body = ErrorBody),
        (status = 404, description = "No such key of this owner, or it is revoked", body = ErrorBody),
    ),
)]
pub(crate) async fn revoke<P: Prover>(
    req: HttpRequest,
    http: Data<Http>,
    by: For<KeysEnd, P>,
) -> Result<HttpResponse, ApiError> {
    revoked(&req, &http, by.acting).await
}
