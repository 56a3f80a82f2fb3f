use std::fmt;

use thiserror::Error;

/// The first part of a key's text, `sk` by default: it says whose keys these are, so that people
/// and secret scanners recognise them.
///
/// A lower-case letter, then up to 15 lower-case letters and digits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Brand(String);

/// The text is not a [`Brand`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("must be a lower-case letter followed by up to 15 lower-case letters or digits")]
pub struct BrandError;

impl Brand {
    /// The most bytes a brand has.
    pub const MAX_LEN: usize = 16;

    /// Accepts `[a-z][a-z0-9]{0,15}`.
    pub fn parse(text: &str) -> Result<Self, BrandError> {
        if is_brand(text.as_bytes()) { Ok(Self(text.to_owned())) } else { Err(BrandError) }
    }

    /// The brand as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Default for Brand {
    fn default() -> Self {
        Self("sk".to_owned())
    }
}

impl fmt::Display for Brand {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

pub(crate) fn is_brand(bytes: &[u8]) -> bool {
    bytes.len() <= Brand::MAX_LEN
        && bytes.split_first().is_some_and(|(first, rest)| {
            first.is_ascii_lowercase()
                && rest.iter().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit())
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_brand_is_one_to_sixteen_lower_case_letters_and_digits_starting_with_a_letter() {
        for good in ["s", "sk", "acme2", "abcdefghijklmnop"] {
            assert!(Brand::parse(good).is_ok(), "{good}");
        }
        for bad in ["", "2sk", "SK", "s_k", "s k", "abcdefghijklmnopq", "ské"] {
            assert_eq!(Brand::parse(bad), Err(BrandError), "{bad}");
        }
    }
}
