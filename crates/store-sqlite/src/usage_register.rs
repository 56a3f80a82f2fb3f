use std::collections::HashMap;

use async_trait::async_trait;
use diesel::prelude::*;
use diesel::query_builder::QueryFragment;
use diesel::query_dsl::methods::LoadQuery;
use diesel::sql_types::Text;
use diesel::sqlite::Sqlite;
use latchkey_domain::ports::{StoreError, UsageRegister};
use latchkey_domain::{
    ApiKeyId, CountedCalls, KeptRefusal, OwnerId, RecentUsage, RefusalReason, Timestamp,
    UsagePeriod,
};

use crate::fault::DbResult;
use crate::row::{ACCEPTED, RecentRow, RefusalRow, UsageRow, id_bytes};
use crate::schema::{api_keys, key_refusals, key_usage, last_uses, recent_usage};
use crate::{SqliteStore, query};

#[async_trait]
impl UsageRegister for SqliteStore {
    async fn of_keys(
        &self,
        keys: &[ApiKeyId],
        period: &UsagePeriod,
    ) -> Result<Vec<(ApiKeyId, CountedCalls)>, StoreError> {
        let keys: Vec<Vec<u8>> = keys.iter().map(|key| id_bytes(key.as_uuid())).collect();
        let period = *period;
        self.read(move |db| of_keys(db, &keys, &period)).await
    }

    async fn recent_of_keys(
        &self,
        keys: &[ApiKeyId],
    ) -> Result<Vec<(ApiKeyId, RecentUsage)>, StoreError> {
        let keys: Vec<Vec<u8>> = keys.iter().map(|key| id_bytes(key.as_uuid())).collect();
        self.read(move |db| recent_of_keys(db, &keys)).await
    }

    async fn of_owner(
        &self,
        owner: &OwnerId,
        period: &UsagePeriod,
    ) -> Result<Vec<CountedCalls>, StoreError> {
        let (owner, period) = (owner.as_str().to_owned(), *period);
        let calls = self.read(move |db| {
            let mut keys: Vec<Vec<u8>> =
                query::live_keys_of(&owner).select(api_keys::id).load(db)?;
            keys.append(&mut revoked_keys_of(&owner).load(db)?);
            of_keys(db, &keys, &period)
        });
        Ok(sums(calls.await?))
    }

    async fn refusals_of(&self, key: ApiKeyId) -> Result<Vec<KeptRefusal>, StoreError> {
        self.read(move |db| {
            let rows = key_refusals::table
                .filter(key_refusals::key_id.eq(id_bytes(key.as_uuid())))
                .order((key_refusals::at.desc(), key_refusals::reason.desc()))
                .limit(KeptRefusal::MOST.into())
                .load::<RefusalRow>(db)?;
            rows.into_iter().map(|row| Ok(row.read()?.1)).collect()
        })
        .await
    }
}

/// In pages, for one statement takes only so many arguments.
fn of_keys(
    db: &mut SqliteConnection,
    keys: &[Vec<u8>],
    period: &UsagePeriod,
) -> DbResult<Vec<(ApiKeyId, CountedCalls)>> {
    let mut calls = Vec::new();
    for keys in keys.chunks(500) {
        let kept = kept(keys, period).load::<UsageRow>(db)?;
        let of_this_hour = of_this_hour(keys, period).load::<UsageRow>(db)?;
        for row in kept.iter().chain(&of_this_hour) {
            let (key, _, counted) = row.read()?;
            calls.push((key, counted));
        }
    }
    Ok(calls)
}

fn recent_of_keys(
    db: &mut SqliteConnection,
    keys: &[Vec<u8>],
) -> DbResult<Vec<(ApiKeyId, RecentUsage)>> {
    let mut all = HashMap::new();
    for keys in keys.chunks(500) {
        for row in recent(keys).load::<RecentRow>(db)? {
            all.extend([row.read()?]);
        }
        // The hour that is not over.
        let hours = last_uses::table.filter(last_uses::key_id.eq_any(keys));
        let hours = hours.select((last_uses::key_id, last_uses::hour, last_uses::accepted));
        for (key, hour, accepted) in hours.load::<(Vec<u8>, i64, i64)>(db)? {
            let [of_hour, _] = UsageRow::of_accepted(&key, hour, accepted, 0)?;
            let (key, _, CountedCalls { start, calls, .. }) = of_hour.read()?;
            all.entry(key).or_insert_with(|| RecentUsage::none(start)).add(start, calls);
        }
    }
    Ok(all.into_iter().collect())
}

pub(crate) fn recent(
    keys: &[Vec<u8>],
) -> impl LoadQuery<'_, SqliteConnection, RecentRow> + QueryFragment<Sqlite> {
    recent_usage::table.filter(recent_usage::key_id.eq_any(keys))
}

/// They have an index of their own.
pub(crate) fn revoked_keys_of(
    owner: &str,
) -> impl LoadQuery<'_, SqliteConnection, Vec<u8>> + QueryFragment<Sqlite> {
    api_keys::table
        .filter(api_keys::owner.eq(owner))
        .filter(api_keys::revoked_at.is_not_null())
        .select(api_keys::id)
}

/// What is counted of keys but for the hours of their last uses.
pub(crate) fn kept<'a>(
    keys: &'a [Vec<u8>],
    period: &UsagePeriod,
) -> impl LoadQuery<'a, SqliteConnection, UsageRow> + QueryFragment<Sqlite> {
    let (from, to) = (period.from().unix_millis(), period.to().unix_millis());
    key_usage::table
        .filter(key_usage::key_id.eq_any(keys))
        .filter(key_usage::span.eq(period.span().as_str()))
        .filter(key_usage::start.between(from, to))
}

/// What is counted of the hours of their last uses.
pub(crate) fn of_this_hour<'a>(
    keys: &'a [Vec<u8>],
    period: &UsagePeriod,
) -> impl LoadQuery<'a, SqliteConnection, UsageRow> + QueryFragment<Sqlite> {
    let (from, to) = (period.from().unix_millis(), period.to().unix_millis());
    last_uses::table
        .filter(last_uses::key_id.eq_any(keys))
        .filter(last_uses::hour.between(from, to))
        .filter(last_uses::accepted.gt(0))
        .select((
            last_uses::key_id,
            period.span().as_str().into_sql::<Text>(),
            last_uses::hour,
            ACCEPTED.into_sql::<Text>(),
            last_uses::accepted,
            last_uses::cost,
        ))
}

/// The same of all keys together.
fn sums(calls: Vec<(ApiKeyId, CountedCalls)>) -> Vec<CountedCalls> {
    let mut sums = HashMap::<(Timestamp, Option<RefusalReason>), CountedCalls>::new();
    for (_, counted) in calls {
        let CountedCalls { start, refused, calls, cost } = counted;
        sums.entry((start, refused))
            .and_modify(|sum| {
                sum.calls += calls;
                sum.cost += cost;
            })
            .or_insert(counted);
    }
    sums.into_values().collect()
}
