use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use latchkey_accounts::AccountService;
use latchkey_domain::ApiKeyService;
use latchkey_domain::ports::{ApiKeyRepository, AuditTrail, Clock, StoreError};
use latchkey_verifier::Verifier;

use super::counts::Counts;
use super::limits::Limits;

/// What the routes do their work with: use cases, and the ports of what needs no rule.
#[derive(Debug)]
pub(crate) struct Services {
    /// Issues, changes, rotates and revokes keys.
    pub(crate) api_keys: ApiKeyService,
    /// Where the keys are read.
    pub(crate) keys: Arc<dyn ApiKeyRepository>,
    /// Accounts and their sessions.
    pub(crate) accounts: AccountService,
    /// Verifies keys.
    pub(crate) verifier: Verifier,
    /// Where the events are read.
    pub(crate) trail: Arc<dyn AuditTrail>,
    /// The time that answers and pages tell.
    pub(crate) clock: Arc<dyn Clock>,
    /// How much one client may do.
    pub(crate) limits: Limits,
}

/// What the program around the routes knows of itself.
#[async_trait]
pub(crate) trait Host: Send + Sync + fmt::Debug {
    /// Whether the store has been there since the start. Until then every call that needs it is
    /// answered with 503.
    fn is_prepared(&self) -> bool;

    /// Whether a stop was asked for: then each answer ends its connection.
    fn is_draining(&self) -> bool;

    /// Whether new requests should come here.
    async fn ready(&self) -> Result<bool, StoreError>;

    /// What `/metrics` shows, in Prometheus's text format, with what the routes have counted.
    async fn metrics(&self, counts: &Counts) -> String;
}
