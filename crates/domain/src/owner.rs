use std::fmt;

use thiserror::Error;

/// Whose key it is: an opaque id of 1 to 255 visible ASCII characters.
///
/// Latchkey's own accounts use their id; another identity system's ids fit as they are, and any
/// owner can travel in an HTTP header.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct OwnerId(String);

/// The text is not an [`OwnerId`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("an owner must be 1 to 255 visible ASCII characters")]
pub struct OwnerError;

impl OwnerId {
    /// The most characters an owner has.
    pub const MAX_LEN: usize = 255;

    /// Accepts 1 to 255 characters from `!` to `~`.
    pub fn parse(text: impl Into<String>) -> Result<Self, OwnerError> {
        let text = text.into();
        let fits = (1..=Self::MAX_LEN).contains(&text.len());
        if fits && text.bytes().all(|b| b.is_ascii_graphic()) {
            Ok(Self(text))
        } else {
            Err(OwnerError)
        }
    }

    /// The owner as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for OwnerId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_owner_is_1_to_255_visible_ascii_characters() {
        assert!(OwnerId::parse("auth0|5f7c8ec7c33c6c004bbafe82").is_ok());
        assert!(OwnerId::parse("x".repeat(255)).is_ok());
        for bad in [String::new(), "x".repeat(256), "a b".into(), "a\n".into(), "é".into()] {
            assert_eq!(OwnerId::parse(bad.clone()), Err(OwnerError), "{bad}");
        }
    }
}
