use diesel::pg::Pg;
use diesel::prelude::*;
use latchkey_domain::ports::StoreError;
use latchkey_domain::{
    Action, Actor, ApiKeyId, AuditEvent, Caller, EventId, KeyLabel, KeyName, KeyPrefix, OwnerId,
    TokenId, UserAgent,
};
use latchkey_store_texts::{changes_of, with_changes};
use time::OffsetDateTime;
use uuid::Uuid;

use crate::fault::Place;
use crate::schema::audit_events;

#[derive(Queryable, Selectable, Insertable)]
#[diesel(table_name = audit_events, check_for_backend(Pg))]
pub(crate) struct EventRow {
    #[diesel(embed)]
    pub(crate) whose: WhoseRow,
    #[diesel(embed)]
    pub(crate) deed: DeedRow,
    #[diesel(embed)]
    pub(crate) label: LabelRow,
    #[diesel(embed)]
    pub(crate) keys: KeysRow,
    #[diesel(embed)]
    pub(crate) changes: ChangesRow,
}

/// Which event of whose trail. Where many are added, each has its own.
#[derive(Queryable, Selectable, Insertable)]
#[diesel(table_name = audit_events, check_for_backend(Pg), treat_none_as_default_value = false)]
pub(crate) struct WhoseRow {
    pub(crate) id: Uuid,
    owner: Option<String>,
}

/// An event, but for what the other rows say of it.
#[derive(Queryable, Selectable, Insertable)]
#[diesel(table_name = audit_events, check_for_backend(Pg), treat_none_as_default_value = false)]
pub(crate) struct DeedRow {
    at: OffsetDateTime,
    action: String,
    key_id: Option<Uuid>,
    replaced_by: Option<Uuid>,
    actor: String,
    address: Option<String>,
    user_agent: Option<String>,
    request_id: Option<String>,
    token_id: Option<Uuid>,
}

/// What the key of an event is called. The row that a change finds may say that, too.
#[derive(Queryable, Selectable, Insertable)]
#[diesel(table_name = audit_events, check_for_backend(Pg), treat_none_as_default_value = false)]
pub(crate) struct LabelRow {
    key_name: Option<String>,
    key_prefix: Option<String>,
}

/// The keys of an event that was done to many. The rows that a change finds say which.
#[derive(Queryable, Selectable, Insertable)]
#[diesel(table_name = audit_events, check_for_backend(Pg), treat_none_as_default_value = false)]
pub(crate) struct KeysRow {
    key_ids: Option<Vec<Uuid>>,
}

/// What was changed. Of credits the rows that a change finds say it.
#[derive(Queryable, Selectable, Insertable)]
#[diesel(table_name = audit_events, check_for_backend(Pg), treat_none_as_default_value = false)]
pub(crate) struct ChangesRow {
    changes: Option<String>,
}

impl From<&AuditEvent> for EventRow {
    fn from(event: &AuditEvent) -> Self {
        let AuditEvent { id, at, owner, action, label, caller } = event;
        let Caller { actor, address, user_agent, request_id } = caller;
        let (key_name, key_prefix) = label
            .as_ref()
            .map(|KeyLabel { name, prefix }| (name.as_str().to_owned(), prefix.as_str().to_owned()))
            .unzip();
        let whose = WhoseRow {
            id: id.as_uuid(),
            owner: owner.as_ref().map(|owner| owner.as_str().to_owned()),
        };
        let deed = DeedRow {
            at: (*at).into(),
            action: action.name().to_owned(),
            key_id: action.key().map(ApiKeyId::as_uuid),
            replaced_by: action.successor().map(ApiKeyId::as_uuid),
            actor: actor.text().into_owned(),
            address: address.map(|address| address.to_string()),
            user_agent: user_agent.as_ref().map(|agent| agent.as_str().to_owned()),
            request_id: request_id.clone(),
            token_id: action.token().map(TokenId::as_uuid),
        };
        let key_ids = action.keys().map(|keys| keys.iter().map(|key| key.as_uuid()).collect());
        let (label, keys) = (LabelRow { key_name, key_prefix }, KeysRow { key_ids });
        let changes = ChangesRow { changes: changes_of(action) };
        Self { whose, deed, label, keys, changes }
    }
}

impl TryFrom<EventRow> for AuditEvent {
    type Error = StoreError;

    fn try_from(row: EventRow) -> Result<Self, StoreError> {
        let EventRow { whose, deed, label, keys, changes } = row;
        let place = Place { table: "audit_events", row: whose.id };
        let (key, successor) =
            (deed.key_id.map(ApiKeyId::new), deed.replaced_by.map(ApiKeyId::new));
        let token = deed.token_id.map(TokenId::new);
        let keys = keys.key_ids.map(|ids| ids.into_iter().map(ApiKeyId::new).collect());
        let action = Action::restore(&deed.action, key, successor, token, keys);
        let action = place.read("action", action)?;
        let action = match changes.changes {
            Some(json) => place.read("changes", with_changes(action, &json))?,
            None => action,
        };
        let name = place.read("key_name", label.key_name.map(KeyName::restore).transpose().ok())?;
        let prefix = label.key_prefix.map(KeyPrefix::parse).transpose();
        let prefix = place.read("key_prefix", prefix.ok())?;
        let address = deed.address.map(|text| text.parse()).transpose();
        Ok(Self {
            id: EventId::new(whose.id),
            at: deed.at.into(),
            owner: place.read("owner", whose.owner.map(OwnerId::parse).transpose().ok())?,
            action,
            label: name.zip(prefix).map(|(name, prefix)| KeyLabel { name, prefix }),
            caller: Caller {
                actor: place.read("actor", Actor::restore(&deed.actor).ok())?,
                address: place.read("address", address.ok())?,
                user_agent: deed.user_agent.as_deref().and_then(UserAgent::of),
                request_id: deed.request_id,
            },
        })
    }
}
