use std::net::IpAddr;

use diesel::prelude::*;
use diesel::sqlite::Sqlite;
use latchkey_domain::{
    Action, Actor, ApiKeyId, AuditEvent, Caller, EventId, KeyLabel, KeyName, KeyPrefix, OwnerId,
    Timestamp, TokenId, UserAgent,
};
use latchkey_store_texts::{changes_of, with_changes};
use uuid::Uuid;

use super::{id_bytes, id_from};
use crate::fault::{Corrupt, Place};
use crate::schema::audit_events;

const TABLE: &str = "audit_events";

#[derive(Queryable, Selectable, Insertable)]
#[diesel(table_name = audit_events, check_for_backend(Sqlite), treat_none_as_default_value = false)]
pub(crate) struct EventRow {
    id: Vec<u8>,
    at: i64,
    owner: Option<String>,
    action: String,
    key_id: Option<Vec<u8>>,
    replaced_by: Option<Vec<u8>>,
    actor: String,
    address: Option<String>,
    user_agent: Option<String>,
    request_id: Option<String>,
    key_name: Option<String>,
    key_prefix: Option<String>,
    changes: Option<String>,
    token_id: Option<Vec<u8>>,
    /// A JSON array of the texts of ids.
    key_ids: Option<String>,
}

impl EventRow {
    pub(crate) fn id(&self) -> &[u8] {
        &self.id
    }

    /// The same event of a key that is called so in the row that it changes.
    pub(crate) fn of_key_called(self, (name, prefix): (String, String)) -> Self {
        Self { key_name: Some(name), key_prefix: Some(prefix), ..self }
    }
}

impl From<&AuditEvent> for EventRow {
    fn from(event: &AuditEvent) -> Self {
        let AuditEvent { id, at, owner, action, label, caller } = event;
        let Caller { actor, address, user_agent, request_id } = caller;
        let key = |id: ApiKeyId| id_bytes(id.as_uuid());
        let (key_name, key_prefix) = label
            .as_ref()
            .map(|KeyLabel { name, prefix }| (name.as_str().to_owned(), prefix.as_str().to_owned()))
            .unzip();
        Self {
            id: id_bytes(id.as_uuid()),
            at: at.unix_millis(),
            owner: owner.as_ref().map(|owner| owner.as_str().to_owned()),
            action: action.name().to_owned(),
            key_id: action.key().map(key),
            replaced_by: action.successor().map(key),
            actor: actor.text().into_owned(),
            address: address.map(|address| address.to_string()),
            user_agent: user_agent.as_ref().map(|agent| agent.as_str().to_owned()),
            request_id: request_id.clone(),
            key_name,
            key_prefix,
            changes: changes_of(action),
            token_id: action.token().map(|id| id_bytes(id.as_uuid())),
            key_ids: action.keys().map(ids_written),
        }
    }
}

impl TryFrom<EventRow> for AuditEvent {
    type Error = Corrupt;

    fn try_from(row: EventRow) -> Result<Self, Corrupt> {
        let nowhere = Place { table: TABLE, row: Uuid::nil() };
        let id = nowhere.read("id", id_from(&row.id))?;
        let place = Place { table: TABLE, row: id };
        let id_in = |column, bytes: Option<Vec<u8>>| {
            bytes.map(|bytes| place.read(column, id_from(&bytes))).transpose()
        };
        let key_id = id_in("key_id", row.key_id)?.map(ApiKeyId::new);
        let successor = id_in("replaced_by", row.replaced_by)?.map(ApiKeyId::new);
        let token = id_in("token_id", row.token_id)?.map(TokenId::new);
        let keys = row.key_ids.map(|json| place.read("key_ids", ids_read(&json))).transpose()?;
        let action = Action::restore(&row.action, key_id, successor, token, keys);
        let action = place.read("action", action)?;
        let action = match row.changes {
            Some(json) => place.read("changes", with_changes(action, &json))?,
            None => action,
        };
        let name = place.read("key_name", row.key_name.map(KeyName::restore).transpose().ok())?;
        let prefix =
            place.read("key_prefix", row.key_prefix.map(KeyPrefix::parse).transpose().ok())?;
        let address = row.address.map(|text| text.parse::<IpAddr>()).transpose();
        Ok(Self {
            id: EventId::new(id),
            at: place.read("at", Timestamp::from_unix_millis(row.at))?,
            owner: place.read("owner", row.owner.map(OwnerId::parse).transpose().ok())?,
            action,
            label: name.zip(prefix).map(|(name, prefix)| KeyLabel { name, prefix }),
            caller: Caller {
                actor: place.read("actor", Actor::restore(&row.actor).ok())?,
                address: place.read("address", address.ok())?,
                user_agent: row.user_agent.as_deref().and_then(UserAgent::of),
                request_id: row.request_id,
            },
        })
    }
}

fn ids_written(keys: &[ApiKeyId]) -> String {
    let texts: Vec<_> = keys.iter().map(ApiKeyId::to_string).collect();
    serde_json::to_string(&texts).expect("texts are JSON")
}

fn ids_read(json: &str) -> Option<Vec<ApiKeyId>> {
    let texts: Vec<String> = serde_json::from_str(json).ok()?;
    texts.iter().map(|text| ApiKeyId::parse(text).ok()).collect()
}
