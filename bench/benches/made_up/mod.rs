//! A store in which every secret is that of a good key.

use async_trait::async_trait;
use latchkey_domain::ports::{KeyLookup, Position, StoreError};
use latchkey_domain::{ApiKeyId, Candidates, Digest, FoundKey, KeyedDigest};
use latchkey_testkit::fixtures::a_key;

#[derive(Debug)]
pub(crate) struct AnyKey;

#[async_trait]
impl KeyLookup for AnyKey {
    async fn find_by_digest(
        &self,
        digests: &Candidates,
        _since: Option<Position>,
    ) -> Result<Option<FoundKey>, StoreError> {
        let key = a_key().owned_by("01919b4e-7b3c-7def-8123-456789abcdef").named("Production");
        let found = |digest: &KeyedDigest| FoundKey {
            key: key.with_digest(*digest).build(),
            owner_suspended: false,
            budgets: Vec::new(),
        };
        Ok(digests.as_slice().first().map(found))
    }

    async fn redigest(
        &self,
        _id: ApiKeyId,
        _stored: &Digest,
        _renewed: &KeyedDigest,
    ) -> Result<(), StoreError> {
        Err(StoreError::new("every key is stored under the signing pepper"))
    }
}
