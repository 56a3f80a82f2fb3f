use diesel::pg::Pg;
use diesel::prelude::*;
use latchkey_domain::ports::StoreError;
use latchkey_domain::{
    Action, Actor, AllowedNetworks, ApiKeyId, AuditEvent, Caller, EventId, Grants, KeyDifference,
    KeyLabel, KeyName, KeyPrefix, MaxKeys, Metadata, OwnerDifference, OwnerId, Timestamp, TokenId,
    UserAgent,
};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
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
    changes: Option<String>,
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
            changes: changes_of(action),
            token_id: action.token().map(TokenId::as_uuid),
        };
        let key_ids = action.keys().map(|keys| keys.iter().map(|key| key.as_uuid()).collect());
        let (label, keys) = (LabelRow { key_name, key_prefix }, KeysRow { key_ids });
        Self { whose, deed, label, keys }
    }
}

impl TryFrom<EventRow> for AuditEvent {
    type Error = StoreError;

    fn try_from(EventRow { whose, deed, label, keys }: EventRow) -> Result<Self, StoreError> {
        let place = Place { table: "audit_events", row: whose.id };
        let (key, successor) =
            (deed.key_id.map(ApiKeyId::new), deed.replaced_by.map(ApiKeyId::new));
        let token = deed.token_id.map(TokenId::new);
        let keys = keys.key_ids.map(|ids| ids.into_iter().map(ApiKeyId::new).collect());
        let action = Action::restore(&deed.action, key, successor, token, keys);
        let action = place.read("action", action)?;
        let action = match deed.changes {
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

/// What a change of a key or an owner changed, as it is stored.
fn changes_of(action: &Action) -> Option<String> {
    match action {
        Action::KeyChanged { difference: Some(it), .. } => Some(Changes::written(it)),
        Action::OwnerChanged { difference: Some(it) } => Some(OwnerChanges::written(it)),
        _ => None,
    }
}

/// The action with what it changed.
fn with_changes(mut action: Action, json: &str) -> Option<Action> {
    match &mut action {
        Action::KeyChanged { difference, .. } => *difference = Some(Changes::read(json)?),
        Action::OwnerChanged { difference } => *difference = Some(OwnerChanges::read(json)?),
        _ => {}
    }
    Some(action)
}

/// An [`OwnerDifference`] as it is stored. What a newer version added is not read.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct OwnerChanges {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    max_keys: Option<[Option<u32>; 2]>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    suspended: Option<[bool; 2]>,
}

impl OwnerChanges {
    fn written(difference: &OwnerDifference) -> String {
        let OwnerDifference { max_keys, suspended } = difference;
        let max_keys = max_keys.map(|both| both.map(|limit| limit.map(MaxKeys::get)));
        let changes = Self { max_keys, suspended: *suspended };
        serde_json::to_string(&changes).expect("booleans and numbers are JSON")
    }

    fn read(json: &str) -> Option<OwnerDifference> {
        let Self { max_keys, suspended } = serde_json::from_str(json).ok()?;
        let limit = |keys: Option<u32>| keys.map(MaxKeys::new).transpose().ok();
        let max_keys = match max_keys {
            Some([before, after]) => Some([limit(before)?, limit(after)?]),
            None => None,
        };
        Some(OwnerDifference { max_keys, suspended })
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
    #[serde(default, skip_serializing_if = "Option::is_none")]
    metadata: Option<[Box<RawValue>; 2]>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    scopes: Option<[Option<String>; 2]>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    allowed_networks: Option<[Option<String>; 2]>,
}

impl Changes {
    fn written(difference: &KeyDifference) -> String {
        let KeyDifference { name, enabled, expires_at, metadata, scopes, allowed_networks } =
            difference;
        let raw = |it: &Metadata| {
            RawValue::from_string(it.as_str().to_owned()).expect("metadata is JSON")
        };
        let changes = Self {
            name: name.as_ref().map(|both| both.each_ref().map(|it| it.as_str().to_owned())),
            enabled: *enabled,
            expires_at: expires_at.map(|both| both.map(|at| at.map(Timestamp::unix_millis))),
            metadata: metadata.as_ref().map(|both| both.each_ref().map(raw)),
            scopes: scopes
                .as_ref()
                .map(|both| both.each_ref().map(|it| it.joined().map(str::to_owned))),
            allowed_networks: allowed_networks
                .as_ref()
                .map(|both| both.each_ref().map(AllowedNetworks::joined)),
        };
        serde_json::to_string(&changes).expect("texts, booleans, numbers and JSON are JSON")
    }

    fn read(json: &str) -> Option<KeyDifference> {
        let Self { name, enabled, expires_at, metadata, scopes, allowed_networks } =
            serde_json::from_str(json).ok()?;
        let name = name.map(|both| both.map(|name| KeyName::restore(name).ok()));
        let metadata = metadata.map(|both| both.map(|raw| Metadata::parse(raw.get()).ok()));
        let scopes = scopes.map(|both| both.map(|it| Grants::restore(it.as_deref()).ok()));
        let allowed_networks = allowed_networks
            .map(|both| both.map(|it| AllowedNetworks::restore(it.as_deref()).ok()));
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
            metadata: match metadata {
                Some([before, after]) => Some([before?, after?]),
                None => None,
            },
            scopes: match scopes {
                Some([before, after]) => Some([before?, after?]),
                None => None,
            },
            allowed_networks: match allowed_networks {
                Some([before, after]) => Some([before?, after?]),
                None => None,
            },
        })
    }
}
