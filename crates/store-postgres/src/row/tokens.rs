use diesel::pg::Pg;
use diesel::prelude::*;
use latchkey_accounts::ManagementToken;
use latchkey_domain::ports::StoreError;
use latchkey_domain::{KeyName, KeyPrefix, OwnerPattern, TokenId};
use time::OffsetDateTime;
use uuid::Uuid;

use super::keyed_digest;
use crate::fault::Place;
use crate::schema::management_tokens;

#[derive(Queryable, Selectable, Insertable)]
#[diesel(table_name = management_tokens, check_for_backend(Pg))]
#[diesel(treat_none_as_default_value = false)]
pub(crate) struct TokenRow {
    id: Uuid,
    name: String,
    rights: String,
    owners: String,
    prefix: String,
    digest: Vec<u8>,
    pepper_id: i32,
    created_at: OffsetDateTime,
    expires_at: OffsetDateTime,
    revoked_at: Option<OffsetDateTime>,
    last_used_at: Option<OffsetDateTime>,
}

impl From<&ManagementToken> for TokenRow {
    fn from(token: &ManagementToken) -> Self {
        let ManagementToken {
            id,
            name,
            rights,
            owners,
            prefix,
            digest,
            created_at,
            expires_at,
            revoked_at,
            last_used_at,
        } = token;
        Self {
            id: id.as_uuid(),
            name: name.as_str().to_owned(),
            rights: rights.to_string(),
            owners: owners.iter().map(OwnerPattern::as_str).collect::<Vec<_>>().join(" "),
            prefix: prefix.as_str().to_owned(),
            digest: digest.digest.as_bytes().to_vec(),
            pepper_id: digest.pepper.get().into(),
            created_at: (*created_at).into(),
            expires_at: (*expires_at).into(),
            revoked_at: revoked_at.map(Into::into),
            last_used_at: last_used_at.map(Into::into),
        }
    }
}

impl TryFrom<TokenRow> for ManagementToken {
    type Error = StoreError;

    fn try_from(row: TokenRow) -> Result<Self, StoreError> {
        let place = Place { table: "management_tokens", row: row.id };
        let owners = row.owners.split(' ').map(OwnerPattern::parse).collect::<Result<_, _>>();
        Ok(Self {
            id: TokenId::new(row.id),
            name: place.read("name", KeyName::restore(row.name).ok())?,
            rights: place.read("rights", row.rights.parse().ok())?,
            owners: place.read("owners", owners.ok())?,
            prefix: place.read("prefix", KeyPrefix::parse(row.prefix).ok())?,
            digest: keyed_digest(place, row.pepper_id, &row.digest)?,
            created_at: row.created_at.into(),
            expires_at: row.expires_at.into(),
            revoked_at: row.revoked_at.map(Into::into),
            last_used_at: row.last_used_at.map(Into::into),
        })
    }
}
