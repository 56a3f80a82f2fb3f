use std::fmt;

use thiserror::Error;

use crate::OwnerId;

/// Which owners are meant: one, or all whose ids have the same beginning.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct OwnerPattern(String);

/// The text is not an [`OwnerPattern`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("a pattern is an owner, or the beginning of one followed by one *")]
pub struct OwnerPatternError;

impl OwnerPattern {
    /// Accepts an owner's id, or a beginning of at most 254 visible ASCII characters followed by one `*`.
    /// A `*` alone means every owner. An owner whose id has a `*` at its end can't be meant alone.
    pub fn parse(text: impl Into<String>) -> Result<Self, OwnerPatternError> {
        let text = text.into();
        let is_owner = OwnerId::parse(text.as_str()).is_ok();
        let stars = text.bytes().filter(|byte| *byte == b'*').count();
        let ends_in_the_star = text.ends_with('*') && stars == 1;
        if is_owner && (stars == 0 || ends_in_the_star) {
            Ok(Self(text))
        } else {
            Err(OwnerPatternError)
        }
    }

    /// Every owner.
    pub fn any() -> Self {
        Self("*".to_owned())
    }

    /// The pattern as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The beginning that the ids have in common, if it means more than one owner.
    pub fn beginning(&self) -> Option<&str> {
        self.0.strip_suffix('*')
    }

    /// Whether every owner is meant, and so what belongs to nobody.
    pub fn is_any(&self) -> bool {
        self.0 == "*"
    }

    /// Whether `owner` is meant.
    pub fn covers(&self, owner: &OwnerId) -> bool {
        match self.beginning() {
            Some(beginning) => owner.as_str().starts_with(beginning),
            None => self.0 == owner.as_str(),
        }
    }
}

impl fmt::Display for OwnerPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn covers(pattern: &str, owner: &str) -> bool {
        let pattern = OwnerPattern::parse(pattern).expect("a pattern");
        pattern.covers(&OwnerId::parse(owner).expect("an owner"))
    }

    #[test]
    fn a_pattern_covers_its_owner_or_those_with_its_beginning() {
        assert!(covers("org_1", "org_1"));
        assert!(!covers("org_1", "org_12"));
        assert!(!covers("org_1", "org_"));
        assert!(covers("org_*", "org_1"));
        assert!(covers("org_*", "org_"));
        assert!(!covers("org_*", "Org_1"));
        assert!(!covers("org_*", "user_org_1"));
        assert!(covers("*", "anybody"));
        assert!(covers("*", "*"));
    }

    #[test]
    fn other_stars_and_what_is_no_owner_are_refused() {
        for bad in ["", "**", "*org", "o*g", "o*g*", "org *", "örg*", &"x".repeat(256)] {
            assert_eq!(OwnerPattern::parse(bad), Err(OwnerPatternError), "{bad}");
        }
        assert!(OwnerPattern::parse(format!("{}*", "x".repeat(254))).is_ok());
    }
}
