use std::fmt;

use thiserror::Error;

/// An e-mail address in lower case, the form in which addresses are compared.
///
/// Only what cannot be an address is refused; whether mail arrives there, only mail can tell.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Email(String);

/// The text is not an e-mail address.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("email must be an address such as ada@example.com, of at most 254 characters")]
pub struct EmailError;

impl Email {
    /// The most bytes an address has (RFC 5321, section 4.5.3.1.3, less the angle brackets).
    pub const MAX_LEN: usize = 254;

    /// Accepts one `@` between two non-empty parts without blanks or control characters.
    pub fn parse(text: &str) -> Result<Self, EmailError> {
        let lower = text.to_lowercase();
        let (local, host) = lower.split_once('@').ok_or(EmailError)?;
        let parts_fit = !local.is_empty() && !host.is_empty() && !host.contains('@');
        let plain = !lower.chars().any(|c| c.is_whitespace() || c.is_control());
        if parts_fit && plain && lower.len() <= Self::MAX_LEN {
            Ok(Self(lower))
        } else {
            Err(EmailError)
        }
    }

    /// The address in lower case.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Email {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_compared_in_lower_case() {
        assert_eq!(Email::parse("Ada@Example.COM"), Email::parse("ada@example.com"));
    }

    #[test]
    fn what_cannot_be_an_address_is_refused() {
        let long = format!("{}@example.com", "a".repeat(243));
        for bad in ["", "ada", "@", "ada@", "@example.com", "a@b@c", "a b@c", "a@b\n", &long] {
            assert_eq!(Email::parse(bad), Err(EmailError), "{bad:?}");
        }
        assert!(Email::parse(&format!("{}@example.com", "a".repeat(242))).is_ok());
    }
}
