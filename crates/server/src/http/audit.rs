#![expect(single_use_lifetimes, reason = "fires in what the schema derive writes")]

use actix_web::web::Data;
use actix_web::{HttpRequest, HttpResponse};
use latchkey_domain::{Action, AuditEvent, EventId, OwnerId, UserAgent};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa::openapi::schema::{ObjectBuilder, SchemaType, Type};
use utoipa::openapi::{RefOr, Schema};

use super::error::{ApiError, ErrorBody};
use super::query::query_in;
use super::session::User;
use super::wire_time::WireTime;
use crate::app::App;

const MOST: u32 = 200;

/// Which part of the trail is meant.
#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct TrailPage {
    /// The most events to answer.
    #[serde(default = "fifty")]
    #[param(minimum = 1, maximum = 200, default = 50)]
    limit: u32,
    /// The id of an event: only those before it.
    #[param(format = "uuid", example = "019d2070-9a40-7e15-b3c8-6f2a4d8c0e91")]
    before: Option<String>,
}

const fn fifty() -> u32 {
    50
}

/// Something that was done.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct EventBody<'a> {
    #[schema(example = "019d2070-9a40-7e15-b3c8-6f2a4d8c0e91")]
    id: String,
    at: WireTime,
    #[schema(value_type = ActionName)]
    action: &'static str,
    /// The key it was done to, if it was one; for `key.rotated` the one that was replaced.
    #[schema(required, example = "019d1fb2-5b00-7c4e-a2d1-8f3b6e9a0c17")]
    key_id: Option<String>,
    /// Who asked: the id of an account, `operator` (by a command), `leak-report` (whoever held the
    /// key), or `anonymous` (a sign-in that was refused).
    #[schema(example = "019d1fb2-1c00-7f3a-8b5e-2d4c6a8e0f13")]
    actor: &'a str,
    /// The address the request came from; null for commands.
    #[schema(required, example = "192.0.2.7")]
    address: Option<String>,
    /// The beginning of the request's `User-Agent`, without control and hidden characters.
    #[schema(required, max_length = 256, example = "curl/8.14.1")]
    user_agent: Option<&'a str>,
    /// The request's `x-request-id`.
    #[schema(required, example = "019d2070-9a3f-7a02-9d6b-3e5f7a9c1b2d")]
    request_id: Option<&'a str>,
}

/// An event with its owner, as it is exported.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ExportedEvent<'a> {
    owner: Option<&'a str>,
    /// The key that was issued in the place of the event's; only with `key.rotated`.
    #[serde(skip_serializing_if = "Option::is_none")]
    replaced_by: Option<String>,
    #[serde(flatten)]
    event: EventBody<'a>,
}

/// Describes an [`Action`] to readers of the OpenAPI document.
#[derive(Debug)]
pub(crate) struct ActionName;

impl utoipa::PartialSchema for ActionName {
    fn schema() -> RefOr<Schema> {
        ObjectBuilder::new()
            .schema_type(SchemaType::Type(Type::String))
            .enum_values(Some(Action::NAMES))
            .examples(["key.created"])
            .description(Some(
                "What was done. `account.disabled` ended every session and revoked every key",
            ))
            .into()
    }
}

impl ToSchema for ActionName {}

/// List events.
///
/// What was done to the account and its keys, newest first. Every sign-up, sign-in (also a refused one, where the address is the account's), sign-out and
/// change is one event, kept in the same transaction as the change.
#[utoipa::path(
    get, path = "/api/v1/audit-events", operation_id = "listAuditEvents", tag = "Audit trail",
    params(TrailPage),
    responses(
        (status = 200, description = "The events", body = Vec<EventBody<'_>>),
        (status = 400, description = "A parameter that is unknown, repeated or out of bounds", body = ErrorBody),
        (status = 401, description = "No valid session", body = ErrorBody),
    ),
)]
pub(crate) async fn list(
    req: HttpRequest,
    app: Data<App>,
    User(user): User,
) -> Result<HttpResponse, ApiError> {
    let (limit, before) = page_in(&req)?;
    let owner = user.account.parts().id.owner();
    let events = app.trail.events_of(&owner, before, limit).await?;
    let items: Vec<_> = events.iter().map(EventBody::from).collect();
    Ok(HttpResponse::Ok().json(items))
}

fn page_in(req: &HttpRequest) -> Result<(u32, Option<EventId>), ApiError> {
    let limited = "limit must be a number from 1 to 200";
    let page: TrailPage = query_in(req, limited)?;
    if !(1..=MOST).contains(&page.limit) {
        return Err(ApiError::bad_request(limited));
    }
    let before = page.before.as_deref().map(EventId::parse).transpose();
    let before = before.map_err(|_no_id| ApiError::bad_request("before must be an event's id"))?;
    Ok((page.limit, before))
}

impl<'a> From<&'a AuditEvent> for EventBody<'a> {
    fn from(event: &'a AuditEvent) -> Self {
        let AuditEvent { id, at, owner: _, action, caller } = event;
        Self {
            id: id.to_string(),
            at: WireTime(*at),
            action: action.name(),
            key_id: action.key().map(|key| key.to_string()),
            actor: caller.actor.as_str(),
            address: caller.address.map(|address| address.to_string()),
            user_agent: caller.user_agent.as_ref().map(UserAgent::as_str),
            request_id: caller.request_id.as_deref(),
        }
    }
}

impl<'a> From<&'a AuditEvent> for ExportedEvent<'a> {
    fn from(event: &'a AuditEvent) -> Self {
        let owner = event.owner.as_ref().map(OwnerId::as_str);
        let replaced_by = event.action.successor().map(|key| key.to_string());
        Self { owner, replaced_by, event: event.into() }
    }
}
