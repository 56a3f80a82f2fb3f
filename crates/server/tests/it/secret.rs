//! The text of a key, built from its published description.

const ALPHABET: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

/// The published example: well-formed, and nobody's key.
pub(crate) const UNKNOWN: &str = "sk_live_0123456789ABCDEFGHIJKLMNOPQRSTUV28hqg7";

/// The last six characters of a key that begins with `body`.
pub(crate) fn checksum(body: &str) -> String {
    let mut rest = crc32fast::hash(body.as_bytes());
    let mut digits = [b'0'; 6];
    for digit in digits.iter_mut().rev() {
        *digit = ALPHABET[usize::try_from(rest % 62).expect("below 62")];
        rest /= 62;
    }
    String::from_utf8_lossy(&digits).into_owned()
}

/// `key` with another beginning, and the checksum that belongs to it.
pub(crate) fn with_beginning(key: &str, beginning: &str) -> String {
    let random = &key[key.len() - 38..key.len() - 6];
    let body = format!("{beginning}{random}");
    let sum = checksum(&body);
    body + &sum
}

#[test]
fn the_published_example_has_its_published_checksum() {
    assert_eq!(checksum(&UNKNOWN[..40]), "28hqg7");
    assert_eq!(with_beginning(UNKNOWN, "sk_live_"), UNKNOWN);
}
