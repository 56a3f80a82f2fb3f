use async_trait::async_trait;
use diesel::dsl::{AsSelect, auto_type};
use diesel::pg::Pg;
use diesel::prelude::*;
use diesel::sql_types::{Array, BigInt, Bool, Nullable, Uuid as SqlUuid};
use diesel_async::RunQueryDsl;
use latchkey_domain::ports::{
    AddedCredits, ApiKeyRepository, CreditsError, InsertError, KeyInUse, OverlapError, Replacement,
    SelectedKey, StoreError, UpdateError,
};
use latchkey_domain::{
    ApiKey, ApiKeyId, AuditEvent, ChangeNumber, CreditChange, Credits, OwnerId, Selection,
    Timestamp,
};
use time::OffsetDateTime;
use uuid::Uuid;

use crate::budgets::CreditsOfKey;
use crate::cached_sql::cached;
use crate::changes::change_number;
use crate::credits::Account;
use crate::fault::{failed, insert_key};
use crate::primary::prove_primary;
use crate::row::{KeyInUseRow, KeyRow, OwnerRow, key_in_use, owner_from};
use crate::schema::{api_keys, key_owners, last_uses};
use crate::sql::Sql;
use crate::{PostgresStore, key_changes, patterns};

/// How often an insert is tried whose hindrance was gone when it was asked for.
const ATTEMPTS: u32 = 3;

impl PostgresStore {
    /// Runs a statement that changes one key, and answers the number of the change.
    async fn change(&self, statement: Sql) -> Result<Option<ChangeNumber>, StoreError> {
        let change = cached(statement).answering::<BigInt>();
        let connection = self.connection().await?;
        let mut shared = &*connection;
        let mut numbers: Vec<i64> = self.wakes.after(shared, change.load(&mut shared)).await?;
        numbers.pop().map(change_number).transpose()
    }

    /// Runs a statement that may let a replaced key work. It answers one row: the number of the
    /// change, if it was made, and what hindered it: a limit, or that the owner is suspended.
    async fn overlap(&self, statement: Sql) -> Result<ChangeNumber, OverlapError> {
        let change = cached(statement).answering::<(Nullable<BigInt>, Nullable<BigInt>, Bool)>();
        let connection = self.connection().await?;
        let mut shared = &*connection;
        let mut rows: Vec<(Option<i64>, Option<i64>, bool)> =
            self.wakes.after(shared, change.load(&mut shared)).await?;
        match rows.pop() {
            Some((Some(number), _, _)) => Ok(change_number(number)?),
            Some((None, _, true)) => Err(OverlapError::OwnerSuspended),
            Some((None, Some(limit), false)) => {
                Err(OverlapError::LimitReached { limit: u32::try_from(limit).map_err(failed)? })
            }
            Some((None, None, false)) | None => Err(OverlapError::Stale),
        }
    }
}

/// Keys with their last uses and credits: a look-up for each key, where a join would be free to read all last
/// uses there are.
#[auto_type]
pub(crate) fn in_use() -> _ {
    let last_use =
        last_uses::table.filter(last_uses::key_id.eq(api_keys::id)).select(last_uses::used_at);
    let key: AsSelect<KeyRow, Pg> = KeyRow::as_select();
    let credits: CreditsOfKey = CreditsOfKey;
    api_keys::table.select((key, last_use.single_value(), credits))
}

#[auto_type]
pub(crate) fn unrevoked() -> _ {
    in_use().filter(api_keys::revoked_at.is_null())
}

#[async_trait]
impl ApiKeyRepository for PostgresStore {
    async fn insert(
        &self,
        key: &ApiKey,
        credits: Option<Credits>,
        limit: u32,
        event: &AuditEvent,
    ) -> Result<(), InsertError> {
        let mut connection = self.connection().await?;
        let mut limit_now = limit;
        for _attempt in 0..ATTEMPTS {
            let insert = cached(key_changes::insert(key, credits, limit, event));
            if insert.execute(&mut *connection).await.map_err(insert_key)? == 1 {
                return Ok(());
            }
            // Nothing was written. What hindered it is asked afterwards, and may be gone by then.
            let owner: Option<OwnerRow> = key_owners::table
                .find(key.parts().owner.as_str())
                .select(OwnerRow::as_select())
                .first(&mut *connection)
                .await
                .optional()
                .map_err(failed)?;
            let owner = owner.unwrap_or_default();
            let (settings, held) = (owner.settings()?, owner.held()?);
            limit_now = settings.key_limit(limit);
            if owner.closed_at.is_some() {
                return Err(InsertError::OwnerClosed);
            }
            if settings.suspended_at.is_some() {
                return Err(InsertError::OwnerSuspended);
            }
            if held >= limit_now {
                break;
            }
        }
        Err(InsertError::LimitReached { limit: limit_now })
    }

    async fn update(&self, key: &ApiKey, event: &AuditEvent) -> Result<ChangeNumber, UpdateError> {
        self.change(key_changes::update(key, event)).await?.ok_or(UpdateError::Stale)
    }

    async fn add_credits(
        &self,
        owner: &OwnerId,
        id: ApiKeyId,
        change: CreditChange,
        event: &AuditEvent,
    ) -> Result<AddedCredits, CreditsError> {
        self.change_credits(&Account::of_key(owner, id), change, event).await
    }

    async fn revive(
        &self,
        key: &ApiKey,
        limit: u32,
        event: &AuditEvent,
    ) -> Result<ChangeNumber, OverlapError> {
        self.overlap(key_changes::revive(key, limit, event)).await
    }

    async fn replace(&self, replacement: &Replacement) -> Result<ChangeNumber, OverlapError> {
        self.overlap(key_changes::replace(replacement)).await
    }

    async fn predecessor(
        &self,
        owner: &OwnerId,
        successor: ApiKeyId,
    ) -> Result<Option<ApiKey>, StoreError> {
        let reader = self.readers.get().await?;
        let mut connection = reader.connection();
        let found = api_keys::table
            .filter(api_keys::replaced_by.eq(successor.as_uuid()))
            .filter(api_keys::owner.eq(owner.as_str()))
            .filter(api_keys::revoked_at.is_null())
            .select(KeyRow::as_select())
            .first(&mut connection);
        let found: Option<KeyRow> = reader.answer(found).await?.optional().map_err(failed)?;
        found.map(TryInto::try_into).transpose()
    }

    async fn revoke(
        &self,
        owner: &OwnerId,
        id: ApiKeyId,
        event: &AuditEvent,
    ) -> Result<Option<ChangeNumber>, StoreError> {
        self.change(key_changes::revoke(owner, id, event)).await
    }

    async fn selected(
        &self,
        selection: &Selection,
        limit: u32,
    ) -> Result<Vec<SelectedKey>, StoreError> {
        let mut keys = api_keys::table
            .filter(api_keys::revoked_at.is_null())
            .select((api_keys::id, api_keys::owner, api_keys::replaced_by))
            .limit(limit.into())
            .into_boxed();
        if let Some(owner) = selection.owner() {
            keys = keys.filter(api_keys::owner.eq(owner.as_str().to_owned()));
        }
        if let Some(creator) = selection.created_by() {
            keys = keys.filter(api_keys::created_by.eq(creator.as_str().to_owned()));
        }
        if let Some(within) = patterns::within("api_keys.owner", selection.patterns()) {
            keys = keys.filter(within);
        }
        let keys: Vec<(Uuid, String, Option<Uuid>)> =
            keys.load(&mut *self.connection().await?).await.map_err(failed)?;
        let key = |(id, owner, replaced_by): (Uuid, String, Option<Uuid>)| {
            let id = ApiKeyId::new(id);
            let replaced_by = replaced_by.map(ApiKeyId::new);
            Ok(SelectedKey { id, owner: owner_from(owner, id)?, replaced_by })
        };
        keys.into_iter().map(key).collect()
    }

    async fn revoke_all(
        &self,
        keys: &[SelectedKey],
        events: &[AuditEvent],
    ) -> Result<Option<(Vec<ApiKeyId>, ChangeNumber)>, UpdateError> {
        let Some(statement) = key_changes::revoke_all(keys, events) else { return Ok(None) };
        let revoke =
            cached(statement).answering::<(Nullable<Array<SqlUuid>>, Nullable<BigInt>, Bool)>();
        let connection = self.connection().await?;
        let mut shared = &*connection;
        let mut rows: Vec<(Option<Vec<Uuid>>, Option<i64>, bool)> =
            self.wakes.after(shared, revoke.load(&mut shared)).await?;
        match rows.pop() {
            Some((Some(ids), Some(number), _)) => {
                let ids = ids.into_iter().map(ApiKeyId::new).collect();
                Ok(Some((ids, change_number(number)?)))
            }
            Some((_, _, true)) => Err(UpdateError::Stale),
            Some((_, _, false)) | None => Ok(None),
        }
    }

    // A statement of its own: the one that tried to revoke sees the row as it was before it waited
    // for the call that was faster.
    async fn latest_change(
        &self,
        owner: &OwnerId,
        id: ApiKeyId,
    ) -> Result<Option<ChangeNumber>, StoreError> {
        let mut connection = self.connection().await?;
        let number: Option<i64> = api_keys::table
            .find(id.as_uuid())
            .filter(api_keys::owner.eq(owner.as_str()))
            .select(api_keys::latest_change)
            .first(&mut *connection)
            .await
            .optional()
            .map_err(failed)?;
        prove_primary(&mut connection).await?;
        number.map(change_number).transpose()
    }

    async fn confirm(&self) -> Result<(), StoreError> {
        prove_primary(&mut *self.connection().await?).await
    }

    async fn find(&self, owner: &OwnerId, id: ApiKeyId) -> Result<Option<KeyInUse>, StoreError> {
        let reader = self.readers.get().await?;
        let mut connection = reader.connection();
        let found = unrevoked()
            .filter(api_keys::id.eq(id.as_uuid()))
            .filter(api_keys::owner.eq(owner.as_str()))
            .first(&mut connection);
        let found: Option<KeyInUseRow> = reader.answer(found).await?.optional().map_err(failed)?;
        found.map(key_in_use).transpose()
    }

    async fn list(&self, owner: &OwnerId) -> Result<Vec<KeyInUse>, StoreError> {
        let reader = self.readers.get().await?;
        let mut connection = reader.connection();
        let keys = unrevoked()
            .filter(api_keys::owner.eq(owner.as_str()))
            .order((api_keys::created_at.desc(), api_keys::id.desc()))
            .load(&mut connection);
        let keys: Vec<KeyInUseRow> = reader.answer(keys).await?.map_err(failed)?;
        keys.into_iter().map(key_in_use).collect()
    }

    async fn revoked(
        &self,
        owner: &OwnerId,
        since: Timestamp,
        limit: u32,
    ) -> Result<Vec<KeyInUse>, StoreError> {
        let reader = self.readers.get().await?;
        let mut connection = reader.connection();
        let keys = in_use()
            .filter(api_keys::owner.eq(owner.as_str()))
            .filter(api_keys::revoked_at.ge(OffsetDateTime::from(since)))
            .order((api_keys::revoked_at.desc(), api_keys::id.desc()))
            .limit(limit.into())
            .load(&mut connection);
        let keys: Vec<KeyInUseRow> = reader.answer(keys).await?.map_err(failed)?;
        keys.into_iter().map(key_in_use).collect()
    }
}
