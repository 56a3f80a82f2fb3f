use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use thiserror::Error;
use uuid::{Builder, Uuid};

use crate::Timestamp;
use crate::ports::{Entropy, EntropyError};

/// The public handle of a key: it names the key, it does not open anything.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ApiKeyId(Uuid);

/// The text is not an id as Latchkey writes them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("not an id")]
pub struct MalformedId;

impl ApiKeyId {
    /// The id of no key: theirs are of version 7.
    pub const NONE: Self = Self(Uuid::nil());

    /// Wraps a UUID from [`IdSequence`] or from storage.
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

/// Reads an id in the one form it is written in.
pub(crate) fn parse_canonical(text: &str) -> Result<Uuid, MalformedId> {
    let id = Uuid::try_parse(text).map_err(|_not_a_uuid| MalformedId)?;
    let mut buffer = Uuid::encode_buffer();
    let canonical: &str = id.hyphenated().encode_lower(&mut buffer);
    if canonical == text { Ok(id) } else { Err(MalformedId) }
}

impl fmt::Display for ApiKeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.hyphenated().fmt(f)
    }
}

/// Makes ids that grow: UUID version 7 (RFC 9562, section 6.2, method 2), strictly increasing
/// within one process, also within a millisecond and when the clock steps back.
#[derive(Debug)]
pub struct IdSequence {
    entropy: Arc<dyn Entropy>,
    last: Mutex<Last>,
}

#[derive(Debug, Default)]
struct Last {
    millis: u64,
    /// The 74 bits after the time, taken as one number.
    tail: u128,
}

const TAIL_BITS: u32 = 74;

impl IdSequence {
    /// A sequence that draws its random bits from `entropy`.
    pub fn new(entropy: Arc<dyn Entropy>) -> Self {
        Self { entropy, last: Mutex::default() }
    }

    /// The next id, made at `now`.
    pub fn next(&self, now: Timestamp) -> Result<Uuid, EntropyError> {
        let mut bytes = [0; 16];
        self.entropy.fill(&mut bytes)?;
        let random = u128::from_le_bytes(bytes);
        let millis = u64::try_from(now.unix_millis()).unwrap_or(0);

        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        if millis > last.millis {
            // The top bit stays clear, so that a busy millisecond has room to count.
            *last = Last { millis, tail: random & ((1 << (TAIL_BITS - 1)) - 1) };
        } else {
            let step = 1 + (random & u128::from(u32::MAX));
            last.tail += step;
            if last.tail >> TAIL_BITS != 0 {
                *last = Last { millis: last.millis + 1, tail: step };
            }
        }
        Ok(compose(last.millis, last.tail))
    }
}

/// Lays the 74 bits out around the version and variant bits, highest first.
fn compose(millis: u64, tail: u128) -> Uuid {
    let high = (tail >> 62) & 0xfff;
    let low = tail & ((1 << 62) - 1);
    let random = ((high << 64) | low).to_be_bytes();
    let mut ten = [0; 10];
    ten.copy_from_slice(random.get(6..).expect("16 bytes have a last ten"));
    Builder::from_unix_timestamp_millis(millis, &ten).into_uuid()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug)]
    struct Constant(u8);
    impl Entropy for Constant {
        fn fill(&self, bytes: &mut [u8]) -> Result<(), EntropyError> {
            bytes.fill(self.0);
            Ok(())
        }
    }

    fn at(millis: i64) -> Timestamp {
        Timestamp::from_unix_millis(millis).expect("in range")
    }

    #[test]
    fn ids_grow_within_a_millisecond_and_when_the_clock_steps_back() {
        for byte in [0, 0x5a, 0xff] {
            let ids = IdSequence::new(Arc::new(Constant(byte)));
            let mut last = Uuid::nil();
            for millis in [1_000, 1_000, 1_000, 999, 1_001, 500, 1_001, 1_002] {
                let id = ids.next(at(millis)).expect("entropy");
                assert!(id > last, "{id} after {last}");
                assert_eq!(id.get_version_num(), 7);
                assert_eq!(id.get_variant(), uuid::Variant::RFC4122);
                last = id;
            }
        }
    }

    #[test]
    fn ids_grow_even_where_a_millisecond_runs_out_of_numbers() {
        let ids = IdSequence::new(Arc::new(Constant(0xff)));
        ids.last.lock().expect("not poisoned").millis = 7;
        ids.last.lock().expect("not poisoned").tail = (1 << TAIL_BITS) - 2;
        let before = compose(7, (1 << TAIL_BITS) - 2);
        assert!(ids.next(at(7)).expect("entropy") > before);
    }

    #[test]
    fn an_id_is_read_only_in_the_form_it_is_written() {
        let text = "01919b4e-7b3c-7def-8123-456789abcdef";
        assert_eq!(ApiKeyId::parse(text).map(|id| id.to_string()), Ok(text.to_owned()));
        for other in [
            "01919B4E-7b3c-7def-8123-456789abcdef",
            "01919b4e7b3c7def8123456789abcdef",
            "{01919b4e-7b3c-7def-8123-456789abcdef}",
            "urn:uuid:01919b4e-7b3c-7def-8123-456789abcdef",
            "01919b4e-7b3c-7def-8123-456789abcdef ",
            "",
        ] {
            assert_eq!(ApiKeyId::parse(other), Err(MalformedId), "{other}");
        }
    }
}
