use std::fmt;

use crate::{Actor, OwnerError, OwnerId};

/// Who made a key, as the one who asked for it says: 1 to 255 visible ASCII characters.
///
/// Where an organisation owns keys, this is the person in it, so that the keys of somebody who leaves can
/// be found.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Creator(String);

impl Creator {
    /// Accepts the form of an [`OwnerId`].
    pub fn parse(text: impl Into<String>) -> Result<Self, OwnerError> {
        OwnerId::parse(text).map(|id| Self(id.as_str().to_owned()))
    }

    /// The actor who asked: an owner's id as it is, or the name of another actor.
    pub fn of(actor: &Actor) -> Self {
        match actor {
            Actor::Owner(owner) => Self(owner.as_str().to_owned()),
            other => Self(other.text().into_owned()),
        }
    }

    /// The creator as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Creator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_creator_is_the_owner_who_asked_whatever_the_id_looks_like() {
        for id in ["ada", "auth0:1", "operator"] {
            let owner = OwnerId::parse(id).expect("an owner");
            assert_eq!(Creator::of(&Actor::Owner(owner)).as_str(), id);
        }
        assert_eq!(Creator::of(&Actor::Operator).as_str(), "operator");
        assert!(Creator::parse("no creator").is_err());
    }
}
