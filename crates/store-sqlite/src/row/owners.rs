use diesel::prelude::*;
use diesel::sqlite::Sqlite;
use latchkey_domain::{MaxKeys, OwnerSettings, Timestamp};
use latchkey_store_texts::limits_from;
use uuid::Uuid;

use super::instant_from;
use crate::fault::{Corrupt, Place};
use crate::schema::key_owners;

/// What is known of an owner. The default is that of one without a row.
#[derive(Debug, Default, Queryable, Selectable)]
#[diesel(table_name = key_owners, check_for_backend(Sqlite))]
pub(crate) struct OwnerRow {
    held: i64,
    pub(crate) closed_at: Option<i64>,
    max_keys: Option<i64>,
    suspended_at: Option<i64>,
    limits: Option<String>,
}

impl OwnerRow {
    /// The keys that it holds.
    pub(crate) fn held(&self) -> Result<u32, Corrupt> {
        PLACE.read("held", u32::try_from(self.held).ok())
    }

    pub(crate) fn settings(&self) -> Result<OwnerSettings, Corrupt> {
        let Self { held: _, closed_at: _, max_keys, suspended_at, limits } = self;
        settings_from(*max_keys, *suspended_at, limits.as_deref())
    }
}

/// The id of an owner is no UUID.
const PLACE: Place = Place { table: "key_owners", row: Uuid::nil() };

pub(crate) fn settings_from(
    max_keys: Option<i64>,
    suspended_at: Option<i64>,
    limits: Option<&str>,
) -> Result<OwnerSettings, Corrupt> {
    let limit = |keys| u32::try_from(keys).ok().and_then(|keys| MaxKeys::new(keys).ok());
    Ok(OwnerSettings {
        max_keys: max_keys.map(|keys| PLACE.read("max_keys", limit(keys))).transpose()?,
        suspended_at: PLACE.read("suspended_at", instant_from(suspended_at).ok())?,
        limits: PLACE.read("limits", limits_from(limits))?,
    })
}

/// `max_keys`, `suspended_at` and `limits`.
pub(crate) fn settings_columns(
    settings: &OwnerSettings,
) -> (Option<i64>, Option<i64>, Option<String>) {
    let OwnerSettings { max_keys, suspended_at, limits } = settings;
    let limits = (!limits.is_empty()).then(|| limits.to_string());
    (max_keys.map(|keys| keys.get().into()), suspended_at.map(Timestamp::unix_millis), limits)
}
