use std::sync::Arc;

use thiserror::Error;

use crate::ports::{ApiKeyRepository, Barrier, Clock, Entropy, KeyHasher, StoreError};
use crate::{ApiKeyId, Brand, ChangeNumber, IdSequence, OwnerId, PepperId};

/// Keys read at a time where many are revoked.
const PAGE: u32 = 100;

/// What owners do with their keys, over the ports.
///
/// They [`issue`](Self::issue), [`change`](Self::change), [`rotate`](Self::rotate) and
/// [`revoke`](Self::revoke) them. Reading keys needs no rule and goes to the repository itself.
#[derive(Debug)]
pub struct ApiKeyService {
    pub(crate) keys: Arc<dyn ApiKeyRepository>,
    pub(crate) barrier: Arc<dyn Barrier>,
    pub(crate) hasher: Arc<dyn KeyHasher>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) entropy: Arc<dyn Entropy>,
    pub(crate) ids: IdSequence,
    pub(crate) policy: IssuePolicy,
}

/// What an [`ApiKeyService`] needs from outside.
#[derive(Debug)]
#[expect(missing_docs, reason = "each is named for what it is")]
pub struct ApiKeyPorts {
    pub keys: Arc<dyn ApiKeyRepository>,
    pub barrier: Arc<dyn Barrier>,
    pub hasher: Arc<dyn KeyHasher>,
    pub clock: Arc<dyn Clock>,
    pub entropy: Arc<dyn Entropy>,
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
    pub fn new(ports: ApiKeyPorts, policy: IssuePolicy) -> Self {
        let ApiKeyPorts { keys, barrier, hasher, clock, entropy } = ports;
        let ids = IdSequence::new(Arc::clone(&entropy));
        Self { keys, barrier, hasher, clock, entropy, ids, policy }
    }

    /// Revokes a key of `owner`, for ever. Whatever this answers, from then on no instance accepts
    /// a key that it found or left revoked.
    pub async fn revoke(&self, owner: &OwnerId, id: ApiKeyId) -> Result<(), RevokeError> {
        let made = self.keys.revoke(owner, id, self.clock.now()).await?;
        self.pass(owner, id, made).await?;
        made.map(|_change| ()).ok_or(RevokeError::NotFound)
    }

    /// Revokes every key that depends on `pepper` as [`revoke`](Self::revoke) does, and tells how
    /// many that were. Each is a change of its own: one for all would keep every other waiting.
    pub async fn revoke_under(&self, pepper: PepperId) -> Result<u64, StoreError> {
        let mut revoked = 0;
        loop {
            let left = self.keys.under_pepper(pepper, PAGE).await?;
            if left.is_empty() {
                break;
            }
            for (owner, id) in left {
                let made = self.keys.revoke(&owner, id, self.clock.now()).await?;
                revoked += u64::from(made.is_some());
            }
        }
        // Also for those that somebody else revoked, whose change may not be answered yet.
        self.barrier.pass(self.keys.last_change().await?).await;
        Ok(revoked)
    }

    /// Waits for the change that was made. Where none was, the change may be another's, which is
    /// not answered yet: so this waits for the key's latest.
    pub(crate) async fn pass(
        &self,
        owner: &OwnerId,
        id: ApiKeyId,
        made: Option<ChangeNumber>,
    ) -> Result<(), StoreError> {
        let change = match made {
            Some(_) => made,
            None => self.keys.latest_change(owner, id).await?,
        };
        if let Some(change) = change {
            self.barrier.pass(change).await;
        }
        Ok(())
    }
}
