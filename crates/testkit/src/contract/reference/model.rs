//! The rules of keys, told once more and in another way than the domain tells them.

use latchkey_domain::{
    Action, AllowedNetworks, ApiKey, ApiKeyId, AuditEvent, Creator, Environment, KeyChange,
    KeyDifference, OwnerId, Refusal, Secret, Timestamp,
};

use super::REPLACED;

/// All keys there ever were, in the order in which they were made.
#[derive(Debug, Default)]
pub(super) struct Model {
    pub(super) keys: Vec<Known>,
    told: Vec<Told>,
}

/// What the audit trail says of one thing that was done.
#[derive(Debug, Clone)]
struct Told {
    action: &'static str,
    successor: Option<ApiKeyId>,
    /// The key as it was, and as it was left.
    before: Known,
    after: Known,
}

/// Everything that anybody can see of a key.
#[derive(Debug, Clone)]
pub(super) struct Known {
    pub(super) id: ApiKeyId,
    pub(super) owner: OwnerId,
    pub(super) name: String,
    pub(super) environment: Environment,
    pub(super) created_at: i64,
    pub(super) expires_at: Option<i64>,
    pub(super) created_by: String,
    pub(super) metadata: String,
    pub(super) scopes: Option<String>,
    pub(super) networks: Option<String>,
    /// The first key of those that took each other's place.
    pub(super) family: ApiKeyId,
    pub(super) limits: String,
    pub(super) enabled: bool,
    pub(super) revoked: bool,
    pub(super) replaced_by: Option<ApiKeyId>,
    pub(super) secret: Secret,
}

/// How a call is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Refused {
    Invalid,
    NotFound,
    Conflict,
    Limit,
}

impl Known {
    /// Whether this is what the key shows.
    pub(super) fn is(&self, key: &ApiKey) -> bool {
        let shown = key.parts();
        let enabled = key.parts().state.check().is_ok();
        self.id == shown.id
            && self.owner == shown.owner
            && self.name == shown.name.as_str()
            && self.environment == shown.environment
            && self.secret.prefix() == shown.prefix
            && self.created_at == shown.created_at.unix_millis()
            && self.expires_at == shown.expires_at.map(Timestamp::unix_millis)
            && Some(self.created_by.as_str()) == shown.created_by.as_ref().map(Creator::as_str)
            && self.metadata == shown.metadata.as_str()
            && self.scopes.as_deref() == shown.restrictions.scopes.joined()
            && self.networks == shown.restrictions.networks.joined()
            && self.family == shown.family
            && self.limits == shown.limits.to_string()
            && self.enabled == enabled
            && self.replaced_by == shown.replaced_by
    }

    pub(super) fn verify(&self, now: i64) -> Result<(), Refusal> {
        if self.revoked {
            Err(Refusal::Revoked)
        } else if !self.enabled {
            Err(Refusal::Disabled)
        } else if !self.lives(now) {
            Err(Refusal::Expired)
        } else {
            Ok(())
        }
    }

    /// Whether it works although another has its place.
    fn overlaps(&self, now: i64) -> bool {
        self.replaced_by.is_some() && self.verify(now) == Ok(())
    }

    fn lives(&self, now: i64) -> bool {
        self.expires_at.unwrap_or(i64::MAX) > now
    }
}

impl Told {
    /// Whether this is what the event says.
    fn is(&self, event: &AuditEvent) -> bool {
        let Self { action, successor, before, after } = self;
        let AuditEvent { owner, action: done, label, .. } = event;
        let label = label.as_ref().map(|label| (label.name.as_str(), &label.prefix));
        let changes = (*action == "key.changed").then(|| {
            (
                different(&before.name, &after.name),
                different(&before.enabled, &after.enabled),
                different(&before.expires_at, &after.expires_at),
                different(&before.metadata, &after.metadata),
                different(&before.scopes, &after.scopes),
                different(&before.networks, &after.networks),
                different(&before.limits, &after.limits),
            )
        });
        let difference = match done {
            Action::KeyChanged { difference, .. } => difference.as_deref(),
            _ => None,
        };
        let difference = difference.map(|difference| {
            let KeyDifference {
                name,
                enabled,
                expires_at,
                metadata,
                scopes,
                allowed_networks,
                limits,
            } = difference;
            (
                name.as_ref().map(|both| both.each_ref().map(|name| name.as_str().to_owned())),
                *enabled,
                expires_at.map(|both| both.map(|end| end.map(Timestamp::unix_millis))),
                metadata.as_ref().map(|both| both.each_ref().map(|it| it.as_str().to_owned())),
                scopes
                    .as_ref()
                    .map(|both| both.each_ref().map(|it| it.joined().map(str::to_owned))),
                allowed_networks.as_ref().map(|both| both.each_ref().map(AllowedNetworks::joined)),
                limits.map(|both| both.map(|limits| limits.to_string())),
            )
        });
        owner.as_ref() == Some(&after.owner)
            && *action == done.name()
            && Some(after.id) == done.key()
            && *successor == done.successor()
            && label == Some((&after.name, &after.secret.prefix()))
            && changes == difference
    }
}

fn different<T: Clone + PartialEq>(before: &T, after: &T) -> Option<[T; 2]> {
    (before != after).then(|| [before.clone(), after.clone()])
}

impl Model {
    /// Whether these are the events of `of`, newest first; with a `key`, those that name it.
    pub(super) fn told(&self, of: &OwnerId, key: Option<ApiKeyId>, events: &[AuditEvent]) -> bool {
        let names =
            |told: &Told| key.is_none_or(|key| told.after.id == key || told.successor == Some(key));
        let mut told = self.told.iter().rev().filter(|it| it.after.owner == *of && names(it));
        events.iter().all(|event| told.next().is_some_and(|told| told.is(event)))
            && told.next().is_none()
    }

    /// Adds a key that has just been made.
    pub(super) fn add(&mut self, made: Known) {
        self.tell("key.created", None, made.clone(), made.clone());
        self.keys.push(made);
    }

    fn tell(
        &mut self,
        action: &'static str,
        successor: Option<ApiKeyId>,
        before: Known,
        after: Known,
    ) {
        self.told.push(Told { action, successor, before, after });
    }

    /// The owner's key, revoked or not.
    pub(super) fn key(&self, of: &OwnerId, id: ApiKeyId) -> Option<&Known> {
        self.keys.iter().find(|key| key.id == id && key.owner == *of)
    }

    fn found(&mut self, of: &OwnerId, id: ApiKeyId) -> Result<&mut Known, Refused> {
        let mut keys = self.keys.iter_mut();
        let key = keys.find(|key| key.id == id && key.owner == *of && !key.revoked);
        key.ok_or(Refused::NotFound)
    }

    /// Whether the answer is held back: whenever it says something about a key that there is.
    pub(super) fn waits(&self, of: &OwnerId, id: ApiKeyId, refused: Option<Refused>) -> bool {
        self.key(of, id).is_some() && refused != Some(Refused::Invalid)
    }

    pub(super) fn create(
        &self,
        of: &OwnerId,
        expires_at: Option<i64>,
        now: i64,
        limit: u32,
    ) -> Result<(), Refused> {
        let held = |key: &&Known| key.owner == *of && !key.revoked && key.replaced_by.is_none();
        if expires_at.is_some_and(|end| end <= now) {
            Err(Refused::Invalid)
        } else if self.keys.iter().filter(held).count() >= usize::try_from(limit).expect("small") {
            Err(Refused::Limit)
        } else {
            Ok(())
        }
    }

    /// How many replaced keys of the owner work, but for one.
    fn overlapping(&self, of: &OwnerId, but: Option<ApiKeyId>, now: i64) -> usize {
        let counts = |key: &&Known| key.owner == *of && Some(key.id) != but && key.overlaps(now);
        self.keys.iter().filter(counts).count()
    }

    pub(super) fn change(
        &mut self,
        of: &OwnerId,
        id: ApiKeyId,
        change: &KeyChange,
        now: i64,
    ) -> Result<(), Refused> {
        if change.is_nothing() {
            return Err(Refused::Invalid);
        }
        let others = self.overlapping(of, Some(id), now);
        let KeyChange { name, enabled, expires_at, metadata, scopes, allowed_networks, limits } =
            change;
        let expires_at = expires_at.map(|end| end.map(Timestamp::unix_millis));
        if let Some(Some(end)) = expires_at
            && end <= now
        {
            return Err(Refused::Invalid);
        }
        let key = self.found(of, id)?;
        let before = key.clone();
        if let Some(end) = expires_at {
            let never = i64::MAX;
            if key.replaced_by.is_some() && end.unwrap_or(never) > key.expires_at.unwrap_or(never) {
                return Err(Refused::Conflict);
            }
            key.expires_at = end;
        }
        key.enabled = enabled.unwrap_or(key.enabled);
        if key.overlaps(now) && !before.overlaps(now) && others >= REPLACED {
            *key = before;
            return Err(Refused::Limit);
        }
        if let Some(name) = name {
            name.as_str().clone_into(&mut key.name);
        }
        if let Some(metadata) = metadata {
            metadata.as_str().clone_into(&mut key.metadata);
        }
        if let Some(scopes) = scopes {
            key.scopes = scopes.joined().map(str::to_owned);
        }
        if let Some(networks) = allowed_networks {
            key.networks = networks.joined();
        }
        if let Some(limits) = limits {
            key.limits = limits.to_string();
        }
        let after = key.clone();
        let shown = |key: &Known| {
            let restrictions = (key.scopes.clone(), key.networks.clone(), key.limits.clone());
            (key.name.clone(), key.enabled, key.expires_at, key.metadata.clone(), restrictions)
        };
        if before.limits != after.limits {
            let of_family = |key: &&mut Known| key.family == after.family && !key.revoked;
            for key in self.keys.iter_mut().filter(of_family) {
                key.limits.clone_from(&after.limits);
            }
        }
        if shown(&before) != shown(&after) {
            self.tell("key.changed", None, before, after);
        }
        Ok(())
    }

    pub(super) fn may_rotate(
        &mut self,
        of: &OwnerId,
        id: ApiKeyId,
        overlap_seconds: u64,
        now: i64,
    ) -> Result<(), Refused> {
        let key = self.found(of, id)?;
        if !key.enabled || !key.lives(now) || key.replaced_by.is_some() {
            return Err(Refused::Conflict);
        }
        let predecessor = self.keys.iter().find(|key| key.replaced_by == Some(id));
        let others = self.overlapping(of, predecessor.map(|key| key.id), now);
        if overlap_seconds > 0 && others >= REPLACED { Err(Refused::Limit) } else { Ok(()) }
    }

    /// Puts a key that has just begun in the place of another.
    pub(super) fn rotate(
        &mut self,
        id: ApiKeyId,
        begun: Known,
        overlap_seconds: u64,
        rotated_by: Option<String>,
    ) -> &Known {
        let now = begun.created_at;
        let mut keys = self.keys.iter_mut();
        if let Some(predecessor) = keys.find(|key| key.replaced_by == Some(id) && !key.revoked) {
            let before = predecessor.clone();
            predecessor.expires_at = predecessor.expires_at.map(|end| end.min(now));
            let after = predecessor.clone();
            if before.expires_at != after.expires_at {
                self.tell("key.changed", None, before, after);
            }
        }
        let old = self.keys.iter_mut().find(|key| key.id == id).expect("it may be rotated");
        let successor = Known {
            name: old.name.clone(),
            environment: old.environment,
            expires_at: old.expires_at.map(|end| now + end - old.created_at),
            created_by: rotated_by.unwrap_or_else(|| old.created_by.clone()),
            metadata: old.metadata.clone(),
            scopes: old.scopes.clone(),
            networks: old.networks.clone(),
            family: old.family,
            limits: old.limits.clone(),
            ..begun
        };
        let before = old.clone();
        let end = now + 1_000 * i64::try_from(overlap_seconds).expect("small");
        old.expires_at = Some(old.expires_at.unwrap_or(end).min(end));
        old.replaced_by = Some(successor.id);
        old.revoked = overlap_seconds == 0;
        let after = old.clone();
        self.tell("key.rotated", Some(successor.id), before, after);
        self.keys.push(successor);
        self.keys.last().expect("it was just put there")
    }

    pub(super) fn revoke(&mut self, of: &OwnerId, id: ApiKeyId) -> Result<(), Refused> {
        let key = self.found(of, id)?;
        let before = key.clone();
        key.revoked = true;
        let after = key.clone();
        self.tell("key.revoked", None, before, after);
        Ok(())
    }

    /// The owner's keys as listed.
    pub(super) fn list(&self, of: &OwnerId) -> Vec<&Known> {
        let mut keys: Vec<_> =
            self.keys.iter().filter(|key| key.owner == *of && !key.revoked).collect();
        keys.sort_by_key(|key| std::cmp::Reverse((key.created_at, key.id)));
        keys
    }
}
