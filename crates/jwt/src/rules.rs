use std::fmt;

use serde_json::{Map, Value};
use thiserror::Error;

/// Which tokens are sessions here.
#[derive(Debug, Clone)]
pub struct Rules {
    /// Exactly what `iss` must be.
    pub issuer: String,
    /// What `aud` must be or have among its members.
    pub audience: String,
    /// Where the owner of keys stands in the claims.
    pub owner: ClaimPath,
    /// Where the person stands who acts for the owner.
    pub actor: ClaimPath,
}

/// Where a claim is: names from the outermost object inwards, joined by dots, such as `sub` or `org.id`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClaimPath(String);

/// The text is no [`ClaimPath`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("must be the name of a claim, or names joined by dots, such as org.id")]
pub struct ClaimPathError;

impl ClaimPath {
    /// Accepts names that are not empty, joined by dots.
    pub fn parse(text: &str) -> Result<Self, ClaimPathError> {
        let is_name = |name: &str| !name.is_empty() && !name.contains(char::is_control);
        if text.split('.').all(is_name) { Ok(Self(text.to_owned())) } else { Err(ClaimPathError) }
    }

    /// The text at this place, if there is one.
    pub(crate) fn text_in<'a>(&self, claims: &'a Map<String, Value>) -> Option<&'a str> {
        let mut names = self.0.split('.');
        let outermost = claims.get(names.next()?)?;
        names.try_fold(outermost, |value, name| value.as_object()?.get(name))?.as_str()
    }
}

impl fmt::Display for ClaimPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_leads_through_objects_to_a_text() {
        let claims = crate::json::object(br#"{"sub":"ada","org":{"id":"o1","n":1},"a.b":"c"}"#);
        let claims = claims.expect("an object");
        let found = |path: &str| ClaimPath::parse(path).expect("a path").text_in(&claims);
        assert_eq!((found("sub"), found("org.id")), (Some("ada"), Some("o1")));
        for absent in ["org", "org.n", "org.id.x", "org.x", "sub.x", "x", "a.b"] {
            assert_eq!(found(absent), None, "{absent}");
        }
    }

    #[test]
    fn every_name_of_a_path_has_a_character() {
        for bad in ["", ".", "org.", ".org", "org..id", "org\n"] {
            assert_eq!(ClaimPath::parse(bad), Err(ClaimPathError), "{bad:?}");
        }
    }
}
