use async_trait::async_trait;
use diesel::prelude::*;
use diesel::query_dsl::methods::FilterDsl as _;
use diesel::upsert::excluded;
use latchkey_domain::ports::{StoreError, UsageRepository};
use latchkey_domain::{ApiKeyId, Timestamp};

use crate::SqliteStore;
use crate::row::id_bytes;
use crate::schema::last_uses;

/// As many as keep the one writer for a few milliseconds: a revocation may be waiting.
const BATCH: usize = 500;

#[async_trait]
impl UsageRepository for SqliteStore {
    /// A long list takes several transactions. Nobody needs it whole: each use stands for itself,
    /// and recording it again is harmless.
    async fn record(&self, uses: &[(ApiKeyId, Timestamp)]) -> Result<(), StoreError> {
        let mut uses = uses.to_vec();
        // The order of the table: neighbours are found on one page.
        uses.sort_unstable();
        for some in uses.chunks(BATCH) {
            let some = some.to_vec();
            self.write(move |db| Ok(some.iter().try_for_each(|used| move_forward(db, *used))?))
                .await?;
        }
        Ok(())
    }
}

fn move_forward(db: &mut SqliteConnection, (id, at): (ApiKeyId, Timestamp)) -> QueryResult<()> {
    diesel::insert_into(last_uses::table)
        .values((
            last_uses::key_id.eq(id_bytes(id.as_uuid())),
            last_uses::used_at.eq(at.unix_millis()),
        ))
        .on_conflict(last_uses::key_id)
        .do_update()
        .set(last_uses::used_at.eq(excluded(last_uses::used_at)))
        .filter(excluded(last_uses::used_at).gt(last_uses::used_at))
        .execute(db)?;
    Ok(())
}
