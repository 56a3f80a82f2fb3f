use async_trait::async_trait;
use diesel::prelude::*;
use diesel::sql_types::{
    BigInt, Binary, Bool, Integer, Nullable, Text, Timestamptz, Uuid as SqlUuid,
};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use latchkey_accounts::ports::{AccountRepository, ChangeEmailError, InsertAccountError};
use latchkey_accounts::{Account, AccountId, AccountParts, AccountState, Email};
use latchkey_domain::ports::{StoreError, UpdateError};
use latchkey_domain::{AuditEvent, ChangeNumber, Digest};
use time::OffsetDateTime;
use uuid::Uuid;

use crate::PostgresStore;
use crate::audit::event_row;
use crate::budget_changes::forgotten;
use crate::cached_sql::cached;
use crate::changes::change_number;
use crate::fault::{change_email, changed, failed, insert_account};
use crate::row::AccountRow;
use crate::schema::{accounts, change_clock};
use crate::sql::{Plain, Sql, new_row, sql, value};

/// As many keys as are revoked in one transaction: while it has the change clock, others wait. As many
/// keys are removed, and events stripped.
const BATCH: i64 = 1_000;

/// The next version of an account, and what it is found by.
struct Next {
    id: Sql,
    version: Sql,
}

impl Next {
    fn of(account: &Account) -> Self {
        let AccountParts { id, version, .. } = account.parts();
        Self { id: value::<SqlUuid, _>(id.as_uuid()), version: value::<Integer, _>(*version) }
    }
}

/// What an event says about a person.
fn is_personal() -> Sql {
    sql!(
        "(address is not null or user_agent is not null or key_name is not null \
          or key_prefix is not null or changes is not null)"
    )
}

#[async_trait]
impl AccountRepository for PostgresStore {
    async fn insert(
        &self,
        account: &Account,
        event: &AuditEvent,
    ) -> Result<(), InsertAccountError> {
        let (account, event) = (new_row(AccountRow::from(account)), event_row(event));
        let insert = sql!(
            "with event as (insert into audit_events " event ") \
            insert into accounts " account
        );
        let mut connection = self.connection().await?;
        cached(insert).execute(&mut *connection).await.map_err(insert_account)?;
        Ok(())
    }

    async fn find_by_id(&self, id: AccountId) -> Result<Option<Account>, StoreError> {
        let found: Option<AccountRow> = accounts::table
            .find(id.as_uuid())
            .select(AccountRow::as_select())
            .first(&mut *self.connection().await?)
            .await
            .optional()
            .map_err(failed)?;
        Ok(found.map(Into::into))
    }

    async fn find_by_email(&self, email: &Email) -> Result<Option<Account>, StoreError> {
        let found: Option<AccountRow> = accounts::table
            .filter(accounts::email.eq(email.as_str()))
            .select(AccountRow::as_select())
            .first(&mut *self.connection().await?)
            .await
            .optional()
            .map_err(failed)?;
        Ok(found.map(Into::into))
    }

    async fn change_password(
        &self,
        account: &Account,
        keep: Option<&Digest>,
        event: &AuditEvent,
    ) -> Result<(), UpdateError> {
        let (Next { id, version }, event) = (Next::of(account), event_row(event));
        let password = value::<Text, _>(account.parts().password.as_str().to_owned());
        let keep = value::<Nullable<Binary>, _>(keep.map(|keep| keep.as_bytes().to_vec()));
        // A session that was left behind already is not taken along.
        let change = sql!(
            "with changed as ( \
                update accounts set password_hash = " password ", version = " version " \
                where id = " id " and version = " version " - 1 returning id, version \
            ), kept as ( \
                update sessions set account_version = changed.version from changed \
                where digest = " keep " and account_id = changed.id \
                    and account_version = changed.version - 1 \
            ), event as ( \
                insert into audit_events " event " from changed \
            ) \
            select from changed"
        );
        let rows = cached(change).execute(&mut *self.connection().await?).await.map_err(failed)?;
        changed(rows)
    }

    async fn change_email(
        &self,
        account: &Account,
        event: &AuditEvent,
    ) -> Result<(), ChangeEmailError> {
        let (Next { id, version }, event) = (Next::of(account), event_row(event));
        let email = value::<Text, _>(account.parts().email.as_str().to_owned());
        let change = sql!(
            "with changed as ( \
                update accounts set email = " email " \
                where id = " id " and version = " version " and disabled_at is null returning id \
            ), event as ( \
                insert into audit_events " event " from changed \
            ) \
            select from changed"
        );
        let mut connection = self.connection().await?;
        match cached(change).execute(&mut *connection).await.map_err(change_email)? {
            0 => Err(ChangeEmailError::Stale),
            _one => Ok(()),
        }
    }

    async fn set_operator(&self, account: &Account, event: &AuditEvent) -> Result<(), UpdateError> {
        let (Next { id, .. }, event) = (Next::of(account), event_row(event));
        let is_operator = value::<Bool, _>(account.parts().is_operator);
        self.change_account(sql!(
            "with changed as ( \
                update accounts set is_operator = " is_operator " \
                where id = " id " and is_operator <> " is_operator " returning id \
            ), event as ( \
                insert into audit_events " event " from changed \
            ) \
            select from changed"
        ))
        .await
    }

    async fn disable(
        &self,
        account: &Account,
        event: &AuditEvent,
    ) -> Result<ChangeNumber, UpdateError> {
        let AccountState::Disabled { at } = account.parts().state else {
            return Err(failed("only a disabled account can be stored as one").into());
        };
        let (Next { id, version }, event) = (Next::of(account), event_row(event));
        let (at, most) =
            (value::<Timestamptz, _>(OffsetDateTime::from(at)), value::<BigInt, _>(BATCH));
        // See the function in the migration: the steps must see each other, so they are statements of
        // their own, and a client that stops between two of them would hold what others need.
        let disable = sql!(
            "with found as ( \
                select disabled_at from accounts \
                where id = " id " and version = " version " - 1 for update \
            ), event as ( \
                insert into audit_events " event " from found where disabled_at is null returning id \
            ) \
            select close_account(" id ", " version ", " at ", " most ") \
            from found left join event on true"
        );
        let mut connection = self.connection().await?;
        let disable = cached(disable).answering::<Bool>();
        let done: Vec<bool> = disable.load(&mut *connection).await.map_err(failed)?;
        changed(done.contains(&true).into())?;
        revoke_rest(&mut connection, account).await?;
        // Whatever the latest change is now, those of the account's keys are not after it.
        let mut shared = &*connection;
        let latest = change_clock::table.select(change_clock::seq).first(&mut shared);
        Ok(change_number(self.wakes.after(shared, latest).await?)?)
    }

    async fn enable(&self, account: &Account, event: &AuditEvent) -> Result<(), UpdateError> {
        // Where disabling was interrupted: no key may outlive it.
        revoke_rest(&mut *self.connection().await?, account).await?;
        let (Next { id, version }, event) = (Next::of(account), event_row(event));
        self.change_account(sql!(
            "with enabled as ( \
                update accounts set disabled_at = null, version = " version " \
                where id = " id " and version = " version " - 1 and disabled_at is not null \
                returning id \
            ), opened as ( \
                update key_owners set closed_at = null from enabled where owner = enabled.id::text \
            ), event as ( \
                insert into audit_events " event " from enabled \
            ) \
            select from enabled"
        ))
        .await
    }

    async fn delete(&self, account: &Account, event: &AuditEvent) -> Result<(), UpdateError> {
        let mut connection = self.connection().await?;
        strip(&mut connection, account).await?;
        remove_revoked(&mut connection, account).await?;
        drop(connection);
        let (Next { id, version }, event) = (Next::of(account), event_row(event));
        let (personal, forgotten) = (is_personal(), Sql::of(Plain(forgotten!("rest"))));
        // With whatever is left. The keys, whose trigger takes the change clock, go last: they ask for
        // what the other parts did.
        self.change_account(sql!(
            "with deleted as ( \
                delete from accounts \
                where id = " id " and version = " version " and disabled_at is not null \
                returning id::text as owner \
            ), stripped as ( \
                update audit_events set address = null, user_agent = null, key_name = null, \
                    key_prefix = null, changes = null \
                from deleted where audit_events.owner = deleted.owner and " personal " \
                returning 1 \
            ), event as ( \
                insert into audit_events " event " from deleted \
            ), rest as materialized ( \
                select id, coalesce(family, id) as family from api_keys, deleted \
                where api_keys.owner = deleted.owner and revoked_at is null \
                union all \
                select id, coalesce(family, id) from api_keys, deleted \
                where api_keys.owner = deleted.owner and revoked_at is not null \
            ), unused as ( \
                delete from last_uses where key_id = any(array(select id from rest)) returning 1 \
            ), " forgotten ", removed as ( \
                delete from api_keys where id = any(array(select id from rest)) \
                    and (select count(*) from stripped) >= 0 and (select count(*) from unused) >= 0 \
                    and (select count(*) from forgotten) >= 0 \
            ) \
            select from deleted"
        ))
        .await
    }

    async fn page(&self, after: Option<AccountId>, limit: u32) -> Result<Vec<Account>, StoreError> {
        let page: Vec<AccountRow> = accounts::table
            .filter(accounts::id.gt(after.map_or(Uuid::nil(), AccountId::as_uuid)))
            .order(accounts::id)
            .limit(limit.into())
            .select(AccountRow::as_select())
            .load(&mut *self.connection().await?)
            .await
            .map_err(failed)?;
        Ok(page.into_iter().map(Into::into).collect())
    }
}

/// Revokes what a closed owner still has, as of the instant it was closed, some keys at a time, each time
/// in a transaction of its own. They are found along an index, and locked in the order of their ids.
async fn revoke_rest(
    connection: &mut AsyncPgConnection,
    account: &Account,
) -> Result<(), StoreError> {
    let (owner, most) = (owner_of(account), value::<BigInt, _>(BATCH));
    let some = sql!(
        "with closed as ( \
            select closed_at from key_owners where owner = " owner " and closed_at is not null \
        ), batch as materialized ( \
            select id from api_keys, closed where owner = " owner " and revoked_at is null \
            order by created_at desc, id desc limit " most " \
        ), locked as ( \
            select id from api_keys where id in (select id from batch) and revoked_at is null \
            order by id for update \
        ), revoked as ( \
            update api_keys as key set revoked_at = closed.closed_at, version = version + 1 \
            from locked, closed where key.id = locked.id \
        ) \
        select count(*) from batch"
    );
    until_none_is_left(connection, some).await
}

/// Takes what is personal out of the events of an account that is to be deleted, some at a time, each
/// time in a transaction of its own. Of an account that is not disabled, or of another version, nothing.
async fn strip(connection: &mut AsyncPgConnection, account: &Account) -> Result<(), StoreError> {
    let (Next { id, version }, owner) = (Next::of(account), owner_of(account));
    let (most, personal) = (value::<BigInt, _>(BATCH), is_personal());
    let mut after = Some(Uuid::nil());
    while let Some(last) = after {
        let last = value::<SqlUuid, _>(last);
        // Answers the last one that it looked at.
        let some = sql!(
            "with closed as ( \
                select from accounts \
                where id = " id " and version = " version " and disabled_at is not null for update \
            ), batch as materialized ( \
                select id from audit_events \
                where owner = " owner " and id > " last " and exists(select from closed) \
                order by id limit " most " \
            ), stripped as ( \
                update audit_events set address = null, user_agent = null, key_name = null, \
                    key_prefix = null, changes = null \
                where id = any(array(select id from batch)) and " personal " \
            ) \
            select id from batch order by id desc limit 1"
        );
        let some = cached(some).answering::<SqlUuid>();
        let found: Vec<Uuid> = some.load(connection).await.map_err(failed)?;
        after = found.last().copied();
    }
    Ok(())
}

/// Removes the revoked keys of an account that is to be deleted, in the same way. They are found along
/// an index, and locked in the order of their ids. As an array they are looked up one by one, however
/// many the plan was made for.
async fn remove_revoked(
    connection: &mut AsyncPgConnection,
    account: &Account,
) -> Result<(), StoreError> {
    let (Next { id, version }, owner) = (Next::of(account), owner_of(account));
    let most = value::<BigInt, _>(BATCH);
    let forgotten = Sql::of(Plain(forgotten!("locked")));
    let some = sql!(
        "with closed as ( \
            select from accounts \
            where id = " id " and version = " version " and disabled_at is not null for update \
        ), batch as materialized ( \
            select id from api_keys \
            where owner = " owner " and revoked_at is not null and exists(select from closed) \
            order by revoked_at desc, id desc limit " most " \
        ), locked as ( \
            select id, coalesce(family, id) as family from api_keys \
            where id = any(array(select id from batch)) order by id for update \
        ), unused as ( \
            delete from last_uses where key_id = any(array(select id from locked)) \
        ), " forgotten ", removed as ( \
            delete from api_keys where id = any(array(select id from locked)) \
        ) \
        select count(*) from batch"
    );
    until_none_is_left(connection, some).await
}

fn owner_of(account: &Account) -> Sql {
    value::<Text, _>(account.parts().id.owner().as_str().to_owned())
}

/// Runs a statement that answers how many rows it found.
async fn until_none_is_left(
    connection: &mut AsyncPgConnection,
    some: Sql,
) -> Result<(), StoreError> {
    loop {
        let some = cached(some.clone()).answering::<BigInt>();
        let found: Vec<i64> = some.load(connection).await.map_err(failed)?;
        if found.iter().all(|&count| count == 0) {
            return Ok(());
        }
    }
}

impl PostgresStore {
    /// Runs a statement that changes one account.
    async fn change_account(&self, change: Sql) -> Result<(), UpdateError> {
        let rows = cached(change).execute(&mut *self.connection().await?).await.map_err(failed)?;
        changed(rows)
    }
}
