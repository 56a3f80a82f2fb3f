use async_trait::async_trait;
use diesel::sql_query;
use diesel::sql_types::{Array, Timestamptz, Uuid as SqlUuid};
use diesel_async::RunQueryDsl;
use latchkey_domain::ports::{StoreError, UsageRepository};
use latchkey_domain::{ApiKeyId, Timestamp};
use time::OffsetDateTime;
use uuid::Uuid;

use crate::PostgresStore;
use crate::cached_sql::cached;
use crate::fault::failed;

/// Sorted by key, so that two batches that meet lock their rows in the same order; each key once,
/// since a statement cannot update a row twice.
const RECORD: &str = "\
insert into last_uses (key_id, used_at) \
select key_id, max(used_at) from unnest($1, $2) as batch (key_id, used_at) \
group by key_id order by key_id \
on conflict (key_id) do update set used_at = excluded.used_at \
where last_uses.used_at < excluded.used_at";

#[async_trait]
impl UsageRepository for PostgresStore {
    async fn record(&self, uses: &[(ApiKeyId, Timestamp)]) -> Result<(), StoreError> {
        if uses.is_empty() {
            return Ok(());
        }
        let (keys, instants): (Vec<Uuid>, Vec<OffsetDateTime>) =
            uses.iter().map(|(key, at)| (key.as_uuid(), OffsetDateTime::from(*at))).unzip();
        let record = sql_query(RECORD)
            .bind::<Array<SqlUuid>, _>(keys)
            .bind::<Array<Timestamptz>, _>(instants);
        cached(record).execute(&mut *self.connection().await?).await.map_err(failed)?;
        Ok(())
    }
}
