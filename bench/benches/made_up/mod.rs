//! A store in which every secret is that of a good key.

use async_trait::async_trait;
use latchkey_domain::ports::{
    ApiKeyRepository, InsertError, KeyInUse, OverlapError, Position, Replacement, StoreError,
    UpdateError,
};
use latchkey_domain::{
    ApiKey, ApiKeyId, AuditEvent, Candidates, ChangeNumber, Digest, KeyedDigest, OwnerId, PepperId,
    Timestamp,
};
use latchkey_testkit::fixtures::a_key;

#[derive(Debug)]
pub(crate) struct AnyKey;

#[async_trait]
impl ApiKeyRepository for AnyKey {
    async fn find_by_digest(
        &self,
        digests: &Candidates,
        _since: Option<Position>,
    ) -> Result<Option<ApiKey>, StoreError> {
        let key = a_key().owned_by("01919b4e-7b3c-7def-8123-456789abcdef").named("Production");
        Ok(digests.as_slice().first().map(|digest| key.with_digest(*digest).build()))
    }

    async fn insert(
        &self,
        _key: &ApiKey,
        _limit: u32,
        _event: &AuditEvent,
    ) -> Result<(), InsertError> {
        Err(not_asked().into())
    }

    async fn update(
        &self,
        _key: &ApiKey,
        _event: &AuditEvent,
    ) -> Result<ChangeNumber, UpdateError> {
        Err(not_asked().into())
    }

    async fn revive(
        &self,
        _key: &ApiKey,
        _limit: u32,
        _event: &AuditEvent,
    ) -> Result<ChangeNumber, OverlapError> {
        Err(not_asked().into())
    }

    async fn replace(&self, _replacement: &Replacement) -> Result<ChangeNumber, OverlapError> {
        Err(not_asked().into())
    }

    async fn predecessor(
        &self,
        _owner: &OwnerId,
        _successor: ApiKeyId,
    ) -> Result<Option<ApiKey>, StoreError> {
        Err(not_asked())
    }

    async fn revoke(
        &self,
        _owner: &OwnerId,
        _id: ApiKeyId,
        _event: &AuditEvent,
    ) -> Result<Option<ChangeNumber>, StoreError> {
        Err(not_asked())
    }

    async fn latest_change(
        &self,
        _owner: &OwnerId,
        _id: ApiKeyId,
    ) -> Result<Option<ChangeNumber>, StoreError> {
        Err(not_asked())
    }

    async fn last_change(&self) -> Result<ChangeNumber, StoreError> {
        Err(not_asked())
    }

    async fn redigest(
        &self,
        _id: ApiKeyId,
        _stored: &Digest,
        _renewed: &KeyedDigest,
    ) -> Result<(), StoreError> {
        Err(not_asked())
    }

    async fn find(&self, _owner: &OwnerId, _id: ApiKeyId) -> Result<Option<KeyInUse>, StoreError> {
        Err(not_asked())
    }

    async fn owner_of(&self, _id: ApiKeyId) -> Result<Option<OwnerId>, StoreError> {
        Err(not_asked())
    }

    async fn list(&self, _owner: &OwnerId) -> Result<Vec<KeyInUse>, StoreError> {
        Err(not_asked())
    }

    async fn revoked(
        &self,
        _owner: &OwnerId,
        _since: Timestamp,
        _limit: u32,
    ) -> Result<Vec<KeyInUse>, StoreError> {
        Err(not_asked())
    }

    async fn page(
        &self,
        _after: Option<ApiKeyId>,
        _limit: u32,
    ) -> Result<Vec<KeyInUse>, StoreError> {
        Err(not_asked())
    }

    async fn page_of_all(
        &self,
        _after: Option<ApiKeyId>,
        _limit: u32,
    ) -> Result<Vec<KeyInUse>, StoreError> {
        Err(not_asked())
    }

    async fn under_pepper(
        &self,
        _pepper: PepperId,
        _limit: u32,
    ) -> Result<Vec<(OwnerId, ApiKeyId)>, StoreError> {
        Err(not_asked())
    }
}

fn not_asked() -> StoreError {
    StoreError::new("a verification does not ask for this")
}
