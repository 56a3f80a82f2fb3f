use async_trait::async_trait;
use diesel::prelude::*;
use latchkey_domain::ports::{PepperRepository, PepperUse, StoreError};
use latchkey_domain::{Digest, KeyedDigest, PepperId};

use crate::SqliteStore;
use crate::fault::{DbResult, Fault};
use crate::query;
use crate::row::{digest_columns, instant_from, pepper_from};
use crate::schema::peppers;

#[async_trait]
impl PepperRepository for SqliteStore {
    async fn confirm(&self, check: &KeyedDigest) -> Result<bool, StoreError> {
        let check = *check;
        self.write(move |db| {
            let (digest, id) = digest_columns(&check);
            diesel::insert_into(peppers::table)
                .values((peppers::id.eq(id), peppers::check_digest.eq(digest)))
                .on_conflict(peppers::id)
                .do_nothing()
                .execute(db)?;
            let stored: Vec<u8> =
                peppers::table.find(id).select(peppers::check_digest).get_result(db)?;
            // The table admits 32 bytes only; anything else is not the same.
            let stored: Result<[u8; 32], _> = stored.try_into();
            Ok(stored.is_ok_and(|stored| check.digest.matches(&Digest::new(stored))))
        })
        .await
    }

    async fn known(&self) -> Result<Vec<PepperId>, StoreError> {
        self.read(|db| {
            let ids: Vec<i64> = peppers::table.select(peppers::id).order(peppers::id).load(db)?;
            ids.into_iter().map(|id| pepper("peppers", "id", id)).collect()
        })
        .await
    }

    async fn in_use(&self) -> Result<Vec<PepperId>, StoreError> {
        self.read(|db| {
            db.transaction(|db| {
                let mut ids = Vec::new();
                // From one pepper to the next through the index, past all the keys between.
                let mut last = 0;
                while let Some(next) =
                    query::next_pepper(last).limit(1).get_result::<i64>(db).optional()?
                {
                    ids.push(pepper("api_keys", "pepper_id", next)?);
                    last = next;
                }
                Ok(ids)
            })
        })
        .await
    }

    async fn usage(&self) -> Result<Vec<PepperUse>, StoreError> {
        self.read(|db| {
            let rows: Vec<(i64, i64, Option<i64>)> = query::usage_of_each_pepper().load(db)?;
            let usage = |(id, keys, used_at): (i64, i64, Option<i64>)| {
                let corrupt = |_out_of_range| corrupt("last_uses", "used_at", "instant");
                Ok(PepperUse {
                    pepper: pepper("api_keys", "pepper_id", id)?,
                    keys: keys.unsigned_abs(),
                    last_used_at: instant_from(used_at).map_err(corrupt)?,
                })
            };
            rows.into_iter().map(usage).collect()
        })
        .await
    }
}

fn pepper(table: &str, column: &str, id: i64) -> DbResult<PepperId> {
    pepper_from(id).ok_or_else(|| corrupt(table, column, "pepper id"))
}

/// Many rows may hold it; no one of them is to be named.
fn corrupt(table: &str, column: &str, what: &str) -> Fault<StoreError> {
    Fault(StoreError::new(format!("{table}.{column} holds no {what}")))
}
