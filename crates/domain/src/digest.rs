use std::fmt;

use subtle::ConstantTimeEq as _;

/// The most peppers that may be live at one time.
pub const MAX_LIVE_PEPPERS: usize = 3;

/// The stored form of a secret: 32 bytes of HMAC-SHA256 under a pepper.
///
/// It cannot be compared with `==`, printed or serialized; [`Digest::matches`] compares in
/// constant time (ASVS 5.0, 11.2.4).
#[derive(Clone, Copy)]
pub struct Digest([u8; 32]);

impl Digest {
    /// Wraps the output of the hash.
    pub const fn new(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// The raw bytes, for an adapter to store or look up.
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// Whether both are the same, in time that does not depend on where they differ.
    pub fn matches(&self, other: &Self) -> bool {
        self.0.ct_eq(&other.0).into()
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Digest")
    }
}

/// Which pepper of the ring made a digest.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PepperId(u16);

impl PepperId {
    /// Pepper ids count from 1; zero is none.
    pub const fn new(id: u16) -> Option<Self> {
        if id == 0 { None } else { Some(Self(id)) }
    }

    /// The number as written in the setting.
    pub const fn get(self) -> u16 {
        self.0
    }
}

impl fmt::Display for PepperId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// A digest and the pepper that made it.
#[derive(Debug, Clone, Copy)]
pub struct KeyedDigest {
    /// The pepper that made it.
    pub pepper: PepperId,
    /// The digest itself.
    pub digest: Digest,
}

/// The digests one secret may be stored under: one for each live pepper, the signing one first.
#[derive(Debug, Clone, Copy)]
pub struct Candidates {
    digests: [KeyedDigest; MAX_LIVE_PEPPERS],
    len: usize,
}

impl Candidates {
    /// The digest under the signing pepper, then those under the ones that only verify.
    ///
    /// # Panics
    ///
    /// If there are more than [`MAX_LIVE_PEPPERS`], which no ring holds.
    pub fn new(signing: KeyedDigest, rest: impl IntoIterator<Item = KeyedDigest>) -> Self {
        let mut all = Self { digests: [signing; MAX_LIVE_PEPPERS], len: 1 };
        for digest in rest {
            *all.digests.get_mut(all.len).expect("a ring has at most three peppers") = digest;
            all.len += 1;
        }
        all
    }

    /// At least one digest, the signing pepper's first.
    pub fn as_slice(&self) -> &[KeyedDigest] {
        self.digests.get(..self.len).unwrap_or_default()
    }

    /// What is to be stored in place of `stored`: the digest under the signing pepper, if a pepper
    /// with a lower number made `stored`. Digests only move up, so that while one instance signs
    /// with the new pepper already and another still with the old one, neither undoes what the
    /// other did.
    #[inline]
    pub fn renewal(&self, stored: &KeyedDigest) -> Option<KeyedDigest> {
        let [signing, ..] = self.digests;
        (stored.pepper < signing.pepper).then_some(signing)
    }

    /// Whether `stored` is one of these, each compared in constant time.
    pub fn contain(&self, stored: &Digest) -> bool {
        self.as_slice().iter().any(|candidate| candidate.digest.matches(stored))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn digest(pepper: u16) -> KeyedDigest {
        let byte = u8::try_from(pepper).expect("a small number");
        let pepper = PepperId::new(pepper).expect("not zero");
        KeyedDigest { pepper, digest: Digest::new([byte; 32]) }
    }

    #[test]
    fn a_digest_is_renewed_under_a_pepper_with_a_higher_number_alone() {
        for (signing, other, renewed) in [(2, 1, Some(2)), (1, 2, None), (7, 3, Some(7))] {
            let candidates = Candidates::new(digest(signing), [digest(other)]);
            let renewal = candidates.renewal(&digest(other));
            assert_eq!(renewal.map(|it| it.pepper.get()), renewed);
            assert!(renewal.is_none_or(|it| it.digest.matches(&digest(signing).digest)));
            assert!(candidates.renewal(&digest(signing)).is_none());
        }
    }
}
