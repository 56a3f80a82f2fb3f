use diesel::pg::Pg;
use diesel::prelude::*;
use latchkey_domain::ports::{KeyInUse, StoreError};
use latchkey_domain::{
    AllowedNetworks, ApiKey, ApiKeyId, ApiKeyParts, Creator, Environment, Grants, KeyName,
    KeyPrefix, KeyState, OwnerId, Restrictions, Timestamp,
};
use latchkey_store_texts::{limits_from, metadata_from};
use time::OffsetDateTime;
use uuid::Uuid;

use super::keyed_digest;
use crate::budgets::credits_from;
use crate::fault::Place;
use crate::schema::api_keys;

/// A change sets every column but the id and those that are marked: a change of the key leaves them.
#[derive(Queryable, Selectable, Insertable, AsChangeset)]
#[diesel(table_name = api_keys, check_for_backend(Pg))]
#[diesel(treat_none_as_default_value = false, treat_none_as_null = true)]
pub(crate) struct KeyRow {
    pub(crate) id: Uuid,
    #[diesel(skip_update)]
    owner: String,
    name: String,
    #[diesel(skip_update)]
    prefix: String,
    #[diesel(skip_update)]
    environment: String,
    #[diesel(skip_update)]
    digest: Vec<u8>,
    #[diesel(skip_update)]
    pepper_id: i32,
    #[diesel(skip_update)]
    created_at: OffsetDateTime,
    expires_at: Option<OffsetDateTime>,
    disabled_at: Option<OffsetDateTime>,
    revoked_at: Option<OffsetDateTime>,
    replaced_by: Option<Uuid>,
    pub(crate) version: i32,
    #[diesel(skip_update)]
    created_by: Option<String>,
    metadata: String,
    scopes: Option<String>,
    allowed_networks: Option<String>,
    /// Null where the key is the first of its family.
    #[diesel(skip_update)]
    family: Option<Uuid>,
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
        let (disabled_at, revoked_at) = match *state {
            KeyState::Active => (None, None),
            KeyState::Disabled { at } => (Some(at.into()), None),
            KeyState::Revoked { at } => (None, Some(at.into())),
        };
        Self {
            id: id.as_uuid(),
            owner: owner.as_str().to_owned(),
            name: name.as_str().to_owned(),
            prefix: prefix.as_str().to_owned(),
            environment: environment.as_str().to_owned(),
            digest: digest.digest.as_bytes().to_vec(),
            pepper_id: digest.pepper.get().into(),
            created_at: (*created_at).into(),
            expires_at: expires_at.map(Into::into),
            disabled_at,
            revoked_at,
            replaced_by: replaced_by.map(ApiKeyId::as_uuid),
            version: *version,
            created_by: created_by.as_ref().map(|creator| creator.as_str().to_owned()),
            metadata: metadata.as_str().to_owned(),
            scopes: scopes.joined().map(str::to_owned),
            allowed_networks: networks.joined(),
            family: (family != id).then(|| family.as_uuid()),
            limits: (!limits.is_empty()).then(|| limits.to_string()),
        }
    }
}

impl TryFrom<KeyRow> for ApiKey {
    type Error = StoreError;

    fn try_from(row: KeyRow) -> Result<Self, StoreError> {
        let place = Place { table: "api_keys", row: row.id };
        let state = match (row.disabled_at, row.revoked_at) {
            (_, Some(at)) => KeyState::Revoked { at: at.into() },
            (Some(at), None) => KeyState::Disabled { at: at.into() },
            (None, None) => KeyState::Active,
        };
        Ok(Self::restore(ApiKeyParts {
            id: ApiKeyId::new(row.id),
            family: ApiKeyId::new(row.family.unwrap_or(row.id)),
            owner: place.read("owner", OwnerId::parse(row.owner).ok())?,
            name: place.read("name", KeyName::restore(row.name).ok())?,
            prefix: place.read("prefix", KeyPrefix::parse(row.prefix).ok())?,
            environment: place.read("environment", Environment::parse(&row.environment).ok())?,
            digest: keyed_digest(place, row.pepper_id, &row.digest)?,
            created_by: place
                .read("created_by", row.created_by.map(Creator::parse).transpose().ok())?,
            created_at: row.created_at.into(),
            expires_at: row.expires_at.map(Into::into),
            metadata: place.read("metadata", metadata_from(&row.metadata))?,
            restrictions: Restrictions {
                scopes: place.read("scopes", Grants::restore(row.scopes.as_deref()).ok())?,
                networks: place.read(
                    "allowed_networks",
                    AllowedNetworks::restore(row.allowed_networks.as_deref()).ok(),
                )?,
            },
            limits: place.read("limits", limits_from(row.limits.as_deref()))?,
            state,
            replaced_by: row.replaced_by.map(ApiKeyId::new),
            version: row.version,
        }))
    }
}

pub(crate) fn owner_from(owner: String, key: ApiKeyId) -> Result<OwnerId, StoreError> {
    Place { table: "api_keys", row: key.as_uuid() }.read("owner", OwnerId::parse(owner).ok())
}

/// A key, its last use if one is recorded, and its credits if they are counted.
pub(crate) type KeyInUseRow = (KeyRow, Option<OffsetDateTime>, Option<i64>);

pub(crate) fn key_in_use((key, used_at, left): KeyInUseRow) -> Result<KeyInUse, StoreError> {
    let (last_used_at, credits) = (used_at.map(Timestamp::from), credits_from(left)?);
    Ok(KeyInUse { key: key.try_into()?, last_used_at, credits })
}
