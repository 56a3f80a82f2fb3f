use crate::{ApiKey, ApiKeyParts, KeyBudget, Refusal, Timestamp, has_expired};

/// A key as a verification finds it, with what is said about its owner.
#[derive(Debug, Clone)]
pub struct FoundKey {
    /// The key.
    pub key: ApiKey,
    /// Whether its owner is suspended.
    pub owner_suspended: bool,
    /// The budgets that count at present, of its family and of its owner, in any order.
    pub budgets: Vec<KeyBudget>,
}

/// What speaks against a key until the key or its owner is changed, so that a cache may keep it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bar {
    refusal: Refusal,
    /// From then on the key is refused as expired; [`Timestamp::MAX`] where that would not be said.
    expires_at: Timestamp,
}

impl FoundKey {
    /// Whether the key may be used at `now`. Where several reasons speak against it, the first of these
    /// is told: revoked, disabled, expired, its owner suspended.
    pub fn check(&self, now: Timestamp) -> Result<(), Refusal> {
        self.barred().map_err(|bar| bar.at(now))?;
        if has_expired(self.key.parts().expires_at, now) { Err(Refusal::Expired) } else { Ok(()) }
    }

    /// Whether the key may be used as long as it has not expired.
    pub fn barred(&self) -> Result<(), Bar> {
        let ApiKeyParts { state, expires_at, .. } = self.key.parts();
        state.check()?;
        if self.owner_suspended {
            let expires_at = expires_at.unwrap_or(Timestamp::MAX);
            return Err(Bar { refusal: Refusal::OwnerSuspended, expires_at });
        }
        Ok(())
    }
}

impl Bar {
    /// Why the key is refused at `now`.
    pub fn at(self, now: Timestamp) -> Refusal {
        if has_expired(Some(self.expires_at), now) { Refusal::Expired } else { self.refusal }
    }
}

impl From<Refusal> for Bar {
    /// Refused for this, whatever the time is.
    fn from(refusal: Refusal) -> Self {
        Self { refusal, expires_at: Timestamp::MAX }
    }
}
