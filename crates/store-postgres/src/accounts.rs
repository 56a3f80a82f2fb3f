use async_trait::async_trait;
use diesel::prelude::*;
use diesel::sql_query;
use diesel::sql_types::{
    BigInt, Binary, Bool, Integer, Nullable, Text, Timestamptz, Uuid as SqlUuid,
};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use latchkey_accounts::ports::{AccountRepository, InsertAccountError};
use latchkey_accounts::{Account, AccountId, AccountState, Email};
use latchkey_domain::ports::{StoreError, UpdateError};
use latchkey_domain::{AuditEvent, ChangeNumber, Digest, OwnerId};
use uuid::Uuid;

use crate::PostgresStore;
use crate::audit::{add_event, with_event};
use crate::cached_sql::cached;
use crate::changes::{change_number, waking};
use crate::fault::{changed, failed, insert_account};
use crate::row::AccountRow;
use crate::schema::{accounts, change_clock};

const INSERT: &str = concat!(
    "with event as (",
    add_event!(),
    ") \
    insert into accounts (id, email, password_hash, created_at, disabled_at, version) \
    values ($14, $15, $16, $17, $18, $19)"
);

/// A session that was left behind already is not taken along.
const CHANGE_PASSWORD: &str = concat!(
    "with changed as ( \
        update accounts set password_hash = $16, version = $15 \
        where id = $14 and version = $15 - 1 returning id \
    ), kept as ( \
        update sessions set account_version = $15 from changed \
        where digest = $17 and account_id = changed.id and account_version = $15 - 1 \
    ), event as (",
    add_event!(),
    "from changed) \
    select from changed"
);

/// See the function in the migration: the steps must see each other, so they are statements of
/// their own, and a client that stops between two of them would hold what others need.
const DISABLE: &str = concat!(
    "with found as ( \
        select disabled_at from accounts where id = $14 and version = $15 - 1 for update \
    ), event as (",
    add_event!(),
    "from found where disabled_at is null returning id) \
    select close_account($14, $15, $16, $17) from found left join event on true"
);

/// As many keys as are revoked in one transaction: while it has the change clock, others wait. As many
/// keys are removed, and events stripped.
const AT_ONCE: i64 = 1_000;

/// Revokes some of the keys that a closed owner still has, as of the instant it was closed, and
/// answers how many it found. They are found along an index, and locked in the order of their ids.
const REVOKE_SOME: &str = "\
with closed as ( \
    select closed_at from key_owners where owner = $1 and closed_at is not null \
), batch as materialized ( \
    select id from api_keys, closed where owner = $1 and revoked_at is null \
    order by created_at desc, id desc limit $2 \
), locked as ( \
    select id from api_keys where id in (select id from batch) and revoked_at is null \
    order by id for update \
), revoked as ( \
    update api_keys as key set revoked_at = closed.closed_at, version = version + 1 \
    from locked, closed where key.id = locked.id \
) \
select count(*) from batch";

const ENABLE: &str = concat!(
    "with enabled as ( \
        update accounts set disabled_at = null, version = $15 \
        where id = $14 and version = $15 - 1 and disabled_at is not null returning id \
    ), opened as ( \
        update key_owners set closed_at = null from enabled where owner = enabled.id::text \
    ), event as (",
    add_event!(),
    "from enabled) \
    select from enabled"
);

/// What an event says about a person.
macro_rules! is_personal {
    () => {
        "(address is not null or user_agent is not null or key_name is not null \
          or key_prefix is not null or changes is not null)"
    };
}

/// Takes what is personal out of the next events of an account that is to be deleted, and answers the
/// last one that it looked at.
const STRIP_SOME: &str = concat!(
    "with closed as ( \
        select from accounts where id = $1 and version = $2 and disabled_at is not null for update \
    ), batch as materialized ( \
        select id from audit_events where owner = $3 and id > $5 and exists(select from closed) \
        order by id limit $4 \
    ), stripped as ( \
        update audit_events set address = null, user_agent = null, key_name = null, \
            key_prefix = null, changes = null \
        where id = any(array(select id from batch)) and ",
    is_personal!(),
    ") \
    select id from batch order by id desc limit 1"
);

/// Removes some of the revoked keys of an account that is to be deleted, and answers how many it
/// found. They are found along an index, and locked in the order of their ids. As an array they are
/// looked up one by one, however many the plan was made for.
const REMOVE_SOME: &str = "\
with closed as ( \
    select from accounts where id = $1 and version = $2 and disabled_at is not null for update \
), batch as materialized ( \
    select id from api_keys \
    where owner = $3 and revoked_at is not null and exists(select from closed) \
    order by revoked_at desc, id desc limit $4 \
), locked as ( \
    select id from api_keys where id = any(array(select id from batch)) order by id for update \
), unused as ( \
    delete from last_uses where key_id = any(array(select id from locked)) \
), removed as ( \
    delete from api_keys where id = any(array(select id from locked)) \
) \
select count(*) from batch";

/// With whatever is left. The keys, whose trigger takes the change clock, go last: they ask for what
/// the other parts did.
const DELETE: &str = concat!(
    "with deleted as ( \
        delete from accounts where id = $14 and version = $15 and disabled_at is not null \
        returning id::text as owner \
    ), stripped as ( \
        update audit_events set address = null, user_agent = null, key_name = null, \
            key_prefix = null, changes = null \
        from deleted where audit_events.owner = deleted.owner and ",
    is_personal!(),
    " returning 1 \
    ), event as (",
    add_event!(),
    "from deleted), \
    rest as materialized ( \
        select id from api_keys, deleted \
        where api_keys.owner = deleted.owner and revoked_at is null \
        union all \
        select id from api_keys, deleted \
        where api_keys.owner = deleted.owner and revoked_at is not null \
    ), unused as ( \
        delete from last_uses where key_id = any(array(select id from rest)) returning 1 \
    ), removed as ( \
        delete from api_keys where id = any(array(select id from rest)) \
            and (select count(*) from stripped) >= 0 and (select count(*) from unused) >= 0 \
    ) \
    select from deleted"
);

#[async_trait]
impl AccountRepository for PostgresStore {
    async fn insert(
        &self,
        account: &Account,
        event: &AuditEvent,
    ) -> Result<(), InsertAccountError> {
        let row = AccountRow::from(account);
        let insert = with_event(INSERT, event)
            .bind::<SqlUuid, _>(row.id)
            .bind::<Text, _>(row.email)
            .bind::<Text, _>(row.password_hash)
            .bind::<Timestamptz, _>(row.created_at)
            .bind::<Nullable<Timestamptz>, _>(row.disabled_at)
            .bind::<Integer, _>(row.version);
        let mut connection = self.connection().await?;
        cached(insert).execute(&mut *connection).await.map_err(insert_account)?;
        Ok(())
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
        let parts = account.parts();
        let change = with_event(CHANGE_PASSWORD, event)
            .bind::<SqlUuid, _>(parts.id.as_uuid())
            .bind::<Integer, _>(parts.version)
            .bind::<Text, _>(parts.password.as_str().to_owned())
            .bind::<Nullable<Binary>, _>(keep.map(|keep| keep.as_bytes().to_vec()));
        let rows = cached(change).execute(&mut *self.connection().await?).await.map_err(failed)?;
        changed(rows)
    }

    async fn disable(
        &self,
        account: &Account,
        event: &AuditEvent,
    ) -> Result<ChangeNumber, UpdateError> {
        let parts = account.parts();
        let AccountState::Disabled { at } = parts.state else {
            return Err(failed("only a disabled account can be stored as one").into());
        };
        let disable = with_event(DISABLE, event)
            .bind::<SqlUuid, _>(parts.id.as_uuid())
            .bind::<Integer, _>(parts.version)
            .bind::<Timestamptz, _>(time::OffsetDateTime::from(at))
            .bind::<BigInt, _>(AT_ONCE);
        let mut connection = self.connection().await?;
        let disable = cached(disable).answering::<Bool>();
        let done: Vec<bool> = disable.load(&mut *connection).await.map_err(failed)?;
        changed(done.contains(&true).into())?;
        revoke_rest(&mut connection, &parts.id.owner()).await?;
        // Whatever the latest change is now, those of the account's keys are not after it.
        let mut shared = &*connection;
        let latest = change_clock::table.select(change_clock::seq).first(&mut shared);
        Ok(change_number(waking(shared, latest).await?)?)
    }

    async fn enable(&self, account: &Account, event: &AuditEvent) -> Result<(), UpdateError> {
        // Where disabling was interrupted: no key may outlive it.
        revoke_rest(&mut *self.connection().await?, &account.parts().id.owner()).await?;
        self.change_account(ENABLE, account, event).await
    }

    async fn delete(&self, account: &Account, event: &AuditEvent) -> Result<(), UpdateError> {
        empty(&mut *self.connection().await?, account).await?;
        self.change_account(DELETE, account, event).await
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

/// Revokes what a closed owner still has, some keys at a time, each time in a transaction of its own.
async fn revoke_rest(
    connection: &mut AsyncPgConnection,
    owner: &OwnerId,
) -> Result<(), StoreError> {
    loop {
        let some = sql_query(REVOKE_SOME)
            .bind::<Text, _>(owner.as_str().to_owned())
            .bind::<BigInt, _>(AT_ONCE);
        let some = cached(some).answering::<BigInt>();
        let found: Vec<i64> = some.load(connection).await.map_err(failed)?;
        if found.iter().all(|&count| count == 0) {
            return Ok(());
        }
    }
}

/// Strips the events of a disabled account and removes its revoked keys, some at a time, each time in
/// a transaction of its own. Of an account that is not disabled, or of another version, nothing.
async fn empty(connection: &mut AsyncPgConnection, account: &Account) -> Result<(), StoreError> {
    let parts = account.parts();
    let of_account = |sql: &'static str| {
        sql_query(sql)
            .into_boxed()
            .bind::<SqlUuid, _>(parts.id.as_uuid())
            .bind::<Integer, _>(parts.version)
            .bind::<Text, _>(parts.id.owner().as_str().to_owned())
            .bind::<BigInt, _>(AT_ONCE)
    };
    let mut after = Some(Uuid::nil());
    while let Some(last) = after {
        let some = cached(of_account(STRIP_SOME).bind::<SqlUuid, _>(last)).answering::<SqlUuid>();
        let found: Vec<Uuid> = some.load(connection).await.map_err(failed)?;
        after = found.last().copied();
    }
    loop {
        let some = cached(of_account(REMOVE_SOME)).answering::<BigInt>();
        let found: Vec<i64> = some.load(connection).await.map_err(failed)?;
        if found.iter().all(|&count| count == 0) {
            return Ok(());
        }
    }
}

impl PostgresStore {
    /// Runs a statement of an event, an account's id and its version.
    async fn change_account(
        &self,
        sql: &str,
        account: &Account,
        event: &AuditEvent,
    ) -> Result<(), UpdateError> {
        let parts = account.parts();
        let change = with_event(sql, event)
            .bind::<SqlUuid, _>(parts.id.as_uuid())
            .bind::<Integer, _>(parts.version);
        let rows = cached(change).execute(&mut *self.connection().await?).await.map_err(failed)?;
        changed(rows)
    }
}
