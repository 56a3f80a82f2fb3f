//! The rows as they are stored, and their conversions from and to the domain.

mod audit;

use diesel::pg::Pg;
use diesel::prelude::*;
use latchkey_accounts::{
    Account, AccountId, AccountParts, AccountState, Email, PasswordHash, Session,
};
use latchkey_domain::ports::{KeyInUse, StoreError};
use latchkey_domain::{
    ApiKey, ApiKeyId, ApiKeyParts, Digest, Environment, KeyName, KeyPrefix, KeyState, KeyedDigest,
    OwnerId, PepperId, Timestamp,
};
use time::OffsetDateTime;
use uuid::Uuid;

use crate::fault::{Corrupt, failed};
use crate::schema::{accounts, api_keys, sessions};

pub(crate) use audit::EventRow;

#[derive(Queryable, Selectable, Insertable)]
#[diesel(table_name = api_keys, check_for_backend(Pg))]
pub(crate) struct KeyRow {
    pub(crate) id: Uuid,
    pub(crate) owner: String,
    pub(crate) name: String,
    pub(crate) prefix: String,
    pub(crate) environment: String,
    pub(crate) digest: Vec<u8>,
    pub(crate) pepper_id: i32,
    pub(crate) created_at: OffsetDateTime,
    pub(crate) expires_at: Option<OffsetDateTime>,
    pub(crate) disabled_at: Option<OffsetDateTime>,
    pub(crate) revoked_at: Option<OffsetDateTime>,
    pub(crate) replaced_by: Option<Uuid>,
    pub(crate) version: i32,
}

impl From<&ApiKey> for KeyRow {
    fn from(key: &ApiKey) -> Self {
        let ApiKeyParts {
            id,
            owner,
            name,
            prefix,
            environment,
            digest,
            created_at,
            expires_at,
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
        }
    }
}

impl TryFrom<KeyRow> for ApiKey {
    type Error = StoreError;

    fn try_from(row: KeyRow) -> Result<Self, StoreError> {
        let corrupt = |column| failed(Corrupt { table: "api_keys", column });
        let state = match (row.disabled_at, row.revoked_at) {
            (_, Some(at)) => KeyState::Revoked { at: at.into() },
            (Some(at), None) => KeyState::Disabled { at: at.into() },
            (None, None) => KeyState::Active,
        };
        Ok(Self::restore(ApiKeyParts {
            id: ApiKeyId::new(row.id),
            owner: OwnerId::parse(row.owner).map_err(|_refused| corrupt("owner"))?,
            name: KeyName::restore(row.name).map_err(|_refused| corrupt("name"))?,
            prefix: KeyPrefix::parse(row.prefix).map_err(|_refused| corrupt("prefix"))?,
            environment: Environment::parse(&row.environment)
                .map_err(|_refused| corrupt("environment"))?,
            digest: keyed_digest("api_keys", row.pepper_id, &row.digest)?,
            created_at: row.created_at.into(),
            expires_at: row.expires_at.map(Into::into),
            state,
            replaced_by: row.replaced_by.map(ApiKeyId::new),
            version: row.version,
        }))
    }
}

/// A key, and its last use if one is recorded.
pub(crate) type KeyInUseRow = (KeyRow, Option<OffsetDateTime>);

pub(crate) fn key_in_use((key, used_at): KeyInUseRow) -> Result<KeyInUse, StoreError> {
    Ok(KeyInUse { key: key.try_into()?, last_used_at: used_at.map(Timestamp::from) })
}

#[derive(Queryable, Selectable, Insertable)]
#[diesel(table_name = accounts, check_for_backend(Pg))]
pub(crate) struct AccountRow {
    pub(crate) id: Uuid,
    pub(crate) email: String,
    pub(crate) password_hash: String,
    pub(crate) created_at: OffsetDateTime,
    pub(crate) disabled_at: Option<OffsetDateTime>,
    pub(crate) version: i32,
}

impl From<&Account> for AccountRow {
    fn from(account: &Account) -> Self {
        let AccountParts { id, email, password, created_at, state, version } = account.parts();
        Self {
            id: id.as_uuid(),
            email: email.as_str().to_owned(),
            password_hash: password.as_str().to_owned(),
            created_at: (*created_at).into(),
            disabled_at: match *state {
                AccountState::Active => None,
                AccountState::Disabled { at } => Some(at.into()),
            },
            version: *version,
        }
    }
}

impl From<AccountRow> for Account {
    fn from(row: AccountRow) -> Self {
        Self::restore(AccountParts {
            id: AccountId::new(row.id),
            email: Email::restore(row.email),
            password: PasswordHash::new(row.password_hash),
            created_at: row.created_at.into(),
            state: match row.disabled_at {
                None => AccountState::Active,
                Some(at) => AccountState::Disabled { at: at.into() },
            },
            version: row.version,
        })
    }
}

#[derive(Queryable, Selectable, Insertable)]
#[diesel(table_name = sessions, check_for_backend(Pg))]
pub(crate) struct SessionRow {
    pub(crate) digest: Vec<u8>,
    pub(crate) pepper_id: i32,
    pub(crate) account_id: Uuid,
    pub(crate) account_version: i32,
    pub(crate) created_at: OffsetDateTime,
    pub(crate) last_seen_at: OffsetDateTime,
}

impl From<&Session> for SessionRow {
    fn from(session: &Session) -> Self {
        let Session { digest, account, account_version, created_at, last_seen_at } = session;
        Self {
            digest: digest.digest.as_bytes().to_vec(),
            pepper_id: digest.pepper.get().into(),
            account_id: account.as_uuid(),
            account_version: *account_version,
            created_at: (*created_at).into(),
            last_seen_at: (*last_seen_at).into(),
        }
    }
}

impl TryFrom<SessionRow> for Session {
    type Error = StoreError;

    fn try_from(row: SessionRow) -> Result<Self, StoreError> {
        Ok(Self {
            digest: keyed_digest("sessions", row.pepper_id, &row.digest)?,
            account: AccountId::new(row.account_id),
            account_version: row.account_version,
            created_at: row.created_at.into(),
            last_seen_at: row.last_seen_at.into(),
        })
    }
}

fn keyed_digest(
    table: &'static str,
    pepper: i32,
    digest: &[u8],
) -> Result<KeyedDigest, StoreError> {
    let digest =
        digest.try_into().map_err(|_wrong_length| failed(Corrupt { table, column: "digest" }))?;
    Ok(KeyedDigest { pepper: pepper_id(table, pepper)?, digest: Digest::new(digest) })
}

pub(crate) fn pepper_id(table: &'static str, id: i32) -> Result<PepperId, StoreError> {
    u16::try_from(id)
        .ok()
        .and_then(PepperId::new)
        .ok_or_else(|| failed(Corrupt { table, column: "pepper_id" }))
}
