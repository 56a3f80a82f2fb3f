use std::sync::Arc;

use latchkey_domain::IdSequence;
use latchkey_domain::ports::{Barrier, Clock, Entropy, EntropyError, StoreError, UpdateError};
use thiserror::Error;

use crate::ports::{
    AccountRepository, HashError, InsertAccountError, PasswordHasher, SessionRepository,
    TokenHasher,
};
use crate::{
    Account, AccountId, AccountParts, AccountState, Email, Password, Session, SessionLifetime,
    SessionToken,
};

/// The use cases of accounts and sessions over their ports.
#[derive(Debug)]
pub struct AccountService {
    accounts: Arc<dyn AccountRepository>,
    barrier: Arc<dyn Barrier>,
    sessions: Arc<dyn SessionRepository>,
    passwords: Arc<dyn PasswordHasher>,
    tokens: Arc<dyn TokenHasher>,
    clock: Arc<dyn Clock>,
    entropy: Arc<dyn Entropy>,
    ids: IdSequence,
    lifetime: SessionLifetime,
}

/// Somebody who is signed in, known by a session.
#[derive(Debug, Clone)]
pub struct SignedIn {
    /// Who it is.
    pub account: Account,
    /// By which session.
    pub session: Session,
}

/// Why an account was not made.
#[derive(Debug, Error)]
pub enum CreateAccountError {
    /// Another account has the address.
    #[error("An account with this email address exists already")]
    AddressTaken,
    /// The password could not be hashed.
    #[error(transparent)]
    Hash(#[from] HashError),
    /// No randomness to make an id from.
    #[error(transparent)]
    Entropy(#[from] EntropyError),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Why somebody was not signed in.
#[derive(Debug, Error)]
pub enum SignInError {
    /// No such account, a wrong password or a disabled account: which of them is not told.
    #[error("Invalid email or password")]
    Rejected,
    /// The password could not be checked.
    #[error(transparent)]
    Hash(#[from] HashError),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Why no session was begun.
#[derive(Debug, Error)]
pub enum BeginSessionError {
    /// No randomness to make a token from.
    #[error(transparent)]
    Entropy(#[from] EntropyError),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Why a password was not changed by its owner.
#[derive(Debug, Error)]
pub enum ChangePasswordError {
    /// The current password is another one.
    #[error("The current password is wrong")]
    WrongPassword,
    /// Somebody changed the account at the same time.
    #[error("The account was changed at the same time; try again")]
    Stale,
    /// The password could not be checked or hashed.
    #[error(transparent)]
    Hash(#[from] HashError),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Why an operator's change to an account was not made.
#[derive(Debug, Error)]
pub enum OperatorError {
    /// No account has the address.
    #[error("no account has this email address")]
    NotFound,
    /// Somebody changed the account at the same time.
    #[error("the account was changed at the same time; try again")]
    Stale,
    /// The password could not be hashed.
    #[error(transparent)]
    Hash(#[from] HashError),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// The ports that [`AccountService::new`] joins.
#[derive(Debug)]
#[expect(missing_docs, reason = "each field is named after its port")]
pub struct AccountPorts {
    pub accounts: Arc<dyn AccountRepository>,
    pub barrier: Arc<dyn Barrier>,
    pub sessions: Arc<dyn SessionRepository>,
    pub passwords: Arc<dyn PasswordHasher>,
    pub tokens: Arc<dyn TokenHasher>,
    pub clock: Arc<dyn Clock>,
    pub entropy: Arc<dyn Entropy>,
}

impl AccountService {
    /// Joins the ports.
    pub fn new(ports: AccountPorts, lifetime: SessionLifetime) -> Self {
        let AccountPorts { accounts, barrier, sessions, passwords, tokens, clock, entropy } = ports;
        let ids = IdSequence::new(Arc::clone(&entropy));
        Self { accounts, barrier, sessions, passwords, tokens, clock, entropy, ids, lifetime }
    }

    /// Makes an account.
    pub async fn create(
        &self,
        email: Email,
        password: Password,
    ) -> Result<Account, CreateAccountError> {
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
        match self.accounts.insert(&account).await {
            Ok(()) => Ok(account),
            Err(InsertAccountError::AddressTaken) => Err(CreateAccountError::AddressTaken),
            Err(InsertAccountError::Store(error)) => Err(error.into()),
        }
    }

    /// The account that `email` and `password` belong to. An unknown address takes as long as a
    /// wrong password (ASVS 5.0, 6.3.8).
    pub async fn sign_in(&self, email: &str, password: Password) -> Result<Account, SignInError> {
        // Text that is no address belongs to nobody, like an unknown one.
        let account = match Email::parse(email) {
            Ok(email) => self.accounts.find_by_email(&email).await?,
            Err(_not_an_address) => None,
        };
        let hash = account.as_ref().map(|account| account.parts().password.clone());
        let right = self.passwords.verify(password, hash).await?;
        account.filter(|account| right && account.is_active()).ok_or(SignInError::Rejected)
    }

    /// Begins a session; its token is in the answer and nowhere else.
    pub async fn begin_session(
        &self,
        account: &Account,
    ) -> Result<SessionToken, BeginSessionError> {
        let token = SessionToken::generate(&*self.entropy)?;
        let now = self.clock.now();
        let session = Session {
            digest: self.tokens.digest(&token),
            account: account.parts().id,
            account_version: account.parts().version,
            created_at: now,
            last_seen_at: now,
        };
        self.sessions.insert(&session).await?;
        Ok(token)
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
    pub async fn end_session(&self, session: &Session) -> Result<(), StoreError> {
        self.sessions.remove(&session.digest.digest).await
    }

    /// Ends the session that `token` belongs to, if there is one.
    pub async fn end_session_of(&self, token: &SessionToken) -> Result<(), StoreError> {
        for candidate in self.tokens.candidates(token).as_slice() {
            self.sessions.remove(&candidate.digest).await?;
        }
        Ok(())
    }

    /// Changes the password of whoever is signed in, and ends every other session of theirs.
    pub async fn change_password(
        &self,
        who: &SignedIn,
        current: Password,
        new: Password,
    ) -> Result<(), ChangePasswordError> {
        let hash = who.account.parts().password.clone();
        if !self.passwords.verify(current, Some(hash)).await? {
            return Err(ChangePasswordError::WrongPassword);
        }
        let account = who.account.with_password(self.passwords.hash(new).await?);
        match self.accounts.change_password(&account, Some(&who.session.digest.digest)).await {
            Ok(()) => Ok(()),
            Err(UpdateError::Stale) => Err(ChangePasswordError::Stale),
            Err(UpdateError::Store(error)) => Err(error.into()),
        }
    }

    /// Gives an account another password, for an operator, and ends all its sessions.
    pub async fn reset_password(&self, email: &Email, new: Password) -> Result<(), OperatorError> {
        let account = self.accounts.find_by_email(email).await?.ok_or(OperatorError::NotFound)?;
        let account = account.with_password(self.passwords.hash(new).await?);
        Ok(self.accounts.change_password(&account, None).await?)
    }

    /// Disables an account: its sessions end and its keys are revoked, on every instance when this
    /// answers. Doing it again is harmless.
    pub async fn disable(&self, email: &Email) -> Result<(), OperatorError> {
        let account = self.accounts.find_by_email(email).await?.ok_or(OperatorError::NotFound)?;
        let change = self.accounts.disable(&account.disable(self.clock.now())).await?;
        self.barrier.pass(change).await;
        Ok(())
    }

    /// Removes the sessions whose time is over.
    pub async fn purge_sessions(&self) -> Result<(), StoreError> {
        let now = self.clock.now();
        let SessionLifetime { idle, absolute } = self.lifetime;
        self.sessions.purge(now.saturating_sub(absolute), now.saturating_sub(idle)).await
    }
}

impl From<UpdateError> for OperatorError {
    fn from(error: UpdateError) -> Self {
        match error {
            UpdateError::Stale => Self::Stale,
            UpdateError::Store(error) => Self::Store(error),
        }
    }
}
