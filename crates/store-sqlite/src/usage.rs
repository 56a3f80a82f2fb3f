use async_trait::async_trait;
use diesel::dsl::sql;
use diesel::prelude::*;
use diesel::query_dsl::methods::FilterDsl as _;
use diesel::sql_types::BigInt;
use diesel::upsert::excluded;
use latchkey_domain::ports::{StoreError, UsageRepository};
use latchkey_domain::{
    CountedCalls, KeptRefusal, KeyRefused, KeyUse, RecentUsage, UsageBatch, UsageSpan,
};

use crate::SqliteStore;
use crate::fault::DbResult;
use crate::row::{RecentRow, RefusalRow, UsageRow, id_bytes, integer};
use crate::schema::{key_refusals, key_usage, last_uses, recent_usage, usage_writers};

/// Milliseconds since the Unix epoch, by the clock of the machine that the file is on.
pub(crate) const NOW: &str = "cast(round((julianday('now') - 2440587.5) * 86400000) as integer)";

#[async_trait]
impl UsageRepository for SqliteStore {
    async fn record(&self, batch: &UsageBatch) -> Result<(), StoreError> {
        let batch = batch.clone();
        self.write(move |db| {
            if !is_new(db, &batch)? {
                return Ok(());
            }
            batch.uses().iter().try_for_each(|used| add_use(db, used))?;
            batch.refused().iter().try_for_each(|refused| add_refused(db, refused))
        })
        .await
    }
}

/// Notes the batch, if it is not the one before.
fn is_new(db: &mut SqliteConnection, batch: &UsageBatch) -> DbResult<bool> {
    let number = integer(batch.number)?;
    let noted = diesel::insert_into(usage_writers::table)
        .values((
            usage_writers::id.eq(id_bytes(batch.writer.as_uuid())),
            usage_writers::batch.eq(number),
            usage_writers::at.eq(sql::<BigInt>(NOW)),
        ))
        .on_conflict(usage_writers::id)
        .do_update()
        .set((
            usage_writers::batch.eq(excluded(usage_writers::batch)),
            usage_writers::at.eq(excluded(usage_writers::at)),
        ))
        .filter(usage_writers::batch.lt(excluded(usage_writers::batch)))
        .execute(db)?;
    Ok(noted > 0)
}

/// The row of `last_uses`, whose counts are of one hour.
#[derive(Insertable, AsChangeset, Queryable)]
#[diesel(table_name = last_uses)]
struct HourRow {
    key_id: Vec<u8>,
    used_at: i64,
    hour: i64,
    accepted: i64,
    cost: i64,
}

fn add_use(db: &mut SqliteConnection, used: &KeyUse) -> DbResult<()> {
    let hour = UsageSpan::Hour.start_of(used.last_used_at).unix_millis();
    let mut counted = HourRow {
        key_id: id_bytes(used.key.as_uuid()),
        used_at: used.last_used_at.unix_millis(),
        hour,
        accepted: integer(used.accepted)?,
        cost: integer(used.cost)?,
    };
    let known = last_uses::table.find(&counted.key_id).get_result::<HourRow>(db).optional()?;
    if let Some(known) = known {
        counted.used_at = counted.used_at.max(known.used_at);
        if known.hour == counted.hour {
            counted.accepted += known.accepted;
            counted.cost += known.cost;
        } else {
            // The earlier hour is over; what is counted late may be of it.
            let (earlier, later) =
                if known.hour < counted.hour { (known, counted) } else { (counted, known) };
            close_hour(db, &earlier)?;
            counted = HourRow { used_at: later.used_at.max(earlier.used_at), ..later };
        }
    }
    diesel::insert_into(last_uses::table)
        .values(&counted)
        .on_conflict(last_uses::key_id)
        .do_update()
        .set(&counted)
        .execute(db)?;
    Ok(())
}

fn close_hour(db: &mut SqliteConnection, of: &HourRow) -> DbResult<()> {
    if of.accepted == 0 {
        return Ok(());
    }
    let rows = UsageRow::of_accepted(&of.key_id, of.hour, of.accepted, of.cost)?;
    rows.iter().try_for_each(|row| add(db, row))?;
    let [of_hour, _] = &rows;
    add_recent(db, of_hour)
}

fn add_recent(db: &mut SqliteConnection, of: &UsageRow) -> DbResult<()> {
    let (key, _, CountedCalls { start, calls, .. }) = of.read()?;
    let known = recent_usage::table.find(id_bytes(key.as_uuid()));
    let known = known.get_result::<RecentRow>(db).optional()?.map(|row| row.read()).transpose()?;
    let mut recent = known.map_or_else(|| RecentUsage::none(start), |(_, recent)| recent);
    recent.add(start, calls);
    let row = RecentRow::of(key, &recent);
    diesel::insert_into(recent_usage::table)
        .values(&row)
        .on_conflict(recent_usage::key_id)
        .do_update()
        .set(&row)
        .execute(db)?;
    Ok(())
}

fn add(db: &mut SqliteConnection, row: &UsageRow) -> DbResult<()> {
    diesel::insert_into(key_usage::table)
        .values(row)
        .on_conflict((key_usage::key_id, key_usage::span, key_usage::start, key_usage::outcome))
        .do_update()
        .set((
            key_usage::calls.eq(key_usage::calls + excluded(key_usage::calls)),
            key_usage::cost.eq(key_usage::cost + excluded(key_usage::cost)),
        ))
        .execute(db)?;
    Ok(())
}

fn add_refused(db: &mut SqliteConnection, refused: &KeyRefused) -> DbResult<()> {
    for row in UsageRow::of_refused(refused)? {
        add(db, &row)?;
    }
    let row = RefusalRow::of(refused.key, &refused.last);
    diesel::insert_into(key_refusals::table)
        .values(&row)
        .on_conflict((key_refusals::key_id, key_refusals::minute, key_refusals::reason))
        .do_update()
        .set(&row)
        .filter(key_refusals::at.le(excluded(key_refusals::at)))
        .execute(db)?;
    let of_key = QueryDsl::filter(key_refusals::table, key_refusals::key_id.eq(&row.key_id));
    let old = of_key
        .order((key_refusals::at.desc(), key_refusals::reason.desc()))
        .offset(KeptRefusal::MOST.into())
        .limit(1_000)
        .select((key_refusals::minute, key_refusals::reason));
    for (minute, reason) in old.load::<(i64, String)>(db)? {
        let old = key_refusals::table.find((&row.key_id, minute, reason));
        diesel::delete(old).execute(db)?;
    }
    Ok(())
}
