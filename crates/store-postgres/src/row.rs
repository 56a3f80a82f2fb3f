//! What the tables hold, and the way there and back. The domain's parts are taken apart without
//! `..`, so that a part this adapter forgets does not compile.

#[cfg(feature = "accounts")]
mod accounts;
mod audit;
mod changes;
mod keys;
mod owners;
#[cfg(feature = "accounts")]
mod tokens;
mod usage;

use latchkey_domain::ports::StoreError;
use latchkey_domain::{Digest, KeyedDigest, Limits, Metadata, PepperId};
use serde_json::value::RawValue;

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
pub(crate) use usage::{RefusalRow, counted};

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

/// Null: there are none.
pub(crate) fn limits_from(text: Option<&str>) -> Option<Limits> {
    text.map_or(Some(Limits::NONE), |text| Limits::from_storage(text).ok())
}

/// Metadata must be JSON, which the domain can't tell.
pub(crate) fn metadata_from(text: &str) -> Option<Metadata> {
    let metadata = Metadata::parse(text).ok()?;
    (metadata.is_empty() || serde_json::from_str::<&RawValue>(text).is_ok()).then_some(metadata)
}
