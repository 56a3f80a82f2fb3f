use thiserror::Error;

use crate::{ApiKeyId, Environment, KeyName, KeyPrefix, KeyedDigest, OwnerId, Timestamp};

/// An API key: who owns it, what it is called, and whether it may be used.
///
/// The plain [`Secret`](crate::Secret) is not part of it; only the digest is. Each change gives
/// the next version of the key, which a store accepts if nobody else changed the key meanwhile.
///
/// | state | may be used | may become |
/// |---|---|---|
/// | active | until it expires | disabled, revoked |
/// | disabled | no | active, revoked |
/// | revoked | no, for ever | nothing |
#[derive(Debug, Clone)]
pub struct ApiKey(ApiKeyParts);

/// Everything an [`ApiKey`] consists of, for a store to keep and give back.
#[derive(Debug, Clone)]
pub struct ApiKeyParts {
    /// The public handle.
    pub id: ApiKeyId,
    /// Whose key it is.
    pub owner: OwnerId,
    /// What its owner calls it.
    pub name: KeyName,
    /// The public beginning of the secret.
    pub prefix: KeyPrefix,
    /// What the key is meant for.
    pub environment: Environment,
    /// What is stored in place of the secret.
    pub digest: KeyedDigest,
    /// When it was issued.
    pub created_at: Timestamp,
    /// The first instant at which it no longer works, if any.
    pub expires_at: Option<Timestamp>,
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
    /// Dead for ever.
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
}

/// A revoked key does not change any more.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("a revoked key can't be changed")]
pub struct TransitionError;

impl ApiKey {
    /// Rebuilds a key from storage.
    pub const fn restore(parts: ApiKeyParts) -> Self {
        Self(parts)
    }

    /// Everything it consists of.
    pub const fn parts(&self) -> &ApiKeyParts {
        &self.0
    }

    /// Whether the key may be used at `now`: it is active, and `now` lies before its expiry.
    pub fn check(&self, now: Timestamp) -> Result<(), Refusal> {
        self.0.state.check()?;
        if has_expired(self.0.expires_at, now) { Err(Refusal::Expired) } else { Ok(()) }
    }

    /// The same key under another name.
    pub fn rename(&self, name: KeyName) -> Result<Self, TransitionError> {
        self.changed(|parts| parts.name = name)
    }

    /// The same key, switched off. A key that is off already keeps its instant.
    pub fn disable(&self, now: Timestamp) -> Result<Self, TransitionError> {
        self.changed(|parts| {
            if parts.state == KeyState::Active {
                parts.state = KeyState::Disabled { at: now };
            }
        })
    }

    /// The same key, switched on.
    pub fn enable(&self) -> Result<Self, TransitionError> {
        self.changed(|parts| parts.state = KeyState::Active)
    }

    fn changed(&self, change: impl FnOnce(&mut ApiKeyParts)) -> Result<Self, TransitionError> {
        if matches!(self.0.state, KeyState::Revoked { .. }) {
            return Err(TransitionError);
        }
        let mut next = self.0.clone();
        change(&mut next);
        next.version += 1;
        Ok(Self(next))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Digest, PepperId};

    fn at(millis: i64) -> Timestamp {
        Timestamp::from_unix_millis(millis).expect("in range")
    }

    fn key(state: KeyState, expires_at: Option<Timestamp>) -> ApiKey {
        let pepper = PepperId::new(1).expect("not zero");
        ApiKey::restore(ApiKeyParts {
            id: ApiKeyId::parse("01919b4e-7b3c-7def-8123-456789abcdef").expect("an id"),
            owner: OwnerId::parse("owner").expect("an owner"),
            name: KeyName::parse("Production").expect("a name"),
            prefix: KeyPrefix::parse("sk_live_abc1").expect("a prefix"),
            environment: Environment::Live,
            digest: KeyedDigest { pepper, digest: Digest::new([7; 32]) },
            created_at: at(0),
            expires_at,
            state,
            replaced_by: None,
            version: 1,
        })
    }

    #[test]
    fn a_key_works_until_the_very_millisecond_of_its_expiry() {
        let key = key(KeyState::Active, Some(at(1_000)));
        assert_eq!(key.check(at(999)), Ok(()));
        assert_eq!(key.check(at(1_000)), Err(Refusal::Expired));
        assert_eq!(key.check(at(1_001)), Err(Refusal::Expired));
    }

    #[test]
    fn a_key_without_expiry_always_works() {
        assert_eq!(key(KeyState::Active, None).check(Timestamp::MAX), Ok(()));
    }

    #[test]
    fn a_disabled_key_works_again_once_it_is_enabled() {
        let off = key(KeyState::Active, None).disable(at(5)).expect("not revoked");
        assert_eq!(off.check(at(6)), Err(Refusal::Disabled));
        assert_eq!(off.disable(at(9)).expect("not revoked").parts().state, off.parts().state);
        let on = off.enable().expect("not revoked");
        assert_eq!(on.check(at(6)), Ok(()));
        assert_eq!(on.parts().version, 3);
    }

    #[test]
    fn a_revoked_key_is_dead_for_ever() {
        let dead = key(KeyState::Revoked { at: at(5) }, None);
        assert_eq!(dead.check(at(0)), Err(Refusal::Revoked));
        assert!(dead.enable().is_err() && dead.disable(at(9)).is_err());
        assert!(dead.rename(KeyName::parse("x").expect("a name")).is_err());
    }
}
