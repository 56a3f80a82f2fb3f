//! What the domain needs from outside. Every adapter of a port passes the same contract suite.
//!
//! A look-up answers `Option`: not finding something is an answer, an error means that the store
//! failed. One call is one transaction.

pub mod budgets;
mod feed;
mod keys;
mod owners;
mod system;
mod trail;
mod upkeep;
mod usage;
mod verification;

use std::error::Error as StdError;

use thiserror::Error;

pub use budgets::BudgetShares;
pub use feed::{
    Barrier, ChangeFeed, Heartbeat, InstanceId, InstanceList, InstanceStatus, News, NoBarrier,
    Position, Registration,
};
pub use keys::{
    AddedCredits, ApiKeyRepository, CreditsError, InsertError, KeyInUse, OverlapError, Replacement,
    SelectedKey, UpdateError,
};
pub use owners::{FoundOwner, OwnerRepository};
pub use system::{Clock, Entropy, EntropyError, SteadyClock};
pub use trail::AuditTrail;
pub use upkeep::{Housekeeping, KeyRegister, PepperRepository, PepperUse};
pub use usage::{OldUsage, UsageRegister, UsageRepository};
pub use verification::{KeyHasher, KeyLookup};

/// The store failed; whether the call took effect is unknown. To be logged, never matched.
#[derive(Debug, Error)]
#[error("the store failed")]
pub struct StoreError(#[source] Box<dyn StdError + Send + Sync>);

impl StoreError {
    /// Wraps what the driver said.
    pub fn new(source: impl Into<Box<dyn StdError + Send + Sync>>) -> Self {
        Self(source.into())
    }
}
