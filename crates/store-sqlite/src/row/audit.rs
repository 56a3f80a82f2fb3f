use std::net::IpAddr;

use diesel::prelude::*;
use diesel::sqlite::Sqlite;
use latchkey_domain::{
    Action, Actor, ApiKeyId, AuditEvent, Caller, EventId, OwnerId, Timestamp, UserAgent,
};
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
}

impl From<&AuditEvent> for EventRow {
    fn from(event: &AuditEvent) -> Self {
        let AuditEvent { id, at, owner, action, caller } = event;
        let Caller { actor, address, user_agent, request_id } = caller;
        let key = |id: ApiKeyId| id_bytes(id.as_uuid());
        Self {
            id: id_bytes(id.as_uuid()),
            at: at.unix_millis(),
            owner: owner.as_ref().map(|owner| owner.as_str().to_owned()),
            action: action.name().to_owned(),
            key_id: action.key().map(key),
            replaced_by: action.successor().map(key),
            actor: actor.as_str().to_owned(),
            address: address.map(|address| address.to_string()),
            user_agent: user_agent.as_ref().map(|agent| agent.as_str().to_owned()),
            request_id: request_id.clone(),
        }
    }
}

impl TryFrom<EventRow> for AuditEvent {
    type Error = Corrupt;

    fn try_from(row: EventRow) -> Result<Self, Corrupt> {
        let nowhere = Place { table: TABLE, row: Uuid::nil() };
        let id = nowhere.read("id", id_from(&row.id))?;
        let place = Place { table: TABLE, row: id };
        let key = |column, bytes: Option<Vec<u8>>| {
            let id = bytes.map(|bytes| place.read(column, id_from(&bytes))).transpose()?;
            Ok(id.map(ApiKeyId::new))
        };
        let (key_id, successor) =
            (key("key_id", row.key_id)?, key("replaced_by", row.replaced_by)?);
        let address = row.address.map(|text| text.parse::<IpAddr>()).transpose();
        Ok(Self {
            id: EventId::new(id),
            at: place.read("at", Timestamp::from_unix_millis(row.at))?,
            owner: place.read("owner", row.owner.map(OwnerId::parse).transpose())?,
            action: place.read("action", Action::restore(&row.action, key_id, successor))?,
            caller: Caller {
                actor: Actor::restore(row.actor),
                address: place.read("address", address)?,
                user_agent: row.user_agent.as_deref().and_then(UserAgent::of),
                request_id: row.request_id,
            },
        })
    }
}
