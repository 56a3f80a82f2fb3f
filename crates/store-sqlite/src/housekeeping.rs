use async_trait::async_trait;
use diesel::dsl::{exists, not, sql};
use diesel::prelude::*;
use diesel::query_builder::QueryFragment;
use diesel::query_dsl::methods::LoadQuery;
use diesel::sql_types::BigInt;
use diesel::sqlite::Sqlite;
use latchkey_domain::ports::{Housekeeping, OldUsage, StoreError};
use latchkey_domain::{ApiKeyId, Timestamp, UsageSpan};

use crate::SqliteStore;
use crate::budget_changes::forget;
use crate::row::{id_bytes, id_from};
use crate::schema::{
    api_keys, audit_events, key_refusals, key_usage, last_uses, recent_usage, usage_writers,
};
use crate::usage::NOW;

/// Every id comes after no bytes at all.
fn start(after: Option<ApiKeyId>) -> Vec<u8> {
    after.map_or_else(Vec::new, |id| id_bytes(id.as_uuid()))
}

fn last(page: &[Vec<u8>]) -> Result<Option<ApiKeyId>, StoreError> {
    let Some(bytes) = page.last() else { return Ok(None) };
    let id = id_from(bytes).ok_or_else(|| StoreError::new("a key has an id that is no UUID"))?;
    Ok(Some(ApiKeyId::new(id)))
}

#[async_trait]
impl Housekeeping for SqliteStore {
    async fn now(&self) -> Result<Timestamp, StoreError> {
        let now = diesel::select(sql::<BigInt>(NOW));
        let millis: i64 = self.read(move |db| Ok(now.get_result(db)?)).await?;
        Timestamp::from_unix_millis(millis).ok_or_else(|| StoreError::new("no time of ours"))
    }

    async fn remove_revoked_keys(
        &self,
        before: Timestamp,
        after: Option<ApiKeyId>,
        limit: u32,
    ) -> Result<Option<ApiKeyId>, StoreError> {
        let page = api_keys::table
            .filter(api_keys::id.gt(start(after)))
            .order(api_keys::id.asc())
            .limit(limit.into())
            .select((api_keys::id, api_keys::revoked_at));
        let page: Vec<(Vec<u8>, Option<i64>)> = self.read(move |db| Ok(page.load(db)?)).await?;
        let is_old = |at: i64| at < before.unix_millis();
        // A revoked key stays revoked, so that what was read is still so.
        let old = page.iter().filter(|(_, revoked_at)| revoked_at.is_some_and(is_old));
        let old: Vec<Vec<u8>> = old.map(|(id, _)| id.clone()).collect();
        if !old.is_empty() {
            self.write::<_, StoreError>(move |db| {
                diesel::delete(last_uses::table.filter(last_uses::key_id.eq_any(&old)))
                    .execute(db)?;
                let keys = api_keys::table.filter(api_keys::id.eq_any(&old));
                let gone = keys.clone().select((api_keys::id, api_keys::family)).load(db)?;
                diesel::delete(keys).execute(db)?;
                forget(db, gone)?;
                Ok(())
            })
            .await?;
        }
        last(&page.into_iter().map(|(id, _)| id).collect::<Vec<_>>())
    }

    async fn remove_uses_without_key(
        &self,
        after: Option<ApiKeyId>,
        limit: u32,
    ) -> Result<Option<ApiKeyId>, StoreError> {
        let page = last_uses::table
            .filter(last_uses::key_id.gt(start(after)))
            .order(last_uses::key_id.asc())
            .limit(limit.into())
            .select(last_uses::key_id);
        let page: Vec<Vec<u8>> = self.read(move |db| Ok(page.load(db)?)).await?;
        let ids = page.clone();
        let old = self.read(move |db| {
            let its_key = api_keys::table.filter(api_keys::id.eq(last_uses::key_id));
            let old = last_uses::table
                .filter(last_uses::key_id.eq_any(ids))
                .filter(not(exists(its_key)))
                .select(last_uses::key_id);
            Ok(old.load::<Vec<u8>>(db)?)
        });
        let old = old.await?;
        if !old.is_empty() {
            self.write::<_, StoreError>(move |db| {
                diesel::delete(recent_usage::table.filter(recent_usage::key_id.eq_any(&old)))
                    .execute(db)?;
                diesel::delete(last_uses::table.filter(last_uses::key_id.eq_any(old)))
                    .execute(db)?;
                Ok(())
            })
            .await?;
        }
        last(&page)
    }

    async fn remove_usage(
        &self,
        old: OldUsage,
        before: Timestamp,
        limit: u32,
    ) -> Result<u32, StoreError> {
        let (before, limit) = (before.unix_millis(), i64::from(limit));
        let gone = self.write::<_, StoreError>(move |db| {
            Ok(match old {
                OldUsage::Counts(span) => remove_counts(db, span, before, limit)?,
                OldUsage::Refusals => remove_refusals(db, before, limit)?,
                OldUsage::Writers => {
                    diesel::delete(usage_writers::table.filter(usage_writers::at.lt(before)))
                        .execute(db)?
                }
            })
        });
        u32::try_from(gone.await?).map_err(StoreError::new)
    }

    async fn remove_events(&self, before: Timestamp, limit: u32) -> Result<u32, StoreError> {
        let eldest = audit_events::table
            .order(audit_events::id.asc())
            .limit(limit.into())
            .select((audit_events::id, audit_events::at));
        let eldest: Vec<(Vec<u8>, i64)> = self.read(move |db| Ok(eldest.load(db)?)).await?;
        let old = eldest.into_iter().filter(|(_, at)| *at < before.unix_millis());
        let old: Vec<Vec<u8>> = old.map(|(id, _)| id).collect();
        if old.is_empty() {
            return Ok(0);
        }
        let gone = self.write::<_, StoreError>(move |db| {
            let old = audit_events::table.filter(audit_events::id.eq_any(old));
            Ok(diesel::delete(old).execute(db)?)
        });
        u32::try_from(gone.await?).map_err(StoreError::new)
    }
}

fn remove_counts(
    db: &mut SqliteConnection,
    span: UsageSpan,
    before: i64,
    limit: i64,
) -> QueryResult<usize> {
    let old: Vec<(Vec<u8>, i64, String)> = old_counts(span, before, limit).load(db)?;
    for (key, start, outcome) in &old {
        let row = key_usage::table.find((key, span.as_str(), start, outcome));
        diesel::delete(row).execute(db)?;
    }
    Ok(old.len())
}

pub(crate) fn old_counts(
    span: UsageSpan,
    before: i64,
    limit: i64,
) -> impl LoadQuery<'static, SqliteConnection, (Vec<u8>, i64, String)> + QueryFragment<Sqlite> {
    key_usage::table
        .filter(key_usage::span.eq(span.as_str()))
        .filter(key_usage::start.lt(before))
        .order((key_usage::span, key_usage::start))
        .limit(limit)
        .select((key_usage::key_id, key_usage::start, key_usage::outcome))
}

fn remove_refusals(db: &mut SqliteConnection, before: i64, limit: i64) -> QueryResult<usize> {
    let old = key_refusals::table
        .filter(key_refusals::minute.lt(before))
        .order(key_refusals::minute)
        .limit(limit)
        .select((key_refusals::key_id, key_refusals::minute, key_refusals::reason));
    let old: Vec<(Vec<u8>, i64, String)> = old.load(db)?;
    for (key, minute, reason) in &old {
        diesel::delete(key_refusals::table.find((key, minute, reason))).execute(db)?;
    }
    Ok(old.len())
}
