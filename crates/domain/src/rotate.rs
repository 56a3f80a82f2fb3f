use std::time::Duration;

use crate::change::ATTEMPTS;
use crate::ports::UpdateError;
use crate::{
    Action, ApiKeyId, ApiKeyService, Caller, ChangeError, ChangeNumber, IssuedKey, NewKey, OwnerId,
    Timestamp,
};

impl ApiKeyService {
    /// Issues a key in the place of another of `owner`, like it and with as long a life. Both may
    /// be used for `overlap`; without one the old key is revoked. The limit on keys does not count
    /// here, since the number that is held stays.
    pub async fn rotate(
        &self,
        owner: &OwnerId,
        id: ApiKeyId,
        overlap: Duration,
        caller: &Caller,
    ) -> Result<IssuedKey, ChangeError> {
        let answer = self.store_rotation(owner, id, overlap, caller).await;
        self.hold(owner, id, answer).await
    }

    async fn store_rotation(
        &self,
        owner: &OwnerId,
        id: ApiKeyId,
        overlap: Duration,
        caller: &Caller,
    ) -> Result<(IssuedKey, Option<ChangeNumber>), ChangeError> {
        for _attempt in 0..ATTEMPTS {
            let found = self.keys.find(owner, id).await?.ok_or(ChangeError::NotFound)?;
            let (old, now) = (found.key.parts(), self.clock.now());
            let until = |end: Timestamp| now.saturating_add(end.since(old.created_at));
            let new = NewKey {
                name: old.name.clone(),
                environment: old.environment,
                expires_at: old.expires_at.map(until),
            };
            let issued = self.draw(owner.clone(), new, now)?;
            let successor = issued.key.parts().id;
            let replaced = found.key.replace(successor, overlap, now)?;
            let action = Action::KeyRotated { key: id, successor };
            let event = self.event(now, owner, action, caller)?;
            match self.keys.replace(&replaced, &issued.key, &event).await {
                Ok(number) => return Ok((issued, Some(number))),
                Err(UpdateError::Stale) => {}
                Err(UpdateError::Store(error)) => return Err(error.into()),
            }
        }
        Err(ChangeError::Contended)
    }
}
