use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use latchkey_domain::ports::{Entropy, EntropyError};
use latchkey_domain::{MAX_LIVE_PEPPERS, PepperId};
use thiserror::Error;
use zeroize::{Zeroize, ZeroizeOnDrop, Zeroizing};

/// A server-side key of the hash, with its number. Erased from memory on drop, never printed.
#[derive(Clone, Zeroize, ZeroizeOnDrop)]
pub struct Pepper {
    #[zeroize(skip)]
    id: PepperId,
    bytes: [u8; 32],
}

impl Pepper {
    /// Numbers 32 random bytes.
    pub const fn new(id: PepperId, bytes: [u8; 32]) -> Self {
        Self { id, bytes }
    }

    /// Makes one from 32 random bytes.
    pub fn generate(id: PepperId, entropy: &dyn Entropy) -> Result<Self, EntropyError> {
        let mut bytes = Zeroizing::new([0; 32]);
        entropy.fill(&mut *bytes)?;
        Ok(Self::new(id, *bytes))
    }

    /// Its number in the ring.
    pub const fn id(&self) -> PepperId {
        self.id
    }

    /// Its entry in the setting: `1:<base64 of 32 bytes>`.
    pub fn to_setting(&self) -> Zeroizing<String> {
        let encoded = Zeroizing::new(STANDARD.encode(self.bytes));
        Zeroizing::new(format!("{}:{}", self.id, *encoded))
    }

    pub(crate) const fn expose(&self) -> &[u8; 32] {
        &self.bytes
    }
}

impl fmt::Debug for Pepper {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Pepper({}, [redacted])", self.id)
    }
}

/// One to three peppers: the first signs, the others still verify.
#[derive(Debug, Clone)]
pub struct PepperRing {
    signing: Pepper,
    verifying: Vec<Pepper>,
}

/// What is wrong with the text of a ring. It names entries by position, never by value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum RingError {
    /// There is no entry at all.
    #[error("holds no pepper")]
    Empty,
    /// More peppers than may be live at one time.
    #[error("holds more than {MAX_LIVE_PEPPERS} peppers")]
    TooMany,
    /// An entry does not have the form of one.
    #[error("entry {position} must be <number from 1 to 65535>:<base64 of 32 bytes>")]
    Malformed {
        /// Counted from 1.
        position: usize,
    },
    /// Two entries have one number.
    #[error("holds two peppers with the number {id}")]
    Repeated {
        /// The number.
        id: PepperId,
    },
}

impl PepperRing {
    /// A ring of one.
    pub const fn of(signing: Pepper) -> Self {
        Self { signing, verifying: Vec::new() }
    }

    /// Reads `1:<base64 of 32 bytes>[,2:…]`; blanks and line ends around it are ignored.
    pub fn parse(text: &str) -> Result<Self, RingError> {
        let text = text.trim();
        if text.is_empty() {
            return Err(RingError::Empty);
        }
        let mut peppers: Vec<Pepper> = Vec::with_capacity(MAX_LIVE_PEPPERS);
        for (position, entry) in (1..).zip(text.split(',')) {
            let pepper = parse_entry(entry.trim()).ok_or(RingError::Malformed { position })?;
            if peppers.iter().any(|other| other.id == pepper.id) {
                return Err(RingError::Repeated { id: pepper.id });
            }
            peppers.push(pepper);
        }
        if peppers.len() > MAX_LIVE_PEPPERS {
            return Err(RingError::TooMany);
        }
        let verifying = peppers.split_off(1);
        let signing = peppers.pop().ok_or(RingError::Empty)?;
        Ok(Self { signing, verifying })
    }

    /// The pepper that makes new digests.
    pub const fn signing(&self) -> &Pepper {
        &self.signing
    }

    /// The peppers that only verify.
    pub fn verifying(&self) -> &[Pepper] {
        &self.verifying
    }

    /// The numbers of all peppers, the signing one first.
    pub fn ids(&self) -> impl Iterator<Item = PepperId> {
        std::iter::once(&self.signing).chain(&self.verifying).map(Pepper::id)
    }
}

fn parse_entry(entry: &str) -> Option<Pepper> {
    let (id, encoded) = entry.split_once(':')?;
    let only_digits = id.bytes().all(|b| b.is_ascii_digit());
    let id = PepperId::new(id.parse().ok().filter(|_| only_digits)?)?;
    let decoded = Zeroizing::new(STANDARD.decode(encoded).ok()?);
    Some(Pepper::new(id, decoded.as_slice().try_into().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    const A: &str = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=";

    #[test]
    fn a_ring_reads_back_what_it_writes() {
        let ring = PepperRing::parse(&format!(" 7:{A} ,1:{A}\n")).expect("well-formed");
        assert_eq!(ring.signing().to_setting().as_str(), format!("7:{A}"));
        assert_eq!(ring.ids().map(PepperId::get).collect::<Vec<_>>(), [7, 1]);
    }

    #[test]
    fn what_is_wrong_with_a_ring_is_named_without_its_value() {
        let cases = [
            (String::new(), RingError::Empty),
            (" \n".to_owned(), RingError::Empty),
            (A.to_owned(), RingError::Malformed { position: 1 }),
            (format!("0:{A}"), RingError::Malformed { position: 1 }),
            (format!("+1:{A}"), RingError::Malformed { position: 1 }),
            (format!("65536:{A}"), RingError::Malformed { position: 1 }),
            (format!("1:{A},2:c2hvcnQ="), RingError::Malformed { position: 2 }),
            (format!("1:{A},"), RingError::Malformed { position: 2 }),
            (format!("1:{A},1:{A}"), RingError::Repeated { id: PepperId::new(1).expect("1") }),
            (format!("1:{A},2:{A},3:{A},4:{A}"), RingError::TooMany),
        ];
        for (text, expected) in cases {
            assert_eq!(PepperRing::parse(&text).err(), Some(expected), "{text}");
        }
    }

    #[test]
    fn a_pepper_is_not_printed() {
        let ring = PepperRing::parse(&format!("1:{A}")).expect("well-formed");
        assert!(!format!("{ring:?}").contains("AAAA"));
    }
}
