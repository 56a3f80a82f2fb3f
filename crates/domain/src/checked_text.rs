//! What the texts of keys and of management tokens have in common: random characters, and a checksum of
//! all before it.

use zeroize::Zeroize as _;

use crate::ports::{Entropy, EntropyError};

pub(crate) const ALPHABET: &[u8; 62] =
    b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
pub(crate) const RANDOM_LEN: usize = 32;
pub(crate) const CHECKSUM_LEN: usize = 6;
/// Random characters that the public beginning shows.
pub(crate) const SHOWN_LEN: usize = 4;

/// Uniform characters: bytes of 248 and above are drawn again, since 256 is no multiple of 62.
pub(crate) fn random_characters(entropy: &dyn Entropy) -> Result<[u8; RANDOM_LEN], EntropyError> {
    let mut characters = [0; RANDOM_LEN];
    let mut missing = characters.iter_mut().peekable();
    while missing.peek().is_some() {
        let mut drawn = [0; RANDOM_LEN];
        entropy.fill(&mut drawn)?;
        for (byte, slot) in drawn.iter().filter(|byte| **byte < 248).zip(&mut missing) {
            *slot = base62_digit(u32::from(*byte));
        }
        drawn.zeroize();
    }
    Ok(characters)
}

/// The CRC-32 of `body`, the most significant digit first.
pub(crate) fn checksum(body: &[u8]) -> [u8; CHECKSUM_LEN] {
    let mut rest = crc32fast::hash(body);
    let mut digits = [b'0'; CHECKSUM_LEN];
    for digit in digits.iter_mut().rev() {
        *digit = base62_digit(rest);
        rest /= 62;
    }
    digits
}

/// Whether a text ends in the checksum of all before it.
#[inline]
pub(crate) fn has_its_checksum(text: &[u8]) -> bool {
    let body_len = text.len().saturating_sub(CHECKSUM_LEN);
    text.split_at_checked(body_len).is_some_and(|(body, sum)| checksum(body) == sum)
}

/// Each character is looked at, which is faster than to stop at the first that is wrong.
#[inline]
pub(crate) fn is_base62(text: &[u8]) -> bool {
    text.iter().fold(true, |all, it| all & it.is_ascii_alphanumeric())
}

fn base62_digit(value: u32) -> u8 {
    let index = usize::try_from(value % 62).expect("below 62");
    *ALPHABET.get(index).expect("the alphabet has 62 characters")
}
