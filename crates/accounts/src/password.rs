use std::fmt;

use thiserror::Error;
use zeroize::Zeroizing;

/// A password in plain text, erased from memory on drop and never printed.
pub struct Password(Zeroizing<String>);

/// Why a text is not a password.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum PasswordError {
    /// Fewer than 12 characters, for a new password.
    #[error("a password must have at least 12 characters")]
    TooShort,
    /// More than 128 characters.
    #[error("a password must have at most 128 characters")]
    TooLong,
}

impl Password {
    /// The fewest characters a new password has.
    pub const MIN_CHARS: usize = 12;
    /// The most characters a password has.
    pub const MAX_CHARS: usize = 128;

    /// A password somebody chooses: 12 to 128 characters of any kind (NIST SP 800-63B asks for
    /// length, not for composition rules).
    pub fn chosen(text: Zeroizing<String>) -> Result<Self, PasswordError> {
        let long_enough = text.chars().nth(Self::MIN_CHARS - 1).is_some();
        if long_enough { Self::presented(text) } else { Err(PasswordError::TooShort) }
    }

    /// A password somebody signs in with: of any length up to 128 characters, so that a later
    /// change of the rule for new ones locks nobody out.
    pub fn presented(text: Zeroizing<String>) -> Result<Self, PasswordError> {
        let too_long = text.chars().nth(Self::MAX_CHARS).is_some();
        if too_long { Err(PasswordError::TooLong) } else { Ok(Self(text)) }
    }

    /// The plain text, for the hash function.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Password {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Password([redacted])")
    }
}

/// What is stored in place of a password: a slow salted hash in PHC string form.
#[derive(Clone)]
pub struct PasswordHash(String);

impl PasswordHash {
    /// Wraps a PHC string.
    pub const fn new(phc: String) -> Self {
        Self(phc)
    }

    /// The PHC string, for an adapter to store or verify.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for PasswordHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PasswordHash")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(chars: usize) -> Zeroizing<String> {
        Zeroizing::new("é".repeat(chars))
    }

    #[test]
    fn a_new_password_has_12_to_128_characters() {
        assert_eq!(Password::chosen(text(11)).err(), Some(PasswordError::TooShort));
        assert!(Password::chosen(text(12)).is_ok() && Password::chosen(text(128)).is_ok());
        assert_eq!(Password::chosen(text(129)).err(), Some(PasswordError::TooLong));
    }

    #[test]
    fn a_presented_password_may_be_short() {
        assert!(Password::presented(text(0)).is_ok());
        assert_eq!(Password::presented(text(129)).err(), Some(PasswordError::TooLong));
    }
}
