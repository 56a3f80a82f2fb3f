use std::time::Duration;

use latchkey_domain::{KeyName, KeyPrefix, KeyedDigest, OwnerId, OwnerPattern, Timestamp, TokenId};
use thiserror::Error;

use crate::{Right, Rights};

/// By which a backend manages keys for its own users: what it may do, and for whom. Its text is a
/// [`ManagementTokenText`](latchkey_domain::ManagementTokenText), of which only a digest is stored.
#[derive(Debug, Clone)]
pub struct ManagementToken {
    /// Names the token in lists and in the audit trail.
    pub id: TokenId,
    /// What an operator calls it.
    pub name: KeyName,
    /// What it may do.
    pub rights: Rights,
    /// For whom: at least one pattern.
    pub owners: Vec<OwnerPattern>,
    /// The public beginning of its text.
    pub prefix: KeyPrefix,
    /// What is stored in place of its text.
    pub digest: KeyedDigest,
    /// When it was made.
    pub created_at: Timestamp,
    /// The first instant at which it no longer works.
    pub expires_at: Timestamp,
    /// When it was revoked, if it was; it never works again.
    pub revoked_at: Option<Timestamp>,
    /// When it was last used, as far as recorded.
    pub last_used_at: Option<Timestamp>,
}

/// Why a good management token does not open a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum Forbidden {
    /// It lacks the right.
    #[error("the management token lacks the right")]
    MayNotDoThat,
    /// The owner is outside its patterns.
    #[error("the owner is outside the patterns of the management token")]
    MayNotActForOwner,
}

/// A [`ManagementToken`] that has the right that a call needs. For whom it may use that is to be asked
/// next, so that a lacking right is always told first.
#[derive(Debug, Clone, Copy)]
#[must_use = "the owner is to be asked for too"]
pub struct Entitled<'a>(&'a ManagementToken);

impl ManagementToken {
    /// Whether it works at `now`.
    pub fn works_at(&self, now: Timestamp) -> bool {
        self.revoked_at.is_none() && now < self.expires_at
    }

    /// Whether it has `right`, or one that includes it.
    pub fn may(&self, right: Right) -> Result<Entitled<'_>, Forbidden> {
        if self.rights.include(right) { Ok(Entitled(self)) } else { Err(Forbidden::MayNotDoThat) }
    }
}

impl<'a> Entitled<'a> {
    /// Whether it may do that for `owner`.
    pub fn act_for(self, owner: &OwnerId) -> Result<(), Forbidden> {
        if self.0.owners.iter().any(|pattern| pattern.covers(owner)) {
            Ok(())
        } else {
            Err(Forbidden::MayNotActForOwner)
        }
    }

    /// For whom it may do that, where a call is about many owners.
    pub fn owners(self) -> &'a [OwnerPattern] {
        &self.0.owners
    }

    /// Whether it may do that for every owner, and so see what belongs to none.
    pub fn acts_for_all(self) -> bool {
        self.0.owners.contains(&OwnerPattern::any())
    }
}

/// A management token that is to be made.
#[derive(Debug, Clone)]
pub struct NewManagementToken {
    pub(crate) name: KeyName,
    pub(crate) rights: Rights,
    pub(crate) owners: Vec<OwnerPattern>,
    pub(crate) lifetime: TokenLifetime,
}

/// Why no management token is made like this.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum NewManagementTokenError {
    /// It could do nothing.
    #[error("a management token needs a right")]
    NoRight,
    /// It could act for nobody.
    #[error("a management token needs a pattern of owners")]
    NoOwner,
    /// More patterns than are kept.
    #[error("a management token has at most {} patterns of owners", NewManagementToken::MAX_OWNERS)]
    TooManyOwners,
}

impl NewManagementToken {
    /// The most patterns of owners that a token has.
    pub const MAX_OWNERS: usize = 50;

    /// Of patterns that are given twice one is kept.
    pub fn new(
        name: KeyName,
        rights: Rights,
        owners: impl IntoIterator<Item = OwnerPattern>,
        lifetime: TokenLifetime,
    ) -> Result<Self, NewManagementTokenError> {
        let mut kept = Vec::new();
        for owner in owners {
            if !kept.contains(&owner) {
                kept.push(owner);
            }
        }
        match kept.len() {
            _ if rights.is_empty() => Err(NewManagementTokenError::NoRight),
            0 => Err(NewManagementTokenError::NoOwner),
            1..=Self::MAX_OWNERS => Ok(Self { name, rights, owners: kept, lifetime }),
            _ => Err(NewManagementTokenError::TooManyOwners),
        }
    }
}

/// How long a management token works: from a second to 400 days.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TokenLifetime(Duration);

/// The span is no [`TokenLifetime`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("a management token works for 1s to 400d")]
pub struct TokenLifetimeError;

impl TokenLifetime {
    /// The longest.
    pub const MAX: Self = Self(Duration::from_hours(400 * 24));

    /// Accepts a span from a second to [`MAX`](Self::MAX).
    pub fn new(span: Duration) -> Result<Self, TokenLifetimeError> {
        let fits = (Duration::from_secs(1)..=Self::MAX.0).contains(&span);
        if fits { Ok(Self(span)) } else { Err(TokenLifetimeError) }
    }

    /// The span.
    pub const fn get(self) -> Duration {
        self.0
    }
}

#[cfg(test)]
mod tests {
    use latchkey_domain::uuid::Uuid;
    use latchkey_domain::{Digest, PepperId};

    use super::*;

    fn at(millis: i64) -> Timestamp {
        Timestamp::from_unix_millis(millis).expect("in range")
    }

    fn owner(id: &str) -> OwnerId {
        OwnerId::parse(id).expect("an owner")
    }

    fn patterns(texts: &[&str]) -> Vec<OwnerPattern> {
        texts.iter().map(|text| OwnerPattern::parse(*text).expect("a pattern")).collect()
    }

    fn token(rights: &[Right], owners: &[&str]) -> ManagementToken {
        let pepper = PepperId::new(1).expect("not zero");
        ManagementToken {
            id: TokenId::new(Uuid::nil()),
            name: KeyName::parse("backend").expect("a name"),
            rights: rights.iter().copied().collect(),
            owners: patterns(owners),
            prefix: KeyPrefix::parse("lk_admin_0123").expect("a prefix"),
            digest: KeyedDigest { pepper, digest: Digest::new([0; 32]) },
            created_at: at(0),
            expires_at: at(1_000),
            revoked_at: None,
            last_used_at: None,
        }
    }

    #[test]
    fn a_token_works_until_it_expires_or_is_revoked() {
        let good = token(&[Right::KeysRead], &["*"]);
        assert!(good.works_at(at(999)));
        assert!(!good.works_at(at(1_000)));
        assert!(!ManagementToken { revoked_at: Some(at(5)), ..good }.works_at(at(1)));
    }

    #[test]
    fn a_lacking_right_is_told_before_the_owner() {
        let reader = token(&[Right::KeysRead], &["org_*", "ada"]);
        assert_eq!(reader.may(Right::KeysWrite).map(drop), Err(Forbidden::MayNotDoThat));
        let entitled = reader.may(Right::KeysRead).expect("it may read");
        assert_eq!(entitled.act_for(&owner("ada")), Ok(()));
        assert_eq!(entitled.act_for(&owner("org_7")), Ok(()));
        for other in ["adam", "ad", "org", "x_org_7"] {
            assert_eq!(entitled.act_for(&owner(other)), Err(Forbidden::MayNotActForOwner));
        }
    }

    #[test]
    fn only_the_pattern_of_every_owner_acts_for_all() {
        for (owners, all) in [(&["*"][..], true), (&["a*", "*"], true), (&["a*", "b*"], false)] {
            let token = token(&[Right::AuditRead], owners);
            let entitled = token.may(Right::AuditRead).expect("it may");
            assert_eq!(entitled.acts_for_all(), all, "{owners:?}");
        }
    }

    #[test]
    fn a_new_token_needs_a_right_and_an_owner_and_keeps_no_pattern_twice() {
        let name = || KeyName::parse("backend").expect("a name");
        let rights: Rights = [Right::KeysRead].into_iter().collect();
        let new =
            |rights, owners| NewManagementToken::new(name(), rights, owners, TokenLifetime::MAX);
        let kept = new(rights, patterns(&["a*", "b", "a*"])).expect("it is fine").owners;
        assert_eq!(kept, patterns(&["a*", "b"]));
        let error = |rights, owners| new(rights, owners).map(drop).expect_err("it is refused");
        assert_eq!(error(Rights::default(), patterns(&["*"])), NewManagementTokenError::NoRight);
        assert_eq!(error(rights, Vec::new()), NewManagementTokenError::NoOwner);
        let many = (0..=50).map(|n| OwnerPattern::parse(n.to_string()).expect("a pattern"));
        assert_eq!(error(rights, many.collect()), NewManagementTokenError::TooManyOwners);
    }

    #[test]
    fn a_token_works_for_a_second_to_400_days() {
        let days = |days: u64| Duration::from_hours(days * 24);
        assert!(TokenLifetime::new(Duration::from_secs(1)).is_ok());
        assert!(TokenLifetime::new(days(400)).is_ok());
        assert!(TokenLifetime::new(Duration::from_millis(999)).is_err());
        assert!(TokenLifetime::new(days(400) + Duration::from_secs(1)).is_err());
    }
}
