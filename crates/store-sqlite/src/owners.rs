use std::sync::Arc;

use async_trait::async_trait;
use diesel::prelude::*;
use latchkey_domain::ports::{FoundOwner, OwnerRepository, StoreError, UpdateError};
use latchkey_domain::{ApiKeyId, AuditEvent, ChangeNumber, OwnerId, OwnerSettings};

use crate::SqliteStore;
use crate::audit;
use crate::fault::{DbResult, Fault};
use crate::query;
use crate::row::{EventRow, OwnerRow, id_from, settings_columns};
use crate::schema::{api_keys, key_owners};

#[async_trait]
impl OwnerRepository for SqliteStore {
    async fn find(&self, owner: &OwnerId) -> Result<FoundOwner, StoreError> {
        let owner = owner.as_str().to_owned();
        let changes = Arc::clone(&self.0.changes);
        let found = move |db: &mut SqliteConnection| {
            let row = known(db, &owner)?;
            Ok((row.settings()?, row.held()?))
        };
        // Behind the writer: a reader can see a change that is committed and not numbered yet.
        let numbered =
            move |(settings, held)| FoundOwner { settings, held, as_of: changes.latest() };
        self.0.pool.write_then(found, numbered).await
    }

    async fn change(
        &self,
        owner: &OwnerId,
        before: &OwnerSettings,
        after: &OwnerSettings,
        event: &AuditEvent,
    ) -> Result<ChangeNumber, UpdateError> {
        let (owner, event) = (owner.as_str().to_owned(), EventRow::from(event));
        let (before, after) = (before.clone(), after.clone());
        self.change(move |db| {
            if known(db, &owner)?.settings()? != before {
                return Err(Fault(UpdateError::Stale));
            }
            let (max_keys, suspended_at) = settings_columns(&after);
            let settings =
                (key_owners::max_keys.eq(max_keys), key_owners::suspended_at.eq(suspended_at));
            diesel::insert_into(key_owners::table)
                .values((key_owners::owner.eq(&owner), key_owners::held.eq(0), settings))
                .on_conflict(key_owners::owner)
                .do_update()
                .set(settings)
                .execute(db)?;
            audit::add(db, event)?;
            if before.suspended_at.is_some() == after.suspended_at.is_some() {
                return Ok(Vec::new());
            }
            unrevoked(db, &owner)
        })
        .await
    }
}

/// What the store knows of an owner.
pub(crate) fn known(db: &mut SqliteConnection, owner: &str) -> QueryResult<OwnerRow> {
    let row = key_owners::table.find(owner).select(OwnerRow::as_select());
    Ok(row.get_result(db).optional()?.unwrap_or_default())
}

/// The keys that a suspension of their owner changes.
fn unrevoked(db: &mut SqliteConnection, owner: &str) -> DbResult<Vec<ApiKeyId>, UpdateError> {
    let keys = query::live_keys_of(owner).select(api_keys::id).load::<Vec<u8>>(db)?;
    let ids: Option<Vec<ApiKeyId>> =
        keys.iter().map(|bytes| id_from(bytes).map(ApiKeyId::new)).collect();
    ids.ok_or_else(|| Fault(StoreError::new("a key has an id that is no UUID").into()))
}
