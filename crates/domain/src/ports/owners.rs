//! What is said about owners.

use std::fmt;

use async_trait::async_trait;

use super::{StoreError, UpdateError};
use crate::{AuditEvent, ChangeNumber, OwnerId, OwnerSettings};

/// An owner as the store knows it. One that it does not know holds nothing and has no settings of its
/// own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FoundOwner {
    /// What holds for this owner.
    pub settings: OwnerSettings,
    /// The keys that count towards the limit: they are neither revoked nor replaced.
    pub held: u32,
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
    /// While the owner is suspended, no key can be added: an insert that runs at the same time is
    /// refused, or its key is told as changed.
    async fn change(
        &self,
        owner: &OwnerId,
        before: &OwnerSettings,
        after: &OwnerSettings,
        event: &AuditEvent,
    ) -> Result<ChangeNumber, UpdateError>;
}
