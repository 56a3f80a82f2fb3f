//! What is said about owners.

use std::fmt;

use async_trait::async_trait;

use super::{AddedCredits, CreditsError, StoreError, UpdateError};
use crate::{AuditEvent, ChangeNumber, CreditChange, Credits, OwnerId, OwnerSettings};

/// An owner as the store knows it. One that it does not know holds nothing and has no settings of its
/// own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FoundOwner {
    /// What holds for this owner.
    pub settings: OwnerSettings,
    /// The keys that count towards the limit: they are neither revoked nor replaced.
    pub held: u32,
    /// How many credits are left for all its keys, as [`KeyInUse::credits`](super::KeyInUse::credits).
    pub credits: Option<Credits>,
    /// The latest change of any key when this was read, or a later one. The change that brought about
    /// these settings is not after it.
    pub as_of: ChangeNumber,
}

/// Where the settings of owners are kept.
#[async_trait]
pub trait OwnerRepository: Send + Sync + fmt::Debug {
    /// What the store knows of `owner`, which may be nothing.
    async fn find(&self, owner: &OwnerId) -> Result<FoundOwner, StoreError>;

    /// Replaces `before`, the settings of `owner`, by `after`, and stores the event, if `before` still
    /// holds. A suspension that goes on keeps its instant. Where a suspension begins or ends, this is a
    /// change of each unrevoked key of the owner. Returns a number that is not before this change.
    ///
    /// Where the limits differ, the owner's budgets follow. What the present window has used stays used. Where a budget
    /// begins or ceases to count, this is a change of each unrevoked key too.
    ///
    /// While the owner is suspended, no key can be added: an insert that runs at the same time is
    /// refused, or its key is told as changed.
    async fn change(
        &self,
        owner: &OwnerId,
        before: &OwnerSettings,
        after: &OwnerSettings,
        event: &AuditEvent,
    ) -> Result<ChangeNumber, UpdateError>;

    /// As [`ApiKeyRepository::add_credits`](super::ApiKeyRepository::add_credits), for the credits that all keys of
    /// `owner` share, which need not be known before.
    async fn add_credits(
        &self,
        owner: &OwnerId,
        change: CreditChange,
        event: &AuditEvent,
    ) -> Result<AddedCredits, CreditsError>;
}
