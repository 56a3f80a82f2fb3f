use diesel::prelude::*;
use diesel::sqlite::Sqlite;
use latchkey_domain::ports::KeyInUse;
use latchkey_domain::{
    AllowedNetworks, ApiKey, ApiKeyId, ApiKeyParts, Creator, Environment, Grants, KeyName,
    KeyPrefix, KeyState, KeyedDigest, OwnerId, Restrictions, Timestamp,
};
use latchkey_store_texts::{limits_from, metadata_from};
use uuid::Uuid;

use super::{digest_columns, digest_from, id_bytes, id_from, instant_from, pepper_from};
use crate::budgets::credits_from;
use crate::fault::{Corrupt, DbResult, Place};
use crate::schema::api_keys;

const TABLE: &str = "api_keys";

/// A change sets every column but the id and those that are marked: a change of the key leaves them.
#[derive(Queryable, Selectable, Insertable, AsChangeset)]
#[diesel(table_name = api_keys, check_for_backend(Sqlite))]
#[diesel(treat_none_as_default_value = false, treat_none_as_null = true)]
pub(crate) struct KeyRow {
    id: Vec<u8>,
    #[diesel(skip_update)]
    pub(crate) owner: String,
    name: String,
    #[diesel(skip_update)]
    prefix: String,
    #[diesel(skip_update)]
    environment: String,
    #[diesel(skip_update)]
    digest: Vec<u8>,
    #[diesel(skip_update)]
    pepper_id: i64,
    #[diesel(skip_update)]
    created_at: i64,
    expires_at: Option<i64>,
    disabled_at: Option<i64>,
    revoked_at: Option<i64>,
    replaced_by: Option<Vec<u8>>,
    version: i64,
    #[diesel(skip_update)]
    created_by: Option<String>,
    metadata: String,
    scopes: Option<String>,
    allowed_networks: Option<String>,
    /// Null where the key is the first of its family.
    #[diesel(skip_update)]
    family: Option<Vec<u8>>,
    limits: Option<String>,
}

impl From<&ApiKey> for KeyRow {
    fn from(key: &ApiKey) -> Self {
        let ApiKeyParts {
            id,
            family,
            owner,
            name,
            prefix,
            environment,
            digest,
            created_by,
            created_at,
            expires_at,
            metadata,
            restrictions: Restrictions { scopes, networks },
            limits,
            state,
            replaced_by,
            version,
        } = key.parts();
        let (digest, pepper_id) = digest_columns(digest);
        let (disabled_at, revoked_at) = state_columns(*state);
        Self {
            id: id_bytes(id.as_uuid()),
            owner: owner.as_str().to_owned(),
            name: name.as_str().to_owned(),
            prefix: prefix.as_str().to_owned(),
            environment: environment.as_str().to_owned(),
            digest,
            pepper_id,
            created_at: created_at.unix_millis(),
            expires_at: expires_at.map(Timestamp::unix_millis),
            disabled_at,
            revoked_at,
            replaced_by: replaced_by.map(|id| id_bytes(id.as_uuid())),
            version: i64::from(*version),
            created_by: created_by.as_ref().map(|creator| creator.as_str().to_owned()),
            metadata: metadata.as_str().to_owned(),
            scopes: scopes.joined().map(str::to_owned),
            allowed_networks: networks.joined(),
            family: (family != id).then(|| id_bytes(family.as_uuid())),
            limits: (!limits.is_empty()).then(|| limits.to_string()),
        }
    }
}

impl TryFrom<KeyRow> for ApiKey {
    type Error = Corrupt;

    fn try_from(row: KeyRow) -> Result<Self, Corrupt> {
        let nowhere = Place { table: TABLE, row: Uuid::nil() };
        let id = nowhere.read("id", id_from(&row.id))?;
        let place = Place { table: TABLE, row: id };
        Ok(Self::restore(ApiKeyParts {
            id: ApiKeyId::new(id),
            family: ApiKeyId::new(match row.family {
                Some(bytes) => place.read("family", id_from(&bytes))?,
                None => id,
            }),
            owner: place.read("owner", OwnerId::parse(row.owner).ok())?,
            name: place.read("name", KeyName::restore(row.name).ok())?,
            prefix: place.read("prefix", KeyPrefix::parse(row.prefix).ok())?,
            environment: place.read("environment", Environment::parse(&row.environment).ok())?,
            digest: KeyedDigest {
                pepper: place.read("pepper_id", pepper_from(row.pepper_id))?,
                digest: place.read("digest", digest_from(&row.digest))?,
            },
            created_by: place
                .read("created_by", row.created_by.map(Creator::parse).transpose().ok())?,
            created_at: place.read("created_at", Timestamp::from_unix_millis(row.created_at))?,
            expires_at: place.read("expires_at", instant_from(row.expires_at).ok())?,
            metadata: place.read("metadata", metadata_from(&row.metadata))?,
            restrictions: Restrictions {
                scopes: place.read("scopes", Grants::restore(row.scopes.as_deref()).ok())?,
                networks: place.read(
                    "allowed_networks",
                    AllowedNetworks::restore(row.allowed_networks.as_deref()).ok(),
                )?,
            },
            limits: place.read("limits", limits_from(row.limits.as_deref()))?,
            state: state_from(place, row.disabled_at, row.revoked_at)?,
            replaced_by: match row.replaced_by {
                Some(bytes) => Some(ApiKeyId::new(place.read("replaced_by", id_from(&bytes))?)),
                None => None,
            },
            version: place.read("version", i32::try_from(row.version).ok())?,
        }))
    }
}

pub(crate) fn keys_in_use(rows: Vec<KeyInUseRow>) -> DbResult<Vec<KeyInUse>> {
    Ok(rows.into_iter().map(key_in_use).collect::<Result<_, _>>()?)
}

/// A key, its last use and its credits.
pub(crate) type KeyInUseRow = (KeyRow, Option<i64>, Option<i64>);

pub(crate) fn key_in_use((row, used_at, left): KeyInUseRow) -> Result<KeyInUse, Corrupt> {
    let key = ApiKey::try_from(row)?;
    let place = Place { table: "last_uses", row: key.parts().id.as_uuid() };
    let last_used_at = place.read("used_at", instant_from(used_at).ok())?;
    Ok(KeyInUse { key, last_used_at, credits: credits_from(left)? })
}

pub(crate) fn id_and_owner(id: &[u8], owner: String) -> Result<(ApiKeyId, OwnerId), Corrupt> {
    let nowhere = Place { table: TABLE, row: Uuid::nil() };
    let id = nowhere.read("id", id_from(id))?;
    let place = Place { table: TABLE, row: id };
    Ok((ApiKeyId::new(id), place.read("owner", OwnerId::parse(owner).ok())?))
}

/// `disabled_at` and `revoked_at`.
fn state_columns(state: KeyState) -> (Option<i64>, Option<i64>) {
    match state {
        KeyState::Active => (None, None),
        KeyState::Disabled { at } => (Some(at.unix_millis()), None),
        KeyState::Revoked { at } => (None, Some(at.unix_millis())),
    }
}

/// Revoked is final: it hides that the key was disabled before.
fn state_from(
    place: Place,
    disabled_at: Option<i64>,
    revoked_at: Option<i64>,
) -> Result<KeyState, Corrupt> {
    let disabled_at = place.read("disabled_at", instant_from(disabled_at).ok())?;
    let revoked_at = place.read("revoked_at", instant_from(revoked_at).ok())?;
    Ok(match (revoked_at, disabled_at) {
        (Some(at), _) => KeyState::Revoked { at },
        (None, Some(at)) => KeyState::Disabled { at },
        (None, None) => KeyState::Active,
    })
}
