use std::time::Duration;

use thiserror::Error;

use crate::change::ATTEMPTS;
use crate::ports::{OverlapError, Replacement};
use crate::{
    Action, Actor, ApiKey, ApiKeyId, ApiKeyService, AuditEvent, Caller, ChangeError, ChangeNumber,
    Creator, IssuedKey, KeyDifference, NewKey, OwnerId, Restrictions, Timestamp,
};

/// How long a replaced key works beside its successor: a day unless somebody says otherwise, and at
/// most 30 days.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Overlap(Duration);

/// The time is longer than an [`Overlap`] may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("an overlap is at most 30 days")]
pub struct OverlapTooLong;

impl Overlap {
    /// The longest one.
    pub const MAX: Self = Self(Duration::from_hours(30 * 24));

    /// Both keys work for `span`; for none at all, the replaced key is revoked.
    pub fn new(span: Duration) -> Result<Self, OverlapTooLong> {
        if span <= Self::MAX.0 { Ok(Self(span)) } else { Err(OverlapTooLong) }
    }

    /// How long it is.
    pub const fn span(self) -> Duration {
        self.0
    }
}

impl Default for Overlap {
    fn default() -> Self {
        Self(Duration::from_hours(24))
    }
}

/// How a key is rotated; an [`Overlap`] alone is one.
#[derive(Debug, Clone, Default)]
#[non_exhaustive]
pub struct Rotation {
    /// How long both keys work.
    pub overlap: Overlap,
    /// Who makes the successor, if the caller asks for somebody else.
    pub created_by: Option<Creator>,
}

impl Rotation {
    /// The same, made by somebody for whom the caller asks, if there is somebody.
    #[must_use]
    pub fn created_by(self, created_by: Option<Creator>) -> Self {
        Self { created_by, ..self }
    }

    /// Who made the successor of a key that `before` made. Owners who rotate a key themselves know its new
    /// secret, so that the key must be found when they leave. Another system rotates in nobody's name: the key
    /// stays with the one who got the old secret.
    fn creator(&self, before: Option<&Creator>, caller: &Caller) -> Option<Creator> {
        match (&self.created_by, &caller.actor) {
            (Some(named), _) => Some(named.clone()),
            (None, actor @ Actor::Owner(_)) => Some(Creator::of(actor)),
            (None, _) => before.cloned(),
        }
    }
}

impl From<Overlap> for Rotation {
    fn from(overlap: Overlap) -> Self {
        Self { overlap, ..Self::default() }
    }
}

impl ApiKeyService {
    /// Issues a key in the place of another of `owner`, like it, with the same metadata, restrictions and limits, and as long a
    /// life. They share what is left of credits and limits. Both may be used for the overlap; without one the old key is revoked. What the old key had itself
    /// replaced ends now. The limit on keys does not count here, since the number that is held
    /// stays; but with an overlap, no more replaced keys may work than that. A suspended owner rotates
    /// none.
    pub async fn rotate(
        &self,
        owner: &OwnerId,
        id: ApiKeyId,
        rotation: impl Into<Rotation> + Send,
        caller: &Caller,
    ) -> Result<IssuedKey, ChangeError> {
        let rotation = rotation.into();
        self.limits.count_change(owner, caller)?;
        let answer = self.store_rotation(owner, id, &rotation, caller).await;
        self.answer_when_applied(owner, id, answer).await
    }

    async fn store_rotation(
        &self,
        owner: &OwnerId,
        id: ApiKeyId,
        rotation: &Rotation,
        caller: &Caller,
    ) -> Result<(IssuedKey, Option<ChangeNumber>), ChangeError> {
        for _attempt in 0..ATTEMPTS {
            let found = self.keys.find(owner, id).await?.ok_or(ChangeError::NotFound)?;
            let (old, now) = (found.key.parts(), self.clock.now());
            let until = |end: Timestamp| now.saturating_add(end.since(old.created_at));
            let Restrictions { scopes, networks } = old.restrictions.clone();
            let new = NewKey {
                name: old.name.clone(),
                environment: old.environment,
                expires_at: old.expires_at.map(until),
                created_by: rotation.creator(old.created_by.as_ref(), caller),
                metadata: old.metadata.clone(),
                scopes: Some(scopes),
                networks,
                limits: old.limits,
                credits: None,
            };
            let issued = self.make_key(owner.clone(), Some(old.family), new, now)?;
            let successor = issued.key.parts().id;
            let replaced = found.key.replace(successor, rotation.overlap.span(), now)?;
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
                Err(OverlapError::LimitReached { limit }) => {
                    return Err(ChangeError::LimitReached { limit });
                }
                Err(OverlapError::OwnerSuspended) => return Err(ChangeError::OwnerSuspended),
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
        let Some(ended) = predecessor.end_overlap(now) else { return Ok(None) };
        let difference = KeyDifference::between(&predecessor, &ended);
        let difference = difference.map(Box::new);
        let action = Action::KeyChanged { key: ended.parts().id, difference };
        let event = AuditEvent::of_key(&self.ids, now, &ended, action, caller)?;
        Ok(Some((ended, event)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_overlap_is_a_day_unless_said_otherwise_and_at_most_30_days() {
        let month = Duration::from_hours(30 * 24);
        assert_eq!(Overlap::default().span(), Duration::from_hours(24));
        assert_eq!(Overlap::new(month).map(Overlap::span), Ok(month));
        assert_eq!(Overlap::new(month + Duration::from_secs(1)), Err(OverlapTooLong));
        assert_eq!(Overlap::new(Duration::ZERO).map(Overlap::span), Ok(Duration::ZERO));
    }

    #[test]
    fn a_successor_is_made_by_who_is_named_else_by_the_owner_who_rotates_else_by_who_made_the_old_key()
     {
        let creator = |text| Creator::parse(text).expect("a creator");
        let ada = Caller::of(&OwnerId::parse("ada").expect("an owner"));
        let (plain, before) = (Rotation::default(), creator("bob"));
        let named = Rotation::default().created_by(Some(creator("eve")));
        for caller in [&ada, &Caller::OPERATOR] {
            assert_eq!(named.creator(Some(&before), caller), Some(creator("eve")));
        }
        assert_eq!(plain.creator(Some(&before), &ada), Some(creator("ada")));
        assert_eq!(plain.creator(Some(&before), &Caller::OPERATOR), Some(before));
        assert_eq!(plain.creator(None, &Caller::OPERATOR), None);
    }
}
