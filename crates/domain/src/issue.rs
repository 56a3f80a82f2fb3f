use thiserror::Error;

use crate::ports::{EntropyError, InsertError, StoreError};
use crate::{
    Action, AllowedNetworks, ApiKey, ApiKeyId, ApiKeyParts, ApiKeyService, AuditEvent, Caller,
    Creator, Credits, Environment, Grants, KeyName, KeyState, Limits, Metadata, NotNow, OwnerId,
    Restrictions, ScopeRefused, Secret, Timestamp, has_expired,
};

/// What the owner says about a key to be issued, begun by [`new`](Self::new).
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct NewKey {
    /// What to call it.
    pub name: KeyName,
    /// What it is meant for.
    pub environment: Environment,
    /// The first instant at which it no longer works, if any; it must lie in the future.
    pub expires_at: Option<Timestamp>,
    /// Who makes it, if somebody else than the caller.
    pub created_by: Option<Creator>,
    /// What another system keeps with it.
    pub metadata: Metadata,
    /// What it may be used for. If nothing is said, the defaults of the [catalogue](crate::ScopeCatalogue), or all.
    pub scopes: Option<Grants>,
    /// From where it may be used.
    pub networks: AllowedNetworks,
    /// How much may be used in each window.
    pub limits: Limits,
    /// How many credits it has for good, if they are counted.
    pub credits: Option<Credits>,
}

impl NewKey {
    /// A key that works until it is revoked.
    pub fn new(name: KeyName, environment: Environment) -> Self {
        let (metadata, networks) = (Metadata::default(), AllowedNetworks::ANY);
        Self {
            name,
            environment,
            expires_at: None,
            created_by: None,
            metadata,
            scopes: None,
            networks,
            limits: Limits::NONE,
            credits: None,
        }
    }

    /// The same, until an instant, if there is one.
    #[must_use]
    pub fn expiring(self, expires_at: Option<Timestamp>) -> Self {
        Self { expires_at, ..self }
    }

    /// The same, made by somebody for whom the caller asks, if there is somebody.
    #[must_use]
    pub fn created_by(self, created_by: Option<Creator>) -> Self {
        Self { created_by, ..self }
    }

    /// The same, with what another system keeps with it.
    #[must_use]
    pub fn with_metadata(self, metadata: Metadata) -> Self {
        Self { metadata, ..self }
    }

    /// The same, with what was said of its scopes.
    #[must_use]
    pub fn with_scopes(self, scopes: Option<Grants>) -> Self {
        Self { scopes, ..self }
    }

    /// The same, from some places only.
    #[must_use]
    pub fn from_networks(self, networks: AllowedNetworks) -> Self {
        Self { networks, ..self }
    }

    /// The same, with limits on how much may be used.
    #[must_use]
    pub fn limited(self, limits: Limits) -> Self {
        Self { limits, ..self }
    }

    /// The same, with so many credits, if they are counted.
    #[must_use]
    pub fn with_credits(self, credits: Option<Credits>) -> Self {
        Self { credits, ..self }
    }
}

/// A key that was just issued, with the only copy of its secret.
#[derive(Debug)]
#[non_exhaustive]
pub struct IssuedKey {
    /// The key as stored.
    pub key: ApiKey,
    /// The text to hand to its owner, once.
    pub secret: Secret,
}

/// Why a key was not issued.
#[derive(Debug, Error)]
pub enum IssueError {
    /// It would never work.
    #[error("the expiry does not lie in the future")]
    ExpiryNotInFuture,
    /// The owner has made too many changes of keys.
    #[error(transparent)]
    NotNow(#[from] NotNow),
    /// Not all of its scopes may be given.
    #[error(transparent)]
    Scopes(#[from] ScopeRefused),
    /// The owner holds as many keys as it may.
    #[error("the owner holds {limit} keys, which is the limit")]
    LimitReached {
        /// The most keys the owner may hold.
        limit: u32,
    },
    /// The owner's account has been disabled.
    #[error("the owner gets no more keys")]
    OwnerClosed,
    /// The owner is suspended.
    #[error("the owner is suspended")]
    OwnerSuspended,
    /// No randomness to make a secret from.
    #[error(transparent)]
    Entropy(#[from] EntropyError),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl ApiKeyService {
    /// Issues a key to `owner`, made by the one that `new` names, or else by the caller. Its secret is in the
    /// answer and nowhere else.
    pub async fn issue(
        &self,
        owner: OwnerId,
        mut new: NewKey,
        caller: &Caller,
    ) -> Result<IssuedKey, IssueError> {
        self.limits.count_change(&owner, caller)?;
        let now = self.clock.now();
        if has_expired(new.expires_at, now) {
            return Err(IssueError::ExpiryNotInFuture);
        }
        new.scopes = Some(self.scopes_of_new(new.scopes.take(), &caller.actor)?);
        new.created_by.get_or_insert_with(|| Creator::of(&caller.actor));
        let (limit, credits) = (self.policy.max_keys_per_owner, new.credits);
        for _attempt in 0..3 {
            let issued = self.make_key(owner.clone(), None, new.clone(), now)?;
            let action = Action::KeyCreated(issued.key.parts().id);
            let event = AuditEvent::of_key(&self.ids, now, &issued.key, action, caller)?;
            match self.keys.insert(&issued.key, credits, limit, &event).await {
                Ok(()) => return Ok(issued),
                // One chance in 2^190; then another secret is made.
                Err(InsertError::Duplicate) => {}
                Err(InsertError::LimitReached { limit }) => {
                    return Err(IssueError::LimitReached { limit });
                }
                Err(InsertError::OwnerClosed) => return Err(IssueError::OwnerClosed),
                Err(InsertError::OwnerSuspended) => return Err(IssueError::OwnerSuspended),
                Err(InsertError::Store(error)) => return Err(error.into()),
            }
        }
        Err(StoreError::new("three fresh secrets in a row were taken already").into())
    }

    /// A key of a family, or the first of one.
    pub(crate) fn make_key(
        &self,
        owner: OwnerId,
        family: Option<ApiKeyId>,
        new: NewKey,
        now: Timestamp,
    ) -> Result<IssuedKey, EntropyError> {
        let NewKey {
            name,
            environment,
            expires_at,
            created_by,
            metadata,
            scopes,
            networks,
            limits,
            // Of its family.
            credits: _,
        } = new;
        let scopes = scopes.expect("they are decided before a key is made");
        let secret = Secret::generate(&self.policy.brand, environment, &*self.entropy)?;
        let id = ApiKeyId::new(self.ids.next(now)?);
        let key = ApiKey::restore(ApiKeyParts {
            id,
            family: family.unwrap_or(id),
            owner,
            name,
            prefix: secret.prefix(),
            environment,
            digest: self.hasher.digest(&secret),
            created_by,
            created_at: now,
            expires_at,
            metadata,
            restrictions: Restrictions { scopes, networks },
            limits,
            state: KeyState::Active,
            replaced_by: None,
            version: 1,
        });
        Ok(IssuedKey { key, secret })
    }
}
