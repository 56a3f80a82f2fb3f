use async_trait::async_trait;
use diesel::prelude::*;
use diesel::sql_query;
use diesel::sql_types::{BigInt, Timestamptz, Uuid as SqlUuid};
use diesel_async::RunQueryDsl;
use latchkey_domain::ports::{Housekeeping, OldUsage, StoreError};
use latchkey_domain::{ApiKeyId, Timestamp, UsageSpan};
use time::OffsetDateTime;
use uuid::Uuid;

use crate::PostgresStore;
use crate::budget_changes::forgotten;
use crate::fault::failed;

/// Not `now()`: a pooler may hand over a transaction that has begun.
const NOW: &str = "select clock_timestamp() as at";

/// What another instance is removing is left to it.
const REMOVE_REVOKED_KEYS: &str = concat!(
    "\
with page as materialized ( \
    select id, revoked_at from api_keys where id > $2 order by id limit $3 \
), old as materialized ( \
    select id, coalesce(family, id) as family from api_keys \
    where id in (select id from page where revoked_at < $1) order by id for update skip locked \
), unused as ( \
    delete from last_uses using old where last_uses.key_id = old.id \
), ",
    forgotten!("old"),
    ", gone as ( \
    delete from api_keys using old where api_keys.id = old.id \
) \
select id from page order by id desc limit 1"
);

/// A key is committed before anybody can use it.
const REMOVE_USES_WITHOUT_KEY: &str = "\
with page as materialized ( \
    select key_id as id from last_uses where key_id > $1 order by key_id limit $2 \
), old as ( \
    select key_id from last_uses where key_id in (\
        select id from page where not exists(select from api_keys where api_keys.id = page.id)) \
    order by key_id for update skip locked \
), gone as ( \
    delete from last_uses using old where last_uses.key_id = old.key_id \
), forgotten as ( \
    delete from recent_usage using old where recent_usage.key_id = old.key_id \
) \
select id from page order by id desc limit 1";

const REMOVE_EVENTS: &str = "\
with eldest as materialized ( \
    select id, at from audit_events order by id limit $2 \
), old as ( \
    select id from audit_events \
    where id in (select id from eldest where at < $1) order by id for update skip locked \
) \
delete from audit_events using old where audit_events.id = old.id";

const REMOVE_HOURS: &str = "\
with old as ( \
    select key_id, span, start, outcome from key_usage \
    where span = 'hour' and start at time zone 'UTC' < $1 at time zone 'UTC' \
    order by start at time zone 'UTC' limit $2 for update skip locked \
) \
delete from key_usage as gone using old where (gone.key_id, gone.span, gone.start, gone.outcome) \
    = (old.key_id, old.span, old.start, old.outcome)";

const REMOVE_DAYS: &str = "\
with old as ( \
    select key_id, span, start, outcome from key_usage \
    where span = 'day' and start at time zone 'UTC' < $1 at time zone 'UTC' \
    order by start at time zone 'UTC' limit $2 for update skip locked \
) \
delete from key_usage as gone using old where (gone.key_id, gone.span, gone.start, gone.outcome) \
    = (old.key_id, old.span, old.start, old.outcome)";

const REMOVE_REFUSALS: &str = "\
with old as ( \
    select key_id, minute, reason from key_refusals where minute < $1 \
    order by minute limit $2 for update skip locked \
) \
delete from key_refusals as gone using old \
where (gone.key_id, gone.minute, gone.reason) = (old.key_id, old.minute, old.reason)";

/// There are few.
const REMOVE_WRITERS: &str = "\
with old as ( \
    select id from usage_writers where at < $1 limit $2 for update skip locked \
) \
delete from usage_writers as gone using old where gone.id = old.id";

#[derive(QueryableByName)]
struct Now {
    #[diesel(sql_type = Timestamptz)]
    at: OffsetDateTime,
}

#[derive(QueryableByName)]
struct Last {
    #[diesel(sql_type = SqlUuid)]
    id: Uuid,
}

fn start(after: Option<ApiKeyId>) -> Uuid {
    after.unwrap_or(ApiKeyId::NONE).as_uuid()
}

fn last(rows: Vec<Last>) -> Option<ApiKeyId> {
    rows.into_iter().next().map(|last| ApiKeyId::new(last.id))
}

#[async_trait]
impl Housekeeping for PostgresStore {
    async fn now(&self) -> Result<Timestamp, StoreError> {
        let mut connection = self.connection().await?;
        let mut rows: Vec<Now> = sql_query(NOW).load(&mut *connection).await.map_err(failed)?;
        let now = rows.pop().ok_or_else(|| failed("the database told no time"))?;
        Ok(now.at.into())
    }

    async fn remove_revoked_keys(
        &self,
        before: Timestamp,
        after: Option<ApiKeyId>,
        limit: u32,
    ) -> Result<Option<ApiKeyId>, StoreError> {
        let remove = sql_query(REMOVE_REVOKED_KEYS)
            .bind::<Timestamptz, _>(OffsetDateTime::from(before))
            .bind::<SqlUuid, _>(start(after))
            .bind::<BigInt, _>(i64::from(limit));
        let rows = remove.load(&mut *self.connection().await?).await.map_err(failed)?;
        Ok(last(rows))
    }

    async fn remove_uses_without_key(
        &self,
        after: Option<ApiKeyId>,
        limit: u32,
    ) -> Result<Option<ApiKeyId>, StoreError> {
        let remove = sql_query(REMOVE_USES_WITHOUT_KEY)
            .bind::<SqlUuid, _>(start(after))
            .bind::<BigInt, _>(i64::from(limit));
        let rows = remove.load(&mut *self.connection().await?).await.map_err(failed)?;
        Ok(last(rows))
    }

    async fn remove_usage(
        &self,
        old: OldUsage,
        before: Timestamp,
        limit: u32,
    ) -> Result<u32, StoreError> {
        let statement = match old {
            OldUsage::Counts(UsageSpan::Hour) => REMOVE_HOURS,
            OldUsage::Counts(UsageSpan::Day) => REMOVE_DAYS,
            OldUsage::Refusals => REMOVE_REFUSALS,
            OldUsage::Writers => REMOVE_WRITERS,
        };
        let remove = sql_query(statement)
            .bind::<Timestamptz, _>(OffsetDateTime::from(before))
            .bind::<BigInt, _>(i64::from(limit));
        let gone = remove.execute(&mut *self.connection().await?).await.map_err(failed)?;
        u32::try_from(gone).map_err(failed)
    }

    async fn remove_events(&self, before: Timestamp, limit: u32) -> Result<u32, StoreError> {
        let remove = sql_query(REMOVE_EVENTS)
            .bind::<Timestamptz, _>(OffsetDateTime::from(before))
            .bind::<BigInt, _>(i64::from(limit));
        let gone = remove.execute(&mut *self.connection().await?).await.map_err(failed)?;
        u32::try_from(gone).map_err(failed)
    }
}
