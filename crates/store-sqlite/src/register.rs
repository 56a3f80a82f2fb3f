//! Reads over the keys of all owners.

use std::sync::Arc;

use async_trait::async_trait;
use diesel::prelude::*;
use latchkey_domain::ports::{KeyInUse, KeyRegister, StoreError};
use latchkey_domain::{ApiKeyId, ChangeNumber, KeyCursor, KeySearch, OwnerId, PepperId};

use crate::SqliteStore;
use crate::fault::Place;
use crate::query;
use crate::row::{id_and_owner, id_bytes, keys_in_use};
use crate::schema::api_keys;

#[async_trait]
impl KeyRegister for SqliteStore {
    async fn last_change(&self) -> Result<ChangeNumber, StoreError> {
        let changes = Arc::clone(&self.0.changes);
        // Behind the writer: a reader can see a change that is committed and not numbered yet.
        self.0.pool.write_then(|_db| Ok(()), move |()| changes.latest()).await
    }

    async fn owner_of(&self, id: ApiKeyId) -> Result<Option<OwnerId>, StoreError> {
        self.read(move |db| {
            let key = api_keys::table.find(id_bytes(id.as_uuid()));
            let owner: Option<String> = key.select(api_keys::owner).get_result(db).optional()?;
            let place = Place { table: "api_keys", row: id.as_uuid() };
            Ok(owner.map(|owner| place.read("owner", OwnerId::parse(owner).ok())).transpose()?)
        })
        .await
    }

    async fn key(&self, id: ApiKeyId) -> Result<Option<KeyInUse>, StoreError> {
        self.read(move |db| Ok(keys_in_use(query::any_key(id).load(db)?)?.pop())).await
    }

    async fn page(&self, after: Option<ApiKeyId>, limit: u32) -> Result<Vec<KeyInUse>, StoreError> {
        self.read(move |db| keys_in_use(query::page(after, limit).load(db)?)).await
    }

    async fn page_of_all(
        &self,
        after: Option<ApiKeyId>,
        limit: u32,
    ) -> Result<Vec<KeyInUse>, StoreError> {
        self.read(move |db| keys_in_use(query::page_of_all(after, limit).load(db)?)).await
    }

    async fn search(
        &self,
        search: &KeySearch,
        after: Option<KeyCursor>,
        limit: u32,
    ) -> Result<Vec<KeyInUse>, StoreError> {
        let search = search.clone();
        self.read(move |db| keys_in_use(query::keys_sought(&search, after, limit).load(db)?)).await
    }

    async fn under_pepper(
        &self,
        pepper: PepperId,
        limit: u32,
    ) -> Result<Vec<(OwnerId, ApiKeyId)>, StoreError> {
        self.read(move |db| {
            let keys: Vec<(String, Vec<u8>)> =
                query::keys_under(i64::from(pepper.get()), limit).load(db)?;
            let key = |(owner, id): (String, Vec<u8>)| {
                let (id, owner) = id_and_owner(&id, owner)?;
                Ok((owner, id))
            };
            keys.into_iter().map(key).collect()
        })
        .await
    }
}
