use diesel::pg::Pg;
use diesel::prelude::*;
use latchkey_domain::ports::StoreError;
use latchkey_domain::{
    Action, Actor, ApiKeyId, AuditEvent, Caller, EventId, KeyDifference, KeyLabel, KeyName,
    KeyPrefix, OwnerId, Timestamp, UserAgent,
};
use serde::{Deserialize, Serialize};
use time::OffsetDateTime;
use uuid::Uuid;

use crate::fault::{Corrupt, failed};
use crate::schema::audit_events;

#[derive(Queryable, Selectable, Insertable)]
#[diesel(table_name = audit_events, check_for_backend(Pg))]
pub(crate) struct EventRow {
    pub(crate) id: Uuid,
    pub(crate) at: OffsetDateTime,
    pub(crate) owner: Option<String>,
    pub(crate) action: String,
    pub(crate) key_id: Option<Uuid>,
    pub(crate) replaced_by: Option<Uuid>,
    pub(crate) actor: String,
    pub(crate) address: Option<String>,
    pub(crate) user_agent: Option<String>,
    pub(crate) request_id: Option<String>,
    pub(crate) key_name: Option<String>,
    pub(crate) key_prefix: Option<String>,
    pub(crate) changes: Option<String>,
}

impl From<&AuditEvent> for EventRow {
    fn from(event: &AuditEvent) -> Self {
        let AuditEvent { id, at, owner, action, label, caller } = event;
        let Caller { actor, address, user_agent, request_id } = caller;
        let (key_name, key_prefix) = label
            .as_ref()
            .map(|KeyLabel { name, prefix }| (name.as_str().to_owned(), prefix.as_str().to_owned()))
            .unzip();
        Self {
            id: id.as_uuid(),
            at: (*at).into(),
            owner: owner.as_ref().map(|owner| owner.as_str().to_owned()),
            action: action.name().to_owned(),
            key_id: action.key().map(ApiKeyId::as_uuid),
            replaced_by: action.successor().map(ApiKeyId::as_uuid),
            actor: actor.text().into_owned(),
            address: address.map(|address| address.to_string()),
            user_agent: user_agent.as_ref().map(|agent| agent.as_str().to_owned()),
            request_id: request_id.clone(),
            key_name,
            key_prefix,
            changes: action.difference().map(Changes::written),
        }
    }
}

impl TryFrom<EventRow> for AuditEvent {
    type Error = StoreError;

    fn try_from(row: EventRow) -> Result<Self, StoreError> {
        let corrupt = |column| failed(Corrupt { table: "audit_events", column });
        let (key, successor) = (row.key_id.map(ApiKeyId::new), row.replaced_by.map(ApiKeyId::new));
        let owner = row.owner.map(OwnerId::parse).transpose();
        let address = row.address.map(|text| text.parse()).transpose();
        let changes = |json: String| Changes::read(&json).ok_or_else(|| corrupt("changes"));
        let difference = row.changes.map(changes).transpose()?;
        let name = row.key_name.map(KeyName::restore).transpose();
        let name = name.map_err(|_refused| corrupt("key_name"))?;
        let prefix = row.key_prefix.map(KeyPrefix::parse).transpose();
        let prefix = prefix.map_err(|_refused| corrupt("key_prefix"))?;
        Ok(Self {
            id: EventId::new(row.id),
            at: row.at.into(),
            owner: owner.map_err(|_refused| corrupt("owner"))?,
            action: Action::restore(&row.action, key, successor, difference)
                .ok_or_else(|| corrupt("action"))?,
            label: name.zip(prefix).map(|(name, prefix)| KeyLabel { name, prefix }),
            caller: Caller {
                actor: Actor::restore(&row.actor).map_err(|_refused| corrupt("actor"))?,
                address: address.map_err(|_refused| corrupt("address"))?,
                user_agent: row.user_agent.as_deref().and_then(UserAgent::of),
                request_id: row.request_id,
            },
        })
    }
}

/// A [`KeyDifference`] as it is stored. What a newer version added is not read.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Changes {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    name: Option<[String; 2]>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    enabled: Option<[bool; 2]>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    expires_at: Option<[Option<i64>; 2]>,
}

impl Changes {
    fn written(difference: &KeyDifference) -> String {
        let KeyDifference { name, enabled, expires_at } = difference;
        let changes = Self {
            name: name.as_ref().map(|both| both.each_ref().map(|it| it.as_str().to_owned())),
            enabled: *enabled,
            expires_at: expires_at.map(|both| both.map(|at| at.map(Timestamp::unix_millis))),
        };
        serde_json::to_string(&changes).expect("texts, booleans and numbers are JSON")
    }

    fn read(json: &str) -> Option<KeyDifference> {
        let Self { name, enabled, expires_at } = serde_json::from_str(json).ok()?;
        let name = name.map(|both| both.map(|name| KeyName::restore(name).ok()));
        let instant = |millis: Option<i64>| millis.map(Timestamp::from_unix_millis);
        let expires_at = expires_at.map(|both| both.map(instant));
        Some(KeyDifference {
            name: match name {
                Some([before, after]) => Some([before?, after?]),
                None => None,
            },
            enabled,
            expires_at: match expires_at {
                Some([Some(None), _] | [_, Some(None)]) => return None,
                Some(both) => Some(both.map(Option::flatten)),
                None => None,
            },
        })
    }
}
