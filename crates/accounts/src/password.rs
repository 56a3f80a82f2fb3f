use std::fmt;

use thiserror::Error;
use unicode_normalization::UnicodeNormalization as _;
use unicode_properties::{GeneralCategory, UnicodeGeneralCategory as _};
use zeroize::Zeroizing;

use crate::Email;

/// What no password of this product may hold.
const PRODUCT: &str = "latchkey";

/// A password in plain text, erased from memory on drop and never printed.
///
/// Passwords are compared in the form of RFC 8265's `OpaqueString`: every blank is a space, and
/// characters are in NFC, so that a password is the same on every keyboard.
pub struct Password {
    opaque: Zeroizing<String>,
    /// What was typed, where that differs: passwords were once hashed as they were typed.
    typed: Option<Zeroizing<String>>,
}

/// Why a text is not a password.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum PasswordError {
    /// Fewer than 12 characters, for a new password.
    #[error("a password must have at least 12 characters")]
    TooShort,
    /// More than 128 characters.
    #[error("a password must have at most 128 characters")]
    TooLong,
    /// A new password that holds the address of its account.
    #[error("a password must not contain your email address")]
    HoldsAddress,
    /// A new password that holds the name of this product.
    #[error("a password must not contain \"latchkey\"")]
    HoldsProduct,
    /// A new password that guessers try first.
    #[error("this password is too easy to guess; choose several unrelated words")]
    Common,
}

impl Password {
    /// The fewest characters a new password has.
    pub const MIN_CHARS: usize = 12;
    /// The most characters a password has.
    pub const MAX_CHARS: usize = 128;

    /// A password somebody chooses for the account with the address `own`: 12 to 128 characters of
    /// any kind (NIST SP 800-63B asks for length, not for composition rules), without the address or
    /// the product's name, and not among those that guessers try first (ASVS 5.0, 6.2.4 and 6.2.11).
    pub fn chosen(text: Zeroizing<String>, own: &Email) -> Result<Self, PasswordError> {
        let password = Self::presented(text)?;
        if password.opaque.chars().nth(Self::MIN_CHARS - 1).is_none() {
            return Err(PasswordError::TooShort);
        }
        let lower = Zeroizing::new(password.opaque.to_lowercase());
        if lower.contains(own.as_str()) {
            return Err(PasswordError::HoldsAddress);
        }
        if lower.contains(PRODUCT) {
            return Err(PasswordError::HoldsProduct);
        }
        // Fewer than a million guesses: common passwords and names, rows of keys, repetitions, dates.
        let known: Vec<&str> = own.as_str().split(['@', '.']).chain([PRODUCT]).collect();
        if zxcvbn::zxcvbn(&password.opaque, &known).score() < zxcvbn::Score::Two {
            return Err(PasswordError::Common);
        }
        Ok(password)
    }

    /// A password somebody signs in with: of any length up to 128 characters, so that a later
    /// change of the rules for new ones locks nobody out.
    pub fn presented(text: Zeroizing<String>) -> Result<Self, PasswordError> {
        // All of it fits, so that no copy is left behind by a text that grows.
        let mut opaque = Zeroizing::new(String::with_capacity(3 * text.len()));
        opaque.extend(text.chars().map(|c| if is_blank(c) { ' ' } else { c }).nfc());
        if opaque.chars().nth(Self::MAX_CHARS).is_some() {
            return Err(PasswordError::TooLong);
        }
        let typed = (*text != *opaque).then_some(text);
        Ok(Self { opaque, typed })
    }

    /// The plain text, for the hash function.
    pub fn expose(&self) -> &str {
        &self.opaque
    }

    /// The plain texts of which one may have been hashed: the form that is hashed today, and what was
    /// typed where that differs.
    pub fn expose_all(&self) -> impl Iterator<Item = &str> {
        [Some(&self.opaque), self.typed.as_ref()].into_iter().flatten().map(|text| text.as_str())
    }
}

fn is_blank(c: char) -> bool {
    c.general_category() == GeneralCategory::SpaceSeparator
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

    fn own() -> Email {
        Email::parse("ada.lovelace@example.com").expect("an address")
    }

    fn chosen(text: &str) -> Result<Password, PasswordError> {
        Password::chosen(Zeroizing::new(text.to_owned()), &own())
    }

    fn presented(text: &str) -> Result<Password, PasswordError> {
        Password::presented(Zeroizing::new(text.to_owned()))
    }

    #[test]
    fn a_new_password_has_12_to_128_characters_of_any_kind() {
        let text =
            |chars: usize| "żółw śpi pod miedzą; ".chars().cycle().take(chars).collect::<String>();
        assert_eq!(chosen(&text(11)).err(), Some(PasswordError::TooShort));
        assert!(chosen(&text(12)).is_ok() && chosen(&text(128)).is_ok());
        assert_eq!(chosen(&text(129)).err(), Some(PasswordError::TooLong));
    }

    #[test]
    fn a_presented_password_may_be_short_or_weak() {
        assert!(presented("").is_ok() && presented("latchkeylatchkey").is_ok());
        assert_eq!(presented(&"é".repeat(129)).err(), Some(PasswordError::TooLong));
    }

    #[test]
    fn a_new_password_is_not_what_guessers_try_first() {
        for common in [
            "password12345",
            "aaaaaaaaaaaa",
            "123456789012",
            "qwertyuiop123",
            "Password1234!",
            "iloveyouiloveyou",
            "abcabcabcabc",
            "1q2w3e4r5t6y",
            "adaadaadaada",
        ] {
            assert_eq!(chosen(common).err(), Some(PasswordError::Common), "{common}");
        }
        for good in
            ["correct horse battery", "correct horse battery staple", "Zw3i Kühe, ein Stall"]
        {
            assert!(chosen(good).is_ok(), "{good}");
        }
    }

    #[test]
    fn a_new_password_holds_neither_the_own_address_nor_the_products_name() {
        for own in ["ada.lovelace@example.com", "my address ADA.Lovelace@example.com"] {
            assert_eq!(chosen(own).err(), Some(PasswordError::HoldsAddress), "{own}");
        }
        for product in ["latchkeylatchkey", "correct LatchKey battery"] {
            assert_eq!(chosen(product).err(), Some(PasswordError::HoldsProduct), "{product}");
        }
    }

    #[test]
    fn a_password_is_the_same_however_its_characters_were_put_together() {
        let exposed = |text| presented(text).expect("a password").expose().to_owned();
        assert_eq!(exposed("re\u{301}sume\u{301}"), exposed("r\u{e9}sum\u{e9}"));
        assert_eq!(exposed("a\u{a0}b\u{3000}c"), exposed("a b c"));
        assert_ne!(exposed("A"), exposed("a"));
        assert_ne!(exposed("\u{ff21}"), exposed("A"));
    }

    #[test]
    fn what_was_typed_is_tried_too_where_it_differs() {
        let all =
            |text| presented(text).expect("it").expose_all().map(str::to_owned).collect::<Vec<_>>();
        assert_eq!(all("abc"), ["abc"]);
        assert_eq!(all("re\u{301}"), ["r\u{e9}", "re\u{301}"]);
    }
}
