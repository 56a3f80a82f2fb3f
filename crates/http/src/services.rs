use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use latchkey_accounts::{AccountService, PepperStanding, TokenService};
use latchkey_domain::ports::{AuditTrail, Clock, InstanceList, KeyRegister, StoreError};
use latchkey_domain::{ApiKeyService, UsageService};
use latchkey_jwt::ForeignSessions;
use latchkey_verifier::Verifier;

use super::counts::Counts;

/// What the routes do their work with: use cases, and the ports of what needs no rule.
#[derive(Debug)]
pub struct Services {
    /// Lists, issues, changes, rotates and revokes keys.
    pub api_keys: ApiKeyService,
    /// Accounts and their sessions.
    pub accounts: AccountService,
    /// The management tokens of backends. The program around the routes calls
    /// [`TokenService::write_uses`] from time to time, and before it ends.
    pub tokens: TokenService,
    /// Sessions of another system, if there is one whose tokens count.
    pub foreign_sessions: Option<ForeignSessions>,
    /// The keys of all owners, for calls with a management token.
    pub register: Arc<dyn KeyRegister>,
    /// Tells how much keys are used, and why calls with them were refused.
    pub usage: UsageService,
    /// Verifies keys.
    pub verifier: Verifier,
    /// Where the events are read.
    pub trail: Arc<dyn AuditTrail>,
    /// The time that answers and pages tell.
    pub clock: Arc<dyn Clock>,
}

/// What the program around the routes knows of itself. `()` knows nothing, and is always ready.
#[async_trait]
pub trait Host: Send + Sync + fmt::Debug {
    /// Whether the store has been there since the start. Until then every call that needs it is
    /// answered with 503.
    fn is_prepared(&self) -> bool {
        true
    }

    /// Whether a stop was asked for: then each answer ends its connection.
    fn is_draining(&self) -> bool {
        false
    }

    /// Whether new requests should come here.
    async fn ready(&self) -> Result<bool, StoreError> {
        Ok(true)
    }

    /// The instances on the store, for operators; `None` where there is no list of them.
    async fn instances(&self) -> Result<Option<InstanceList>, StoreError> {
        Ok(None)
    }

    /// What depends on each pepper, for operators. It may read all keys.
    async fn peppers(&self) -> Result<Vec<PepperStanding>, StoreError> {
        Ok(Vec::new())
    }

    /// What `/metrics` shows, in Prometheus's text format, with what the routes have counted.
    async fn metrics(&self, counts: &Counts) -> String {
        let mut text = String::new();
        counts.write(&mut text).expect("a String takes all text");
        text
    }
}

impl Host for () {}
