use async_trait::async_trait;
use diesel::sql_query;
use diesel::sql_types::{Array, BigInt, Nullable, Text, Timestamptz, Uuid as SqlUuid};
use diesel_async::RunQueryDsl;
use latchkey_domain::ports::{StoreError, UsageRepository};
use latchkey_domain::{KeptRefusal, KeyRefused, KeyUse, UsageBatch, UsageSpan};
use time::OffsetDateTime;
use uuid::Uuid;

use crate::PostgresStore;
use crate::cached_sql::cached;
use crate::fault::failed;

/// Nothing is added where the batch is not new: somebody who sends one again holds the writer's row until the first is
/// committed. Sorted by key, so that two batches that meet lock their rows in the same order. Where the hour of a row
/// is another one, the trigger `turn_hour_of_usage` keeps the earlier.
const RECORD: &str = "\
with fresh as ( \
    insert into usage_writers as known (id, batch, at) values ($1, $2, clock_timestamp()) \
    on conflict (id) do update set batch = excluded.batch, at = excluded.at \
    where known.batch < excluded.batch \
    returning id \
), uses as ( \
    insert into last_uses as known (key_id, used_at, hour, accepted, cost) \
    select key_id, used_at, hour, accepted, cost \
    from unnest($3, $4, $5, $6, $7) as used (key_id, used_at, hour, accepted, cost) \
    where exists(select from fresh) order by key_id \
    on conflict (key_id) do update set \
        used_at = greatest(known.used_at, excluded.used_at), \
        hour = excluded.hour, \
        accepted = excluded.accepted \
            + case when known.hour = excluded.hour then known.accepted else 0 end, \
        cost = excluded.cost + case when known.hour = excluded.hour then known.cost else 0 end \
), refused as materialized ( \
    select * from unnest($8, $9, $10, $11, $12, $13, $14, $15, $16, $17) as refused \
        (key_id, reason, calls, hour, day, minute, at, address, request_id, required) \
    where exists(select from fresh) \
), counted as ( \
    insert into key_usage as known (key_id, span, start, outcome, calls) \
    select key_id, span, start, reason, calls \
    from refused cross join lateral (values ('hour', hour), ('day', day)) as it (span, start) \
    order by key_id, span, reason \
    on conflict (key_id, span, start, outcome) do update set calls = known.calls + excluded.calls \
), kept as ( \
    insert into key_refusals as known \
        (key_id, minute, reason, at, address, request_id, required) \
    select key_id, minute, reason, at, address, request_id, required from refused \
    order by key_id, reason \
    on conflict (key_id, minute, reason) do update set at = excluded.at, \
        address = excluded.address, request_id = excluded.request_id, required = excluded.required \
    where known.at <= excluded.at \
), of_keys as ( \
    select key_id, minute, reason from key_refusals \
    where key_id = any(array(select key_id from refused)) \
    union select key_id, minute, reason from refused \
), placed as ( \
    select *, row_number() over (partition by key_id order by minute desc, reason desc) as place \
    from of_keys \
) \
delete from key_refusals as old using placed \
where old.key_id = placed.key_id and old.minute = placed.minute and old.reason = placed.reason \
    and placed.place > $18";

/// A column of each part of the calls that were accepted.
#[derive(Default)]
struct Uses {
    keys: Vec<Uuid>,
    used_at: Vec<OffsetDateTime>,
    hours: Vec<OffsetDateTime>,
    accepted: Vec<i64>,
    costs: Vec<i64>,
}

/// The same of those that were refused.
#[derive(Default)]
struct Refused {
    keys: Vec<Uuid>,
    reasons: Vec<&'static str>,
    calls: Vec<i64>,
    hours: Vec<OffsetDateTime>,
    days: Vec<OffsetDateTime>,
    minutes: Vec<OffsetDateTime>,
    at: Vec<OffsetDateTime>,
    addresses: Vec<Option<String>>,
    request_ids: Vec<Option<String>>,
    required: Vec<Option<String>>,
}

impl Uses {
    fn push(&mut self, used: &KeyUse) -> Result<(), StoreError> {
        let KeyUse { key, last_used_at, accepted, cost } = used;
        self.keys.push(key.as_uuid());
        self.used_at.push((*last_used_at).into());
        self.hours.push(UsageSpan::Hour.start_of(*last_used_at).into());
        self.accepted.push(i64::try_from(*accepted).map_err(failed)?);
        self.costs.push(i64::try_from(*cost).map_err(failed)?);
        Ok(())
    }
}

impl Refused {
    fn push(&mut self, refused: &KeyRefused) -> Result<(), StoreError> {
        let KeyRefused { key, calls, last } = refused;
        let KeptRefusal { at, reason, call } = last;
        self.keys.push(key.as_uuid());
        self.reasons.push(reason.as_str());
        self.calls.push(i64::try_from(*calls).map_err(failed)?);
        self.hours.push(UsageSpan::Hour.start_of(*at).into());
        self.days.push(UsageSpan::Day.start_of(*at).into());
        self.minutes.push(last.minute().into());
        self.at.push((*at).into());
        self.addresses.push(call.address.map(|address| address.to_string()));
        self.request_ids.push(call.request_id.clone());
        self.required.push(call.required.clone());
        Ok(())
    }
}

#[async_trait]
impl UsageRepository for PostgresStore {
    async fn record(&self, batch: &UsageBatch) -> Result<(), StoreError> {
        let (mut uses, mut refused) = (Uses::default(), Refused::default());
        batch.uses().iter().try_for_each(|used| uses.push(used))?;
        batch.refused().iter().try_for_each(|it| refused.push(it))?;
        let record = sql_query(RECORD)
            .bind::<SqlUuid, _>(batch.writer.as_uuid())
            .bind::<BigInt, _>(i64::try_from(batch.number).map_err(failed)?)
            .bind::<Array<SqlUuid>, _>(uses.keys)
            .bind::<Array<Timestamptz>, _>(uses.used_at)
            .bind::<Array<Timestamptz>, _>(uses.hours)
            .bind::<Array<BigInt>, _>(uses.accepted)
            .bind::<Array<BigInt>, _>(uses.costs)
            .bind::<Array<SqlUuid>, _>(refused.keys)
            .bind::<Array<Text>, _>(refused.reasons)
            .bind::<Array<BigInt>, _>(refused.calls)
            .bind::<Array<Timestamptz>, _>(refused.hours)
            .bind::<Array<Timestamptz>, _>(refused.days)
            .bind::<Array<Timestamptz>, _>(refused.minutes)
            .bind::<Array<Timestamptz>, _>(refused.at)
            .bind::<Array<Nullable<Text>>, _>(refused.addresses)
            .bind::<Array<Nullable<Text>>, _>(refused.request_ids)
            .bind::<Array<Nullable<Text>>, _>(refused.required)
            .bind::<BigInt, _>(i64::from(KeptRefusal::MOST));
        cached(record).execute(&mut *self.connection().await?).await.map_err(failed)?;
        Ok(())
    }
}
