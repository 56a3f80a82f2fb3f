//! What the tables hold, and the way there and back. The domain's parts are taken apart without
//! `..`, so that a part this adapter forgets does not compile.

#[cfg(feature = "accounts")]
mod accounts;
mod audit;
mod keys;
mod owners;
#[cfg(feature = "accounts")]
mod tokens;
mod usage;

use latchkey_domain::{Digest, KeyedDigest, PepperId, Timestamp};
use uuid::Uuid;

#[cfg(feature = "accounts")]
pub(crate) use accounts::{AccountRow, SessionRow};
pub(crate) use audit::EventRow;
pub(crate) use keys::{KeyRow, id_and_owner, key_in_use, keys_in_use};
#[cfg(feature = "accounts")]
pub(crate) use owners::settings_from;
pub(crate) use owners::{OwnerRow, settings_columns};
#[cfg(feature = "accounts")]
pub(crate) use tokens::TokenRow;
pub(crate) use usage::{ACCEPTED, RecentRow, RefusalRow, UsageRow, integer};

pub(crate) fn id_bytes(id: Uuid) -> Vec<u8> {
    id.as_bytes().to_vec()
}

pub(crate) fn id_from(bytes: &[u8]) -> Option<Uuid> {
    Uuid::from_slice(bytes).ok()
}

pub(crate) fn digest_from(bytes: &[u8]) -> Option<Digest> {
    bytes.try_into().ok().map(Digest::new)
}

pub(crate) fn pepper_from(id: i64) -> Option<PepperId> {
    u16::try_from(id).ok().and_then(PepperId::new)
}

/// The bytes of the digest and the number of the pepper.
pub(crate) fn digest_columns(digest: &KeyedDigest) -> (Vec<u8>, i64) {
    let KeyedDigest { pepper, digest } = digest;
    (digest.as_bytes().to_vec(), i64::from(pepper.get()))
}

pub(crate) struct OutOfRange;

pub(crate) fn instant_from(millis: Option<i64>) -> Result<Option<Timestamp>, OutOfRange> {
    millis.map(|millis| Timestamp::from_unix_millis(millis).ok_or(OutOfRange)).transpose()
}
