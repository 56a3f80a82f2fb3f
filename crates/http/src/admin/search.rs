use actix_web::web::Data;
use actix_web::{HttpRequest, HttpResponse};
use latchkey_domain::ports::KeyInUse;
use latchkey_domain::{
    ApiKeyId, KeyCursor, KeyPrefix, KeySearch, KeyStatus, NamePart, OwnerId, Selection, Timestamp,
};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::bodies::creator;
use super::proof::{By, KeysEnd, KeysRead, Prover};
use crate::Http;
use crate::api_keys::{EnvironmentBody, ItemBody, present};
use crate::body::{InOrder, JsonBody};
use crate::error::{ApiError, ErrorBody};
use crate::query::query_in;
use crate::wire_time::WireTime;

const MOST: u32 = 200;
const LIMITED: &str = "limit must be a number from 1 to 200";

/// Which keys are looked for: those of which everything holds that is given.
#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
#[into_params(parameter_in = Query)]
pub(crate) struct KeyQuery {
    /// Of this owner.
    #[param(example = "user_123")]
    owner: Option<String>,
    /// Made by.
    #[param(example = "ada")]
    created_by: Option<String>,
    environment: Option<EnvironmentBody>,
    /// The first that holds of `revoked`, `disabled`, `expired` and `replaced`, or else `active`; without it all but
    /// `revoked`.
    status: Option<StatusBody>,
    /// Exactly this beginning.
    #[param(example = "sk_live_0123")]
    key_prefix: Option<String>,
    /// A part of the name; capital and small ASCII letters are alike.
    q: Option<String>,
    /// Made before this instant, and not used after it.
    #[param(value_type = Option<WireTime>)]
    unused_since: Option<String>,
    /// The most keys to answer.
    #[serde(default = "fifty")]
    #[param(minimum = 1, maximum = 200, default = 50)]
    limit: u32,
    /// The `next` of the answer before.
    after: Option<String>,
}

const fn fifty() -> u32 {
    50
}

/// The status of a key.
#[derive(Debug, Clone, Copy, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub(crate) enum StatusBody {
    Active,
    Disabled,
    Expired,
    Replaced,
    Revoked,
}

/// A key of any owner.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct FoundBody<'a> {
    #[serde(flatten)]
    key: ItemBody<'a>,
    #[schema(example = "user_123")]
    owner_id: &'a str,
}

/// A page of keys.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct PageBody<'a> {
    items: Vec<FoundBody<'a>>,
    /// Send it as `after` to get the next page. Null on the last page.
    #[schema(required)]
    next: Option<String>,
}

/// Whose keys to revoke; at least one member.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
#[schema(min_properties = 1)]
pub(crate) struct RevokeBody {
    /// All keys of this owner.
    #[serde(default, deserialize_with = "present")]
    #[schema(value_type = String, required = false, min_length = 1, max_length = 255, example = "user_123")]
    owner: Option<String>,
    /// All keys that this person created. With `owner`, only those of that owner.
    #[serde(default, deserialize_with = "present")]
    #[schema(value_type = String, required = false, min_length = 1, max_length = 255, example = "ada")]
    created_by: Option<String>,
}

/// What was revoked.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct RevokedBody {
    /// The ids of the keys that this call revoked.
    revoked: Vec<String>,
}

/// Find keys.
///
/// Returns keys of all owners that the token may act for, newest first, in pages.
#[utoipa::path(
    get, path = "/api/v1/admin/api-keys", operation_id = "findApiKeys", tag = "Management",
    params(KeyQuery), security(("managementToken" = [])),
    responses(
        (status = 200, description = "A page of keys", body = PageBody<'_>),
        (status = 400, description = "A parameter is unknown, repeated or invalid", body = ErrorBody),
        (status = 401, description = "Missing or invalid management token", body = ErrorBody),
        (status = 403, description = "The token lacks the right `keys:read`", body = ErrorBody),
    ),
)]
pub(crate) async fn find<P: Prover>(
    req: HttpRequest,
    http: Data<Http>,
    by: By<KeysRead, P>,
) -> Result<HttpResponse, ApiError> {
    let query: KeyQuery = query_in(&req, "A parameter has a wrong value")?;
    let (limit, after) = (query.limit()?, query.after()?);
    let search = query.read(KeySearch::new(by.owners, http.services.clock.now()))?;
    // One more than is answered, which tells whether there are more.
    let mut found = http.services.register.search(&search, after, limit + 1).await?;
    let answered = usize::try_from(limit).unwrap_or(usize::MAX);
    let has_more = found.len() > answered;
    found.truncate(answered);
    let last = found.last().filter(|_| has_more);
    let next = last.map(|last| written(KeyCursor::from(&last.key)));
    let items = found.iter().map(FoundBody::from).collect();
    Ok(HttpResponse::Ok().json(PageBody { items, next }))
}

/// Revoke many keys.
///
/// Revokes all keys of an owner, or all keys that one person created, in one step, on every instance
/// before the response is sent. With `createdBy` alone, keys of owners that the token may not act for are
/// left alone.
#[utoipa::path(
    post, path = "/api/v1/admin/api-keys/revoke", operation_id = "revokeApiKeys", tag = "Management",
    request_body = RevokeBody, security(("managementToken" = [])),
    responses(
        (status = 200, description = "Revoked", body = RevokedBody),
        (status = 400, description = "Invalid request", body = ErrorBody),
        (status = 401, description = "Missing or invalid management token", body = ErrorBody),
        (status = 403, description = "The token lacks the right `keys:write`, or may not act for this owner", body = ErrorBody),
        (status = 409, description = "More than 10,000 keys match and none was revoked, or concurrent rotations kept conflicting", body = ErrorBody),
    ),
)]
pub(crate) async fn revoke<P: Prover>(
    http: Data<Http>,
    InOrder(by, JsonBody(body)): InOrder<By<KeysEnd, P>, JsonBody<RevokeBody>>,
) -> Result<HttpResponse, ApiError> {
    let RevokeBody { owner, created_by } = body;
    let owner = owner.map(named_owner).transpose()?;
    let selection = Selection::new(owner, creator(created_by)?)
        .ok_or_else(|| ApiError::bad_request("owner or createdBy is required"))?;
    if let Some(owner) = selection.owner() {
        by.may_act_for(owner)?;
    }
    let By { owners, caller, .. } = by;
    let (work, selection) = (Data::clone(&http), selection.within(owners));
    let revoking = async move {
        let services = &work.services;
        services.api_keys.revoke_all(&*services.register, &selection, &caller).await
    };
    let revoked = http.finish(revoking).await??;
    let revoked = revoked.iter().map(ApiKeyId::to_string).collect();
    Ok(HttpResponse::Ok().json(RevokedBody { revoked }))
}

impl KeyQuery {
    fn limit(&self) -> Result<u32, ApiError> {
        let is_good = (1..=MOST).contains(&self.limit);
        if is_good { Ok(self.limit) } else { Err(ApiError::bad_request(LIMITED)) }
    }

    fn after(&self) -> Result<Option<KeyCursor>, ApiError> {
        let after = self.after.as_deref();
        let read =
            |text| cursor(text).ok_or(ApiError::bad_request("after must be the next of an answer"));
        after.map(read).transpose()
    }

    fn read(self, mut search: KeySearch) -> Result<KeySearch, ApiError> {
        let Self { owner, created_by, environment, status, key_prefix, q, unused_since, .. } = self;
        search.owner = owner.map(named_owner).transpose()?;
        search.created_by = creator(created_by)?;
        search.environment = environment.map(Into::into);
        search.status = status.map(Into::into);
        search.prefix = key_prefix.map(KeyPrefix::parse).transpose().map_err(|_malformed| {
            ApiError::bad_request("keyPrefix must be the beginning of a key as items show it")
        })?;
        search.name_part = q.as_deref().map(NamePart::parse).transpose()?;
        search.unused_since = unused_since.as_deref().map(instant).transpose()?;
        Ok(search)
    }
}

pub(crate) fn named_owner(text: String) -> Result<OwnerId, ApiError> {
    OwnerId::parse(text).map_err(|_malformed| {
        ApiError::bad_request("owner must be 1 to 255 visible ASCII characters")
    })
}

fn instant(text: &str) -> Result<Timestamp, ApiError> {
    let time: Result<WireTime, _> = serde_json::from_value(text.into());
    time.map(|WireTime(at)| at)
        .map_err(|_malformed| ApiError::bad_request("unusedSince must be a time as in RFC 3339"))
}

pub(crate) fn written(KeyCursor { created_at, id }: KeyCursor) -> String {
    format!("{}.{id}", created_at.unix_millis())
}

pub(crate) fn cursor(text: &str) -> Option<KeyCursor> {
    let (millis, id) = text.split_once('.')?;
    let created_at = Timestamp::from_unix_millis(millis.parse().ok()?)?;
    Some(KeyCursor { created_at, id: ApiKeyId::parse(id).ok()? })
}

impl From<StatusBody> for KeyStatus {
    fn from(body: StatusBody) -> Self {
        match body {
            StatusBody::Active => Self::Active,
            StatusBody::Disabled => Self::Disabled,
            StatusBody::Expired => Self::Expired,
            StatusBody::Replaced => Self::Replaced,
            StatusBody::Revoked => Self::Revoked,
        }
    }
}

impl<'a> From<&'a KeyInUse> for FoundBody<'a> {
    fn from(found: &'a KeyInUse) -> Self {
        let owner_id = found.key.parts().owner.as_str();
        Self { key: ItemBody::that_may_be_revoked(found), owner_id }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_is_read_as_it_is_written() {
        let text = "1774366200000.019d1fb2-5b00-7c4e-a2d1-8f3b6e9a0c17";
        assert_eq!(cursor(text).map(written).as_deref(), Some(text));
        for bad in ["", ".", "1774366200000", "x.019d1fb2-5b00-7c4e-a2d1-8f3b6e9a0c17", "1.x"] {
            assert_eq!(cursor(bad), None, "{bad}");
        }
    }
}
