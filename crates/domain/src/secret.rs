use std::fmt;

use thiserror::Error;
use zeroize::{Zeroize, ZeroizeOnDrop};

use crate::brand::is_brand;
use crate::checked_text::{
    CHECKSUM_LEN, RANDOM_LEN, SHOWN_LEN, checksum, has_its_checksum, is_base62, random_characters,
};
use crate::ports::{Entropy, EntropyError};
use crate::{Brand, Environment, KeyPrefix};

const ENVIRONMENT_LEN: usize = 4;
/// Everything after the brand, both underscores included.
pub(crate) const TAIL_LEN: usize = 1 + ENVIRONMENT_LEN + 1 + RANDOM_LEN + CHECKSUM_LEN;
const MAX_LEN: usize = Brand::MAX_LEN + TAIL_LEN;

/// The full text of a key, as its holder presents it: `sk_live_`, 32 random base62 characters
/// (190 bits), and the CRC-32 of all before it as 6 base62 characters.
///
/// The checksum lets a server drop typing errors and a scanner drop look-alikes without asking a
/// database; it is no protection. The text is erased from memory on drop and shown only by
/// [`Secret::expose`]. Its form never changes.
#[derive(Clone, Zeroize, ZeroizeOnDrop)]
pub struct Secret {
    text: [u8; MAX_LEN],
    len: usize,
}

/// The text does not have the form of a key, or its checksum is wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("not the text of a key")]
pub struct MalformedSecret;

impl Secret {
    /// Draws a new secret.
    pub fn generate(
        brand: &Brand,
        environment: Environment,
        entropy: &dyn Entropy,
    ) -> Result<Self, EntropyError> {
        let mut secret = Self { text: [0; MAX_LEN], len: 0 };
        secret.push(brand.as_str().as_bytes());
        secret.push(b"_");
        secret.push(environment.as_str().as_bytes());
        secret.push(b"_");
        secret.push(&random_characters(entropy)?);
        secret.push(&checksum(secret.bytes()));
        Ok(secret)
    }

    /// Reads a presented text. Any well-formed brand is accepted, so that changing the brand of
    /// new keys kills no old one.
    pub fn parse(presented: &[u8]) -> Result<Self, MalformedSecret> {
        let brand_len = presented.len().checked_sub(TAIL_LEN).ok_or(MalformedSecret)?;
        let (brand, tail) = presented.split_at_checked(brand_len).ok_or(MalformedSecret)?;
        let random = (tail.strip_prefix(b"_live_"))
            .or_else(|| tail.strip_prefix(b"_test_"))
            .ok_or(MalformedSecret)?;
        if !is_brand(brand) || !is_base62(random) || !has_its_checksum(presented) {
            return Err(MalformedSecret);
        }
        let mut secret = Self { text: [0; MAX_LEN], len: 0 };
        secret.push(presented);
        Ok(secret)
    }

    /// The plain text. The caller is responsible for where it goes.
    pub fn expose(&self) -> &str {
        str::from_utf8(self.bytes()).expect("a secret is ASCII")
    }

    /// The same as bytes.
    pub fn expose_bytes(&self) -> &[u8] {
        self.bytes()
    }

    /// The public beginning of this secret.
    pub fn prefix(&self) -> KeyPrefix {
        let shown = self.len - RANDOM_LEN - CHECKSUM_LEN + SHOWN_LEN;
        let text = self.expose().get(..shown).expect("a secret is longer than its prefix");
        KeyPrefix::parse(text).expect("the beginning of a secret is a prefix")
    }

    fn bytes(&self) -> &[u8] {
        self.text.get(..self.len).expect("the length never exceeds the buffer")
    }

    fn push(&mut self, bytes: &[u8]) {
        let end = self.len + bytes.len();
        self.text.get_mut(self.len..end).expect("a secret fits its buffer").copy_from_slice(bytes);
        self.len = end;
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret([redacted])")
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU8, Ordering};

    use proptest::prelude::*;

    use super::*;
    use crate::checked_text::ALPHABET;

    const KNOWN: &str = "sk_live_0123456789ABCDEFGHIJKLMNOPQRSTUV28hqg7";

    #[derive(Debug)]
    struct Counter(AtomicU8);
    impl Entropy for Counter {
        fn fill(&self, bytes: &mut [u8]) -> Result<(), EntropyError> {
            bytes.fill_with(|| self.0.fetch_add(1, Ordering::Relaxed));
            Ok(())
        }
    }

    #[test]
    fn the_published_example_parses_and_one_changed_character_never_does() {
        assert_eq!(Secret::parse(KNOWN.as_bytes()).expect("well-formed").expose(), KNOWN);
        for position in 0..KNOWN.len() {
            for replacement in ALPHABET {
                let mut text = KNOWN.as_bytes().to_vec();
                if text[position] != *replacement {
                    text[position] = *replacement;
                    assert!(Secret::parse(&text).is_err(), "{}", String::from_utf8_lossy(&text));
                }
            }
        }
    }

    #[test]
    fn a_new_secret_has_the_documented_form() {
        let entropy = Counter(AtomicU8::new(0));
        let secret = Secret::generate(&Brand::default(), Environment::Live, &entropy)
            .expect("entropy never fails here");
        assert_eq!(secret.expose(), KNOWN);
        assert_eq!(secret.prefix().as_str(), "sk_live_0123");
    }

    #[test]
    fn bytes_that_would_bias_the_characters_are_drawn_again() {
        let entropy = Counter(AtomicU8::new(247));
        let secret = Secret::generate(&Brand::default(), Environment::Test, &entropy)
            .expect("entropy never fails here");
        assert!(secret.expose().starts_with("sk_test_z0123456789"), "{}", secret.expose());
    }

    #[test]
    fn a_secret_is_not_printed() {
        let secret = Secret::parse(KNOWN.as_bytes()).expect("well-formed");
        assert_eq!(format!("{secret:?}"), "Secret([redacted])");
    }

    #[test]
    fn text_around_a_key_is_refused() {
        let cut = KNOWN.strip_prefix('s').expect("starts with s");
        let longer = format!("{KNOWN} ");
        for text in ["", "sk_live_", "\"", cut, &longer, &KNOWN.to_uppercase()] {
            assert!(Secret::parse(text.as_bytes()).is_err(), "{text}");
        }
    }

    proptest! {
        #[test]
        fn whatever_is_generated_parses_to_the_same_text(
            brand in "[a-z][a-z0-9]{0,15}", live in any::<bool>(), seed in any::<u8>(),
        ) {
            let brand = Brand::parse(&brand).expect("matches the rule");
            let environment = if live { Environment::Live } else { Environment::Test };
            let secret = Secret::generate(&brand, environment, &Counter(AtomicU8::new(seed)))
                .expect("entropy never fails here");
            let parsed = Secret::parse(secret.expose().as_bytes()).expect("well-formed");
            prop_assert_eq!(parsed.expose(), secret.expose());
            let beginning = format!("{}_{}_", brand, environment.as_str());
            prop_assert_eq!(secret.prefix().as_str().len(), beginning.len() + 4);
            prop_assert!(secret.prefix().as_str().starts_with(&beginning));
        }

        #[test]
        fn arbitrary_bytes_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..80)) {
            prop_assert!(Secret::parse(&bytes).is_err());
        }
    }
}
