use std::borrow::Cow;

use actix_web::web::Data;
use actix_web::{HttpRequest, HttpResponse};
use latchkey_domain::{
    Action, ApiKeyId, AuditEvent, Credits, EventId, KeyDifference, KeyLabel, KeyName, KeyPrefix,
    MaxKeys, Metadata, OwnerDifference, OwnerId, UserAgent,
};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa::openapi::schema::{ObjectBuilder, SchemaType, Type};
use utoipa::openapi::{RefOr, Schema};

use super::Http;
use super::acting::ActingFor;
use super::error::{ApiError, ErrorBody};
use super::query::query_in;
use super::wire_limits::WireLimits;
use super::wire_metadata::WireMetadata;
use super::wire_restrictions::{WireNetworks, WireScopes};
use super::wire_time::WireTime;

const MOST: u32 = 200;

/// Which part of the trail is meant.
#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
#[into_params(parameter_in = Query)]
pub(crate) struct TrailPage {
    /// The most events to return.
    #[serde(default = "fifty")]
    #[param(minimum = 1, maximum = 200, default = 50)]
    pub(crate) limit: u32,
    /// The ID of an event. Returns only events before it.
    #[param(format = "uuid", example = "019d2070-9a40-7e15-b3c8-6f2a4d8c0e91")]
    pub(crate) before: Option<String>,
    /// The ID of a key. Returns only events about it, including the `key.rotated` that created it.
    #[param(format = "uuid", example = "019d1fb2-5b00-7c4e-a2d1-8f3b6e9a0c17")]
    pub(crate) key_id: Option<String>,
}

pub(crate) const fn fifty() -> u32 {
    50
}

/// An event.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct EventBody<'a> {
    #[schema(example = "019d2070-9a40-7e15-b3c8-6f2a4d8c0e91")]
    id: String,
    at: WireTime,
    #[schema(value_type = ActionName)]
    action: &'static str,
    /// The key that the event is about, if any; for `key.rotated` the one that was replaced; for `credits.stranded` the
    /// first of those that share the credits.
    #[schema(required, example = "019d1fb2-5b00-7c4e-a2d1-8f3b6e9a0c17")]
    key_id: Option<String>,
    /// The keys of `keys.revoked`; null in all other events.
    #[schema(required)]
    key_ids: Option<Vec<String>>,
    /// Who asked: the id of an account, `token:` and the id of a management token, `operator` (by a command), `operator:` and the id of
    /// an account (on the pages of operators), `leak-report` (somebody who held the
    /// key), or `anonymous` (a sign-in that was refused).
    #[schema(value_type = String, example = "019d1fb2-1c00-7f3a-8b5e-2d4c6a8e0f13")]
    actor: Cow<'a, str>,
    /// The address the request came from; null for commands.
    #[schema(required, example = "192.0.2.7")]
    address: Option<String>,
    /// The beginning of the request's `User-Agent`, without control and hidden characters.
    #[schema(required, max_length = 256, example = "curl/8.14.1")]
    user_agent: Option<&'a str>,
    /// The request's `x-request-id`.
    #[schema(required, example = "019d2070-9a3f-7a02-9d6b-3e5f7a9c1b2d")]
    request_id: Option<&'a str>,
    /// The key's name at that time; `key.changed` has the new name. Null where the event is about no key,
    /// and in events from before this was kept.
    #[schema(required, example = "Production")]
    key_name: Option<&'a str>,
    /// The key's prefix; null where `keyName` is.
    #[schema(required, example = "sk_live_abc1")]
    key_prefix: Option<&'a str>,
    /// What was changed. Null but for `key.changed`, `owner.changed`, `credits.added` and `credits.stranded`, and in
    /// events from before this was kept.
    #[schema(required)]
    changes: Option<ChangesBody<'a>>,
}

/// What was changed about a key or an owner: of each member that differs, what was before and what was after; of credits
/// that are lost, how many.
#[derive(Debug, Default, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ChangesBody<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, min_items = 2, max_items = 2, example = json!(["Production", "Old production"]))]
    name: Option<[&'a str; 2]>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, min_items = 2, max_items = 2, example = json!([true, false]))]
    enabled: Option<[bool; 2]>,
    /// Null stands for no expiry.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, min_items = 2, max_items = 2, example = json!([null, "2027-03-24T15:30:00.000Z"]))]
    expires_at: Option<[Option<WireTime>; 2]>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, min_items = 2, max_items = 2)]
    metadata: Option<[WireMetadata<'a>; 2]>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, min_items = 2, max_items = 2)]
    scopes: Option<[WireScopes<'a>; 2]>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, min_items = 2, max_items = 2)]
    allowed_networks: Option<[WireNetworks<'a>; 2]>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, min_items = 2, max_items = 2)]
    limits: Option<[WireLimits<'a>; 2]>,
    /// The credits of `credits.added`; null stands for credits that are not counted.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, min_items = 2, max_items = 2, example = json!([20, 1020]))]
    credits: Option<[Option<u64>; 2]>,
    /// How many credits of `credits.stranded` nobody can use any more. What is left stays the same: they counted as
    /// spent.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, example = 12)]
    stranded: Option<u64>,
    /// The owner's own limit on keys; null stands for the server's.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, min_items = 2, max_items = 2, example = json!([null, 500]))]
    max_keys: Option<[Option<u32>; 2]>,
    /// Whether the owner is suspended.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, min_items = 2, max_items = 2, example = json!([false, true]))]
    suspended: Option<[bool; 2]>,
}

/// An event with its owner, as it is exported.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ExportedEvent<'a> {
    owner: Option<&'a str>,
    /// The key that was issued in the place of the event's; only with `key.rotated`.
    #[serde(skip_serializing_if = "Option::is_none")]
    replaced_by: Option<String>,
    /// The management token that the event is about; only with `token.created` and `token.revoked`.
    #[serde(rename = "token_id", skip_serializing_if = "Option::is_none")]
    token: Option<String>,
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
                "What was done. `account.disabled` ended every session and revoked every key; `keys.revoked` is one event for all \
                 keys of an owner that a call revoked",
            ))
            .into()
    }
}

impl ToSchema for ActionName {}

/// List events.
///
/// Returns the security events of the account and its keys, newest first. Every sign-up, sign-in (also a
/// failed one to this account), sign-out and change is one event, stored in the same transaction as the
/// change.
#[utoipa::path(
    get, path = "/api/v1/audit-events", operation_id = "listAuditEvents", tag = "Audit trail",
    params(TrailPage),
    responses(
        (status = 200, description = "The events", body = Vec<EventBody<'_>>),
        (status = 400, description = "Invalid `limit`, `before` or `keyId`, or another parameter", body = ErrorBody),
        (status = 401, description = "Missing or invalid session", body = ErrorBody),
    ),
)]
pub(crate) async fn list(
    req: HttpRequest,
    http: Data<Http>,
    acting: ActingFor,
) -> Result<HttpResponse, ApiError> {
    let page: TrailPage = query_in(&req, TrailPage::LIMITED)?;
    let Page { limit, before, key } = page.read()?;
    let events = http.services.trail.events_of(&acting.owner, key, before, limit).await?;
    let items: Vec<_> = events.iter().map(EventBody::from).collect();
    Ok(HttpResponse::Ok().json(items))
}

/// A [`TrailPage`] as values.
pub(crate) struct Page {
    pub(crate) limit: u32,
    pub(crate) before: Option<EventId>,
    pub(crate) key: Option<ApiKeyId>,
}

impl TrailPage {
    pub(crate) const LIMITED: &str = "limit must be a number from 1 to 200";

    pub(crate) fn read(self) -> Result<Page, ApiError> {
        let Self { limit, before, key_id } = self;
        if !(1..=MOST).contains(&limit) {
            return Err(ApiError::bad_request(Self::LIMITED));
        }
        let before = before.as_deref().map(EventId::parse).transpose();
        let key = key_id.as_deref().map(ApiKeyId::parse).transpose();
        Ok(Page {
            limit,
            before: before
                .map_err(|_no_id| ApiError::bad_request("before must be an event's id"))?,
            key: key.map_err(|_no_id| ApiError::bad_request("keyId must be a key's id"))?,
        })
    }
}

impl<'a> From<&'a AuditEvent> for EventBody<'a> {
    fn from(event: &'a AuditEvent) -> Self {
        let AuditEvent { id, at, owner: _, action, label, caller } = event;
        let (name, prefix) = label.as_ref().map(|KeyLabel { name, prefix }| (name, prefix)).unzip();
        Self {
            id: id.to_string(),
            at: WireTime(*at),
            action: action.name(),
            key_id: action.key().map(|key| key.to_string()),
            key_ids: action.keys().map(|keys| keys.iter().map(ApiKeyId::to_string).collect()),
            actor: caller.actor.text(),
            address: caller.address.map(|address| address.to_string()),
            user_agent: caller.user_agent.as_ref().map(UserAgent::as_str),
            request_id: caller.request_id.as_deref(),
            key_name: name.map(KeyName::as_str),
            key_prefix: prefix.map(KeyPrefix::as_str),
            changes: ChangesBody::of(action),
        }
    }
}

impl<'a> ChangesBody<'a> {
    fn of(action: &'a Action) -> Option<Self> {
        match action {
            Action::KeyChanged { difference, .. } => difference.as_deref().map(Self::from),
            Action::OwnerChanged { difference } => difference.as_ref().map(Self::from),
            Action::CreditsAdded { credits: Some(both), .. } => {
                let credits = Some(both.map(|it| it.map(Credits::get)));
                Some(Self { credits, ..Self::default() })
            }
            Action::CreditsStranded { stranded: stranded @ Some(_), .. } => {
                Some(Self { stranded: *stranded, ..Self::default() })
            }
            _ => None,
        }
    }
}

impl<'a> From<&'a OwnerDifference> for ChangesBody<'a> {
    fn from(difference: &'a OwnerDifference) -> Self {
        let OwnerDifference { max_keys, suspended, limits } = difference;
        let max_keys = max_keys.map(|both| both.map(|limit| limit.map(MaxKeys::get)));
        let limits = limits.as_ref().map(|both| both.each_ref().map(WireLimits));
        Self { max_keys, suspended: *suspended, limits, ..Self::default() }
    }
}

impl<'a> From<&'a KeyDifference> for ChangesBody<'a> {
    fn from(difference: &'a KeyDifference) -> Self {
        let KeyDifference { name, enabled, expires_at, metadata, scopes, allowed_networks, limits } =
            difference;
        let wire = |it: &'a Metadata| WireMetadata(it.as_str());
        Self {
            name: name.as_ref().map(|both| both.each_ref().map(KeyName::as_str)),
            enabled: *enabled,
            expires_at: expires_at.map(|both| both.map(|at| at.map(WireTime))),
            metadata: metadata.as_ref().map(|both| both.each_ref().map(wire)),
            scopes: scopes.as_ref().map(|both| both.each_ref().map(WireScopes)),
            allowed_networks: allowed_networks
                .as_ref()
                .map(|both| both.each_ref().map(WireNetworks)),
            limits: limits.as_ref().map(|both| both.each_ref().map(WireLimits)),
            ..Self::default()
        }
    }
}

impl<'a> From<&'a AuditEvent> for ExportedEvent<'a> {
    fn from(event: &'a AuditEvent) -> Self {
        let owner = event.owner.as_ref().map(OwnerId::as_str);
        let replaced_by = event.action.successor().map(|key| key.to_string());
        let token = event.action.token().map(|token| token.to_string());
        Self { owner, replaced_by, token, event: event.into() }
    }
}
