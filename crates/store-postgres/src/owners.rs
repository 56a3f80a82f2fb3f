use async_trait::async_trait;
use diesel::prelude::*;
use diesel::sql_types::{Bool, Integer, Nullable, Text, Timestamptz};
use diesel_async::RunQueryDsl;
use latchkey_domain::ports::{
    AddedCredits, CreditsError, FoundOwner, OwnerRepository, StoreError, UpdateError,
};
use latchkey_domain::{AuditEvent, ChangeNumber, CreditChange, MaxKeys, OwnerId, OwnerSettings};
use time::OffsetDateTime;

use crate::PostgresStore;
use crate::audit::event_row;
use crate::budget_changes::{Holder, limited};
use crate::budgets::credits_from;
use crate::cached_sql::cached;
use crate::changes::change_number;
use crate::credits::Account;
use crate::fault::{changed, failed};
use crate::row::OwnerRow;
use crate::schema::{budgets, change_clock, key_owners};
use crate::sql::{Sql, sql, value};

#[async_trait]
impl OwnerRepository for PostgresStore {
    async fn find(&self, owner: &OwnerId) -> Result<FoundOwner, StoreError> {
        let owner = || owner.as_str().to_owned();
        let known = key_owners::table.on(key_owners::owner.eq(owner()));
        let counts = budgets::owner.eq(owner()).and(budgets::kind.eq("credits"));
        let left = budgets::amount - budgets::handed_out.nullable();
        let found = change_clock::table
            .left_join(known)
            .left_join(budgets::table.on(counts))
            .select((change_clock::seq, Option::<OwnerRow>::as_select(), left.nullable()));
        let (number, row, credits): (i64, Option<OwnerRow>, Option<i64>) =
            found.first(&mut *self.connection().await?).await.map_err(failed)?;
        let row = row.unwrap_or_default();
        let (settings, held) = (row.settings()?, row.held()?);
        let credits = credits_from(credits)?;
        Ok(FoundOwner { settings, held, credits, as_of: change_number(number)? })
    }

    async fn change(
        &self,
        owner: &OwnerId,
        before: &OwnerSettings,
        after: &OwnerSettings,
        event: &AuditEvent,
    ) -> Result<ChangeNumber, UpdateError> {
        let connection = self.connection().await?;
        let mut shared = &*connection;
        let change = cached(statement(owner, before, after, event));
        changed(change.execute(&mut shared).await.map_err(failed)?)?;
        // The trigger draws the number at the end of the statement, which can't answer it. Whatever the
        // latest change is now, this one is not after it.
        let latest = change_clock::table.select(change_clock::seq).first(&mut shared);
        Ok(change_number(self.wakes.after(&connection, latest).await?)?)
    }

    async fn add_credits(
        &self,
        owner: &OwnerId,
        change: CreditChange,
        event: &AuditEvent,
    ) -> Result<AddedCredits, CreditsError> {
        self.change_credits(&Account::of_owner(owner), change, event).await
    }
}

/// The instants are not compared: what was typed into psql may have more digits than an instant here.
fn statement(
    owner: &OwnerId,
    before: &OwnerSettings,
    after: &OwnerSettings,
    event: &AuditEvent,
) -> Sql {
    let limit = |settings: &OwnerSettings| settings.max_keys.map(column);
    let limits = |settings: &OwnerSettings| {
        let OwnerSettings { limits, .. } = settings;
        value::<Nullable<Text>, _>((!limits.is_empty()).then(|| limits.to_string()))
    };
    let budgets = if before.limits == after.limits {
        sql!("")
    } else {
        limited(&Holder::owner(owner), &after.limits, &sql!("(select from changed) as go"))
    };
    let (had_limits, limits) = (limits(before), limits(after));
    let owner = value::<Text, _>(owner.as_str().to_owned());
    let is_new = value::<Bool, _>(*before == OwnerSettings::default());
    let was_suspended = value::<Bool, _>(before.suspended_at.is_some());
    let was_limit = value::<Nullable<Integer>, _>(limit(before));
    let limit = value::<Nullable<Integer>, _>(limit(after));
    let suspended_at =
        value::<Nullable<Timestamptz>, _>(after.suspended_at.map(OffsetDateTime::from));
    let event = event_row(event);
    sql!(
        "with changed as ( \
            insert into key_owners as mine (owner, held, max_keys, suspended_at, limits) \
            select " owner ", 0, " limit ", " suspended_at ", " limits " \
            where " is_new " or exists(select from key_owners where owner = " owner ") \
            on conflict (owner) do update set max_keys = excluded.max_keys, \
                suspended_at = case when excluded.suspended_at is not null \
                    then coalesce(mine.suspended_at, excluded.suspended_at) end, \
                limits = excluded.limits \
            where mine.max_keys is not distinct from " was_limit " \
                and (mine.suspended_at is not null) = " was_suspended " \
                and mine.limits is not distinct from " had_limits " \
            returning owner \
        ), " budgets "event as ( \
            insert into audit_events " event " from changed \
        ) \
        select from changed"
    )
}

fn column(limit: MaxKeys) -> i32 {
    i32::try_from(limit.get()).expect("a limit is at most a million")
}
