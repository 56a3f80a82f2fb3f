use diesel::pg::Pg;
use diesel::prelude::*;
use latchkey_accounts::{
    Account, AccountId, AccountParts, AccountState, Email, PasswordHash, Session, SessionId,
};
use latchkey_domain::UserAgent;
use latchkey_domain::ports::StoreError;
use time::OffsetDateTime;
use uuid::Uuid;

use super::keyed_digest;
use crate::fault::Place;
use crate::schema::{accounts, sessions};

#[derive(Queryable, Selectable, Insertable)]
#[diesel(table_name = accounts, check_for_backend(Pg), treat_none_as_default_value = false)]
pub(crate) struct AccountRow {
    id: Uuid,
    email: String,
    password_hash: String,
    created_at: OffsetDateTime,
    disabled_at: Option<OffsetDateTime>,
    version: i32,
    is_operator: bool,
}

impl From<&Account> for AccountRow {
    fn from(account: &Account) -> Self {
        let AccountParts { id, email, password, created_at, state, is_operator, version } =
            account.parts();
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
            is_operator: *is_operator,
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
            is_operator: row.is_operator,
            version: row.version,
        })
    }
}

#[derive(Queryable, Selectable, Insertable)]
#[diesel(table_name = sessions, check_for_backend(Pg), treat_none_as_default_value = false)]
pub(crate) struct SessionRow {
    digest: Vec<u8>,
    pepper_id: i32,
    account_id: Uuid,
    account_version: i32,
    created_at: OffsetDateTime,
    last_seen_at: OffsetDateTime,
    id: Option<Uuid>,
    address: Option<String>,
    user_agent: Option<String>,
    confirmed_at: Option<OffsetDateTime>,
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
        Self {
            digest: digest.digest.as_bytes().to_vec(),
            pepper_id: digest.pepper.get().into(),
            account_id: account.as_uuid(),
            account_version: *account_version,
            created_at: (*created_at).into(),
            last_seen_at: (*last_seen_at).into(),
            id: Some(id.as_uuid()),
            address: address.map(|address| address.to_string()),
            user_agent: user_agent.as_ref().map(|agent| agent.as_str().to_owned()),
            confirmed_at: Some((*confirmed_at).into()),
        }
    }
}

impl TryFrom<SessionRow> for Session {
    type Error = StoreError;

    fn try_from(row: SessionRow) -> Result<Self, StoreError> {
        // Named by its account: its own key is the digest.
        let place = Place { table: "sessions", row: row.account_id };
        let digest = keyed_digest(place, row.pepper_id, &row.digest)?;
        let address = row.address.map(|text| text.parse()).transpose();
        Ok(Self {
            id: row.id.map_or_else(|| SessionId::of(&digest.digest), SessionId::new),
            digest,
            account: AccountId::new(row.account_id),
            account_version: row.account_version,
            created_at: row.created_at.into(),
            last_seen_at: row.last_seen_at.into(),
            confirmed_at: row.confirmed_at.unwrap_or(row.created_at).into(),
            address: place.read("address", address.ok())?,
            user_agent: row.user_agent.as_deref().and_then(UserAgent::of),
        })
    }
}
