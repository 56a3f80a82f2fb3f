use std::fmt;

use thiserror::Error;
use uuid::Uuid;
use zeroize::{Zeroize, ZeroizeOnDrop};

use crate::checked_text::{
    CHECKSUM_LEN, RANDOM_LEN, SHOWN_LEN, checksum, has_its_checksum, is_base62, random_characters,
};
use crate::id::parse_canonical;
use crate::ports::{Entropy, EntropyError};
use crate::{KeyPrefix, MalformedId};

const BEGINNING: &[u8] = b"lk_admin_";
const LEN: usize = BEGINNING.len() + RANDOM_LEN + CHECKSUM_LEN;

/// The public handle of a management token: it names the token, it does not open anything.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TokenId(Uuid);

impl TokenId {
    /// Wraps a UUID from [`IdSequence`](crate::IdSequence) or from storage.
    pub const fn new(id: Uuid) -> Self {
        Self(id)
    }

    /// Accepts only the form that Latchkey writes, byte for byte: lower case, with hyphens.
    pub fn parse(text: &str) -> Result<Self, MalformedId> {
        parse_canonical(text).map(Self)
    }

    /// The UUID, for an adapter to store.
    pub const fn as_uuid(self) -> Uuid {
        self.0
    }
}

impl fmt::Display for TokenId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.hyphenated().fmt(f)
    }
}

/// The full text of a management token, as a backend presents it.
///
/// It is `lk_admin_`, 32 random base62 characters, and the CRC-32 of all before it as 6 base62
/// characters. It is no key, and no key has this form.
///
/// The text is erased from memory on drop and shown only by [`expose`](Self::expose). Its form never
/// changes, whatever the brand of keys is.
#[derive(Clone, Zeroize, ZeroizeOnDrop)]
pub struct ManagementTokenText([u8; LEN]);

/// The text does not have the form of a management token, or its checksum is wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("not the text of a management token")]
pub struct MalformedManagementToken;

impl ManagementTokenText {
    /// Draws a new one.
    pub fn generate(entropy: &dyn Entropy) -> Result<Self, EntropyError> {
        let mut text = Self([0; LEN]);
        let (body, sum) = text.0.split_at_mut(LEN - CHECKSUM_LEN);
        let (beginning, random) = body.split_at_mut(BEGINNING.len());
        beginning.copy_from_slice(BEGINNING);
        let mut drawn = random_characters(entropy)?;
        random.copy_from_slice(&drawn);
        drawn.zeroize();
        sum.copy_from_slice(&checksum(body));
        Ok(text)
    }

    /// Reads a presented text.
    pub fn parse(presented: &[u8]) -> Result<Self, MalformedManagementToken> {
        let text: [u8; LEN] = presented.try_into().map_err(|_length| MalformedManagementToken)?;
        let text = Self(text);
        match text.0.strip_prefix(BEGINNING) {
            Some(rest) if is_base62(rest) && has_its_checksum(&text.0) => Ok(text),
            _ => Err(MalformedManagementToken),
        }
    }

    /// Every management token in a text, with the place where it begins: found by its form and its
    /// checksum, whatever stands next to it.
    pub fn find_in(text: &[u8]) -> impl Iterator<Item = (usize, Self)> {
        let windows = text.windows(LEN).enumerate();
        let likely = windows.filter(|(_, window)| window.starts_with(BEGINNING));
        likely.filter_map(|(begin, window)| Some((begin, Self::parse(window).ok()?)))
    }

    /// The plain text. The caller is responsible for where it goes.
    pub fn expose(&self) -> &str {
        str::from_utf8(&self.0).expect("a management token is ASCII")
    }

    /// The same as bytes, for the hash function.
    pub const fn expose_bytes(&self) -> &[u8] {
        &self.0
    }

    /// The public beginning of this text: its first 13 characters.
    pub fn prefix(&self) -> KeyPrefix {
        let shown = BEGINNING.len() + SHOWN_LEN;
        let text = self.expose().get(..shown).expect("a token is longer than its beginning");
        KeyPrefix::parse(text).expect("the beginning of a token is a prefix")
    }
}

impl fmt::Debug for ManagementTokenText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ManagementTokenText([redacted])")
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU8, Ordering};

    use proptest::prelude::*;

    use super::*;
    use crate::Secret;
    use crate::checked_text::ALPHABET;

    const KNOWN: &str = "lk_admin_0123456789ABCDEFGHIJKLMNOPQRSTUV0sTd4W";

    #[derive(Debug)]
    struct Counter(AtomicU8);
    impl Entropy for Counter {
        fn fill(&self, bytes: &mut [u8]) -> Result<(), EntropyError> {
            bytes.fill_with(|| self.0.fetch_add(1, Ordering::Relaxed));
            Ok(())
        }
    }

    fn drawn(seed: u8) -> ManagementTokenText {
        ManagementTokenText::generate(&Counter(AtomicU8::new(seed))).expect("entropy")
    }

    #[test]
    fn a_new_token_has_the_documented_form() {
        let token = drawn(0);
        assert_eq!(token.expose(), KNOWN);
        assert_eq!(token.expose().len(), 47);
        assert_eq!(token.prefix().as_str(), "lk_admin_0123");
        assert_eq!(format!("{token:?}"), "ManagementTokenText([redacted])");
    }

    #[test]
    fn a_token_with_one_changed_character_is_none() {
        for position in 0..KNOWN.len() {
            for replacement in ALPHABET {
                let mut text = KNOWN.as_bytes().to_vec();
                if text[position] != *replacement {
                    text[position] = *replacement;
                    assert!(ManagementTokenText::parse(&text).is_err());
                }
            }
        }
    }

    #[test]
    fn a_token_is_no_key_and_a_key_no_token() {
        assert!(Secret::parse(KNOWN.as_bytes()).is_err());
        assert_eq!(Secret::find_in(KNOWN.as_bytes()).count(), 0);
        let key = b"sk_live_0123456789ABCDEFGHIJKLMNOPQRSTUV28hqg7";
        assert!(ManagementTokenText::parse(key).is_err());
    }

    #[test]
    fn a_token_is_found_wherever_it_stands() {
        for (before, after) in
            [("", ""), ("token = \"", "\";"), ("my", "x"), ("_", "_"), ("é", "é")]
        {
            let text = format!("{before}{KNOWN}{after}");
            let found: Vec<_> = ManagementTokenText::find_in(text.as_bytes()).collect();
            let [(at, token)] = &found[..] else { panic!("{text}: {found:?}") };
            assert_eq!((*at, token.expose()), (before.len(), KNOWN));
        }
        for none in ["", "lk_admin_", KNOWN.strip_suffix('W').expect("its end")] {
            assert_eq!(ManagementTokenText::find_in(none.as_bytes()).count(), 0, "{none}");
        }
    }

    proptest! {
        #[test]
        fn whatever_is_generated_parses_to_the_same_text(seed in any::<u8>()) {
            let token = drawn(seed);
            let parsed = ManagementTokenText::parse(token.expose().as_bytes());
            let parsed = parsed.expect("well-formed");
            prop_assert_eq!(parsed.expose(), token.expose());
        }

        #[test]
        fn arbitrary_bytes_are_no_token(bytes in prop::collection::vec(any::<u8>(), 0..80)) {
            prop_assert!(ManagementTokenText::parse(&bytes).is_err());
        }
    }
}
