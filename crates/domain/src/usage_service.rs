use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use thiserror::Error;

use crate::ports::{Clock, KeyRegister, StoreError, UsageRegister};
use crate::{
    ApiKeyId, KeptRefusal, OwnerId, RecentUsage, Timestamp, UsageCounts, UsagePeriod,
    UsagePeriodError, UsageSpan,
};

/// Keys in one question.
const PAGE: usize = 500;

/// Reads how much keys are used, and why calls with them were refused. Revoked keys keep their usage.
#[derive(Debug)]
pub struct UsageService {
    usage: Arc<dyn UsageRegister>,
    register: Arc<dyn KeyRegister>,
    clock: Arc<dyn Clock>,
}

/// Why usage was not answered.
#[derive(Debug, Error)]
pub enum UsageError {
    /// The owner has no such key.
    #[error("no such key")]
    NotFound,
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl UsageService {
    /// Joins the ports.
    pub fn new(
        usage: Arc<dyn UsageRegister>,
        register: Arc<dyn KeyRegister>,
        clock: Arc<dyn Clock>,
    ) -> Self {
        Self { usage, register, clock }
    }

    /// The period that is asked for; by default the last 30 days to now.
    pub fn period(
        &self,
        span: UsageSpan,
        from: Option<Timestamp>,
        to: Option<Timestamp>,
    ) -> Result<UsagePeriod, UsagePeriodError> {
        UsagePeriod::new(span, from, to, self.clock.now())
    }

    /// The hours or days in which a key of `owner` was used, by their start.
    pub async fn of_key(
        &self,
        owner: &OwnerId,
        key: ApiKeyId,
        period: &UsagePeriod,
    ) -> Result<BTreeMap<Timestamp, UsageCounts>, UsageError> {
        self.find(owner, key).await?;
        let calls = self.usage.of_keys(&[key], period).await?;
        let calls: Vec<_> = calls.into_iter().map(|(_, counted)| counted).collect();
        Ok(UsageCounts::by_start(period.span(), &calls))
    }

    /// The same of all keys of `owner` together.
    pub async fn of_owner(
        &self,
        owner: &OwnerId,
        period: &UsagePeriod,
    ) -> Result<BTreeMap<Timestamp, UsageCounts>, StoreError> {
        let calls = self.usage.of_owner(owner, period).await?;
        Ok(UsageCounts::by_start(period.span(), &calls))
    }

    /// The last refusals of a key of `owner`, the latest first.
    pub async fn refusals(
        &self,
        owner: &OwnerId,
        key: ApiKeyId,
    ) -> Result<Vec<KeptRefusal>, UsageError> {
        self.find(owner, key).await?;
        Ok(self.usage.refusals_of(key).await?)
    }

    /// Of each of `keys`, the accepted calls of the last 30 days, today last.
    pub async fn last_days(
        &self,
        keys: &[ApiKeyId],
    ) -> Result<Vec<[u64; RecentUsage::DAYS]>, StoreError> {
        let today = self.clock.now();
        let mut days = vec![[0; RecentUsage::DAYS]; keys.len()];
        for (keys, days) in keys.chunks(PAGE).zip(days.chunks_mut(PAGE)) {
            let mut places: HashMap<_, _> = keys.iter().copied().zip(days).collect();
            for (key, recent) in self.usage.recent_of_keys(keys).await? {
                if let Some(place) = places.get_mut(&key) {
                    **place = recent.until(today);
                }
            }
        }
        Ok(days)
    }

    /// Of each of `keys`, all calls of the last 30 days.
    pub async fn totals(&self, keys: &[ApiKeyId]) -> Result<Vec<UsageCounts>, StoreError> {
        let period = UsagePeriod::last_days(self.clock.now());
        let mut totals = vec![UsageCounts::default(); keys.len()];
        for (keys, totals) in keys.chunks(PAGE).zip(totals.chunks_mut(PAGE)) {
            let mut places: HashMap<_, _> = keys.iter().copied().zip(totals).collect();
            for (key, counted) in self.usage.of_keys(keys, &period).await? {
                if let Some(total) = places.get_mut(&key) {
                    total.add(&counted);
                }
            }
        }
        Ok(totals)
    }

    async fn find(&self, owner: &OwnerId, key: ApiKeyId) -> Result<(), UsageError> {
        let its_owner = self.register.owner_of(key).await?;
        if its_owner.as_ref() == Some(owner) { Ok(()) } else { Err(UsageError::NotFound) }
    }
}
