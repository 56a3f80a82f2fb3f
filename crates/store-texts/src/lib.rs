//! What every store keeps as text: limits, metadata, and what events say was changed. `None` stands for a text that Latchkey did
//! not write.

mod changes;

use latchkey_domain::{Limits, Metadata};
use serde_json::value::RawValue;

pub use self::changes::{changes_of, with_changes};

/// Limits from the text that they are displayed as. Null: there are none.
pub fn limits_from(text: Option<&str>) -> Option<Limits> {
    text.map_or(Some(Limits::NONE), |text| Limits::from_storage(text).ok())
}

/// Metadata, which must be JSON: the domain can't tell.
pub fn metadata_from(text: &str) -> Option<Metadata> {
    let metadata = Metadata::parse(text).ok()?;
    (metadata.is_empty() || serde_json::from_str::<&RawValue>(text).is_ok()).then_some(metadata)
}
