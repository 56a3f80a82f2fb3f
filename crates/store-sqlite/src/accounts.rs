use async_trait::async_trait;
use diesel::dsl::exists;
use diesel::prelude::*;
use latchkey_accounts::ports::{AccountRepository, ChangeEmailError, InsertAccountError};
use latchkey_accounts::{Account, AccountId, AccountParts, AccountState, Email};
use latchkey_domain::ports::{StoreError, UpdateError};
use latchkey_domain::{ApiKeyId, AuditEvent, ChangeNumber, Digest, OwnerId, Timestamp};

use crate::SqliteStore;
use crate::audit;
use crate::budget_changes::forget;
use crate::fault::{DbResult, Fault, is_taken};
use crate::query;
use crate::row::{AccountRow, EventRow, id_bytes, id_from};
use crate::schema::{accounts, api_keys, audit_events, key_owners, last_uses, sessions};

#[async_trait]
impl AccountRepository for SqliteStore {
    async fn insert(
        &self,
        account: &Account,
        event: &AuditEvent,
    ) -> Result<(), InsertAccountError> {
        let (row, event) = (AccountRow::from(account), EventRow::from(event));
        self.write(move |db| match diesel::insert_into(accounts::table).values(row).execute(db) {
            Err(error) if is_taken(&error, &["accounts.email"]) => {
                Err(Fault(InsertAccountError::AddressTaken))
            }
            added => Ok(added.and_then(|_one| audit::add(db, event))?),
        })
        .await
    }

    async fn find_by_id(&self, id: AccountId) -> Result<Option<Account>, StoreError> {
        self.read(move |db| {
            let account = accounts::table.filter(accounts::id.eq(id_bytes(id.as_uuid())));
            let found = account.select(AccountRow::as_select()).get_result(db).optional()?;
            Ok(found.map(Account::try_from).transpose()?)
        })
        .await
    }

    async fn find_by_email(&self, email: &Email) -> Result<Option<Account>, StoreError> {
        let email = email.as_str().to_owned();
        self.read(move |db| {
            let account = accounts::table.filter(accounts::email.eq(email));
            let found = account.select(AccountRow::as_select()).get_result(db).optional()?;
            Ok(found.map(Account::try_from).transpose()?)
        })
        .await
    }

    async fn change_password(
        &self,
        account: &Account,
        keep: Option<&Digest>,
        event: &AuditEvent,
    ) -> Result<(), UpdateError> {
        let (account, event) = (account.clone(), EventRow::from(event));
        let keep = keep.copied();
        self.write(move |db| {
            update(db, &account)?;
            if let Some(keep) = keep {
                carry_along(db, &account, &keep)?;
            }
            Ok(audit::add(db, event)?)
        })
        .await
    }

    async fn change_email(
        &self,
        account: &Account,
        event: &AuditEvent,
    ) -> Result<(), ChangeEmailError> {
        let (account, event) = (account.clone(), EventRow::from(event));
        self.write(move |db| {
            let AccountParts { id, email, version, .. } = account.parts();
            let stored = accounts::table
                .filter(accounts::id.eq(id_bytes(id.as_uuid())))
                .filter(accounts::version.eq(i64::from(*version)))
                .filter(accounts::disabled_at.is_null());
            let email = accounts::email.eq(email.as_str());
            match diesel::update(stored).set(email).execute(db) {
                Ok(0) => Err(Fault(ChangeEmailError::Stale)),
                Err(error) if is_taken(&error, &["accounts.email"]) => {
                    Err(Fault(ChangeEmailError::AddressTaken))
                }
                changed => Ok(changed.and_then(|_one| audit::add(db, event))?),
            }
        })
        .await
    }

    async fn set_operator(&self, account: &Account, event: &AuditEvent) -> Result<(), UpdateError> {
        let (account, event) = (account.clone(), EventRow::from(event));
        self.write(move |db| {
            let AccountParts { id, is_operator, .. } = account.parts();
            let stored = accounts::table
                .filter(accounts::id.eq(id_bytes(id.as_uuid())))
                .filter(accounts::is_operator.ne(is_operator));
            let is_operator = accounts::is_operator.eq(is_operator);
            match diesel::update(stored).set(is_operator).execute(db)? {
                0 => Err(Fault(UpdateError::Stale)),
                _one => Ok(audit::add(db, event)?),
            }
        })
        .await
    }

    async fn disable(
        &self,
        account: &Account,
        event: &AuditEvent,
    ) -> Result<ChangeNumber, UpdateError> {
        let AccountState::Disabled { at } = account.parts().state else {
            return Err(StoreError::new("an active account was given as disabled").into());
        };
        let (account, event) = (account.clone(), EventRow::from(event));
        self.change(move |db| {
            let id = account.parts().id;
            let active = accounts::table.find(id_bytes(id.as_uuid()));
            let active = active.filter(accounts::disabled_at.is_null());
            let was_active: bool = diesel::select(exists(active)).get_result(db)?;
            update(db, &account)?;
            let of_account = sessions::account_id.eq(id_bytes(id.as_uuid()));
            diesel::delete(sessions::table.filter(of_account)).execute(db)?;
            if was_active {
                audit::add(db, event)?;
            }
            close_owner(db, &id.owner(), at)
        })
        .await
    }

    async fn enable(&self, account: &Account, event: &AuditEvent) -> Result<(), UpdateError> {
        let (account, event) = (account.clone(), EventRow::from(event));
        self.write(move |db| {
            let id = account.parts().id;
            let disabled = accounts::table.find(id_bytes(id.as_uuid()));
            let disabled = disabled.filter(accounts::disabled_at.is_not_null());
            if !diesel::select(exists(disabled)).get_result::<bool>(db)? {
                return Err(Fault(UpdateError::Stale));
            }
            update(db, &account)?;
            diesel::update(key_owners::table.find(id.owner().as_str()))
                .set(key_owners::closed_at.eq(None::<i64>))
                .execute(db)?;
            Ok(audit::add(db, event)?)
        })
        .await
    }

    async fn delete(&self, account: &Account, event: &AuditEvent) -> Result<(), UpdateError> {
        let (account, event) = (account.clone(), EventRow::from(event));
        self.write(move |db| {
            let parts = account.parts();
            let stored = accounts::table
                .filter(accounts::id.eq(id_bytes(parts.id.as_uuid())))
                .filter(accounts::version.eq(i64::from(parts.version)))
                .filter(accounts::disabled_at.is_not_null());
            if diesel::delete(stored).execute(db)? == 0 {
                return Err(Fault(UpdateError::Stale));
            }
            remove_owner(db, &parts.id.owner())?;
            Ok(audit::add(db, event)?)
        })
        .await
    }

    async fn page(&self, after: Option<AccountId>, limit: u32) -> Result<Vec<Account>, StoreError> {
        // Every id comes after no bytes at all.
        let after = after.map_or_else(Vec::new, |id| id_bytes(id.as_uuid()));
        self.read(move |db| {
            let page = accounts::table.filter(accounts::id.gt(after)).order(accounts::id.asc());
            let page = page.limit(limit.into()).select(AccountRow::as_select()).load(db)?;
            Ok(page.into_iter().map(Account::try_from).collect::<Result<_, _>>()?)
        })
        .await
    }
}

/// Stores the next version of an account, if the stored one is the version just before it.
fn update(db: &mut SqliteConnection, account: &Account) -> DbResult<(), UpdateError> {
    let stored = accounts::table
        .filter(accounts::id.eq(id_bytes(account.parts().id.as_uuid())))
        .filter(accounts::version.eq(i64::from(account.parts().version) - 1));
    let change = AccountRow::from(account);
    match diesel::update(stored).set(change).execute(db)? {
        0 => Err(Fault(UpdateError::Stale)),
        _one => Ok(()),
    }
}

/// Only from the version just before: a session that had ended already does not come back.
fn carry_along(db: &mut SqliteConnection, account: &Account, keep: &Digest) -> QueryResult<usize> {
    let version = i64::from(account.parts().version);
    let session = sessions::table
        .filter(sessions::digest.eq(keep.as_bytes().as_slice()))
        .filter(sessions::account_id.eq(id_bytes(account.parts().id.as_uuid())))
        .filter(sessions::account_version.eq(version - 1));
    diesel::update(session).set(sessions::account_version.eq(version)).execute(db)
}

/// Removes the owner's keys, and what is personal from the owner's events.
fn remove_owner(db: &mut SqliteConnection, owner: &OwnerId) -> QueryResult<usize> {
    let keys = || api_keys::table.filter(api_keys::owner.eq(owner.as_str()));
    let used = last_uses::key_id.eq_any(keys().select(api_keys::id));
    diesel::delete(last_uses::table.filter(used)).execute(db)?;
    let gone = keys().select((api_keys::id, api_keys::family)).load(db)?;
    diesel::delete(keys()).execute(db)?;
    forget(db, gone)?;
    diesel::update(audit_events::table.filter(audit_events::owner.eq(owner.as_str())))
        .set((
            audit_events::address.eq(None::<String>),
            audit_events::user_agent.eq(None::<String>),
            audit_events::key_name.eq(None::<String>),
            audit_events::key_prefix.eq(None::<String>),
            audit_events::changes.eq(None::<String>),
        ))
        .execute(db)
}

/// Lets the owner have no new keys, and revokes those it has, which it answers.
fn close_owner(
    db: &mut SqliteConnection,
    owner: &OwnerId,
    at: Timestamp,
) -> DbResult<Vec<ApiKeyId>, UpdateError> {
    use diesel::query_dsl::methods::FilterDsl as _;

    let at = Some(at.unix_millis());
    diesel::insert_into(key_owners::table)
        .values((
            key_owners::owner.eq(owner.as_str()),
            key_owners::held.eq(0),
            key_owners::closed_at.eq(at),
        ))
        .on_conflict(key_owners::owner)
        .do_update()
        .set(key_owners::closed_at.eq(at))
        .filter(key_owners::closed_at.is_null())
        .execute(db)?;
    let keys = query::live_keys_of(owner.as_str()).select(api_keys::id).load::<Vec<u8>>(db)?;
    diesel::update(query::live_keys_of(owner.as_str()))
        .set((api_keys::revoked_at.eq(at), api_keys::version.eq(api_keys::version + 1)))
        .execute(db)?;
    let id = |bytes: &Vec<u8>| id_from(bytes).map(ApiKeyId::new);
    let ids: Option<Vec<ApiKeyId>> = keys.iter().map(id).collect();
    ids.ok_or_else(|| Fault(StoreError::new("a key has an id that is no UUID").into()))
}
