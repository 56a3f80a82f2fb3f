use std::sync::Arc;

use latchkey_domain::ports::{AuditTrail, Barrier, Clock, Entropy, EntropyError, StoreError};
use latchkey_domain::{Action, AuditEvent, Caller, IdSequence, Timestamp};

use crate::ports::{
    AccountRepository, NetworkRepository, PasswordHasher, SessionRepository, TokenHasher,
};
use crate::{Account, AccountLimits, Email, Session, SessionLifetime};

/// The use cases of accounts and sessions over their ports.
#[derive(Debug)]
pub struct AccountService {
    pub(crate) accounts: Arc<dyn AccountRepository>,
    pub(crate) barrier: Arc<dyn Barrier>,
    pub(crate) sessions: Arc<dyn SessionRepository>,
    pub(crate) networks: Arc<dyn NetworkRepository>,
    pub(crate) trail: Arc<dyn AuditTrail>,
    pub(crate) passwords: Arc<dyn PasswordHasher>,
    pub(crate) tokens: Arc<dyn TokenHasher>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) entropy: Arc<dyn Entropy>,
    pub(crate) ids: Arc<IdSequence>,
    pub(crate) lifetime: SessionLifetime,
    pub(crate) limits: AccountLimits,
}

/// Somebody who is signed in, known by a session.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct SignedIn {
    /// Who it is.
    pub account: Account,
    /// By which session.
    pub session: Session,
}

/// The ports that [`AccountService::new`] joins.
#[derive(Debug)]
#[expect(missing_docs, reason = "each field is named after its port")]
pub struct AccountPorts {
    pub accounts: Arc<dyn AccountRepository>,
    pub barrier: Arc<dyn Barrier>,
    pub sessions: Arc<dyn SessionRepository>,
    pub networks: Arc<dyn NetworkRepository>,
    pub trail: Arc<dyn AuditTrail>,
    pub passwords: Arc<dyn PasswordHasher>,
    pub tokens: Arc<dyn TokenHasher>,
    pub clock: Arc<dyn Clock>,
    pub entropy: Arc<dyn Entropy>,
    pub ids: Arc<IdSequence>,
}

impl AccountService {
    /// Joins the ports. Every use case of people and strangers keeps to `limits`; those of operators don't.
    pub fn new(ports: AccountPorts, lifetime: SessionLifetime, limits: AccountLimits) -> Self {
        let AccountPorts {
            accounts,
            barrier,
            sessions,
            networks,
            trail,
            passwords,
            tokens,
            clock,
            entropy,
            ids,
        } = ports;
        Self {
            accounts,
            barrier,
            sessions,
            networks,
            trail,
            passwords,
            tokens,
            clock,
            entropy,
            ids,
            lifetime,
            limits,
        }
    }

    /// How long sessions last.
    pub const fn lifetime(&self) -> SessionLifetime {
        self.lifetime
    }

    /// The account with this address, however it is spelled. A text that is no address belongs to nobody.
    pub(crate) async fn find(&self, email: &str) -> Result<Option<Account>, StoreError> {
        for spelling in Email::spellings(email) {
            if let Some(account) = self.accounts.find_by_email(&spelling).await? {
                return Ok(Some(account));
            }
        }
        Ok(None)
    }

    pub(crate) fn event(
        &self,
        at: Timestamp,
        account: &Account,
        action: Action,
        caller: &Caller,
    ) -> Result<AuditEvent, EntropyError> {
        let owner = account.parts().id.owner();
        let caller = caller.known_as(&owner);
        AuditEvent::new(&self.ids, at, Some(owner), action, &caller)
    }
}
