use async_trait::async_trait;
use diesel::dsl::{AsSelect, auto_type};
use diesel::pg::Pg;
use diesel::prelude::*;
use diesel::query_builder::{BoxedSqlQuery, SqlQuery};
use diesel::sql_types::{
    BigInt, Binary, Bool, Integer, Nullable, Text, Timestamptz, Uuid as SqlUuid,
};
use diesel_async::RunQueryDsl;
use latchkey_domain::ports::{
    ApiKeyRepository, InsertError, KeyInUse, OverlapError, Position, Replacement, StoreError,
    UpdateError,
};
use latchkey_domain::{
    ApiKey, ApiKeyId, AuditEvent, Candidates, ChangeNumber, Digest, KeyedDigest, OwnerId, PepperId,
    Timestamp,
};
use time::OffsetDateTime;
use uuid::Uuid;

use crate::audit::{add_event, with_event};
use crate::cached_sql::cached;
use crate::changes::{change_number, waking};
use crate::fault::{failed, insert_key};
use crate::row::{EventRow, KeyInUseRow, KeyRow, key_in_use};
use crate::schema::{api_keys, change_clock, key_owners, last_uses};
use crate::{PostgresStore, look_up};

/// Takes a place for the owner, under the lock of the owner's row, and the key with it or neither.
const INSERT: &str = concat!(
    "with place as ( \
        insert into key_owners as mine (owner, held) select $15, 1 where $27 > 0 \
        on conflict (owner) do update set held = mine.held + 1 \
        where mine.held < $27 and mine.closed_at is null \
        returning owner \
    ), event as (",
    add_event!(),
    "from place) \
    insert into api_keys (id, owner, name, prefix, environment, digest, pepper_id, created_at, \
        expires_at, disabled_at, revoked_at, replaced_by, version) \
    select $14, owner, $16, $17, $18, $19, $20, $21, $22, $23, $24, $25, $26 from place"
);

/// The key is locked before the event is added, and so before the trigger takes the clock.
const UPDATE: &str = concat!(
    "with found as ( \
        select from api_keys where id = $14 and version = $15 - 1 and revoked_at is null for update \
    ), event as (",
    add_event!(),
    "from found returning id) \
    update api_keys as key set version = $15, name = $16, expires_at = $17, disabled_at = $18, \
        revoked_at = $19, replaced_by = $20 \
    from event where key.id = $14 returning latest_change"
);

/// As [`UPDATE`], where no more replaced keys work than may: the owner's row is locked for that, and
/// as everywhere after the key.
const REVIVE: &str = concat!(
    "with found as ( \
        select owner from api_keys where id = $14 and version = $15 - 1 and revoked_at is null \
        for update \
    ), room as ( \
        select from found where overlapping_keys(owner, $2, null) < $21 \
    ), event as (",
    add_event!(),
    "from room returning id), revived as ( \
        update api_keys as key set version = $15, name = $16, expires_at = $17, \
            disabled_at = $18, revoked_at = $19, replaced_by = $20 \
        from event where key.id = $14 returning latest_change \
    ) \
    select (select latest_change from revived), \
        exists(select from found) and not exists(select from room)"
);

/// As [`REVIVE`], with the predecessor, if one is to end. It takes a place for the successor as
/// [`INSERT`] does, whatever the limit: the trigger gives that of the old key back. The keys are
/// locked first, in the order of their ids, then their owner, as the triggers do; each step feeds
/// the next, so that it is all or nothing.
const REPLACE: &str = concat!(
    "with found as ( \
        select id, owner from api_keys \
        where id in ($14, $34) and revoked_at is null \
            and version = case id when $14 then $15 else $35 end - 1 \
        order by id for update \
    ), whole as ( \
        select max(owner) as owner from found having count(*) = case when $34 is null then 1 else 2 end \
    ), room as ( \
        select owner from whole where $38 is null or overlapping_keys(owner, $2, $34) < $38 \
    ), place as ( \
        insert into key_owners as mine (owner, held) select owner, 1 from room \
        on conflict (owner) do update set held = mine.held + 1 where mine.closed_at is null \
        returning owner \
    ), end_event as ( \
        insert into audit_events (id, at, owner, action, key_id, actor, address, user_agent, \
            request_id, key_name, key_prefix, changes) \
        select $37, $2, $3, 'key.changed', $34, $7, $8, $9, $10, $39, $40, $41 \
        from place where $34 is not null \
    ), event as (",
    add_event!(),
    "from place returning id), ended as ( \
        update api_keys as key set version = $35, expires_at = $36 \
        from event where key.id = $34 returning latest_change \
    ), replaced as ( \
        update api_keys as key set version = $15, name = $16, expires_at = $17, \
            disabled_at = $18, revoked_at = $19, replaced_by = $20 \
        from event where key.id = $14 returning latest_change \
    ), added as ( \
        insert into api_keys (id, owner, name, prefix, environment, digest, pepper_id, created_at, \
            expires_at, disabled_at, revoked_at, replaced_by, version) \
        select $21, $22, $23, $24, $25, $26, $27, $28, $29, $30, $31, $32, $33 from replaced \
    ) \
    select (select greatest(replaced.latest_change, max(ended.latest_change)) \
            from replaced left join ended on true group by replaced.latest_change), \
        exists(select from whole) and not exists(select from room)"
);

/// As [`UPDATE`]. What the key is called is known here alone.
const REVOKE: &str = concat!(
    "with found as ( \
        select name, prefix from api_keys where id = $14 and owner = $15 and revoked_at is null \
        for update \
    ), event as (",
    add_event!("coalesce($11, found.name), coalesce($12, found.prefix)"),
    "from found returning at) \
    update api_keys as key set revoked_at = event.at, version = key.version + 1 \
    from event where key.id = $14 returning latest_change"
);

type Statement = BoxedSqlQuery<'static, Pg, SqlQuery>;

/// Adds thirteen arguments, a new key.
fn with_new(statement: Statement, key: &ApiKey) -> Statement {
    let row = KeyRow::from(key);
    statement
        .bind::<SqlUuid, _>(row.id)
        .bind::<Text, _>(row.owner)
        .bind::<Text, _>(row.name)
        .bind::<Text, _>(row.prefix)
        .bind::<Text, _>(row.environment)
        .bind::<Binary, _>(row.digest)
        .bind::<Integer, _>(row.pepper_id)
        .bind::<Timestamptz, _>(row.created_at)
        .bind::<Nullable<Timestamptz>, _>(row.expires_at)
        .bind::<Nullable<Timestamptz>, _>(row.disabled_at)
        .bind::<Nullable<Timestamptz>, _>(row.revoked_at)
        .bind::<Nullable<SqlUuid>, _>(row.replaced_by)
        .bind::<Integer, _>(row.version)
}

/// Adds seven arguments, the next version of a key. What is missing among them never changes.
fn with_next(statement: Statement, key: &ApiKey) -> Statement {
    let row = KeyRow::from(key);
    statement
        .bind::<SqlUuid, _>(row.id)
        .bind::<Integer, _>(row.version)
        .bind::<Text, _>(row.name)
        .bind::<Nullable<Timestamptz>, _>(row.expires_at)
        .bind::<Nullable<Timestamptz>, _>(row.disabled_at)
        .bind::<Nullable<Timestamptz>, _>(row.revoked_at)
        .bind::<Nullable<SqlUuid>, _>(row.replaced_by)
}

impl PostgresStore {
    /// Runs a statement that changes one key, and answers the number of the change.
    async fn change(&self, statement: Statement) -> Result<Option<ChangeNumber>, StoreError> {
        let change = cached(statement).answering::<BigInt>();
        let connection = self.connection().await?;
        let mut shared = &*connection;
        let mut numbers: Vec<i64> = waking(shared, change.load(&mut shared)).await?;
        numbers.pop().map(change_number).transpose()
    }
}

impl PostgresStore {
    /// Runs a statement that may let a replaced key work. It answers one row: the number of the
    /// change, if it was made, and whether the limit was what hindered it.
    async fn overlap(&self, statement: Statement) -> Result<ChangeNumber, OverlapError> {
        let change = cached(statement).answering::<(Nullable<BigInt>, Bool)>();
        let connection = self.connection().await?;
        let mut shared = &*connection;
        let mut rows: Vec<(Option<i64>, bool)> = waking(shared, change.load(&mut shared)).await?;
        match rows.pop() {
            Some((Some(number), _)) => Ok(change_number(number)?),
            Some((None, true)) => Err(OverlapError::LimitReached),
            Some((None, false)) | None => Err(OverlapError::Stale),
        }
    }
}

/// Keys with their last uses: a look-up for each key, where a join would be free to read all last
/// uses there are.
#[auto_type]
fn in_use() -> _ {
    let last_use =
        last_uses::table.filter(last_uses::key_id.eq(api_keys::id)).select(last_uses::used_at);
    let key: AsSelect<KeyRow, Pg> = KeyRow::as_select();
    api_keys::table.select((key, last_use.single_value()))
}

#[auto_type]
fn unrevoked() -> _ {
    in_use().filter(api_keys::revoked_at.is_null())
}

#[async_trait]
impl ApiKeyRepository for PostgresStore {
    async fn insert(
        &self,
        key: &ApiKey,
        limit: u32,
        event: &AuditEvent,
    ) -> Result<(), InsertError> {
        let mut connection = self.connection().await?;
        let insert = with_new(with_event(INSERT, event), key).bind::<BigInt, _>(i64::from(limit));
        let added = cached(insert).execute(&mut *connection).await.map_err(insert_key)?;
        if added == 1 {
            return Ok(());
        }
        // Nothing was written; which of the two it was may be looked up afterwards, since an owner
        // that is closed stays closed.
        let closed_at: Option<Option<OffsetDateTime>> = key_owners::table
            .find(key.parts().owner.as_str())
            .select(key_owners::closed_at)
            .first(&mut *connection)
            .await
            .optional()
            .map_err(failed)?;
        Err(match closed_at.flatten() {
            Some(_closed) => InsertError::OwnerClosed,
            None => InsertError::LimitReached,
        })
    }

    async fn update(&self, key: &ApiKey, event: &AuditEvent) -> Result<ChangeNumber, UpdateError> {
        let update = with_next(with_event(UPDATE, event), key);
        self.change(update).await?.ok_or(UpdateError::Stale)
    }

    async fn revive(
        &self,
        key: &ApiKey,
        limit: u32,
        event: &AuditEvent,
    ) -> Result<ChangeNumber, OverlapError> {
        let revive = with_next(with_event(REVIVE, event), key).bind::<BigInt, _>(i64::from(limit));
        self.overlap(revive).await
    }

    async fn replace(&self, replacement: &Replacement) -> Result<ChangeNumber, OverlapError> {
        let Replacement { key, successor, ended, limit, event } = replacement;
        let ended = ended.as_ref().map(|(key, event)| (KeyRow::from(key), EventRow::from(event)));
        let replace = with_new(with_next(with_event(REPLACE, event), key), successor)
            .bind::<Nullable<SqlUuid>, _>(ended.as_ref().map(|(key, _)| key.id))
            .bind::<Nullable<Integer>, _>(ended.as_ref().map(|(key, _)| key.version))
            .bind::<Nullable<Timestamptz>, _>(ended.as_ref().and_then(|(key, _)| key.expires_at))
            .bind::<Nullable<SqlUuid>, _>(ended.as_ref().map(|(_, event)| event.id))
            .bind::<Nullable<BigInt>, _>(limit.map(i64::from))
            .bind::<Nullable<Text>, _>(ended.as_ref().and_then(|(_, event)| event.key_name.clone()))
            .bind::<Nullable<Text>, _>(
                ended.as_ref().and_then(|(_, event)| event.key_prefix.clone()),
            )
            .bind::<Nullable<Text>, _>(ended.and_then(|(_, event)| event.changes));
        self.overlap(replace).await
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
        let revoke = with_event(REVOKE, event)
            .bind::<SqlUuid, _>(id.as_uuid())
            .bind::<Text, _>(owner.as_str().to_owned());
        self.change(revoke).await
    }

    // A statement of its own: the one that tried to revoke sees the row as it was before it waited
    // for the call that was faster.
    async fn latest_change(
        &self,
        owner: &OwnerId,
        id: ApiKeyId,
    ) -> Result<Option<ChangeNumber>, StoreError> {
        let number: Option<i64> = api_keys::table
            .find(id.as_uuid())
            .filter(api_keys::owner.eq(owner.as_str()))
            .select(api_keys::latest_change)
            .first(&mut *self.connection().await?)
            .await
            .optional()
            .map_err(failed)?;
        number.map(change_number).transpose()
    }

    async fn last_change(&self) -> Result<ChangeNumber, StoreError> {
        let clock = change_clock::table.select(change_clock::seq);
        let number: i64 = clock.first(&mut *self.connection().await?).await.map_err(failed)?;
        change_number(number)
    }

    async fn redigest(
        &self,
        id: ApiKeyId,
        stored: &Digest,
        renewed: &KeyedDigest,
    ) -> Result<(), StoreError> {
        let unrevoked = api_keys::table
            .find(id.as_uuid())
            .filter(api_keys::digest.eq(stored.as_bytes().as_slice()))
            .filter(api_keys::revoked_at.is_null());
        let redigest = cached(diesel::update(unrevoked).set((
            api_keys::digest.eq(renewed.digest.as_bytes().as_slice()),
            api_keys::pepper_id.eq(i32::from(renewed.pepper.get())),
        )));
        redigest.execute(&mut *self.connection().await?).await.map(drop).map_err(failed)
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

    async fn find_by_digest(
        &self,
        digests: &Candidates,
        since: Option<Position>,
    ) -> Result<Option<ApiKey>, StoreError> {
        look_up::find(&self.readers, digests, since).await
    }

    async fn owner_of(&self, id: ApiKeyId) -> Result<Option<OwnerId>, StoreError> {
        let owner: Option<String> = api_keys::table
            .find(id.as_uuid())
            .select(api_keys::owner)
            .first(&mut *self.connection().await?)
            .await
            .optional()
            .map_err(failed)?;
        owner.map(|owner| OwnerId::parse(owner).map_err(failed)).transpose()
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

    async fn page(&self, after: Option<ApiKeyId>, limit: u32) -> Result<Vec<KeyInUse>, StoreError> {
        let after = after.unwrap_or(ApiKeyId::NONE).as_uuid();
        let keys: Vec<KeyInUseRow> = unrevoked()
            .filter(api_keys::id.gt(after))
            .order(api_keys::id)
            .limit(limit.into())
            .load(&mut *self.connection().await?)
            .await
            .map_err(failed)?;
        keys.into_iter().map(key_in_use).collect()
    }

    async fn page_of_all(
        &self,
        after: Option<ApiKeyId>,
        limit: u32,
    ) -> Result<Vec<KeyInUse>, StoreError> {
        let after = after.unwrap_or(ApiKeyId::NONE).as_uuid();
        let keys: Vec<KeyInUseRow> = in_use()
            .filter(api_keys::id.gt(after))
            .order(api_keys::id)
            .limit(limit.into())
            .load(&mut *self.connection().await?)
            .await
            .map_err(failed)?;
        keys.into_iter().map(key_in_use).collect()
    }

    async fn under_pepper(
        &self,
        pepper: PepperId,
        limit: u32,
    ) -> Result<Vec<(OwnerId, ApiKeyId)>, StoreError> {
        let keys: Vec<(String, Uuid)> = api_keys::table
            .filter(api_keys::revoked_at.is_null())
            .filter(api_keys::pepper_id.eq(i32::from(pepper.get())))
            .select((api_keys::owner, api_keys::id))
            .limit(limit.into())
            .load(&mut *self.connection().await?)
            .await
            .map_err(failed)?;
        keys.into_iter()
            .map(|(owner, id)| Ok((OwnerId::parse(owner).map_err(failed)?, ApiKeyId::new(id))))
            .collect()
    }
}
