use std::sync::{Arc, RwLock};
use std::time::Duration;

use thiserror::Error;

use crate::ports::{
    ApiKeyRepository, Barrier, Clock, Entropy, EntropyError, KeyHasher, KeyInUse, KeyLookup,
    KeyRegister, OwnerRepository, StoreError,
};
use crate::{
    Action, ApiKeyId, AuditEvent, Brand, Caller, ChangeNumber, IdSequence, KeyLimits, KeyName,
    NotNow, OwnerId, PepperId, ScopeCatalogue,
};

/// Keys read at a time where many are revoked.
const PAGE: u32 = 100;
/// How far back the list of revoked keys goes, and how many it holds.
const LATELY: Duration = Duration::from_hours(90 * 24);
const MOST_REVOKED: u32 = 200;

/// What owners do with their keys, over the ports.
///
/// They [`list`](Self::list), [`issue`](Self::issue), [`change`](Self::change),
/// [`rotate`](Self::rotate) and [`revoke`](Self::revoke) them.
///
/// A service that drops the future of a request whose client has gone must run each change in a task of
/// its own, such as `tokio::spawn`. A change that is dropped halfway may be stored without having passed
/// the barrier: another instance may then still accept a revoked key for some seconds.
#[derive(Debug)]
pub struct ApiKeyService {
    pub(crate) keys: Arc<dyn ApiKeyRepository>,
    pub(crate) owners: Arc<dyn OwnerRepository>,
    pub(crate) lookup: Arc<dyn KeyLookup>,
    pub(crate) barrier: Arc<dyn Barrier>,
    pub(crate) hasher: Arc<dyn KeyHasher>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) entropy: Arc<dyn Entropy>,
    pub(crate) ids: Arc<IdSequence>,
    pub(crate) policy: IssuePolicy,
    pub(crate) limits: KeyLimits,
    pub(crate) scope_catalogue: RwLock<Arc<ScopeCatalogue>>,
}

/// What an [`ApiKeyService`] needs from outside.
#[derive(Debug)]
#[expect(missing_docs, reason = "each is named for what it is")]
pub struct ApiKeyPorts {
    pub keys: Arc<dyn ApiKeyRepository>,
    pub owners: Arc<dyn OwnerRepository>,
    pub lookup: Arc<dyn KeyLookup>,
    pub barrier: Arc<dyn Barrier>,
    pub hasher: Arc<dyn KeyHasher>,
    pub clock: Arc<dyn Clock>,
    pub entropy: Arc<dyn Entropy>,
    pub ids: Arc<IdSequence>,
}

impl ApiKeyPorts {
    /// The ports of a store that keeps all that a service needs.
    pub fn of<S: ApiKeyRepository + OwnerRepository + KeyLookup + 'static>(
        store: &Arc<S>,
        barrier: Arc<dyn Barrier>,
        hasher: Arc<dyn KeyHasher>,
        clock: Arc<dyn Clock>,
        entropy: Arc<dyn Entropy>,
    ) -> Self {
        Self {
            keys: Arc::<S>::clone(store),
            owners: Arc::<S>::clone(store),
            lookup: Arc::<S>::clone(store),
            barrier,
            hasher,
            clock,
            ids: Arc::new(IdSequence::new(Arc::clone(&entropy))),
            entropy,
        }
    }
}

/// What an operator decides about new keys.
#[derive(Debug, Clone)]
pub struct IssuePolicy {
    /// The first part of their text.
    pub brand: Brand,
    /// The most keys, neither revoked nor replaced, that an owner holds for whom nothing else is said.
    pub max_keys_per_owner: u32,
    /// Whether a key may be issued that its owner did not name.
    pub names_optional: bool,
}

/// Keys have names here, and none was given.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("a key needs a name")]
pub struct NameMissing;

impl IssuePolicy {
    /// The name of a key for which its owner gave this one, or none.
    pub fn name(&self, given: Option<KeyName>) -> Result<KeyName, NameMissing> {
        match given {
            Some(name) => Ok(name),
            None if self.names_optional => Ok(KeyName::untitled()),
            None => Err(NameMissing),
        }
    }
}

/// Why a key was not revoked.
#[derive(Debug, Error)]
pub enum RevokeError {
    /// There is no such key, it belongs to someone else, or it is revoked already.
    #[error("there is no such key, or it is revoked")]
    NotFound,
    /// The owner has made too many changes of keys.
    #[error(transparent)]
    NotNow(#[from] NotNow),
    /// No randomness to make an id from.
    #[error(transparent)]
    Entropy(#[from] EntropyError),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl ApiKeyService {
    /// Joins the ports. Every use case of owners and strangers keeps to `limits`. Every scope may be given, until there
    /// is a [catalogue](Self::set_scope_catalogue).
    pub fn new(ports: ApiKeyPorts, policy: IssuePolicy, limits: KeyLimits) -> Self {
        let ApiKeyPorts { keys, owners, lookup, barrier, hasher, clock, entropy, ids } = ports;
        let scope_catalogue = RwLock::default();
        Self {
            keys,
            owners,
            lookup,
            barrier,
            hasher,
            clock,
            entropy,
            ids,
            policy,
            limits,
            scope_catalogue,
        }
    }

    /// What holds for new keys.
    pub const fn policy(&self) -> &IssuePolicy {
        &self.policy
    }

    /// All keys of `owner` that are not revoked, newest first.
    pub async fn list(&self, owner: &OwnerId) -> Result<Vec<KeyInUse>, StoreError> {
        self.keys.list(owner).await
    }

    /// The keys of `owner` that were revoked in the last 90 days, the last revoked first, at most 200.
    pub async fn revoked_lately(&self, owner: &OwnerId) -> Result<Vec<KeyInUse>, StoreError> {
        let since = self.clock.now().saturating_sub(LATELY);
        self.keys.revoked(owner, since, MOST_REVOKED).await
    }

    /// The key `id` of `owner`, unless it is revoked.
    pub async fn get(&self, owner: &OwnerId, id: ApiKeyId) -> Result<Option<KeyInUse>, StoreError> {
        self.keys.find(owner, id).await
    }

    /// Revokes a key of `owner` permanently. Once this returns, even with [`RevokeError::NotFound`], no
    /// instance accepts the key, if it is the owner's.
    pub async fn revoke(
        &self,
        owner: &OwnerId,
        id: ApiKeyId,
        caller: &Caller,
    ) -> Result<(), RevokeError> {
        self.limits.count_change(owner, caller)?;
        let event = self.revocation_event(owner, Action::KeyRevoked(id), caller)?;
        let (revoked, change) = self.store_revocation(owner, id, &event).await?;
        self.wait_for(change).await;
        if revoked { Ok(()) } else { Err(RevokeError::NotFound) }
    }

    /// Revokes a key; returns whether this call did, and the change that every instance has to apply.
    pub(crate) async fn store_revocation(
        &self,
        owner: &OwnerId,
        id: ApiKeyId,
        event: &AuditEvent,
    ) -> Result<(bool, Option<ChangeNumber>), StoreError> {
        let made = self.keys.revoke(owner, id, event).await?;
        Ok((made.is_some(), self.change_to_wait_for(owner, id, made).await?))
    }

    /// The event of a key that ends: the statement that ends it knows what it is called.
    pub(crate) fn revocation_event(
        &self,
        owner: &OwnerId,
        action: Action,
        caller: &Caller,
    ) -> Result<AuditEvent, EntropyError> {
        AuditEvent::new(&self.ids, self.clock.now(), Some(owner.clone()), action, caller)
    }

    /// Revokes every key that depends on `pepper` as [`revoke`](Self::revoke) does, and returns how many
    /// were revoked. Each is a change of its own: one for all would keep every other change waiting.
    pub async fn revoke_under(
        &self,
        register: &dyn KeyRegister,
        pepper: PepperId,
        caller: &Caller,
    ) -> Result<u64, RevokeError> {
        let mut revoked = 0;
        loop {
            let left = register.under_pepper(pepper, PAGE).await?;
            if left.is_empty() {
                break;
            }
            for (owner, id) in left {
                let event = self.revocation_event(&owner, Action::KeyRevoked(id), caller)?;
                let made = self.keys.revoke(&owner, id, &event).await?;
                revoked += u64::from(made.is_some());
            }
        }
        // Also for those that somebody else revoked, whose change may not be answered yet.
        self.barrier.pass(register.last_change().await?).await;
        Ok(revoked)
    }

    /// Waits for the change that was made. Where none was, the change may be another's, which is
    /// not answered yet: so this waits for the key's latest.
    pub(crate) async fn wait_for_latest(
        &self,
        owner: &OwnerId,
        id: ApiKeyId,
        made: Option<ChangeNumber>,
    ) -> Result<(), StoreError> {
        let change = self.change_to_wait_for(owner, id, made).await?;
        self.wait_for(change).await;
        Ok(())
    }

    async fn change_to_wait_for(
        &self,
        owner: &OwnerId,
        id: ApiKeyId,
        made: Option<ChangeNumber>,
    ) -> Result<Option<ChangeNumber>, StoreError> {
        match made {
            Some(_) => Ok(made),
            None => self.keys.latest_change(owner, id).await,
        }
    }

    pub(crate) async fn wait_for(&self, change: Option<ChangeNumber>) {
        if let Some(change) = change {
            self.barrier.pass(change).await;
        }
    }
}
