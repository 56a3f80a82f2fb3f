use async_trait::async_trait;
use diesel::dsl::{count_star, max};
use diesel::prelude::*;
use diesel::sql_query;
use diesel::sql_types::Integer;
use diesel_async::RunQueryDsl;
use latchkey_domain::ports::{PepperRepository, PepperUse, StoreError};
use latchkey_domain::{KeyedDigest, PepperId, Timestamp};
use time::OffsetDateTime;

use crate::PostgresStore;
use crate::cached_sql::cached;
use crate::fault::failed;
use crate::row::{digest_from, pepper_from};
use crate::schema::{api_keys, last_uses, peppers};

/// Jumps from one pepper to the next along the index, where `distinct` would read every key.
pub(crate) const IN_USE: &str = "\
with recursive used (id) as ( \
    select min(pepper_id) from api_keys where revoked_at is null \
    union all \
    select (select min(pepper_id) from api_keys \
            where revoked_at is null and pepper_id > used.id) \
    from used where used.id is not null \
) \
select id from used where id is not null";

#[async_trait]
impl PepperRepository for PostgresStore {
    async fn confirm(&self, check: &KeyedDigest) -> Result<bool, StoreError> {
        let KeyedDigest { pepper, digest } = check;
        // Setting the column to itself makes the statement answer the stored row also where two
        // instances meet a pepper for the first time.
        let insert = diesel::insert_into(peppers::table)
            .values((
                peppers::id.eq(i32::from(pepper.get())),
                peppers::check_digest.eq(digest.as_bytes().as_slice()),
            ))
            .on_conflict(peppers::id)
            .do_update()
            .set(peppers::check_digest.eq(peppers::check_digest))
            .returning(peppers::check_digest);
        let mut stored: Vec<Vec<u8>> =
            insert.load(&mut *self.connection().await?).await.map_err(failed)?;
        // The table admits 32 bytes only; anything else is not the same.
        let stored = digest_from(&stored.pop().unwrap_or_default());
        Ok(stored.is_some_and(|stored| digest.matches(&stored)))
    }

    async fn known(&self) -> Result<Vec<PepperId>, StoreError> {
        let ids: Vec<i32> = peppers::table
            .select(peppers::id)
            .order(peppers::id)
            .load(&mut *self.connection().await?)
            .await
            .map_err(failed)?;
        ids.into_iter().map(|id| pepper("peppers", "id", id)).collect()
    }

    async fn in_use(&self) -> Result<Vec<PepperId>, StoreError> {
        let ids: Vec<i32> = cached(sql_query(IN_USE))
            .answering::<Integer>()
            .load(&mut *self.connection().await?)
            .await
            .map_err(failed)?;
        ids.into_iter().map(|id| pepper("api_keys", "pepper_id", id)).collect()
    }

    async fn usage(&self) -> Result<Vec<PepperUse>, StoreError> {
        let rows: Vec<(i32, i64, Option<OffsetDateTime>)> = api_keys::table
            .left_join(last_uses::table.on(last_uses::key_id.eq(api_keys::id)))
            .filter(api_keys::revoked_at.is_null())
            .group_by(api_keys::pepper_id)
            .order(api_keys::pepper_id)
            .select((api_keys::pepper_id, count_star(), max(last_uses::used_at.nullable())))
            .load(&mut *self.connection().await?)
            .await
            .map_err(failed)?;
        let usage = |(id, keys, used_at): (i32, i64, Option<OffsetDateTime>)| {
            Ok(PepperUse {
                pepper: pepper("api_keys", "pepper_id", id)?,
                keys: keys.unsigned_abs(),
                last_used_at: used_at.map(Timestamp::from),
            })
        };
        rows.into_iter().map(usage).collect()
    }
}

/// Many rows may hold it; no one of them is to be named.
fn pepper(table: &str, column: &str, id: i32) -> Result<PepperId, StoreError> {
    pepper_from(id).ok_or_else(|| failed(format!("{table}.{column} holds no pepper id")))
}
