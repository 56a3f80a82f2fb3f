use std::time::Duration;

use thiserror::Error;

use crate::{
    ApiKeyId, Creator, Environment, KeyChange, KeyDifference, KeyName, KeyPrefix, KeyedDigest,
    Limits, Metadata, OwnerId, Restrictions, Timestamp,
};

/// An API key: who owns it, what it is called, and whether it may be used.
///
/// The plain [`Secret`](crate::Secret) is not part of it; only the digest is. A key changes by the use
/// cases of [`ApiKeyService`](crate::ApiKeyService): each gives the next version of the key, which a store
/// accepts if the key was not changed meanwhile.
///
/// | the key is | may be used | disable, enable | rename | another expiry | replace | revoke |
/// |---|---|---|---|---|---|---|
/// | active | yes | yes | yes | any | yes | yes |
/// | disabled | no | yes | yes | any | no | yes |
/// | expired | no | yes | yes | any, and it works again | no | yes |
/// | replaced | until it expires | yes | yes | a nearer one | no | yes |
/// | revoked | never again | no | no | no | no | no |
///
/// A key may be several of these; then what each of them allows is allowed.
#[derive(Debug, Clone)]
pub struct ApiKey(ApiKeyParts);

/// Everything an [`ApiKey`] consists of, for a store to keep and give back.
#[derive(Debug, Clone)]
pub struct ApiKeyParts {
    /// The public handle.
    pub id: ApiKeyId,
    /// The first of the keys that took each other's place by rotations, up to this one: the key itself, if it took
    /// nobody's. All of them share one budget.
    pub family: ApiKeyId,
    /// Whose key it is.
    pub owner: OwnerId,
    /// What its owner calls it.
    pub name: KeyName,
    /// The public beginning of the secret.
    pub prefix: KeyPrefix,
    /// What the key is meant for.
    pub environment: Environment,
    /// The digest that is stored in place of the secret.
    pub digest: KeyedDigest,
    /// Who made it; `None` for a key from before this was kept.
    pub created_by: Option<Creator>,
    /// When it was issued.
    pub created_at: Timestamp,
    /// The first instant at which it no longer works, if any.
    pub expires_at: Option<Timestamp>,
    /// What another system keeps with it.
    pub metadata: Metadata,
    /// What it may be used for, and from where.
    pub restrictions: Restrictions,
    /// How much may be used in each window by all keys of the family.
    pub limits: Limits,
    /// What its owner decided.
    pub state: KeyState,
    /// The key that took its place at a rotation.
    pub replaced_by: Option<ApiKeyId>,
    /// 1 when issued, one more with each change.
    pub version: i32,
}

/// What the owner of a key decided about it. Expiry is not a state: see [`ApiKey::check`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeyState {
    /// It may be used until it expires.
    Active,
    /// Switched off; it can be switched on again.
    Disabled {
        /// Since when.
        at: Timestamp,
    },
    /// Never accepted again.
    Revoked {
        /// Since when.
        at: Timestamp,
    },
}

impl KeyState {
    /// Whether a key in this state may be used, its expiry apart.
    pub const fn check(self) -> Result<(), Refusal> {
        match self {
            Self::Active => Ok(()),
            Self::Disabled { .. } => Err(Refusal::Disabled),
            Self::Revoked { .. } => Err(Refusal::Revoked),
        }
    }
}

/// Whether a key with this expiry no longer works at `now`: that instant is the first.
pub fn has_expired(expires_at: Option<Timestamp>, now: Timestamp) -> bool {
    expires_at.is_some_and(|end| end <= now)
}

/// Why a presented secret is not good. A client sees none of this; counters do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Refusal {
    /// The text does not have the form of a key.
    Malformed,
    /// No key has this secret.
    Unknown,
    /// Its owner switched it off.
    Disabled,
    /// Its time is over.
    Expired,
    /// It is dead.
    Revoked,
    /// Its owner is suspended.
    OwnerSuspended,
}

/// Why a key can't change in the way that was asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum TransitionError {
    /// A revoked key does not change any more.
    #[error("the key is revoked")]
    Revoked,
    /// A disabled key has no successor.
    #[error("the key is disabled")]
    Disabled,
    /// An expired key has no successor.
    #[error("the key has expired")]
    Expired,
    /// A key has one successor.
    #[error("the key was replaced already")]
    Replaced,
    /// The overlap with its successor was promised to end.
    #[error("the expiry of a replaced key can only come nearer")]
    NotNearer,
}

impl ApiKey {
    /// Rebuilds a key from storage.
    pub const fn restore(parts: ApiKeyParts) -> Self {
        Self(parts)
    }

    /// Everything it consists of.
    pub const fn parts(&self) -> &ApiKeyParts {
        &self.0
    }

    /// Whether the key may be used at `now`, unless its owner is suspended: it is active, and `now` lies
    /// before its expiry.
    pub fn check(&self, now: Timestamp) -> Result<(), Refusal> {
        self.0.state.check()?;
        if has_expired(self.0.expires_at, now) { Err(Refusal::Expired) } else { Ok(()) }
    }

    /// Whether the key still works at `now` although another has its place.
    pub fn overlaps(&self, now: Timestamp) -> bool {
        self.0.replaced_by.is_some() && self.check(now).is_ok()
    }

    /// The same key under another name.
    fn rename(&self, name: KeyName) -> Result<Self, TransitionError> {
        self.changed(|parts| parts.name = name)
    }

    /// The same key, switched off. A key that is off already keeps its instant.
    fn disable(&self, now: Timestamp) -> Result<Self, TransitionError> {
        self.changed(|parts| {
            if parts.state == KeyState::Active {
                parts.state = KeyState::Disabled { at: now };
            }
        })
    }

    /// The same key, switched on.
    fn enable(&self) -> Result<Self, TransitionError> {
        self.changed(|parts| parts.state = KeyState::Active)
    }

    /// The same key with another expiry, or with none; an instant must lie in the future.
    fn expire(&self, expires_at: Option<Timestamp>) -> Result<Self, TransitionError> {
        let is_later = match (expires_at, self.0.expires_at) {
            (_, None) => false,
            (None, Some(_)) => true,
            (Some(asked), Some(present)) => asked > present,
        };
        if self.0.replaced_by.is_some() && is_later {
            return Err(TransitionError::NotNearer);
        }
        self.changed(|parts| parts.expires_at = expires_at)
    }

    /// The same key with all of `change`, in one step. Where that is how it is already, it stays
    /// what it is, with the version it has.
    pub(crate) fn change(
        &self,
        change: &KeyChange,
        now: Timestamp,
    ) -> Result<Self, TransitionError> {
        let KeyChange { name, enabled, expires_at, metadata, scopes, allowed_networks, limits } =
            change;
        let mut next = self.clone();
        if let Some(name) = name {
            next = next.rename(name.clone())?;
        }
        match enabled {
            Some(true) => next = next.enable()?,
            Some(false) => next = next.disable(now)?,
            None => {}
        }
        if let Some(expires_at) = expires_at {
            next = next.expire(*expires_at)?;
        }
        if let Some(metadata) = metadata {
            next = next.changed(|parts| parts.metadata = metadata.clone())?;
        }
        if let Some(scopes) = scopes {
            next = next.changed(|parts| parts.restrictions.scopes = scopes.clone())?;
        }
        if let Some(networks) = allowed_networks {
            next = next.changed(|parts| parts.restrictions.networks = networks.clone())?;
        }
        if let Some(limits) = limits {
            next = next.changed(|parts| parts.limits = *limits)?;
        }
        let differs = KeyDifference::between(self, &next).is_some();
        next.0.version = self.0.version + i32::from(differs);
        Ok(next)
    }

    /// The same key with `successor` in its place: it works on for `overlap`, if it is not to
    /// expire before; without an overlap it is revoked. Only a key that may be used is replaced.
    pub(crate) fn replace(
        &self,
        successor: ApiKeyId,
        overlap: Duration,
        now: Timestamp,
    ) -> Result<Self, TransitionError> {
        self.check(now).map_err(|refusal| match refusal {
            Refusal::Disabled => TransitionError::Disabled,
            Refusal::Expired => TransitionError::Expired,
            Refusal::Malformed | Refusal::Unknown | Refusal::Revoked | Refusal::OwnerSuspended => {
                TransitionError::Revoked
            }
        })?;
        if self.0.replaced_by.is_some() {
            return Err(TransitionError::Replaced);
        }
        self.changed(|parts| {
            let end = now.saturating_add(overlap);
            parts.expires_at = Some(parts.expires_at.map_or(end, |own| own.min(end)));
            parts.replaced_by = Some(successor);
            if overlap.is_zero() {
                parts.state = KeyState::Revoked { at: now };
            }
        })
    }

    /// The same key, ended because its successor is replaced in turn: at most one replaced key of a
    /// chain works. One that is switched off ends too, so that it does not come back. `None`: it is
    /// revoked or has expired already.
    pub(crate) fn end_overlap(&self, now: Timestamp) -> Option<Self> {
        if has_expired(self.0.expires_at, now) {
            return None;
        }
        self.changed(|parts| parts.expires_at = Some(now)).ok()
    }

    fn changed(&self, change: impl FnOnce(&mut ApiKeyParts)) -> Result<Self, TransitionError> {
        if matches!(self.0.state, KeyState::Revoked { .. }) {
            return Err(TransitionError::Revoked);
        }
        let mut next = self.0.clone();
        change(&mut next);
        next.version += 1;
        Ok(Self(next))
    }
}

#[cfg(test)]
mod tests;
