use async_trait::async_trait;
use diesel::prelude::*;
use diesel::sql_query;
use diesel::sql_types::{Array, BigInt, Nullable, Text, Timestamptz, Uuid as SqlUuid};
use diesel_async::RunQueryDsl;
use latchkey_domain::ports::{StoreError, UsageRegister};
use latchkey_domain::{ApiKeyId, CountedCalls, KeptRefusal, OwnerId, RecentUsage, UsagePeriod};
use time::OffsetDateTime;
use uuid::Uuid;

use crate::PostgresStore;
use crate::cached_sql::cached;
use crate::fault::failed;
use crate::row::{RecentRow, RefusalRow, counted};
use crate::schema::key_refusals;

/// Accepted calls of the hour of a key's last use are not with the others yet.
const OF_KEYS: &str = "\
select key_id, start, outcome, calls, cost from key_usage \
where key_id = any($1) and span = $2 and start between $3 and $4 \
union all \
select key_id, hour, 'accepted', accepted, cost from last_uses \
where key_id = any($1) and hour between $3 and $4 and accepted > 0";

/// The days up to the last hour that is over, and the hour that is not.
const RECENT_OF_KEYS: &str = "\
select key_id, last_day, calls, hour, accepted \
from last_uses left join recent_usage using (key_id) where key_id = any($1)";

/// Revoked keys have an index of their own.
const OF_OWNER: &str = "\
with of_owner as materialized ( \
    select id from api_keys where owner = $1 and revoked_at is null \
    union all select id from api_keys where owner = $1 and revoked_at is not null \
), every as ( \
    select start, outcome, calls, cost from key_usage \
    where key_id = any(array(select id from of_owner)) and span = $2 and start between $3 and $4 \
    union all \
    select hour, 'accepted', accepted, cost from last_uses \
    where key_id = any(array(select id from of_owner)) and hour between $3 and $4 and accepted > 0 \
) \
select start, outcome, sum(calls)::bigint, sum(cost)::bigint from every group by start, outcome";

type Recent = (SqlUuid, Nullable<Timestamptz>, Nullable<Text>, Timestamptz, BigInt);
type OfKey = (SqlUuid, Timestamptz, Text, BigInt, BigInt);
type OfOwner = (Timestamptz, Text, BigInt, BigInt);

#[async_trait]
impl UsageRegister for PostgresStore {
    async fn of_keys(
        &self,
        keys: &[ApiKeyId],
        period: &UsagePeriod,
    ) -> Result<Vec<(ApiKeyId, CountedCalls)>, StoreError> {
        let keys: Vec<Uuid> = keys.iter().map(|key| key.as_uuid()).collect();
        let ask = sql_query(OF_KEYS)
            .bind::<Array<SqlUuid>, _>(keys)
            .bind::<Text, _>(period.span().as_str())
            .bind::<Timestamptz, _>(OffsetDateTime::from(period.from()))
            .bind::<Timestamptz, _>(OffsetDateTime::from(period.to()));
        let rows: Vec<(Uuid, OffsetDateTime, String, i64, i64)> = cached(ask)
            .answering::<OfKey>()
            .load(&mut *self.connection().await?)
            .await
            .map_err(failed)?;
        let read = |(key, start, outcome, calls, cost): (Uuid, _, String, _, _)| {
            Ok((ApiKeyId::new(key), counted(key, start, &outcome, calls, cost)?))
        };
        rows.into_iter().map(read).collect()
    }

    async fn recent_of_keys(
        &self,
        keys: &[ApiKeyId],
    ) -> Result<Vec<(ApiKeyId, RecentUsage)>, StoreError> {
        let keys: Vec<Uuid> = keys.iter().map(|key| key.as_uuid()).collect();
        let ask = sql_query(RECENT_OF_KEYS).bind::<Array<SqlUuid>, _>(keys);
        let reader = self.readers.get().await?;
        let mut connection = reader.connection();
        let rows = cached(ask).answering::<Recent>().load(&mut connection);
        let rows: Vec<RecentRow> = reader.answer(rows).await?.map_err(failed)?;
        rows.into_iter().map(RecentRow::read).collect()
    }

    async fn of_owner(
        &self,
        owner: &OwnerId,
        period: &UsagePeriod,
    ) -> Result<Vec<CountedCalls>, StoreError> {
        let ask = sql_query(OF_OWNER)
            .bind::<Text, _>(owner.as_str())
            .bind::<Text, _>(period.span().as_str())
            .bind::<Timestamptz, _>(OffsetDateTime::from(period.from()))
            .bind::<Timestamptz, _>(OffsetDateTime::from(period.to()));
        let rows: Vec<(OffsetDateTime, String, i64, i64)> = cached(ask)
            .answering::<OfOwner>()
            .load(&mut *self.connection().await?)
            .await
            .map_err(failed)?;
        let read = |(start, outcome, calls, cost): (_, String, _, _)| {
            counted(Uuid::nil(), start, &outcome, calls, cost)
        };
        rows.into_iter().map(read).collect()
    }

    async fn refusals_of(&self, key: ApiKeyId) -> Result<Vec<KeptRefusal>, StoreError> {
        let rows: Vec<RefusalRow> = key_refusals::table
            .filter(key_refusals::key_id.eq(key.as_uuid()))
            .order((key_refusals::at.desc(), key_refusals::reason.desc()))
            .limit(KeptRefusal::MOST.into())
            .load(&mut *self.connection().await?)
            .await
            .map_err(failed)?;
        rows.into_iter().map(RefusalRow::read).collect()
    }
}
