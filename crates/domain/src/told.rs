use crate::{
    AllowedNetworks, ApiKey, ApiKeyParts, Grants, KeyName, KeyPrefix, KeyState, Limits, MaxKeys,
    Metadata, OwnerSettings, Timestamp,
};

/// What an event says of a key besides its id, so that the trail can be read when the key has
/// another name or is gone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyLabel {
    /// What its owner called it.
    pub name: KeyName,
    /// The public beginning of its secret.
    pub prefix: KeyPrefix,
}

impl From<&ApiKey> for KeyLabel {
    fn from(key: &ApiKey) -> Self {
        let ApiKeyParts { name, prefix, .. } = key.parts();
        Self { name: name.clone(), prefix: prefix.clone() }
    }
}

/// What its owner changed about a key: of each member that is different, what was before and what
/// was after.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct KeyDifference {
    /// What it is called.
    pub name: Option<[KeyName; 2]>,
    /// Whether it is switched on.
    pub enabled: Option<[bool; 2]>,
    /// The first instant at which it no longer works, or none.
    pub expires_at: Option<[Option<Timestamp>; 2]>,
    /// What another system keeps with it.
    pub metadata: Option<[Metadata; 2]>,
    /// What it may be used for.
    pub scopes: Option<[Grants; 2]>,
    /// From where it may be used.
    pub allowed_networks: Option<[AllowedNetworks; 2]>,
    /// How much may be used in each window.
    pub limits: Option<[Limits; 2]>,
}

impl KeyDifference {
    /// What differs between two versions of one key; `None` if its owner would see no difference.
    pub fn between(before: &ApiKey, after: &ApiKey) -> Option<Self> {
        // Without `..`: a part that owners get to change has to be told of.
        let ApiKeyParts {
            name,
            expires_at,
            metadata,
            restrictions,
            state,
            limits,
            // Never change.
            id: _,
            family: _,
            owner: _,
            prefix: _,
            environment: _,
            created_by: _,
            created_at: _,
            // Change by themselves, or with an event of their own.
            digest: _,
            replaced_by: _,
            version: _,
        } = before.parts();
        let after = after.parts();
        let [was_on, is_on] = [*state, after.state].map(|state| state == KeyState::Active);
        let difference = Self {
            name: pair(name, &after.name),
            enabled: pair(&was_on, &is_on),
            expires_at: pair(expires_at, &after.expires_at),
            metadata: pair(metadata, &after.metadata),
            scopes: pair(&restrictions.scopes, &after.restrictions.scopes),
            allowed_networks: pair(&restrictions.networks, &after.restrictions.networks),
            limits: pair(limits, &after.limits),
        };
        (difference != Self::default()).then_some(difference)
    }
}

/// What was changed about an owner: of each member that is different, what was before and what was after.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct OwnerDifference {
    /// Its own limit on keys, or none.
    pub max_keys: Option<[Option<MaxKeys>; 2]>,
    /// Whether it is suspended.
    pub suspended: Option<[bool; 2]>,
    /// How much all its keys may use in each window.
    pub limits: Option<[Limits; 2]>,
}

impl OwnerDifference {
    /// What differs; `None` if nothing does.
    pub fn between(before: &OwnerSettings, after: &OwnerSettings) -> Option<Self> {
        // Without `..`: each setting is told of.
        let OwnerSettings { max_keys, suspended_at, limits } = before;
        let [was, is] = [suspended_at, &after.suspended_at].map(Option::is_some);
        let difference = Self {
            max_keys: pair(max_keys, &after.max_keys),
            suspended: pair(&was, &is),
            limits: pair(limits, &after.limits),
        };
        (difference != Self::default()).then_some(difference)
    }
}

fn pair<T: Clone + PartialEq>(before: &T, after: &T) -> Option<[T; 2]> {
    (before != after).then(|| [before.clone(), after.clone()])
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;
    use crate::{
        ApiKeyId, Digest, Environment, KeyChange, KeyedDigest, OwnerId, PepperId, Restrictions,
        TransitionError,
    };

    fn at(millis: i64) -> Timestamp {
        Timestamp::from_unix_millis(millis).expect("in range")
    }

    fn name(text: &str) -> KeyName {
        KeyName::parse(text).expect("a name")
    }

    fn key() -> ApiKey {
        let pepper = PepperId::new(1).expect("not zero");
        ApiKey::restore(ApiKeyParts {
            id: ApiKeyId::new(Uuid::from_u128(1)),
            family: ApiKeyId::new(Uuid::from_u128(1)),
            owner: OwnerId::parse("owner").expect("an owner"),
            name: name("A"),
            prefix: KeyPrefix::parse("sk_live_abc1").expect("a prefix"),
            environment: Environment::Live,
            digest: KeyedDigest { pepper, digest: Digest::new([7; 32]) },
            created_by: None,
            created_at: at(0),
            expires_at: Some(at(50)),
            metadata: Metadata::default(),
            restrictions: Restrictions::default(),
            limits: Limits::NONE,
            state: KeyState::Active,
            replaced_by: None,
            version: 1,
        })
    }

    #[test]
    fn a_difference_has_what_really_changed_and_nothing_else() -> Result<(), TransitionError> {
        let none = KeyDifference::default();
        let before = key();
        let after = |change: KeyChange| before.change(&change, at(1));
        let same = KeyChange {
            name: Some(name("A")),
            enabled: Some(true),
            expires_at: Some(Some(at(50))),
            metadata: Some(Metadata::default()),
            scopes: Some(Grants::default()),
            allowed_networks: Some(AllowedNetworks::default()),
            limits: Some(Limits::NONE),
        };
        assert_eq!(KeyDifference::between(&before, &after(same)?), None);

        let renamed = after(KeyChange { name: Some(name("B")), ..KeyChange::default() })?;
        let want = KeyDifference { name: Some([name("A"), name("B")]), ..none.clone() };
        assert_eq!(KeyDifference::between(&before, &renamed), Some(want));
        assert_eq!(KeyLabel::from(&renamed).name, name("B"));

        let switch = |on| KeyChange { enabled: Some(on), ..KeyChange::default() };
        let off = after(switch(false))?;
        let want = KeyDifference { enabled: Some([true, false]), ..none.clone() };
        assert_eq!(KeyDifference::between(&before, &off), Some(want));
        assert_eq!(KeyDifference::between(&off, &off.change(&switch(false), at(2))?), None);
        let want = KeyDifference { enabled: Some([false, true]), ..none.clone() };
        assert_eq!(KeyDifference::between(&off, &off.change(&switch(true), at(2))?), Some(want));

        let lasting = after(KeyChange { expires_at: Some(None), ..KeyChange::default() })?;
        let want = KeyDifference { expires_at: Some([Some(at(50)), None]), ..none.clone() };
        assert_eq!(KeyDifference::between(&before, &lasting), Some(want));

        let plan = Metadata::parse(r#"{"plan":"pro"}"#).expect("an object");
        let marked = after(KeyChange { metadata: Some(plan.clone()), ..KeyChange::default() })?;
        let want = KeyDifference { metadata: Some([Metadata::default(), plan]), ..none.clone() };
        assert_eq!(KeyDifference::between(&before, &marked), Some(want));

        let read = Grants::parse(["docs:read"]).expect("a scope");
        let narrowed = after(KeyChange { scopes: Some(read.clone()), ..KeyChange::default() })?;
        let want = KeyDifference { scopes: Some([Grants::default(), read]), ..none.clone() };
        assert_eq!(KeyDifference::between(&before, &narrowed), Some(want));

        let here = AllowedNetworks::parse(["10.0.0.0/8"]).expect("a network");
        let change = KeyChange { allowed_networks: Some(here.clone()), ..KeyChange::default() };
        let allowed_networks = Some([AllowedNetworks::default(), here]);
        let want = KeyDifference { allowed_networks, ..none.clone() };
        assert_eq!(KeyDifference::between(&before, &after(change)?), Some(want));

        let daily = Limits::from_storage("day=9").expect("limits");
        let change = KeyChange { limits: Some(daily), ..KeyChange::default() };
        let want = KeyDifference { limits: Some([Limits::NONE, daily]), ..none };
        assert_eq!(KeyDifference::between(&before, &after(change)?), Some(want));
        Ok(())
    }
}
