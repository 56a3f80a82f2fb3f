use diesel::prelude::*;
use diesel::sqlite::Sqlite;
use latchkey_accounts::ManagementToken;
use latchkey_domain::{KeyName, KeyPrefix, KeyedDigest, OwnerPattern, Timestamp, TokenId};
use uuid::Uuid;

use super::{digest_columns, digest_from, id_bytes, id_from, instant_from, pepper_from};
use crate::fault::{Corrupt, Place};
use crate::schema::management_tokens;

const TABLE: &str = "management_tokens";

#[derive(Queryable, Selectable, Insertable)]
#[diesel(table_name = management_tokens, check_for_backend(Sqlite))]
#[diesel(treat_none_as_default_value = false)]
pub(crate) struct TokenRow {
    id: Vec<u8>,
    name: String,
    rights: String,
    owners: String,
    prefix: String,
    digest: Vec<u8>,
    pepper_id: i64,
    created_at: i64,
    expires_at: i64,
    revoked_at: Option<i64>,
    last_used_at: Option<i64>,
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
        let (digest, pepper_id) = digest_columns(digest);
        Self {
            id: id_bytes(id.as_uuid()),
            name: name.as_str().to_owned(),
            rights: rights.to_string(),
            owners: owners.iter().map(OwnerPattern::as_str).collect::<Vec<_>>().join(" "),
            prefix: prefix.as_str().to_owned(),
            digest,
            pepper_id,
            created_at: created_at.unix_millis(),
            expires_at: expires_at.unix_millis(),
            revoked_at: revoked_at.map(Timestamp::unix_millis),
            last_used_at: last_used_at.map(Timestamp::unix_millis),
        }
    }
}

impl TryFrom<TokenRow> for ManagementToken {
    type Error = Corrupt;

    fn try_from(row: TokenRow) -> Result<Self, Corrupt> {
        let nowhere = Place { table: TABLE, row: Uuid::nil() };
        let id = nowhere.read("id", id_from(&row.id))?;
        let place = Place { table: TABLE, row: id };
        let owners = row.owners.split(' ').map(OwnerPattern::parse).collect::<Result<_, _>>();
        Ok(Self {
            id: TokenId::new(id),
            name: place.read("name", KeyName::restore(row.name).ok())?,
            rights: place.read("rights", row.rights.parse().ok())?,
            owners: place.read("owners", owners.ok())?,
            prefix: place.read("prefix", KeyPrefix::parse(row.prefix).ok())?,
            digest: KeyedDigest {
                pepper: place.read("pepper_id", pepper_from(row.pepper_id))?,
                digest: place.read("digest", digest_from(&row.digest))?,
            },
            created_at: place.read("created_at", Timestamp::from_unix_millis(row.created_at))?,
            expires_at: place.read("expires_at", Timestamp::from_unix_millis(row.expires_at))?,
            revoked_at: place.read("revoked_at", instant_from(row.revoked_at).ok())?,
            last_used_at: place.read("last_used_at", instant_from(row.last_used_at).ok())?,
        })
    }
}
