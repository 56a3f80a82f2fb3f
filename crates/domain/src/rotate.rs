use std::time::Duration;

use crate::change::ATTEMPTS;
use crate::ports::{OverlapError, Replacement};
use crate::{
    Action, ApiKey, ApiKeyId, ApiKeyService, AuditEvent, Caller, ChangeError, ChangeNumber,
    IssuedKey, KeyDifference, NewKey, OwnerId, Timestamp,
};

impl ApiKeyService {
    /// Issues a key in the place of another of `owner`, like it and with as long a life. Both may
    /// be used for `overlap`; without one the old key is revoked. What the old key had itself
    /// replaced ends now. The limit on keys does not count here, since the number that is held
    /// stays; but with an overlap, no more replaced keys may work than that.
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
            let limit = self.policy.max_keys_per_owner;
            let ended = self.ended_predecessor(owner, id, now, caller).await?;
            let event = AuditEvent::of_key(&self.ids, now, &replaced, action, caller)?;
            let replacement = Replacement {
                limit: replaced.overlaps(now).then_some(limit),
                key: replaced,
                successor: issued.key.clone(),
                ended,
                event,
            };
            match self.keys.replace(&replacement).await {
                Ok(number) => return Ok((issued, Some(number))),
                Err(OverlapError::Stale) => {}
                Err(OverlapError::LimitReached) => return Err(ChangeError::LimitReached { limit }),
                Err(OverlapError::Store(error)) => return Err(error.into()),
            }
        }
        Err(ChangeError::Contended)
    }

    /// What the key `id` had replaced, as it is once it has ended, if it has not yet.
    async fn ended_predecessor(
        &self,
        owner: &OwnerId,
        id: ApiKeyId,
        now: Timestamp,
        caller: &Caller,
    ) -> Result<Option<(ApiKey, AuditEvent)>, ChangeError> {
        let predecessor = self.keys.predecessor(owner, id).await?;
        let Some(predecessor) = predecessor else { return Ok(None) };
        let Some(ended) = predecessor.end(now) else { return Ok(None) };
        let difference = KeyDifference::between(&predecessor, &ended);
        let action = Action::KeyChanged { key: ended.parts().id, difference };
        let event = AuditEvent::of_key(&self.ids, now, &ended, action, caller)?;
        Ok(Some((ended, event)))
    }
}
