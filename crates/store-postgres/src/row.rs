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

use latchkey_domain::ports::StoreError;
use latchkey_domain::{Digest, KeyedDigest, PepperId};

use crate::fault::Place;

#[cfg(feature = "accounts")]
pub(crate) use accounts::{AccountRow, SessionRow};
pub(crate) use audit::EventRow;
pub(crate) use keys::{KeyInUseRow, KeyRow, key_in_use, owner_from};
pub(crate) use owners::OwnerRow;
#[cfg(feature = "accounts")]
pub(crate) use tokens::TokenRow;
#[cfg(feature = "accounts")]
pub(crate) use usage::UsageRow;
pub(crate) use usage::{RecentRow, RefusalRow, counted};

fn keyed_digest(place: Place, pepper: i32, digest: &[u8]) -> Result<KeyedDigest, StoreError> {
    let pepper = place.read("pepper_id", pepper_from(pepper))?;
    Ok(KeyedDigest { pepper, digest: place.read("digest", digest_from(digest))? })
}

pub(crate) fn digest_from(bytes: &[u8]) -> Option<Digest> {
    bytes.try_into().ok().map(Digest::new)
}

pub(crate) fn pepper_from(id: i32) -> Option<PepperId> {
    u16::try_from(id).ok().and_then(PepperId::new)
}
