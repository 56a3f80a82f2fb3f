//! What accounts and sessions need from outside.

use std::error::Error as StdError;
use std::fmt;

use async_trait::async_trait;
use latchkey_domain::ports::{StoreError, UpdateError};
use latchkey_domain::{
    AuditEvent, Candidates, ChangeNumber, Digest, KeyedDigest, ManagementTokenText, Network,
    Timestamp, TokenId,
};
use thiserror::Error;

use crate::{
    Account, AccountId, Email, LiveSessions, ManagementToken, Password, PasswordHash, Session,
    SessionToken,
};

/// Where accounts are kept.
///
/// Each method that changes an account takes the event of the change, and stores both or neither.
#[async_trait]
pub trait AccountRepository: Send + Sync + fmt::Debug {
    /// Adds a new account.
    async fn insert(&self, account: &Account, event: &AuditEvent)
    -> Result<(), InsertAccountError>;

    /// The account with this id.
    async fn find_by_id(&self, id: AccountId) -> Result<Option<Account>, StoreError>;

    /// The account with this address.
    async fn find_by_email(&self, email: &Email) -> Result<Option<Account>, StoreError>;

    /// Stores the next version of an account, with its new password, and takes the session `keep`
    /// along to that version; all other sessions stay behind, and so end.
    async fn change_password(
        &self,
        account: &Account,
        keep: Option<&Digest>,
        event: &AuditEvent,
    ) -> Result<(), UpdateError>;

    /// Gives an active account of this version another address. Its sessions go on.
    async fn change_email(
        &self,
        account: &Account,
        event: &AuditEvent,
    ) -> Result<(), ChangeEmailError>;

    /// Makes an account one of an operator, or no longer one, as it says; stale where it is that already. Its sessions
    /// go on.
    async fn set_operator(&self, account: &Account, event: &AuditEvent) -> Result<(), UpdateError>;

    /// Stores the next version of an account, now disabled, ends its sessions, revokes every key
    /// it owns at the instant it was disabled, and lets it have no new ones: all or nothing. A store
    /// may revoke the keys of a large account in several transactions, after the rest is done. Where
    /// that ends early, the next call of this or of [`enable`](Self::enable) revokes what is left.
    ///
    /// Answers a number not before the latest change of any key of the account. One that was
    /// disabled before has its event, and gets no other.
    async fn disable(
        &self,
        account: &Account,
        event: &AuditEvent,
    ) -> Result<ChangeNumber, UpdateError>;

    /// Stores the next version of a disabled account, now active, and lets it have new keys. The keys
    /// that were revoked and the sessions that ended do not come back.
    async fn enable(&self, account: &Account, event: &AuditEvent) -> Result<(), UpdateError>;

    /// Removes an account, if it is disabled and of this version, with its sessions, the networks it
    /// signed in from, its keys and their last uses, and takes out of its events what is personal:
    /// addresses, user agents, and what its keys were called and how they were changed. A store may
    /// begin with keys and events in transactions of their own, and remove the account with what is
    /// left of them at the end. Where that ends early, the account is still disabled, and the next
    /// call goes on.
    ///
    /// The events stay, with their ids, instants, actions and actors; its id stays closed, so that no
    /// key is ever made for it again.
    async fn delete(&self, account: &Account, event: &AuditEvent) -> Result<(), UpdateError>;

    /// The accounts whose ids come after one, in the order of ids, at most `limit`.
    async fn page(&self, after: Option<AccountId>, limit: u32) -> Result<Vec<Account>, StoreError>;
}

/// Where sessions are kept.
#[async_trait]
pub trait SessionRepository: Send + Sync + fmt::Debug {
    /// Adds a new session and its event, if there is one: both or neither. A session of an account
    /// that is not there is an error.
    async fn insert(&self, session: &Session, event: Option<&AuditEvent>)
    -> Result<(), StoreError>;

    /// The session that has one of these digests, with its account.
    async fn find(&self, digests: &Candidates) -> Result<Option<(Session, Account)>, StoreError>;

    /// Records a use; the instant never moves back.
    async fn touch(&self, digest: &Digest, at: Timestamp) -> Result<(), StoreError>;

    /// Removes a session, if it is there, and then adds its event, if there is one.
    async fn remove(&self, digest: &Digest, event: Option<&AuditEvent>) -> Result<(), StoreError>;

    /// Up to `limit` of these sessions, the newest first.
    async fn live(&self, live: &LiveSessions, limit: u32) -> Result<Vec<Session>, StoreError>;

    /// Removes these sessions but the one with the digest `keep`, and then adds the event, if there was one. Answers
    /// how many there were. Where `keep` is not there any more, as another of these calls may have removed it, nothing
    /// is removed, and nothing answered: of two that do this to each other, one is left.
    async fn remove_others(
        &self,
        live: &LiveSessions,
        keep: &Digest,
        event: &AuditEvent,
    ) -> Result<Option<u64>, StoreError>;

    /// Records that the password was given for a session; the instant never moves back.
    async fn record_proof(&self, digest: &Digest, at: Timestamp) -> Result<(), StoreError>;

    /// Removes the sessions that began before one instant or were last used before the other.
    async fn purge(&self, began: Timestamp, last_used: Timestamp) -> Result<(), StoreError>;
}

/// Where accounts signed in from. It goes with the account.
#[async_trait]
pub trait NetworkRepository: Send + Sync + fmt::Debug {
    /// Records a good sign-in of `account` from `network`; the instant never moves back.
    async fn record(
        &self,
        account: AccountId,
        network: Network,
        at: Timestamp,
    ) -> Result<(), StoreError>;

    /// Whether the account with this address signed in from `network` at `since` or later.
    async fn knows(
        &self,
        email: &Email,
        network: Network,
        since: Timestamp,
    ) -> Result<bool, StoreError>;

    /// The networks of `account`, and when it last signed in from each, the last one first.
    async fn networks_of(
        &self,
        account: AccountId,
    ) -> Result<Vec<(Network, Timestamp)>, StoreError>;

    /// Removes what was recorded before an instant and not since.
    async fn purge(&self, before: Timestamp) -> Result<(), StoreError>;
}

/// The slow one-way function between a password and what is stored. Implementations keep the work
/// off the threads that answer requests, and bound how much of it runs concurrently.
#[async_trait]
pub trait PasswordHasher: Send + Sync + fmt::Debug {
    /// Hashes a password under a new salt.
    async fn hash(&self, password: Password) -> Result<PasswordHash, HashError>;

    /// Whether `password` is the one that was hashed. Without a hash the answer is `false`, after
    /// as much work as with one.
    async fn verify(
        &self,
        password: Password,
        hash: Option<PasswordHash>,
    ) -> Result<bool, HashError>;
}

/// The keyed one-way function between a session token and what is stored.
pub trait TokenHasher: Send + Sync + fmt::Debug {
    /// The digest under the signing pepper.
    fn digest(&self, token: &SessionToken) -> KeyedDigest;

    /// The digests under every live pepper, the signing one first.
    fn candidates(&self, token: &SessionToken) -> Candidates;
}

/// Where management tokens are kept.
#[async_trait]
pub trait ManagementTokenRepository: Send + Sync + fmt::Debug {
    /// Adds a new token and its event: both or neither. A token whose id or digest another has is an
    /// error.
    async fn insert(&self, token: &ManagementToken, event: &AuditEvent) -> Result<(), StoreError>;

    /// The token, revoked or not, that has one of these digests, as the store has it now.
    async fn find(&self, digests: &Candidates) -> Result<Option<ManagementToken>, StoreError>;

    /// The tokens that are not revoked and whose ids come after one, in the order of ids, at most `limit`.
    async fn page(
        &self,
        after: Option<TokenId>,
        limit: u32,
    ) -> Result<Vec<ManagementToken>, StoreError>;

    /// Revokes a token and adds the event, if the token is there and not revoked. Answers whether it was.
    async fn revoke(
        &self,
        id: TokenId,
        at: Timestamp,
        event: &AuditEvent,
    ) -> Result<bool, StoreError>;

    /// Records a use; the instant never moves back.
    async fn touch(&self, id: TokenId, at: Timestamp) -> Result<(), StoreError>;

    /// Stores `renewed`, the digest of the same text under another pepper, in place of `stored`, if the
    /// token still has that and is not revoked.
    async fn redigest(
        &self,
        id: TokenId,
        stored: &Digest,
        renewed: &KeyedDigest,
    ) -> Result<(), StoreError>;
}

/// The keyed one-way function between a management token and what is stored.
pub trait ManagementTokenHasher: Send + Sync + fmt::Debug {
    /// The digest under the signing pepper.
    fn digest(&self, token: &ManagementTokenText) -> KeyedDigest;

    /// The digests under every live pepper, the signing one first.
    fn candidates(&self, token: &ManagementTokenText) -> Candidates;
}

/// A password could not be hashed or checked.
#[derive(Debug, Error)]
#[error("the password hash failed")]
pub struct HashError(#[source] Box<dyn StdError + Send + Sync>);

impl HashError {
    /// Wraps what the hash function said.
    pub fn new(source: impl Into<Box<dyn StdError + Send + Sync>>) -> Self {
        Self(source.into())
    }
}

/// Why an account was not added.
#[derive(Debug, Error)]
pub enum InsertAccountError {
    /// Another account has the address.
    #[error("the address is taken")]
    AddressTaken,
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Why an account did not get another address.
#[derive(Debug, Error)]
pub enum ChangeEmailError {
    /// Another account has the address.
    #[error("the address is taken")]
    AddressTaken,
    /// Somebody changed the account since it was read, or it is gone.
    #[error("changed by somebody else since it was read, or gone")]
    Stale,
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}
