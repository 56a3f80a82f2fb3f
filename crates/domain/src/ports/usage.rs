//! Where usage is kept.

use std::fmt;

use async_trait::async_trait;

use super::StoreError;
use crate::{
    ApiKeyId, CountedCalls, KeptRefusal, OwnerId, RecentUsage, UsageBatch, UsagePeriod, UsageSpan,
};

/// Where last uses and counts are written: apart from the keys, so that writing them never locks a row that a
/// revoke needs.
#[async_trait]
pub trait UsageRepository: Send + Sync + fmt::Debug {
    /// Adds a batch, whole or not at all. A last use never moves back, in any order of calls. A batch whose number is
    /// not higher than that of its writer's last one was added before, and changes nothing.
    async fn record(&self, batch: &UsageBatch) -> Result<(), StoreError>;
}

/// What usage is read by.
#[async_trait]
pub trait UsageRegister: Send + Sync + fmt::Debug {
    /// The calls of each of `keys`, revoked or not, in the order of neither.
    async fn of_keys(
        &self,
        keys: &[ApiKeyId],
        period: &UsagePeriod,
    ) -> Result<Vec<(ApiKeyId, CountedCalls)>, StoreError>;

    /// The accepted calls of each of `keys` that was ever used, by the day, in any order. A line of a list is drawn of them, so that
    /// reading them costs about what reading the keys costs.
    async fn recent_of_keys(
        &self,
        keys: &[ApiKeyId],
    ) -> Result<Vec<(ApiKeyId, RecentUsage)>, StoreError>;

    /// The calls of all keys of `owner` together, revoked or not.
    async fn of_owner(
        &self,
        owner: &OwnerId,
        period: &UsagePeriod,
    ) -> Result<Vec<CountedCalls>, StoreError>;

    /// The refusals that are kept of a key, the latest first: at most [`KeptRefusal::MOST`], and one for each minute
    /// and reason.
    async fn refusals_of(&self, key: ApiKeyId) -> Result<Vec<KeptRefusal>, StoreError>;
}

/// What of usage is removed when it is old.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OldUsage {
    /// Counts that began before.
    Counts(UsageSpan),
    /// Single refusals from before.
    Refusals,
    /// What is known of writers that have written nothing since.
    Writers,
}
