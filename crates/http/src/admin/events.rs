use actix_web::web::Data;
use actix_web::{HttpRequest, HttpResponse};
use latchkey_domain::{Action, AuditEvent, OwnerId, TrailSearch};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::proof::{AuditRead, By, Prover};
use super::search::named_owner;
use crate::Http;
use crate::audit::{ActionName, EventBody, Page, TrailPage, fifty};
use crate::error::{ApiError, ErrorBody};
use crate::query::query_in;

/// Which part of the trail is meant: the events of which everything holds that is given.
#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
#[into_params(parameter_in = Query)]
pub(crate) struct TrailQuery {
    /// The most events to return.
    #[serde(default = "fifty")]
    #[param(minimum = 1, maximum = 200, default = 50)]
    limit: u32,
    /// The ID of an event. Returns only events before it.
    #[param(format = "uuid", example = "019d2070-9a40-7e15-b3c8-6f2a4d8c0e91")]
    before: Option<String>,
    /// Of this owner.
    #[param(example = "user_123")]
    owner: Option<String>,
    /// Done to this key, alone or among others, or the `key.rotated` that issued it in the place of another.
    #[param(format = "uuid", example = "019d1fb2-5b00-7c4e-a2d1-8f3b6e9a0c17")]
    key_id: Option<String>,
    /// This was done.
    #[param(value_type = Option<ActionName>)]
    action: Option<String>,
}

/// An event, and whose trail it belongs to.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct OwnedEventBody<'a> {
    #[serde(flatten)]
    event: EventBody<'a>,
    /// The owner; null for what belongs to no one's trail, which only tokens for all owners see.
    #[schema(required, example = "user_123")]
    owner_id: Option<&'a str>,
}

/// List events of all owners.
///
/// Returns the events of the owners that the token may act for and of their keys, newest first.
#[utoipa::path(
    get, path = "/api/v1/admin/audit-events", operation_id = "findAuditEvents", tag = "Management",
    params(TrailQuery), security(("managementToken" = [])),
    responses(
        (status = 200, description = "The events", body = Vec<OwnedEventBody<'_>>),
        (status = 400, description = "A parameter is unknown, repeated or invalid", body = ErrorBody),
        (status = 401, description = "Missing or invalid management token", body = ErrorBody),
        (status = 403, description = "The token lacks the right `audit:read`", body = ErrorBody),
    ),
)]
pub(crate) async fn list<P: Prover>(
    req: HttpRequest,
    http: Data<Http>,
    by: By<AuditRead, P>,
) -> Result<HttpResponse, ApiError> {
    let query = query_in(&req, TrailPage::LIMITED)?;
    let TrailQuery { limit, before, owner, key_id, action } = query;
    let Page { limit, before, key } = TrailPage { limit, before, key_id }.read()?;
    let mut search = TrailSearch::new(by.owners);
    search.owner = owner.map(named_owner).transpose()?;
    search.key = key;
    search.action = action.as_deref().map(named_action).transpose()?;
    let events = http.services.trail.search(&search, before, limit).await?;
    let items: Vec<_> = events.iter().map(OwnedEventBody::from).collect();
    Ok(HttpResponse::Ok().json(items))
}

pub(crate) fn named_action(text: &str) -> Result<&'static str, ApiError> {
    let known = Action::NAMES.into_iter().find(|name| *name == text);
    known
        .ok_or_else(|| ApiError::bad_request("action must be the name of one, such as key.created"))
}

impl<'a> From<&'a AuditEvent> for OwnedEventBody<'a> {
    fn from(event: &'a AuditEvent) -> Self {
        Self { event: event.into(), owner_id: event.owner.as_ref().map(OwnerId::as_str) }
    }
}
