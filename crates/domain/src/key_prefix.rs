use std::fmt;

use thiserror::Error;

/// The public beginning of the text of a key, such as `sk_live_abc1`, or of a management token.
///
/// It is enough for a person to tell keys apart, with 4 of the 32 random characters, which leaves 166
/// random bits unknown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyPrefix(String);

/// The text is not the beginning of a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("not the beginning of a key")]
pub struct MalformedPrefix;

impl KeyPrefix {
    /// Reads a prefix back from storage; it is never longer than 26 visible ASCII characters.
    pub fn parse(text: impl Into<String>) -> Result<Self, MalformedPrefix> {
        let text = text.into();
        let visible = text.bytes().all(|b| b.is_ascii_graphic());
        if visible && (1..=26).contains(&text.len()) {
            Ok(Self(text))
        } else {
            Err(MalformedPrefix)
        }
    }

    /// The prefix as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for KeyPrefix {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
