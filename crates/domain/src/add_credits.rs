use thiserror::Error;

use crate::ports::{AddedCredits, CreditsError, EntropyError, FoundOwner, KeyInUse, StoreError};
use crate::{
    Action, ApiKeyId, ApiKeyService, AuditEvent, Caller, ChangeNumber, CreditChange,
    CreditsRefused, NotNow, OwnerId,
};

/// Why credits were not added.
#[derive(Debug, Error)]
pub enum AddCreditsError {
    /// The owner has made too many changes of keys.
    #[error(transparent)]
    NotNow(#[from] NotNow),
    /// There is no such key, it belongs to someone else, or it is revoked.
    #[error("there is no such key, or it is revoked")]
    NotFound,
    /// What is left does not allow it.
    #[error(transparent)]
    Refused(#[from] CreditsRefused),
    /// No randomness to make an id from.
    #[error(transparent)]
    Entropy(#[from] EntropyError),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl From<CreditsError> for AddCreditsError {
    fn from(error: CreditsError) -> Self {
        match error {
            CreditsError::NotFound => Self::NotFound,
            CreditsError::Refused(refused) => Self::Refused(refused),
            CreditsError::Store(error) => Self::Store(error),
        }
    }
}

impl ApiKeyService {
    /// Adds credits to those of a key of `owner`, which it shares with the keys of its family; or takes some, or does not
    /// count them any more. Returns the key with what is left. Once this returns, even with a refusal, every instance
    /// knows whether the credits are counted.
    pub async fn add_credits(
        &self,
        owner: &OwnerId,
        id: ApiKeyId,
        change: CreditChange,
        caller: &Caller,
    ) -> Result<KeyInUse, AddCreditsError> {
        self.limits.count_change(owner, caller)?;
        let answer = self.store_credits(owner, id, change, caller).await;
        let made = match answer {
            Ok((_, made)) => Some(made),
            // Nothing is known about the key.
            Err(error @ (AddCreditsError::Entropy(_) | AddCreditsError::Store(_))) => {
                return Err(error);
            }
            Err(_) => None,
        };
        self.wait_for_latest(owner, id, made).await?;
        answer.map(|(key, _)| key)
    }

    async fn store_credits(
        &self,
        owner: &OwnerId,
        id: ApiKeyId,
        change: CreditChange,
        caller: &Caller,
    ) -> Result<(KeyInUse, ChangeNumber), AddCreditsError> {
        let found = self.keys.find(owner, id).await?.ok_or(AddCreditsError::NotFound)?;
        let action = Action::CreditsAdded { key: Some(id), credits: None };
        let event = AuditEvent::of_key(&self.ids, self.clock.now(), &found.key, action, caller)?;
        let AddedCredits { left, as_of } = self.keys.add_credits(owner, id, change, &event).await?;
        Ok((KeyInUse { credits: left, ..found }, as_of))
    }

    /// The same for the credits that all keys of `owner` share. Returns the owner with what is left. Calls are not limited:
    /// owners do not change their own.
    pub async fn add_credits_of_owner(
        &self,
        owner: &OwnerId,
        change: CreditChange,
        caller: &Caller,
    ) -> Result<FoundOwner, AddCreditsError> {
        let found = self.owners.find(owner).await?;
        let action = Action::CreditsAdded { key: None, credits: None };
        let whose = Some(owner.clone());
        let event = AuditEvent::new(&self.ids, self.clock.now(), whose, action, caller)?;
        match self.owners.add_credits(owner, change, &event).await {
            Ok(AddedCredits { left: credits, as_of }) => {
                self.barrier.pass(as_of).await;
                Ok(FoundOwner { credits, as_of, ..found })
            }
            Err(CreditsError::Store(error)) => Err(error.into()),
            Err(refused) => {
                self.keys.confirm().await?;
                self.barrier.pass(found.as_of).await;
                Err(refused.into())
            }
        }
    }
}
