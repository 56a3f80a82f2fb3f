use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use latchkey_domain::ports::{Entropy, EntropyError};
use thiserror::Error;
use zeroize::{Zeroize, ZeroizeOnDrop, Zeroizing};

/// What a session cookie carries: 256 random bits (ASVS 5.0, 7.2.3). Only its digest is stored.
#[derive(Clone, Zeroize, ZeroizeOnDrop)]
pub struct SessionToken([u8; 32]);

/// The text is not a session token.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("not a session token")]
pub struct MalformedToken;

impl SessionToken {
    /// Draws a new token.
    pub fn generate(entropy: &dyn Entropy) -> Result<Self, EntropyError> {
        let mut bytes = [0; 32];
        entropy.fill(&mut bytes)?;
        Ok(Self(bytes))
    }

    /// Reads the text of a cookie: 43 characters of unpadded base64url (RFC 4648, section 5).
    pub fn parse(text: &[u8]) -> Result<Self, MalformedToken> {
        let decoded =
            Zeroizing::new(URL_SAFE_NO_PAD.decode(text).map_err(|_not_base64url| MalformedToken)?);
        let bytes = decoded.as_slice().try_into().map_err(|_wrong_length| MalformedToken)?;
        Ok(Self(bytes))
    }

    /// The random bytes, for the hash function.
    pub const fn expose_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// The text of the cookie.
    pub fn expose(&self) -> Zeroizing<String> {
        Zeroizing::new(URL_SAFE_NO_PAD.encode(self.0))
    }
}

impl fmt::Debug for SessionToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SessionToken([redacted])")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_read_only_in_the_form_it_is_written() {
        let token = SessionToken([0xfb; 32]);
        let text = token.expose();
        assert_eq!(text.len(), 43);
        let read = SessionToken::parse(text.as_bytes()).expect("well-formed");
        assert_eq!(read.expose_bytes(), token.expose_bytes());

        // The last character carries two bits that must be zero.
        let last_changed = format!("{}t", text.strip_suffix('s').expect("ends in s"));
        for bad in ["", "short", &format!("{}=", *text), &last_changed, &text.replace('-', "+")] {
            assert!(SessionToken::parse(bad.as_bytes()).is_err(), "{bad}");
        }
    }
}
