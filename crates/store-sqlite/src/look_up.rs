//! The read that a verification does.

use async_trait::async_trait;
use diesel::prelude::*;
use latchkey_domain::ports::{KeyLookup, Position, StoreError};
use latchkey_domain::{ApiKeyId, Candidates, Digest, FoundKey, KeyedDigest};

use crate::SqliteStore;
use crate::budgets::budgets_from;
use crate::query;
use crate::row::{KeyRow, digest_columns, id_bytes};
use crate::schema::api_keys;

#[async_trait]
impl KeyLookup for SqliteStore {
    async fn redigest(
        &self,
        id: ApiKeyId,
        stored: &Digest,
        renewed: &KeyedDigest,
    ) -> Result<(), StoreError> {
        let (stored, (digest, pepper)) = (stored.as_bytes().to_vec(), digest_columns(renewed));
        self.write(move |db| {
            let unrevoked = api_keys::table
                .filter(api_keys::id.eq(id_bytes(id.as_uuid())))
                .filter(api_keys::digest.eq(stored))
                .filter(api_keys::revoked_at.is_null());
            diesel::update(unrevoked)
                .set((api_keys::digest.eq(digest), api_keys::pepper_id.eq(pepper)))
                .execute(db)?;
            Ok(())
        })
        .await
    }

    async fn find_by_digest(
        &self,
        digests: &Candidates,
        since: Option<Position>,
    ) -> Result<Option<FoundKey>, StoreError> {
        // Before the row is read, so that the row is no older.
        self.0.changes.require(since)?;
        let digests = *digests;
        self.read(move |db| {
            let found: Option<(KeyRow, Option<i64>, Option<String>)> = match digests.as_slice() {
                [only] => query::key_with(only).get_result(db).optional()?,
                _several => query::key_with_one_of(&digests).get_result(db).optional()?,
            };
            let Some((row, suspended_at, budgets)) = found else { return Ok(None) };
            let budgets = budgets_from(budgets.as_deref())?;
            let owner_suspended = suspended_at.is_some();
            Ok(Some(FoundKey { key: row.try_into()?, owner_suspended, budgets }))
        })
        .await
    }
}
