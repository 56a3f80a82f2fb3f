use async_trait::async_trait;
use diesel::prelude::*;
use diesel::sql_query;
use diesel::sql_types::{Binary, Bool, Integer, Nullable, Text, Timestamptz, Uuid as SqlUuid};
use diesel_async::RunQueryDsl;
use latchkey_accounts::ports::{AccountRepository, InsertAccountError};
use latchkey_accounts::{Account, AccountState, Email};
use latchkey_domain::ports::{StoreError, UpdateError};
use latchkey_domain::{ChangeNumber, Digest};

use crate::PostgresStore;
use crate::cached_sql::cached;
use crate::changes::change_number;
use crate::fault::{changed, failed, insert_account};
use crate::row::AccountRow;
use crate::schema::{accounts, change_clock};

/// A session that was left behind already is not taken along.
const CHANGE_PASSWORD: &str = "\
with changed as ( \
    update accounts set password_hash = $3, version = $2 \
    where id = $1 and version = $2 - 1 returning id \
), kept as ( \
    update sessions set account_version = $2 from changed \
    where digest = $4 and account_id = changed.id and account_version = $2 - 1 \
) \
select from changed";

/// See the function in the migration: the steps must see each other, so they are statements of
/// their own, and a client that stops between two of them would hold what others need.
const DISABLE: &str = "select disable_account($1, $2, $3)";

#[async_trait]
impl AccountRepository for PostgresStore {
    async fn insert(&self, account: &Account) -> Result<(), InsertAccountError> {
        diesel::insert_into(accounts::table)
            .values(AccountRow::from(account))
            .execute(&mut *self.connection().await?)
            .await
            .map_err(insert_account)?;
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
        found.map(TryInto::try_into).transpose()
    }

    async fn change_password(
        &self,
        account: &Account,
        keep: Option<&Digest>,
    ) -> Result<(), UpdateError> {
        let parts = account.parts();
        let change = sql_query(CHANGE_PASSWORD)
            .bind::<SqlUuid, _>(parts.id.as_uuid())
            .bind::<Integer, _>(parts.version)
            .bind::<Text, _>(parts.password.as_str())
            .bind::<Nullable<Binary>, _>(keep.map(Digest::as_bytes).map(<[u8; 32]>::as_slice));
        let rows = cached(change).execute(&mut *self.connection().await?).await.map_err(failed)?;
        changed(rows)
    }

    async fn disable(&self, account: &Account) -> Result<ChangeNumber, UpdateError> {
        let parts = account.parts();
        let AccountState::Disabled { at } = parts.state else {
            return Err(failed("only a disabled account can be stored as one").into());
        };
        let disable = sql_query(DISABLE)
            .bind::<SqlUuid, _>(parts.id.as_uuid())
            .bind::<Integer, _>(parts.version)
            .bind::<Timestamptz, _>(time::OffsetDateTime::from(at));
        let mut connection = self.connection().await?;
        let disable = cached(disable).answering::<Bool>();
        let done: Vec<bool> = disable.load(&mut *connection).await.map_err(failed)?;
        changed(done.contains(&true).into())?;
        // Whatever the latest change is now, those of the account's keys are not after it.
        let latest = change_clock::table.select(change_clock::seq).first(&mut *connection).await;
        Ok(change_number(latest.map_err(failed)?)?)
    }
}
