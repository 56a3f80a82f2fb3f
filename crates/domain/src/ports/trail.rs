//! Where events are kept.

use std::fmt;

use async_trait::async_trait;

use super::StoreError;
use crate::{ApiKeyId, AuditEvent, EventId, OwnerId, TrailSearch};

/// Where the audit trail is kept. Events outlive the keys and accounts that they are about.
#[async_trait]
pub trait AuditTrail: Send + Sync + fmt::Debug {
    /// Adds an event that is part of no change, unless it is there already: a caller may repeat the call.
    async fn record(&self, event: &AuditEvent) -> Result<(), StoreError>;

    /// Up to `limit` events of `owner` with ids before `before`, the greatest id first. With a
    /// `key`, those that were done to it, alone or among others, and the rotation that
    /// it was issued by.
    async fn events_of(
        &self,
        owner: &OwnerId,
        key: Option<ApiKeyId>,
        before: Option<EventId>,
        limit: u32,
    ) -> Result<Vec<AuditEvent>, StoreError>;

    /// Up to `limit` events that are looked for, with ids before `before`, the greatest id first.
    async fn search(
        &self,
        search: &TrailSearch,
        before: Option<EventId>,
        limit: u32,
    ) -> Result<Vec<AuditEvent>, StoreError>;

    /// Up to `limit` events of any owner or none, with ids after `after`, in id order.
    async fn all_events(
        &self,
        after: Option<EventId>,
        limit: u32,
    ) -> Result<Vec<AuditEvent>, StoreError>;
}
