use thiserror::Error;

use crate::{
    ApiKey, ApiKeyId, ApiKeyParts, Creator, Environment, KeyPrefix, KeyState, OwnerId,
    OwnerPattern, Timestamp, has_expired,
};

/// Which keys are looked for, over all owners of some patterns: those of which everything is true that is given.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct KeySearch {
    /// Of these owners.
    pub within: Vec<OwnerPattern>,
    /// When it is; by that it is judged which keys have expired.
    pub now: Timestamp,
    /// Of this owner.
    pub owner: Option<OwnerId>,
    /// Made by.
    pub created_by: Option<Creator>,
    /// Meant for.
    pub environment: Option<Environment>,
    /// In this state; without it, all that are not revoked.
    pub status: Option<KeyStatus>,
    /// With exactly this public beginning.
    pub prefix: Option<KeyPrefix>,
    /// With this in the name.
    pub name_part: Option<NamePart>,
    /// Made before this instant, and not used after it.
    pub unused_since: Option<Timestamp>,
}

impl KeySearch {
    /// All keys within some patterns that are not revoked.
    pub const fn new(within: Vec<OwnerPattern>, now: Timestamp) -> Self {
        Self {
            within,
            now,
            owner: None,
            created_by: None,
            environment: None,
            status: None,
            prefix: None,
            name_part: None,
            unused_since: None,
        }
    }
}

/// What is to be said first of a key. A key that is several of these is the first of revoked, disabled, expired and
/// replaced that holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum KeyStatus {
    /// None of the others.
    Active,
    /// Switched off.
    Disabled,
    /// Its time is over.
    Expired,
    /// It still works, and another has its place.
    Replaced,
    /// It is dead.
    Revoked,
}

impl KeyStatus {
    /// Every status.
    pub const ALL: [Self; 5] =
        [Self::Active, Self::Disabled, Self::Expired, Self::Replaced, Self::Revoked];

    /// The status of `key` at `now`.
    pub fn of(key: &ApiKey, now: Timestamp) -> Self {
        let ApiKeyParts { state, expires_at, replaced_by, .. } = key.parts();
        match state {
            KeyState::Revoked { .. } => Self::Revoked,
            KeyState::Disabled { .. } => Self::Disabled,
            KeyState::Active if has_expired(*expires_at, now) => Self::Expired,
            KeyState::Active if replaced_by.is_some() => Self::Replaced,
            KeyState::Active => Self::Active,
        }
    }
}

/// Where a page of keys ends that has the newest first: the next one begins behind it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct KeyCursor {
    /// When the last key of the page was made.
    pub created_at: Timestamp,
    /// Its id, which tells it from others that were made at the same instant.
    pub id: ApiKeyId,
}

impl From<&ApiKey> for KeyCursor {
    fn from(key: &ApiKey) -> Self {
        let ApiKeyParts { created_at, id, .. } = key.parts();
        Self { created_at: *created_at, id: *id }
    }
}

/// A part of a key's name, whether its ASCII letters are capital or small. No character in it stands for others.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NamePart(String);

/// No name has this part: it has a control character in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("no name has a control character in it")]
pub struct NamePartError;

impl NamePart {
    /// Accepts any text without control characters, which no name has and some databases can't take.
    pub fn parse(text: &str) -> Result<Self, NamePartError> {
        if text.chars().any(char::is_control) {
            Err(NamePartError)
        } else {
            Ok(Self(text.to_ascii_lowercase()))
        }
    }

    /// The part, its ASCII letters small.
    pub fn as_lower(&self) -> &str {
        &self.0
    }

    /// Whether `name` has it.
    pub fn is_in(&self, name: &str) -> bool {
        name.to_ascii_lowercase().contains(&self.0)
    }
}

/// Which events are looked for, over all owners of some patterns: those of which everything is true that is given.
/// An event that belongs to nobody is found by the pattern of every owner alone.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct TrailSearch {
    /// Of these owners.
    pub within: Vec<OwnerPattern>,
    /// Of this owner.
    pub owner: Option<OwnerId>,
    /// Done to this key, alone or among others, or the rotation that it was issued by.
    pub key: Option<ApiKeyId>,
    /// One of [`Action::NAMES`](crate::Action::NAMES).
    pub action: Option<&'static str>,
}

impl TrailSearch {
    /// All events within some patterns.
    pub const fn new(within: Vec<OwnerPattern>) -> Self {
        Self { within, owner: None, key: None, action: None }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_part_of_a_name_is_found_by_capital_and_small_ascii_letters_alike() {
        let is_in = |part: &str, name: &str| NamePart::parse(part).expect("a part").is_in(name);
        assert!(is_in("PROD", "my production"));
        assert!(is_in("prod", "PRODUCTION"));
        assert!(is_in("", "anything"));
        assert!(is_in("É", "CAFÉ"));
        assert!(!is_in("é", "CAFÉ"));
        assert!(!is_in("p%d", "prod"));
        assert!(!is_in("p_od", "prod"));
        assert_eq!(NamePart::parse("a\0"), Err(NamePartError));
    }
}
