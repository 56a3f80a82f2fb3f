use actix_web::web::Data;
use actix_web::{HttpRequest, HttpResponse};

use super::proof::{For, Prover, UsageRead};
use crate::Http;
use crate::error::{ApiError, ErrorBody};
use crate::usage::{PeriodQuery, RefusalBody, UsageBody, refused_key, used_key, used_owner};

/// Get the usage of an owner's key.
///
/// Returns how many calls with the key were accepted, what they cost, and how many were refused and why. The numbers are at
/// most a minute old. A revoked key keeps its usage.
#[utoipa::path(
    get, path = "/api/v1/admin/owners/{owner}/api-keys/{id}/usage", operation_id = "getUsageOfKey", tag = "Management",
    params(
        ("owner" = String, Path, description = "Whose key", example = "user_123"),
        ("id" = String, Path, description = "The ID of the key", example = "019d1fb2-5b00-7c4e-a2d1-8f3b6e9a0c17"),
        PeriodQuery,
    ),
    security(("managementToken" = [])),
    responses(
        (status = 200, description = "The usage", body = UsageBody),
        (status = 400, description = "Invalid owner in the path, a parameter is unknown, repeated or invalid, or the period is longer than 1,000 hours or days", body = ErrorBody),
        (status = 401, description = "Missing or invalid management token", body = ErrorBody),
        (status = 403, description = "The token lacks the right `usage:read`, or may not act for this owner", body = ErrorBody),
        (status = 404, description = "No such key of this owner", body = ErrorBody),
    ),
)]
pub(crate) async fn of_key<P: Prover>(
    req: HttpRequest,
    http: Data<Http>,
    by: For<UsageRead, P>,
) -> Result<HttpResponse, ApiError> {
    used_key(&req, &http, &by.acting.owner).await
}

/// Get an owner's usage.
///
/// Returns the usage of all keys of the owner together, revoked ones included.
#[utoipa::path(
    get, path = "/api/v1/admin/owners/{owner}/usage", operation_id = "getUsageOfOwner", tag = "Management",
    params(("owner" = String, Path, description = "Whose keys", example = "user_123"), PeriodQuery),
    security(("managementToken" = [])),
    responses(
        (status = 200, description = "The usage", body = UsageBody),
        (status = 400, description = "Invalid owner in the path, a parameter is unknown, repeated or invalid, or the period is longer than 1,000 hours or days", body = ErrorBody),
        (status = 401, description = "Missing or invalid management token", body = ErrorBody),
        (status = 403, description = "The token lacks the right `usage:read`, or may not act for this owner", body = ErrorBody),
    ),
)]
pub(crate) async fn of_owner<P: Prover>(
    req: HttpRequest,
    http: Data<Http>,
    by: For<UsageRead, P>,
) -> Result<HttpResponse, ApiError> {
    used_owner(&req, &http, &by.acting.owner).await
}

/// List the refusals of an owner's key.
///
/// Returns the last 20 calls with the key that were refused, newest first. Of each reason at most one call a minute is kept;
/// it is shown at most a minute later. A revoked key keeps its refusals.
#[utoipa::path(
    get, path = "/api/v1/admin/owners/{owner}/api-keys/{id}/refusals", operation_id = "listRefusalsOfKey", tag = "Management",
    params(
        ("owner" = String, Path, description = "Whose key", example = "user_123"),
        ("id" = String, Path, description = "The ID of the key", example = "019d1fb2-5b00-7c4e-a2d1-8f3b6e9a0c17"),
    ),
    security(("managementToken" = [])),
    responses(
        (status = 200, description = "The refused calls", body = Vec<RefusalBody<'_>>),
        (status = 400, description = "Invalid owner in the path", body = ErrorBody),
        (status = 401, description = "Missing or invalid management token", body = ErrorBody),
        (status = 403, description = "The token lacks the right `usage:read`, or may not act for this owner", body = ErrorBody),
        (status = 404, description = "No such key of this owner", body = ErrorBody),
    ),
)]
pub(crate) async fn refusals<P: Prover>(
    req: HttpRequest,
    http: Data<Http>,
    by: For<UsageRead, P>,
) -> Result<HttpResponse, ApiError> {
    refused_key(&req, &http, &by.acting.owner).await
}
