use diesel::prelude::*;
use diesel::sqlite::Sqlite;
use latchkey_accounts::{
    Account, AccountId, AccountParts, AccountState, Email, PasswordHash, Session, SessionId,
};
use latchkey_domain::{KeyedDigest, Timestamp, UserAgent};
use uuid::Uuid;

use super::{digest_columns, digest_from, id_bytes, id_from, instant_from, pepper_from};
use crate::fault::{Corrupt, Place};
use crate::schema::{accounts, sessions};

/// The next version sets every column but the id and those that are marked.
#[derive(Queryable, Selectable, Insertable, AsChangeset)]
#[diesel(table_name = accounts, check_for_backend(Sqlite))]
#[diesel(treat_none_as_default_value = false, treat_none_as_null = true)]
pub(crate) struct AccountRow {
    id: Vec<u8>,
    #[diesel(skip_update)]
    email: String,
    password_hash: String,
    #[diesel(skip_update)]
    created_at: i64,
    disabled_at: Option<i64>,
    version: i64,
    #[diesel(skip_update)]
    is_operator: bool,
}

#[derive(Queryable, Selectable, Insertable)]
#[diesel(table_name = sessions, check_for_backend(Sqlite), treat_none_as_default_value = false)]
pub(crate) struct SessionRow {
    digest: Vec<u8>,
    pepper_id: i64,
    account_id: Vec<u8>,
    account_version: i64,
    created_at: i64,
    last_seen_at: i64,
    id: Option<Vec<u8>>,
    address: Option<String>,
    user_agent: Option<String>,
    confirmed_at: Option<i64>,
}

impl From<&Account> for AccountRow {
    fn from(account: &Account) -> Self {
        let AccountParts { id, email, password, created_at, state, is_operator, version } =
            account.parts();
        Self {
            id: id_bytes(id.as_uuid()),
            email: email.as_str().to_owned(),
            password_hash: password.as_str().to_owned(),
            created_at: created_at.unix_millis(),
            disabled_at: match state {
                AccountState::Active => None,
                AccountState::Disabled { at } => Some(at.unix_millis()),
            },
            version: i64::from(*version),
            is_operator: *is_operator,
        }
    }
}

impl TryFrom<AccountRow> for Account {
    type Error = Corrupt;

    fn try_from(row: AccountRow) -> Result<Self, Corrupt> {
        let nowhere = Place { table: "accounts", row: Uuid::nil() };
        let id = nowhere.read("id", id_from(&row.id))?;
        let place = Place { table: "accounts", row: id };
        Ok(Self::restore(AccountParts {
            id: AccountId::new(id),
            email: Email::restore(row.email),
            password: PasswordHash::new(row.password_hash),
            created_at: place.read("created_at", Timestamp::from_unix_millis(row.created_at))?,
            state: match place.read("disabled_at", instant_from(row.disabled_at).ok())? {
                Some(at) => AccountState::Disabled { at },
                None => AccountState::Active,
            },
            is_operator: row.is_operator,
            version: place.read("version", i32::try_from(row.version).ok())?,
        }))
    }
}

impl From<&Session> for SessionRow {
    fn from(session: &Session) -> Self {
        let Session {
            id,
            digest,
            account,
            account_version,
            created_at,
            last_seen_at,
            confirmed_at,
            address,
            user_agent,
        } = session;
        let (digest, pepper_id) = digest_columns(digest);
        Self {
            digest,
            pepper_id,
            account_id: id_bytes(account.as_uuid()),
            account_version: i64::from(*account_version),
            created_at: created_at.unix_millis(),
            last_seen_at: last_seen_at.unix_millis(),
            id: Some(id_bytes(id.as_uuid())),
            address: address.map(|address| address.to_string()),
            user_agent: user_agent.as_ref().map(|agent| agent.as_str().to_owned()),
            confirmed_at: Some(confirmed_at.unix_millis()),
        }
    }
}

impl TryFrom<SessionRow> for Session {
    type Error = Corrupt;

    fn try_from(row: SessionRow) -> Result<Self, Corrupt> {
        let nowhere = Place { table: "sessions", row: Uuid::nil() };
        let account = nowhere.read("account_id", id_from(&row.account_id))?;
        // Named by its account: its own key is the digest.
        let place = Place { table: "sessions", row: account };
        let digest = place.read("digest", digest_from(&row.digest))?;
        let id = row.id.as_deref().map(|id| place.read("id", id_from(id))).transpose()?;
        let confirmed_at = place.read("confirmed_at", instant_from(row.confirmed_at).ok())?;
        let created_at = place.read("created_at", Timestamp::from_unix_millis(row.created_at))?;
        let address = row.address.map(|text| text.parse()).transpose();
        Ok(Self {
            id: id.map_or_else(|| SessionId::of(&digest), SessionId::new),
            digest: KeyedDigest {
                pepper: place.read("pepper_id", pepper_from(row.pepper_id))?,
                digest,
            },
            account: AccountId::new(account),
            account_version: place
                .read("account_version", i32::try_from(row.account_version).ok())?,
            created_at,
            last_seen_at: place
                .read("last_seen_at", Timestamp::from_unix_millis(row.last_seen_at))?,
            confirmed_at: confirmed_at.unwrap_or(created_at),
            address: place.read("address", address.ok())?,
            user_agent: row.user_agent.as_deref().and_then(UserAgent::of),
        })
    }
}
