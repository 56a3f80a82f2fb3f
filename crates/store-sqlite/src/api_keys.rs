use std::sync::Arc;

use async_trait::async_trait;
use diesel::dsl::exists;
use diesel::prelude::*;
use latchkey_domain::ports::{
    AddedCredits, ApiKeyRepository, CreditsError, InsertError, KeyInUse, OverlapError, Replacement,
    SelectedKey, StoreError, UpdateError,
};
use latchkey_domain::{
    Action, ApiKey, ApiKeyId, AuditEvent, ChangeNumber, CreditChange, Credits, OwnerId, Selection,
    Timestamp,
};

use crate::SqliteStore;
use crate::audit;
use crate::budget_changes::{self, Holder};
use crate::fault::{DbResult, Fault, Place, is_taken};
use crate::owners;
use crate::query;
use crate::row::{EventRow, KeyRow, id_and_owner, id_bytes, id_from, key_in_use, keys_in_use};
use crate::schema::{api_keys, key_owners};

#[async_trait]
impl ApiKeyRepository for SqliteStore {
    async fn insert(
        &self,
        key: &ApiKey,
        credits: Option<Credits>,
        limit: u32,
        event: &AuditEvent,
    ) -> Result<(), InsertError> {
        let (row, event) = (KeyRow::from(key), EventRow::from(event));
        let (holder, limits) = (Holder::family_of(key), key.parts().limits);
        self.write(move |db| {
            hold_limit(db, &row.owner, limit)?;
            take_place(db, &row.owner)?;
            let added = diesel::insert_into(api_keys::table).values(row).execute(db);
            match added {
                Err(error) if is_taken(&error, &["api_keys.id", "api_keys.digest"]) => {
                    Err(Fault(InsertError::Duplicate))
                }
                added => {
                    added?;
                    budget_changes::begin(db, &holder, &limits, credits)?;
                    Ok(audit::add(db, event)?)
                }
            }
        })
        .await
    }

    async fn update(&self, key: &ApiKey, event: &AuditEvent) -> Result<ChangeNumber, UpdateError> {
        let (key, event) = (key.clone(), event.clone());
        self.change(move |db| {
            let changed = store_change(db, &key, &event)?;
            audit::add(db, EventRow::from(&event))?;
            Ok(changed)
        })
        .await
    }

    async fn add_credits(
        &self,
        owner: &OwnerId,
        id: ApiKeyId,
        change: CreditChange,
        event: &AuditEvent,
    ) -> Result<AddedCredits, CreditsError> {
        let owner = owner.as_str().to_owned();
        self.change_credits(change, event, move |db| {
            let key = query::live_keys_of(&owner).filter(api_keys::id.eq(id_bytes(id.as_uuid())));
            let key: Option<(Vec<u8>, Option<Vec<u8>>)> =
                key.select((api_keys::id, api_keys::family)).get_result(db).optional()?;
            let (id, family) = key.ok_or(Fault(CreditsError::NotFound))?;
            Ok(Holder::Family(family.unwrap_or(id)))
        })
        .await
    }

    async fn revive(
        &self,
        key: &ApiKey,
        limit: u32,
        event: &AuditEvent,
    ) -> Result<ChangeNumber, OverlapError> {
        let (key, event) = (key.clone(), event.clone());
        self.change(move |db| {
            let changed = store_change(db, &key, &event)?;
            audit::add(db, EventRow::from(&event))?;
            hold_overlap(db, key.parts().owner.as_str(), limit, event.at)?;
            Ok(changed)
        })
        .await
    }

    async fn replace(&self, replacement: &Replacement) -> Result<ChangeNumber, OverlapError> {
        let Replacement { key, successor, ended, limit, event } = replacement;
        let (key, row, limit) = (key.clone(), KeyRow::from(successor), *limit);
        let ended = ended.as_ref().map(|(key, event)| (key.clone(), EventRow::from(event)));
        let (at, event) = (event.at, EventRow::from(event));
        self.change(move |db| {
            let mut changed = Vec::new();
            if let Some((ended, event)) = ended {
                changed.extend(store_next(db, &ended)?);
                audit::add(db, event)?;
            }
            changed.extend(store_next(db, &key)?);
            let owner = owners::known(db, &row.owner)?;
            if owner.closed_at.is_some() {
                return Err(Fault(OverlapError::Stale));
            }
            if owner.settings()?.suspended_at.is_some() {
                return Err(Fault(OverlapError::OwnerSuspended));
            }
            if let Some(limit) = limit {
                hold_overlap(db, &row.owner, limit, at)?;
            }
            // The trigger has just given the old key's place back.
            take_place(db, &row.owner)?;
            diesel::insert_into(api_keys::table).values(row).execute(db)?;
            audit::add(db, event)?;
            Ok(changed)
        })
        .await
    }

    async fn predecessor(
        &self,
        owner: &OwnerId,
        successor: ApiKeyId,
    ) -> Result<Option<ApiKey>, StoreError> {
        let owner = owner.as_str().to_owned();
        self.read(move |db| {
            let found = query::predecessor(&owner, successor).get_result(db).optional()?;
            Ok(found.map(ApiKey::try_from).transpose()?)
        })
        .await
    }

    async fn revoke(
        &self,
        owner: &OwnerId,
        id: ApiKeyId,
        event: &AuditEvent,
    ) -> Result<Option<ChangeNumber>, StoreError> {
        let owner = owner.as_str().to_owned();
        let (at, event) = (event.at, EventRow::from(event));
        let changes = Arc::clone(&self.0.changes);
        let revoke = move |db: &mut SqliteConnection| {
            let live = query::live_keys_of(&owner).filter(api_keys::id.eq(id_bytes(id.as_uuid())));
            // The writer is alone: the key it reads is the one that it revokes.
            let label = live.clone().select((api_keys::name, api_keys::prefix));
            let Some(label) = label.get_result(db).optional()? else { return Ok(None) };
            diesel::update(live)
                .set((
                    api_keys::revoked_at.eq(Some(at.unix_millis())),
                    api_keys::version.eq(api_keys::version + 1),
                ))
                .execute(db)?;
            audit::add(db, event.of_key_called(label))?;
            Ok(Some(id))
        };
        let tell = move |revoked: Option<ApiKeyId>| revoked.map(|id| changes.tell([id]));
        self.0.pool.write_then(revoke, tell).await
    }

    async fn selected(
        &self,
        selection: &Selection,
        limit: u32,
    ) -> Result<Vec<SelectedKey>, StoreError> {
        let selection = selection.clone();
        self.read(move |db| {
            let keys: Vec<(Vec<u8>, String, Option<Vec<u8>>)> =
                query::selected(&selection, limit).load(db)?;
            let key = |(id, owner, replaced_by): (Vec<u8>, String, Option<Vec<u8>>)| {
                let (id, owner) = id_and_owner(&id, owner)?;
                let place = Place { table: "api_keys", row: id.as_uuid() };
                let successor = |bytes: Vec<u8>| place.read("replaced_by", id_from(&bytes));
                let replaced_by = replaced_by.map(successor).transpose()?.map(ApiKeyId::new);
                Ok(SelectedKey { id, owner, replaced_by })
            };
            keys.into_iter().map(key).collect()
        })
        .await
    }

    async fn revoke_all(
        &self,
        keys: &[SelectedKey],
        events: &[AuditEvent],
    ) -> Result<Option<(Vec<ApiKeyId>, ChangeNumber)>, UpdateError> {
        let Some(at) = events.first().map(|event| event.at) else { return Ok(None) };
        let (keys, events) = (keys.to_vec(), events.to_vec());
        let changes = Arc::clone(&self.0.changes);
        let revoke = move |db: &mut SqliteConnection| {
            let mut revoked = Vec::new();
            for SelectedKey { id, owner: _, replaced_by } in &keys {
                let key = api_keys::table.find(id_bytes(id.as_uuid()));
                let found: Option<(Option<i64>, Option<Vec<u8>>)> = key
                    .clone()
                    .select((api_keys::revoked_at, api_keys::replaced_by))
                    .get_result(db)
                    .optional()?;
                let Some((revoked_at, successor)) = found else { continue };
                if successor != replaced_by.map(|id| id_bytes(id.as_uuid())) {
                    return Err(Fault(UpdateError::Stale));
                }
                if revoked_at.is_none() {
                    diesel::update(key)
                        .set((
                            api_keys::revoked_at.eq(Some(at.unix_millis())),
                            api_keys::version.eq(api_keys::version + 1),
                        ))
                        .execute(db)?;
                    revoked.push(*id);
                }
            }
            revoked.sort_unstable();
            for event in events {
                let among = event.action.keys().unwrap_or_default().iter().copied();
                let of_owner: Vec<_> =
                    among.filter(|id| revoked.binary_search(id).is_ok()).collect();
                if !of_owner.is_empty() {
                    let action = Action::KeysRevoked(of_owner);
                    audit::add(db, EventRow::from(&AuditEvent { action, ..event }))?;
                }
            }
            Ok(revoked)
        };
        let tell = move |revoked: Vec<ApiKeyId>| {
            (!revoked.is_empty()).then(|| {
                let change = changes.tell(revoked.iter().copied());
                (revoked, change)
            })
        };
        self.0.pool.write_then(revoke, tell).await
    }

    async fn confirm(&self) -> Result<(), StoreError> {
        // One file has no other server.
        Ok(())
    }

    async fn latest_change(
        &self,
        owner: &OwnerId,
        id: ApiKeyId,
    ) -> Result<Option<ChangeNumber>, StoreError> {
        let owner = owner.as_str().to_owned();
        let changes = Arc::clone(&self.0.changes);
        let is_there = move |db: &mut SqliteConnection| {
            let key = api_keys::table
                .filter(api_keys::id.eq(id_bytes(id.as_uuid())))
                .filter(api_keys::owner.eq(owner));
            Ok(diesel::select(exists(key)).get_result(db)?)
        };
        // Behind the writer: a reader can see a change that is committed and not numbered yet.
        let number = move |is_there: bool| is_there.then(|| changes.latest());
        self.0.pool.write_then(is_there, number).await
    }

    async fn find(&self, owner: &OwnerId, id: ApiKeyId) -> Result<Option<KeyInUse>, StoreError> {
        let owner = owner.as_str().to_owned();
        self.read(move |db| {
            let found = query::find(&owner, id).get_result(db).optional()?;
            Ok(found.map(key_in_use).transpose()?)
        })
        .await
    }

    async fn list(&self, owner: &OwnerId) -> Result<Vec<KeyInUse>, StoreError> {
        let owner = owner.as_str().to_owned();
        self.read(move |db| keys_in_use(query::list(&owner).load(db)?)).await
    }

    async fn revoked(
        &self,
        owner: &OwnerId,
        since: Timestamp,
        limit: u32,
    ) -> Result<Vec<KeyInUse>, StoreError> {
        let (owner, since) = (owner.as_str().to_owned(), since.unix_millis());
        self.read(move |db| keys_in_use(query::revoked(&owner, since, limit).load(db)?)).await
    }
}

/// The same where the limits of the key may change, which are those of its family.
fn store_change<E>(
    db: &mut SqliteConnection,
    key: &ApiKey,
    event: &AuditEvent,
) -> DbResult<Vec<ApiKeyId>, E>
where
    E: From<UpdateError> + From<StoreError>,
{
    let mut changed = store_next(db, key)?.to_vec();
    if let Some(limits) = event.action.limits_given() {
        budget_changes::limit(db, &Holder::family_of(key), &limits)?;
        changed.extend(budget_changes::share_limits(db, key)?);
    }
    Ok(changed)
}

/// Stores the next version of a key, if the stored one is the version just before it and is not
/// revoked; answers what it changed.
fn store_next<E>(db: &mut SqliteConnection, key: &ApiKey) -> DbResult<[ApiKeyId; 1], E>
where
    E: From<UpdateError> + From<StoreError>,
{
    let id = key.parts().id;
    let stored = api_keys::table
        .filter(api_keys::id.eq(id_bytes(id.as_uuid())))
        .filter(api_keys::version.eq(i64::from(key.parts().version) - 1))
        .filter(api_keys::revoked_at.is_null());
    match diesel::update(stored).set(KeyRow::from(key)).execute(db)? {
        0 => Err(Fault(UpdateError::Stale.into())),
        _one => Ok([id]),
    }
}

/// Refuses one more key of `owner` where it may not have it. Only one writes: what is read here holds
/// until the key is added.
fn hold_limit(db: &mut SqliteConnection, owner: &str, policy: u32) -> DbResult<(), InsertError> {
    let owner = owners::known(db, owner)?;
    let (settings, held) = (owner.settings()?, owner.held()?);
    let limit = settings.key_limit(policy);
    Err(Fault(if owner.closed_at.is_some() {
        InsertError::OwnerClosed
    } else if settings.suspended_at.is_some() {
        InsertError::OwnerSuspended
    } else if held >= limit {
        InsertError::LimitReached { limit }
    } else {
        return Ok(());
    }))
}

/// Counts one more key for `owner`. The caller's transaction gives the place back if the key itself
/// can't be added.
fn take_place(db: &mut SqliteConnection, owner: &str) -> QueryResult<()> {
    diesel::insert_into(key_owners::table)
        .values((key_owners::owner.eq(owner), key_owners::held.eq(1)))
        .on_conflict(key_owners::owner)
        .do_update()
        .set(key_owners::held.eq(key_owners::held + 1))
        .execute(db)
        .map(drop)
}

/// Refuses a change after which more replaced keys of `owner` work at `at` than may.
fn hold_overlap(
    db: &mut SqliteConnection,
    owner: &str,
    policy: u32,
    at: Timestamp,
) -> DbResult<(), OverlapError> {
    let working: i64 = query::overlapping(owner, at).count().get_result(db)?;
    let limit = owners::known(db, owner)?.settings()?.key_limit(policy);
    if working <= i64::from(limit) {
        Ok(())
    } else {
        Err(Fault(OverlapError::LimitReached { limit }))
    }
}
