//! How much keys are used, and why calls with them were refused.

mod bodies;

use std::borrow::Borrow;

use actix_web::web::Data;
use actix_web::{HttpRequest, HttpResponse};
use latchkey_dashboard::Days;
use latchkey_domain::ports::{KeyInUse, StoreError};
use latchkey_domain::{OwnerId, UsageError, UsagePeriod, UsagePeriodError};

pub(crate) use self::bodies::{CallsSchema, PeriodQuery, RefusalBody, SpanBody, UsageBody};
use super::Http;
use super::acting::ActingFor;
use super::api_keys::id_in;
use super::error::{ApiError, ErrorBody};
use super::query::query_in;
use super::wire_time::WireTime;

/// Get a key's usage.
///
/// Returns how many calls with the key were accepted, what they cost, and how many were refused and why. The numbers are at
/// most a minute old. A revoked key keeps its usage.
#[utoipa::path(
    get, path = "/api/v1/api-keys/{id}/usage", operation_id = "getUsage", tag = "Usage",
    params(
        ("id" = String, Path, description = "The ID of the key", example = "019d1fb2-5b00-7c4e-a2d1-8f3b6e9a0c17"),
        PeriodQuery,
    ),
    responses(
        (status = 200, description = "The usage", body = UsageBody),
        (status = 400, description = "A parameter is unknown, repeated or invalid, or the period is longer than 1,000 hours or days", body = ErrorBody),
        (status = 401, description = "Missing or invalid session", body = ErrorBody),
        (status = 404, description = "No such key in this account", body = ErrorBody),
    ),
)]
pub(crate) async fn of_key(
    req: HttpRequest,
    http: Data<Http>,
    ActingFor { owner, .. }: ActingFor,
) -> Result<HttpResponse, ApiError> {
    used_key(&req, &http, &owner).await
}

/// Get the usage of all keys.
///
/// Returns the usage of all keys of the account together, revoked ones included.
#[utoipa::path(
    get, path = "/api/v1/usage", operation_id = "getUsageOfAllKeys", tag = "Usage",
    params(PeriodQuery),
    responses(
        (status = 200, description = "The usage", body = UsageBody),
        (status = 400, description = "A parameter is unknown, repeated or invalid, or the period is longer than 1,000 hours or days", body = ErrorBody),
        (status = 401, description = "Missing or invalid session", body = ErrorBody),
    ),
)]
pub(crate) async fn of_owner(
    req: HttpRequest,
    http: Data<Http>,
    ActingFor { owner, .. }: ActingFor,
) -> Result<HttpResponse, ApiError> {
    used_owner(&req, &http, &owner).await
}

/// List a key's refusals.
///
/// Returns the last 20 calls with the key that were refused, newest first. Of each reason at most one call a minute is kept;
/// it is shown at most a minute later. A revoked key keeps its refusals.
#[utoipa::path(
    get, path = "/api/v1/api-keys/{id}/refusals", operation_id = "listRefusals", tag = "Usage",
    params(("id" = String, Path, description = "The ID of the key", example = "019d1fb2-5b00-7c4e-a2d1-8f3b6e9a0c17")),
    responses(
        (status = 200, description = "The refused calls", body = Vec<RefusalBody<'_>>),
        (status = 401, description = "Missing or invalid session", body = ErrorBody),
        (status = 404, description = "No such key in this account", body = ErrorBody),
    ),
)]
pub(crate) async fn refusals(
    req: HttpRequest,
    http: Data<Http>,
    ActingFor { owner, .. }: ActingFor,
) -> Result<HttpResponse, ApiError> {
    refused_key(&req, &http, &owner).await
}

// What the calls of sessions and of management tokens, and the pages, have in common.

/// How much keys were used in the last 30 days.
pub(crate) async fn last_days(
    http: &Http,
    keys: impl IntoIterator<Item = impl Borrow<KeyInUse>>,
) -> Result<Days, StoreError> {
    let ids: Vec<_> = keys.into_iter().map(|found| found.borrow().key.parts().id).collect();
    let days = http.services.usage.last_days(&ids).await?;
    Ok(ids.into_iter().zip(days).collect())
}

pub(crate) async fn used_key(
    req: &HttpRequest,
    http: &Http,
    owner: &OwnerId,
) -> Result<HttpResponse, ApiError> {
    let period = period_in(req, http)?;
    let counts = http.services.usage.of_key(owner, id_in(req), &period).await?;
    Ok(HttpResponse::Ok().json(UsageBody::new(&period, counts)))
}

pub(crate) async fn used_owner(
    req: &HttpRequest,
    http: &Http,
    owner: &OwnerId,
) -> Result<HttpResponse, ApiError> {
    let period = period_in(req, http)?;
    let counts = http.services.usage.of_owner(owner, &period).await?;
    Ok(HttpResponse::Ok().json(UsageBody::new(&period, counts)))
}

pub(crate) async fn refused_key(
    req: &HttpRequest,
    http: &Http,
    owner: &OwnerId,
) -> Result<HttpResponse, ApiError> {
    let refusals = http.services.usage.refusals(owner, id_in(req)).await?;
    Ok(HttpResponse::Ok().json(refusals.iter().map(RefusalBody::from).collect::<Vec<_>>()))
}

fn period_in(req: &HttpRequest, http: &Http) -> Result<UsagePeriod, ApiError> {
    let expected =
        "by must be \"hour\" or \"day\"; from and to must be times such as 2026-03-24T15:30:00Z";
    let PeriodQuery { by, from, to } = query_in(req, expected)?;
    let [from, to] = [from, to].map(|it| it.map(|WireTime(at)| at));
    Ok(http.services.usage.period(by.into(), from, to)?)
}

impl From<UsageError> for ApiError {
    fn from(error: UsageError) -> Self {
        match error {
            UsageError::NotFound => Self::key_not_found(),
            UsageError::Store(error) => error.into(),
        }
    }
}

impl From<UsagePeriodError> for ApiError {
    fn from(error: UsagePeriodError) -> Self {
        Self::bad_request(error.to_string())
    }
}
