use std::sync::Arc;

use thiserror::Error;

use crate::ports::{ApiKeyRepository, Clock, Entropy, KeyHasher, StoreError};
use crate::{ApiKeyId, Brand, IdSequence, OwnerId};

/// The use cases of API keys over the ports: [`issue`](Self::issue), [`verify`](Self::verify) and
/// [`revoke`](Self::revoke). Reading keys needs no rule and goes to the repository itself.
#[derive(Debug)]
pub struct ApiKeyService {
    pub(crate) keys: Arc<dyn ApiKeyRepository>,
    pub(crate) hasher: Arc<dyn KeyHasher>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) entropy: Arc<dyn Entropy>,
    pub(crate) ids: IdSequence,
    pub(crate) policy: IssuePolicy,
}

/// What an operator decides about new keys.
#[derive(Debug, Clone)]
pub struct IssuePolicy {
    /// The first part of their text.
    pub brand: Brand,
    /// The most keys, neither revoked nor replaced, that one owner holds.
    pub max_keys_per_owner: u32,
}

/// Why a key was not revoked.
#[derive(Debug, Error)]
pub enum RevokeError {
    /// There is no such key, it belongs to someone else, or it is revoked already.
    #[error("API key not found")]
    NotFound,
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl ApiKeyService {
    /// Joins the ports.
    pub fn new(
        keys: Arc<dyn ApiKeyRepository>,
        hasher: Arc<dyn KeyHasher>,
        clock: Arc<dyn Clock>,
        entropy: Arc<dyn Entropy>,
        policy: IssuePolicy,
    ) -> Self {
        let ids = IdSequence::new(Arc::clone(&entropy));
        Self { keys, hasher, clock, entropy, ids, policy }
    }

    /// Revokes a key of `owner`, for ever.
    pub async fn revoke(&self, owner: &OwnerId, id: ApiKeyId) -> Result<(), RevokeError> {
        if self.keys.revoke(owner, id, self.clock.now()).await? {
            Ok(())
        } else {
            Err(RevokeError::NotFound)
        }
    }
}
