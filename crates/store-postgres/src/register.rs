//! Reads over the keys of all owners.

use async_trait::async_trait;
use diesel::dsl::{IntoBoxed, sql as literal};
use diesel::pg::Pg;
use diesel::prelude::*;
use diesel::sql_types::{Bool, Text, Timestamptz, Uuid as SqlUuid};
use diesel_async::RunQueryDsl;
use latchkey_domain::ports::{KeyInUse, KeyRegister, StoreError};
use latchkey_domain::{ApiKeyId, ChangeNumber, KeyCursor, KeySearch, KeyStatus, OwnerId, PepperId};
use time::OffsetDateTime;
use uuid::Uuid;

use crate::api_keys::{in_use, unrevoked};
use crate::changes::change_number;
use crate::fault::failed;
use crate::primary::prove_primary;
use crate::row::{KeyInUseRow, key_in_use, owner_from};
use crate::schema::{api_keys, change_clock};
use crate::{PostgresStore, patterns};

#[async_trait]
impl KeyRegister for PostgresStore {
    async fn last_change(&self) -> Result<ChangeNumber, StoreError> {
        let mut connection = self.connection().await?;
        let clock = change_clock::table.select(change_clock::seq);
        let number: i64 = clock.first(&mut *connection).await.map_err(failed)?;
        prove_primary(&mut connection).await?;
        change_number(number)
    }

    async fn owner_of(&self, id: ApiKeyId) -> Result<Option<OwnerId>, StoreError> {
        let owner: Option<String> = api_keys::table
            .find(id.as_uuid())
            .select(api_keys::owner)
            .first(&mut *self.connection().await?)
            .await
            .optional()
            .map_err(failed)?;
        owner.map(|owner| owner_from(owner, id)).transpose()
    }

    async fn key(&self, id: ApiKeyId) -> Result<Option<KeyInUse>, StoreError> {
        let key: Option<KeyInUseRow> = in_use()
            .filter(api_keys::id.eq(id.as_uuid()))
            .first(&mut *self.connection().await?)
            .await
            .optional()
            .map_err(failed)?;
        key.map(key_in_use).transpose()
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

    async fn search(
        &self,
        search: &KeySearch,
        after: Option<KeyCursor>,
        limit: u32,
    ) -> Result<Vec<KeyInUse>, StoreError> {
        let keys: Vec<KeyInUseRow> = keys_sought(search, after, limit)
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
            .map(|(owner, id)| (owner, ApiKeyId::new(id)))
            .map(|(owner, id)| Ok((owner_from(owner, id)?, id)))
            .collect()
    }
}

type Keys = IntoBoxed<'static, in_use, Pg>;

/// The keys that a search finds. The text differs with what is asked for, so the statement is not prepared once:
/// each is planned by what it asks for.
pub(crate) fn keys_sought(search: &KeySearch, after: Option<KeyCursor>, limit: u32) -> Keys {
    let KeySearch { within, owner, created_by, environment, status, prefix, .. } = search;
    let mut keys = in_use().limit(limit.into()).into_boxed();
    if let Some(owner) = owner {
        keys = keys.filter(api_keys::owner.eq(owner.as_str().to_owned()));
    }
    if let Some(creator) = created_by {
        keys = keys.filter(api_keys::created_by.eq(creator.as_str().to_owned()));
    }
    if let Some(environment) = environment {
        keys = keys.filter(api_keys::environment.eq(environment.as_str()));
    }
    if let Some(prefix) = prefix {
        keys = keys.filter(api_keys::prefix.eq(prefix.as_str().to_owned()));
    }
    if let Some(within) = patterns::within("api_keys.owner", within) {
        keys = keys.filter(within);
    }
    keys = match status {
        Some(KeyStatus::Revoked) => keys.filter(api_keys::revoked_at.is_not_null()),
        _ => keys.filter(api_keys::revoked_at.is_null()),
    };
    let now = OffsetDateTime::from(search.now);
    let lives = || api_keys::expires_at.is_null().or(api_keys::expires_at.gt(now));
    let is_on = || api_keys::disabled_at.is_null();
    keys = match status {
        None | Some(KeyStatus::Revoked) => keys,
        Some(KeyStatus::Disabled) => keys.filter(api_keys::disabled_at.is_not_null()),
        Some(KeyStatus::Expired) => keys.filter(is_on()).filter(api_keys::expires_at.le(now)),
        Some(KeyStatus::Replaced) => {
            keys.filter(is_on()).filter(lives()).filter(api_keys::replaced_by.is_not_null())
        }
        Some(KeyStatus::Active) => {
            keys.filter(is_on()).filter(lives()).filter(api_keys::replaced_by.is_null())
        }
    };
    if let Some(part) = &search.name_part {
        // By the collation C only ASCII letters have small ones.
        let has = literal::<Bool>("strpos(lower(api_keys.name collate \"C\"), ");
        keys = keys.filter(has.bind::<Text, _>(part.as_lower().to_owned()).sql(") > 0"));
    }
    if let Some(since) = search.unused_since.map(OffsetDateTime::from) {
        let used = "not exists(select from last_uses where key_id = api_keys.id and used_at > ";
        let unused = literal::<Bool>(used).bind::<Timestamptz, _>(since).sql(")");
        keys = keys.filter(api_keys::created_at.lt(since)).filter(unused);
    }
    if let Some(KeyCursor { created_at, id }) = after {
        let behind = literal::<Bool>("(api_keys.created_at, api_keys.id) < (");
        let behind = behind.bind::<Timestamptz, _>(OffsetDateTime::from(created_at));
        keys = keys.filter(behind.sql(", ").bind::<SqlUuid, _>(id.as_uuid()).sql(")"));
    }
    keys.order((api_keys::created_at.desc(), api_keys::id.desc()))
}
