use diesel::prelude::*;
use diesel::sql_types::{BigInt, Binary, Text};
use latchkey_accounts::Record;
use latchkey_domain::{ApiKeyId, CountedCalls, Timestamp};
use uuid::Uuid;

use super::{FIRST, Page};
use crate::fault::Place;
use crate::row::{RefusalRow, UsageRow, id_bytes, id_from};
use crate::schema::{key_refusals, key_usage, last_uses};

pub(super) fn last_uses(db: &mut SqliteConnection, after: Option<&Record>, limit: i64) -> Page {
    let after = match after {
        Some(Record::LastUse { key, .. }) => id_bytes(key.as_uuid()),
        _ => FIRST,
    };
    let rows = last_uses::table.filter(last_uses::key_id.gt(after)).order(last_uses::key_id);
    let rows = rows.limit(limit).load::<(Vec<u8>, i64, i64, i64, i64)>(db)?;
    let rows = rows.into_iter().map(|(key, used_at, hour, accepted, cost)| {
        let nowhere = Place { table: "last_uses", row: Uuid::nil() };
        let id = nowhere.read("key_id", id_from(&key))?;
        let place = Place { row: id, ..nowhere };
        let of_hour = CountedCalls {
            start: place.read("hour", Timestamp::from_unix_millis(hour))?,
            refused: None,
            calls: place.read("accepted", u64::try_from(accepted).ok())?,
            cost: place.read("cost", u64::try_from(cost).ok())?,
        };
        let at = place.read("used_at", Timestamp::from_unix_millis(used_at))?;
        Ok(Record::LastUse { key: ApiKeyId::new(id), at, of_hour })
    });
    rows.collect()
}

pub(super) fn counts(db: &mut SqliteConnection, after: Option<&Record>, limit: i64) -> Page {
    let (key, span, start, outcome) = match after {
        Some(Record::Usage { key, span, counted }) => UsageRow::place(*key, *span, counted),
        _ => (FIRST, "", 0, ""),
    };
    // Rows are compared as a whole, which Diesel has no words for.
    let later = diesel::dsl::sql::<diesel::sql_types::Bool>("(key_id, span, start, outcome) > (")
        .bind::<Binary, _>(key)
        .sql(", ")
        .bind::<Text, _>(span)
        .sql(", ")
        .bind::<BigInt, _>(start)
        .sql(", ")
        .bind::<Text, _>(outcome)
        .sql(")");
    let place = (key_usage::key_id, key_usage::span, key_usage::start, key_usage::outcome);
    let rows = key_usage::table.filter(later).order(place).limit(limit).load::<UsageRow>(db)?;
    let rows = rows.into_iter().map(|row| {
        let (key, span, counted) = row.read()?;
        Ok(Record::Usage { key, span, counted })
    });
    rows.collect()
}

pub(super) fn refusals(db: &mut SqliteConnection, after: Option<&Record>, limit: i64) -> Page {
    let (key, minute, reason) = match after {
        Some(Record::Refusal { key, kept }) => {
            (id_bytes(key.as_uuid()), kept.minute().unix_millis(), kept.reason.as_str())
        }
        _ => (FIRST, 0, ""),
    };
    let later = diesel::dsl::sql::<diesel::sql_types::Bool>("(key_id, minute, reason) > (")
        .bind::<Binary, _>(key)
        .sql(", ")
        .bind::<BigInt, _>(minute)
        .sql(", ")
        .bind::<Text, _>(reason)
        .sql(")");
    let place = (key_refusals::key_id, key_refusals::minute, key_refusals::reason);
    let rows = key_refusals::table.filter(later).order(place).limit(limit);
    let rows = rows.load::<RefusalRow>(db)?.into_iter().map(|row| {
        let (key, kept) = row.read()?;
        Ok(Record::Refusal { key, kept })
    });
    rows.collect()
}
