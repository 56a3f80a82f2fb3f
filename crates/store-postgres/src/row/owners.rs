use diesel::pg::Pg;
use diesel::prelude::*;
use latchkey_domain::ports::StoreError;
use latchkey_domain::{MaxKeys, OwnerSettings};
use latchkey_store_texts::limits_from;
use time::OffsetDateTime;
use uuid::Uuid;

use crate::fault::Place;
use crate::schema::key_owners;

/// What is known of an owner. The default is that of one without a row.
#[derive(Debug, Default, Queryable, Selectable)]
#[diesel(table_name = key_owners, check_for_backend(Pg))]
pub(crate) struct OwnerRow {
    held: i32,
    pub(crate) closed_at: Option<OffsetDateTime>,
    max_keys: Option<i32>,
    suspended_at: Option<OffsetDateTime>,
    limits: Option<String>,
}

/// The id of an owner is no UUID.
const PLACE: Place = Place { table: "key_owners", row: Uuid::nil() };

impl OwnerRow {
    /// The keys that it holds.
    pub(crate) fn held(&self) -> Result<u32, StoreError> {
        PLACE.read("held", u32::try_from(self.held).ok())
    }

    pub(crate) fn settings(&self) -> Result<OwnerSettings, StoreError> {
        let Self { held: _, closed_at: _, max_keys, suspended_at, limits } = self;
        let limit = |keys| u32::try_from(keys).ok().and_then(|keys| MaxKeys::new(keys).ok());
        Ok(OwnerSettings {
            max_keys: max_keys.map(|keys| PLACE.read("max_keys", limit(keys))).transpose()?,
            suspended_at: suspended_at.map(Into::into),
            limits: PLACE.read("limits", limits_from(limits.as_deref()))?,
        })
    }
}
