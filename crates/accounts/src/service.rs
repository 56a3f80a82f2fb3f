use std::sync::Arc;
use std::time::Duration;

use latchkey_domain::ports::{
    AuditTrail, Barrier, Clock, Entropy, EntropyError, StoreError, UpdateError,
};
use latchkey_domain::{Action, AuditEvent, Caller, IdSequence, Timestamp};

use crate::ports::{
    AccountRepository, InsertAccountError, NetworkRepository, PasswordHasher, SessionRepository,
    TokenHasher,
};
use crate::{
    Account, AccountId, AccountParts, AccountState, ChangePasswordError, CreateAccountError, Email,
    EndSessionError, Network, OperatorError, Password, Session, SessionLifetime, SessionToken,
    SignInError,
};

/// How long a network is known to the account that signed in from there.
const KNOWN_FOR: Duration = Duration::from_hours(30 * 24);

/// The use cases of accounts and sessions over their ports.
#[derive(Debug)]
pub struct AccountService {
    accounts: Arc<dyn AccountRepository>,
    barrier: Arc<dyn Barrier>,
    sessions: Arc<dyn SessionRepository>,
    networks: Arc<dyn NetworkRepository>,
    trail: Arc<dyn AuditTrail>,
    passwords: Arc<dyn PasswordHasher>,
    tokens: Arc<dyn TokenHasher>,
    clock: Arc<dyn Clock>,
    entropy: Arc<dyn Entropy>,
    ids: Arc<IdSequence>,
    lifetime: SessionLifetime,
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
    /// Joins the ports.
    pub fn new(ports: AccountPorts, lifetime: SessionLifetime) -> Self {
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
        }
    }

    /// How long sessions last.
    pub const fn lifetime(&self) -> SessionLifetime {
        self.lifetime
    }

    /// Makes an account.
    pub async fn create(
        &self,
        email: Email,
        password: Password,
        caller: &Caller,
    ) -> Result<Account, CreateAccountError> {
        // Under this very address the store sees to it.
        for spelling in Email::spellings(email.as_str()).iter().skip(1) {
            if self.accounts.find_by_email(spelling).await?.is_some() {
                return Err(CreateAccountError::AddressTaken);
            }
        }
        let password = self.passwords.hash(password).await?;
        let now = self.clock.now();
        let account = Account::restore(AccountParts {
            id: AccountId::new(self.ids.next(now)?),
            email,
            password,
            created_at: now,
            state: AccountState::Active,
            version: 1,
        });
        let event = self.event(now, &account, Action::AccountCreated, caller)?;
        match self.accounts.insert(&account, &event).await {
            Ok(()) => Ok(account),
            Err(InsertAccountError::AddressTaken) => Err(CreateAccountError::AddressTaken),
            Err(InsertAccountError::Store(error)) => Err(error.into()),
        }
    }

    /// Makes an account and begins a session of it. The trail has one event for both.
    pub async fn sign_up(
        &self,
        email: Email,
        password: Password,
        caller: &Caller,
    ) -> Result<(Account, SessionToken), CreateAccountError> {
        let account = self.create(email, password, caller).await?;
        let now = self.clock.now();
        self.remember_network(&account, now, caller).await?;
        let (session, token) = self.draw_session(&account, now)?;
        self.sessions.insert(&session, None).await?;
        Ok((account, token))
    }

    /// Begins a session of the account that `email` and `password` belong to, and ends the
    /// `previous` ones of the person who signs in. An unknown address takes as long as a wrong password
    /// (ASVS 5.0, 6.3.8).
    pub async fn sign_in(
        &self,
        email: &str,
        password: Password,
        previous: &[SessionToken],
        caller: &Caller,
    ) -> Result<(Account, SessionToken), SignInError> {
        let found = self.find(email).await?;
        let hash = found.as_ref().map(|account| account.parts().password.clone());
        let right = self.passwords.verify(password, hash).await?;
        let now = self.clock.now();
        let account = match found {
            Some(account) if right && account.is_active() => account,
            found => {
                let owner = found.map(|account| account.parts().id.owner());
                let refused = Action::SessionRefused;
                let event = AuditEvent::new(&self.ids, now, owner, refused, caller)?;
                self.trail.record(&event).await?;
                return Err(SignInError::Rejected);
            }
        };
        for token in previous {
            for candidate in self.tokens.candidates(token).as_slice() {
                self.sessions.remove(&candidate.digest, None).await?;
            }
        }
        self.remember_network(&account, now, caller).await?;
        let (session, token) = self.draw_session(&account, now)?;
        let event = self.event(now, &account, Action::SessionStarted, caller)?;
        self.sessions.insert(&session, Some(&event)).await?;
        Ok((account, token))
    }

    /// The account with this address, however it is spelled. A text that is no address belongs to nobody.
    async fn find(&self, email: &str) -> Result<Option<Account>, StoreError> {
        for spelling in Email::spellings(email) {
            if let Some(account) = self.accounts.find_by_email(&spelling).await? {
                return Ok(Some(account));
            }
        }
        Ok(None)
    }

    /// Whether the account with this address signed in from `network` during the last 30 days.
    pub async fn knows_network(&self, email: &Email, network: Network) -> Result<bool, StoreError> {
        let since = self.clock.now().saturating_sub(KNOWN_FOR);
        self.networks.knows(email, network, since).await
    }

    async fn remember_network(
        &self,
        account: &Account,
        now: Timestamp,
        caller: &Caller,
    ) -> Result<(), StoreError> {
        let Some(address) = caller.address else { return Ok(()) };
        self.networks.remember(account.parts().id, Network::of(address), now).await
    }

    /// A new session; its token is in the answer and nowhere else.
    fn draw_session(
        &self,
        account: &Account,
        now: Timestamp,
    ) -> Result<(Session, SessionToken), EntropyError> {
        let token = SessionToken::generate(&*self.entropy)?;
        let session = Session {
            digest: self.tokens.digest(&token),
            account: account.parts().id,
            account_version: account.parts().version,
            created_at: now,
            last_seen_at: now,
        };
        Ok((session, token))
    }

    fn event(
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

    /// Who presents `token`, if its session is good now; the use is recorded.
    pub async fn authenticate(&self, token: &SessionToken) -> Result<Option<SignedIn>, StoreError> {
        let candidates = self.tokens.candidates(token);
        let now = self.clock.now();
        let found = self.sessions.find(&candidates).await?;
        let signed_in = found.filter(|(session, account)| {
            candidates.contain(&session.digest.digest)
                && self.lifetime.covers(session, account, now)
        });
        let Some((session, account)) = signed_in else { return Ok(None) };
        if self.lifetime.should_record(&session, now) {
            self.sessions.touch(&session.digest.digest, now).await?;
        }
        Ok(Some(SignedIn { account, session }))
    }

    /// Ends a session; its token is worthless from now on.
    pub async fn end_session(
        &self,
        who: &SignedIn,
        caller: &Caller,
    ) -> Result<(), EndSessionError> {
        let event = self.event(self.clock.now(), &who.account, Action::SessionEnded, caller)?;
        self.sessions.remove(&who.session.digest.digest, Some(&event)).await?;
        Ok(())
    }

    /// Changes the password of the person who is signed in, and ends every other session of theirs. A wrong
    /// current password is in the trail.
    pub async fn change_password(
        &self,
        who: &SignedIn,
        current: Password,
        new: Password,
        caller: &Caller,
    ) -> Result<(), ChangePasswordError> {
        let hash = who.account.parts().password.clone();
        if !self.passwords.verify(current, Some(hash)).await? {
            let refused = Action::PasswordRefused;
            let event = self.event(self.clock.now(), &who.account, refused, caller)?;
            self.trail.record(&event).await?;
            return Err(ChangePasswordError::WrongPassword);
        }
        let account = who.account.with_password(self.passwords.hash(new).await?);
        let event = self.event(self.clock.now(), &account, Action::PasswordChanged, caller)?;
        let keep = Some(&who.session.digest.digest);
        match self.accounts.change_password(&account, keep, &event).await {
            Ok(()) => Ok(()),
            Err(UpdateError::Stale) => Err(ChangePasswordError::Stale),
            Err(UpdateError::Store(error)) => Err(error.into()),
        }
    }

    /// Gives an account another password, for an operator, and ends all its sessions. One that is
    /// disabled keeps its password.
    pub async fn reset_password(&self, email: &Email, new: Password) -> Result<(), OperatorError> {
        let account = self.find(email.as_str()).await?.ok_or(OperatorError::NotFound)?;
        if !account.is_active() {
            return Err(OperatorError::Disabled);
        }
        let account = account.with_password(self.passwords.hash(new).await?);
        let now = self.clock.now();
        let event = self.event(now, &account, Action::PasswordChanged, &Caller::OPERATOR)?;
        Ok(self.accounts.change_password(&account, None, &event).await?)
    }

    /// Disables an account, for an operator: its sessions end and its keys are revoked, on every
    /// instance when this answers. Doing it again is harmless. Answers the account as it is then.
    pub async fn disable(&self, email: &Email) -> Result<Account, OperatorError> {
        let account = self.find(email.as_str()).await?.ok_or(OperatorError::NotFound)?;
        let now = self.clock.now();
        let event = self.event(now, &account, Action::AccountDisabled, &Caller::OPERATOR)?;
        let disabled = account.disable(now);
        let change = self.accounts.disable(&disabled, &event).await?;
        self.barrier.pass(change).await;
        Ok(disabled)
    }

    /// Lets a disabled account sign in and have keys again, for an operator. Its keys stay revoked.
    /// Doing it again is harmless.
    pub async fn enable(&self, email: &Email) -> Result<(), OperatorError> {
        let account = self.find(email.as_str()).await?.ok_or(OperatorError::NotFound)?;
        if account.is_active() {
            return Ok(());
        }
        let now = self.clock.now();
        let event = self.event(now, &account, Action::AccountEnabled, &Caller::OPERATOR)?;
        Ok(self.accounts.enable(&account.enable(), &event).await?)
    }

    /// Removes an account, for an operator, with its keys and what is personal in its audit events.
    /// It is [disabled](Self::disable) first, so that its keys are dead on every instance before they
    /// are gone. Where this stops in between, the account is disabled, and doing it again goes on.
    pub async fn delete(&self, email: &Email) -> Result<(), OperatorError> {
        let account = self.disable(email).await?;
        let now = self.clock.now();
        let event = self.event(now, &account, Action::AccountDeleted, &Caller::OPERATOR)?;
        Ok(self.accounts.delete(&account, &event).await?)
    }

    /// The accounts after one, the eldest first, at most `limit`.
    pub async fn page(
        &self,
        after: Option<AccountId>,
        limit: u32,
    ) -> Result<Vec<Account>, StoreError> {
        self.accounts.page(after, limit).await
    }

    /// Removes the sessions whose time is over at `now`, and the networks that are no longer known.
    /// What is removed is gone for every instance: so `now` is not this one's opinion alone.
    pub async fn purge(&self, now: Timestamp) -> Result<(), StoreError> {
        let SessionLifetime { idle, absolute } = self.lifetime;
        self.sessions.purge(now.saturating_sub(absolute), now.saturating_sub(idle)).await?;
        self.networks.forget(now.saturating_sub(KNOWN_FOR)).await
    }
}
