use actix_web::HttpResponse;
use actix_web::web::Data;
use latchkey_domain::ports::FoundOwner;
use latchkey_domain::{Credits, MaxKeys, OwnerChange, OwnerId};
use serde::{Deserialize, Deserializer, Serialize};
use utoipa::ToSchema;

use super::proof::{For, KeysRead, OwnersWrite, Prover};
use crate::Http;
use crate::acting::ActingFor;
use crate::api_keys::present;
use crate::body::{InOrder, JsonBody};
use crate::error::{ApiError, ErrorBody};
use crate::wire_limits::{CreditsBody, CreditsSchema, LimitBody, WireLimits, limits_in};

/// What is to hold for an owner.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(crate) struct OwnerSettingsBody {
    /// The most keys that the owner may hold. Revoked and replaced keys don't count. Null: the limit of
    /// the service.
    #[serde(deserialize_with = "nullable")]
    #[schema(required, minimum = 0, maximum = 1_000_000)]
    max_keys: Option<u32>,
    /// Whether all keys of the owner are refused.
    suspended: bool,
    /// How much all keys of the owner together may use. Left out: as before.
    #[serde(default, deserialize_with = "present")]
    #[schema(value_type = WireLimits<'_>, required = false)]
    #[expect(clippy::option_option, reason = "left out and null are two things")]
    limits: Option<Option<Vec<LimitBody>>>,
}

/// An owner.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct OwnerBody<'a> {
    #[schema(example = "user_123")]
    owner: &'a str,
    /// The most keys that the owner may hold. Null: the limit of the service.
    #[schema(required)]
    max_keys: Option<u32>,
    /// Whether all keys of the owner are refused.
    suspended: bool,
    /// How many keys count towards the limit. Revoked and replaced keys don't.
    keys: u32,
    limits: WireLimits<'a>,
    /// How many credits are left for all keys of the owner together. What instances hold in hand counts as spent. Null:
    /// not counted.
    #[schema(value_type = Option<CreditsSchema>, required)]
    credits: Option<u64>,
}

/// Get an owner.
///
/// Returns the settings of an owner. An owner without settings has the defaults.
#[utoipa::path(
    get, path = "/api/v1/admin/owners/{owner}", operation_id = "getOwner", tag = "Management",
    params(("owner" = String, Path, description = "Your ID of the owner, percent-encoded", example = "user_123")),
    security(("managementToken" = [])),
    responses(
        (status = 200, description = "The owner", body = OwnerBody<'_>),
        (status = 400, description = "Invalid owner in the path", body = ErrorBody),
        (status = 401, description = "Missing or invalid management token", body = ErrorBody),
        (status = 403, description = "The token lacks the right `keys:read`, or may not act for this owner", body = ErrorBody),
    ),
)]
pub(crate) async fn get<P: Prover>(
    http: Data<Http>,
    by: For<KeysRead, P>,
) -> Result<HttpResponse, ApiError> {
    let owner = by.acting.owner;
    let found = http.services.api_keys.owner(&owner).await?;
    Ok(HttpResponse::Ok().json(OwnerBody::of(&owner, &found)))
}

/// Change an owner.
///
/// Suspending an owner refuses all of the owner's keys on every instance before the response is sent. The
/// keys work again when the suspension ends. A limit below the current number of keys leaves the keys as
/// they are. `limits` are for all keys of the owner together; what the present window has used stays used.
#[utoipa::path(
    put, path = "/api/v1/admin/owners/{owner}", operation_id = "changeOwner", tag = "Management",
    params(("owner" = String, Path, description = "Your ID of the owner, percent-encoded", example = "user_123")),
    request_body = OwnerSettingsBody, security(("managementToken" = [])),
    responses(
        (status = 200, description = "The owner as it is now, on every instance", body = OwnerBody<'_>),
        (status = 400, description = "Invalid request", body = ErrorBody),
        (status = 401, description = "Missing or invalid management token", body = ErrorBody),
        (status = 403, description = "The token lacks the right `owners:write`, or may not act for this owner", body = ErrorBody),
        (status = 409, description = "Conflict with concurrent changes", body = ErrorBody),
    ),
)]
pub(crate) async fn put<P: Prover>(
    http: Data<Http>,
    InOrder(by, JsonBody(body)): InOrder<For<OwnersWrite, P>, JsonBody<OwnerSettingsBody>>,
) -> Result<HttpResponse, ApiError> {
    let OwnerSettingsBody { max_keys, suspended, limits } = body;
    let max_keys = max_keys.map(MaxKeys::new).transpose().map_err(|_too_many| {
        ApiError::bad_request("maxKeys must be a whole number from 0 to 1000000, or null")
    })?;
    let limits = limits_in(limits)?;
    let change = OwnerChange { max_keys: Some(max_keys), suspended: Some(suspended), limits };
    let ActingFor { owner, caller } = by.acting;
    let (work, whose) = (Data::clone(&http), owner.clone());
    let changing =
        async move { work.services.api_keys.change_owner(&whose, &change, &caller).await };
    let found = http.finish(changing).await??;
    Ok(HttpResponse::Ok().json(OwnerBody::of(&owner, &found)))
}

/// Add credits to an owner.
///
/// All keys of the owner use them together. A negative number takes some; below what is left nothing is changed. Concurrent
/// calls all count.
#[utoipa::path(
    post, path = "/api/v1/admin/owners/{owner}/credits", operation_id = "addCreditsOfOwner", tag = "Management",
    params(("owner" = String, Path, description = "Your ID of the owner, percent-encoded", example = "user_123")),
    request_body = CreditsBody, security(("managementToken" = [])),
    responses(
        (status = 200, description = "The owner with its credits", body = OwnerBody<'_>),
        (status = 400, description = "Invalid request", body = ErrorBody),
        (status = 401, description = "Missing or invalid management token", body = ErrorBody),
        (status = 403, description = "The token lacks the right `owners:write`, or may not act for this owner", body = ErrorBody),
        (status = 409, description = "Fewer credits are left than are to be taken, or there would be too many", body = ErrorBody),
    ),
)]
pub(crate) async fn add_credits<P: Prover>(
    http: Data<Http>,
    InOrder(by, JsonBody(body)): InOrder<For<OwnersWrite, P>, JsonBody<CreditsBody>>,
) -> Result<HttpResponse, ApiError> {
    let change = body.read()?;
    let ActingFor { owner, caller } = by.acting;
    let (work, whose) = (Data::clone(&http), owner.clone());
    let adding =
        async move { work.services.api_keys.add_credits_of_owner(&whose, change, &caller).await };
    let found = http.finish(adding).await??;
    Ok(HttpResponse::Ok().json(OwnerBody::of(&owner, &found)))
}

impl<'a> OwnerBody<'a> {
    fn of(owner: &'a OwnerId, found: &'a FoundOwner) -> Self {
        let FoundOwner { settings, held, credits, as_of: _ } = found;
        Self {
            owner: owner.as_str(),
            max_keys: settings.max_keys.map(MaxKeys::get),
            suspended: settings.suspended_at.is_some(),
            keys: *held,
            limits: WireLimits(&settings.limits),
            credits: credits.map(Credits::get),
        }
    }
}

/// For a member that may be null but not be left out.
fn nullable<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<u32>, D::Error> {
    Option::deserialize(deserializer)
}
