//! What a verification needs.

use std::fmt;

use async_trait::async_trait;

use super::{Position, StoreError};
use crate::{ApiKeyId, Candidates, Digest, FoundKey, KeyedDigest, Secret};

/// How the key of a presented secret is found.
#[async_trait]
pub trait KeyLookup: Send + Sync + fmt::Debug {
    /// Stores `renewed`, the digest of the same secret under another pepper, in place of `stored`,
    /// if the key still has that and is not revoked. This is not a change: it neither raises the version
    /// nor conflicts with concurrent changes.
    async fn redigest(
        &self,
        id: ApiKeyId,
        stored: &Digest,
        renewed: &KeyedDigest,
    ) -> Result<(), StoreError>;

    /// The key, revoked or not, that has one of these digests, whether its owner is suspended, and in which budgets a
    /// use has to find room, in one snapshot as it was at `since` or later. Where a store consists of several servers, the answer of one that lags behind `since`, or has another
    /// history, is discarded; an error if no other server answers.
    async fn find_by_digest(
        &self,
        digests: &Candidates,
        since: Option<Position>,
    ) -> Result<Option<FoundKey>, StoreError>;
}

/// The keyed one-way function between a secret and what is stored.
pub trait KeyHasher: Send + Sync + fmt::Debug {
    /// The digest under the signing pepper.
    fn digest(&self, secret: &Secret) -> KeyedDigest;

    /// The digests under every live pepper, the signing one first.
    fn candidates(&self, secret: &Secret) -> Candidates;
}
