use async_trait::async_trait;
use diesel::prelude::*;
use latchkey_domain::ports::{PepperRepository, StoreError};
use latchkey_domain::{Digest, KeyedDigest, PepperId};

use crate::SqliteStore;
use crate::fault::{Fault, Outcome};
use crate::query;
use crate::row::{digest_columns, pepper_from};
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

    async fn count_keys(&self) -> Result<Vec<(PepperId, u64)>, StoreError> {
        self.read(|db| {
            let counts: Vec<(i64, i64)> = query::keys_of_each_pepper().load(db)?;
            counts
                .into_iter()
                .map(|(id, keys)| Ok((pepper("api_keys", "pepper_id", id)?, keys.unsigned_abs())))
                .collect()
        })
        .await
    }
}

fn pepper(table: &str, column: &str, id: i64) -> Outcome<PepperId> {
    // Many rows may say so; no one of them is to be named.
    let corrupt = || StoreError::new(format!("{table}.{column} holds no pepper id"));
    pepper_from(id).ok_or_else(|| Fault(corrupt()))
}
