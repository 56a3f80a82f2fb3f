use std::sync::Arc;

use async_trait::async_trait;
use diesel::prelude::*;
use latchkey_domain::ports::{
    AddedCredits, CreditsError, FoundOwner, OwnerRepository, StoreError, UpdateError,
};
use latchkey_domain::{AuditEvent, ChangeNumber, CreditChange, OwnerId, OwnerSettings};

use crate::SqliteStore;
use crate::audit;
use crate::budget_changes::{Holder, credits_of, limit};
use crate::fault::Fault;
use crate::row::{EventRow, OwnerRow, settings_columns};
use crate::schema::key_owners;

#[async_trait]
impl OwnerRepository for SqliteStore {
    async fn find(&self, owner: &OwnerId) -> Result<FoundOwner, StoreError> {
        let owner = owner.clone();
        let changes = Arc::clone(&self.0.changes);
        let found = move |db: &mut SqliteConnection| {
            let row = known(db, owner.as_str())?;
            let credits = credits_of(db, &Holder::owner(&owner))?;
            Ok((row.settings()?, row.held()?, credits))
        };
        // Behind the writer: a reader can see a change that is committed and not numbered yet.
        let numbered = move |(settings, held, credits)| {
            let as_of = changes.latest();
            FoundOwner { settings, held, credits, as_of }
        };
        self.0.pool.write_then(found, numbered).await
    }

    async fn change(
        &self,
        owner: &OwnerId,
        before: &OwnerSettings,
        after: &OwnerSettings,
        event: &AuditEvent,
    ) -> Result<ChangeNumber, UpdateError> {
        let (owner, event) = (owner.clone(), EventRow::from(event));
        let (before, after) = (before.clone(), after.clone());
        self.change(move |db| {
            let (holder, owner) = (Holder::owner(&owner), owner.as_str());
            if known(db, owner)?.settings()? != before {
                return Err(Fault(UpdateError::Stale));
            }
            let (max_keys, suspended_at, limits) = settings_columns(&after);
            let settings = (
                key_owners::max_keys.eq(max_keys),
                key_owners::suspended_at.eq(suspended_at),
                key_owners::limits.eq(limits),
            );
            diesel::insert_into(key_owners::table)
                .values((key_owners::owner.eq(owner), key_owners::held.eq(0), settings.clone()))
                .on_conflict(key_owners::owner)
                .do_update()
                .set(settings)
                .execute(db)?;
            audit::add(db, event)?;
            let mut is_told = before.suspended_at.is_some() != after.suspended_at.is_some();
            if before.limits != after.limits {
                is_told |= limit(db, &holder, &after.limits)?;
            }
            Ok(if is_told { holder.keys(db)? } else { Vec::new() })
        })
        .await
    }

    async fn add_credits(
        &self,
        owner: &OwnerId,
        change: CreditChange,
        event: &AuditEvent,
    ) -> Result<AddedCredits, CreditsError> {
        let holder = Holder::owner(owner);
        self.change_credits(change, event, move |_db| Ok(holder)).await
    }
}

/// What the store knows of an owner.
pub(crate) fn known(db: &mut SqliteConnection, owner: &str) -> QueryResult<OwnerRow> {
    let row = key_owners::table.find(owner).select(OwnerRow::as_select());
    Ok(row.get_result(db).optional()?.unwrap_or_default())
}
