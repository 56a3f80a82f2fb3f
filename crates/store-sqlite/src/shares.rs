use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use diesel::prelude::*;
use diesel::sql_query;
use diesel::sql_types::{BigInt, Binary, Nullable, Text};
use latchkey_domain::ports::budgets::{Answer, Request, Share, Statement};
use latchkey_domain::ports::{BudgetShares, InstanceId, StoreError};
use latchkey_domain::{Actor, BudgetKind, Timestamp};
use uuid::Builder;

use crate::SqliteStore;
use crate::fault::{DbResult, Fault};
use crate::row::id_bytes;
use crate::schema::{audit_events, budget_shares, budgets};

const NOW: &str = "select cast(round(unixepoch('now', 'subsec') * 1000) as integer) as millis, \
    randomblob(10) as random";

/// Credits of shares that are closed, and that nobody said to have spent.
const STRANDED: &str = "\
select share.granted - share.returned - share.spent as amount, budgets.family, \
    coalesce(budgets.owner, ( \
        select owner from api_keys where id = budgets.family or family = budgets.family limit 1 \
    )) as owner \
from budget_shares as share join budgets on budgets.id = share.budget_id \
where share.instance_id = ? and budgets.kind = 'credits' and budgets.amount is not null \
    and budgets.period = share.period and share.granted > share.returned + share.spent";

#[derive(QueryableByName)]
struct Now {
    #[diesel(sql_type = BigInt)]
    millis: i64,
    #[diesel(sql_type = Binary)]
    random: Vec<u8>,
}

#[derive(QueryableByName)]
struct Stranded {
    #[diesel(sql_type = BigInt)]
    amount: i64,
    #[diesel(sql_type = Nullable<Binary>)]
    family: Option<Vec<u8>>,
    #[diesel(sql_type = Nullable<Text>)]
    owner: Option<String>,
}

/// A budget that counts, and what an instance was handed out of it.
struct Found {
    kind: BudgetKind,
    amount: u64,
    period: u64,
    handed_out: u64,
    share: Option<(u64, Share)>,
}

#[async_trait]
impl BudgetShares for SqliteStore {
    async fn settle(
        &self,
        instance: InstanceId,
        statements: &[Statement],
    ) -> Result<Option<Vec<Option<Answer>>>, StoreError> {
        let (changes, statements) = (Arc::clone(&self.0.changes), statements.to_vec());
        self.write(move |db| {
            let listed = changes.instances();
            if !listed.contains(&instance) {
                return Ok(None);
            }
            let instances = u32::try_from(listed.len()).unwrap_or(u32::MAX);
            let answers = statements.iter().map(|it| settle(db, instance, it, instances));
            answers.collect::<Result<_, _>>().map(Some)
        })
        .await
    }
}

impl SqliteStore {
    /// Closes the shares of instances that are not on the list: what they were handed out counts as spent.
    pub(crate) async fn close_shares_of_absent(&self) -> Result<(), StoreError> {
        let changes = Arc::clone(&self.0.changes);
        self.write(move |db| {
            let holders = budget_shares::table.select(budget_shares::instance_id).distinct();
            let listed = changes.instances();
            for holder in holders.load::<Vec<u8>>(db)? {
                if !listed.iter().any(|it| id_bytes(it.0) == holder) {
                    close(db, &holder)?;
                }
            }
            Ok(())
        })
        .await
    }
}

fn close(db: &mut SqliteConnection, instance: &[u8]) -> DbResult<()> {
    let stranded = sql_query(STRANDED).bind::<Binary, _>(instance).load::<Stranded>(db)?;
    for Stranded { amount, family, owner } in stranded {
        let now: Now = sql_query(NOW).get_result(db)?;
        let random = now.random.first_chunk().ok_or_else(|| failed("no randomness"))?;
        let millis = u64::try_from(now.millis).map_err(failed)?;
        let id = Builder::from_unix_timestamp_millis(millis, random).into_uuid();
        diesel::insert_into(audit_events::table)
            .values((
                audit_events::id.eq(id_bytes(id)),
                audit_events::at.eq(now.millis),
                audit_events::owner.eq(owner),
                audit_events::action.eq("credits.stranded"),
                audit_events::key_id.eq(family),
                audit_events::actor.eq(&*Actor::Recovery.text()),
                audit_events::changes.eq(format!("{{\"stranded\":{amount}}}")),
            ))
            .execute(db)?;
    }
    let theirs = budget_shares::table.filter(budget_shares::instance_id.eq(instance));
    diesel::delete(theirs).execute(db)?;
    Ok(())
}

/// Nothing else writes meanwhile: the writer is one.
fn settle(
    db: &mut SqliteConnection,
    instance: InstanceId,
    statement: &Statement,
    instances: u32,
) -> DbResult<Option<Answer>> {
    let Some(found) = found(db, instance, statement)? else { return Ok(None) };
    if found.share.is_some_and(|(holding, _)| holding > statement.holding) {
        return Ok(None);
    }
    let now: Now = sql_query(NOW).get_result(db)?;
    let now = Timestamp::from_unix_millis(now.millis).ok_or_else(|| failed("no time"))?;
    let (period, rest) = found.period_at(now)?;
    let is_same = period == found.period;
    let known = found
        .share
        .filter(|(holding, share)| *holding == statement.holding && share.period == period);
    let before = known.map_or(Share { period, ..Share::default() }, |(_, share)| share);
    let out = if is_same { found.handed_out } else { 0 };
    let room = found.amount.saturating_sub(out);
    let (handed, back) = match statement.request {
        Request::Take(wanted) => (wanted.of(room, instances), 0),
        Request::GiveBack { amount, known: of } => {
            let counts =
                known.is_some() && (of.period, of.returned) == (before.period, before.returned);
            (0, if counts { amount } else { 0 })
        }
    };
    let share =
        Share { period, granted: before.granted + handed, returned: before.returned + back };
    let out = (out + handed).saturating_sub(back);
    if handed > 0 || back > 0 {
        write(db, instance, statement, share, out)?;
    }
    let (left, amount) = (found.amount.saturating_sub(out), found.amount);
    Ok(Some(Answer { share, left, amount, rest, instances }))
}

fn found(
    db: &mut SqliteConnection,
    instance: InstanceId,
    statement: &Statement,
) -> DbResult<Option<Found>> {
    type Row = (String, Option<i64>, i64, i64);
    let columns = (budgets::kind, budgets::amount, budgets::period, budgets::handed_out);
    let row = budgets::table.find(statement.budget.0).select(columns);
    let Some((kind, Some(amount), period, handed_out)) = row.get_result::<Row>(db).optional()?
    else {
        return Ok(None);
    };
    let share = budget_shares::table.find((statement.budget.0, id_bytes(instance.0)));
    let share = share
        .select((
            budget_shares::holding,
            budget_shares::period,
            budget_shares::granted,
            budget_shares::returned,
        ))
        .get_result::<(i64, i64, i64, i64)>(db)
        .optional()?;
    let share = share.map(|(holding, period, granted, returned)| {
        let (period, granted, returned) = (number(period)?, number(granted)?, number(returned)?);
        DbResult::Ok((number(holding)?, Share { period, granted, returned }))
    });
    Ok(Some(Found {
        kind: BudgetKind::parse(&kind).ok_or_else(|| failed("a budget of an unknown kind"))?,
        amount: number(amount)?,
        period: number(period)?,
        handed_out: number(handed_out)?,
        share: share.transpose()?,
    }))
}

impl Found {
    /// The period at `now`, and how long it lasts. A clock that was set back leaves the period as it was.
    fn period_at(&self, now: Timestamp) -> DbResult<(u64, Option<Duration>)> {
        let BudgetKind::Window(window) = self.kind else { return Ok((self.period, None)) };
        let began = number(window.around(now).0.unix_millis())? / 1000;
        let period = began.max(self.period);
        let at = i64::try_from(period).ok().and_then(|it| it.checked_mul(1000));
        let at = at.and_then(Timestamp::from_unix_millis).ok_or_else(|| failed("no time"))?;
        Ok((period, Some(window.around(at).1.since(now))))
    }
}

fn write(
    db: &mut SqliteConnection,
    instance: InstanceId,
    statement: &Statement,
    share: Share,
    out: u64,
) -> DbResult<()> {
    let period = column(share.period)?;
    diesel::update(budgets::table.find(statement.budget.0))
        .set((budgets::period.eq(period), budgets::handed_out.eq(column(out)?)))
        .execute(db)?;
    let now = (
        budget_shares::holding.eq(column(statement.holding)?),
        budget_shares::period.eq(period),
        budget_shares::granted.eq(column(share.granted)?),
        budget_shares::returned.eq(column(share.returned)?),
        budget_shares::spent.eq(column(statement.spent)?),
    );
    let key = (
        budget_shares::budget_id.eq(statement.budget.0),
        budget_shares::instance_id.eq(id_bytes(instance.0)),
    );
    diesel::insert_into(budget_shares::table)
        .values((key, now))
        .on_conflict((budget_shares::budget_id, budget_shares::instance_id))
        .do_update()
        .set(now)
        .execute(db)?;
    Ok(())
}

fn failed(error: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Fault<StoreError> {
    Fault(StoreError::new(error))
}

fn number(column: i64) -> DbResult<u64> {
    u64::try_from(column).map_err(failed)
}

fn column(number: u64) -> DbResult<i64> {
    i64::try_from(number).map_err(failed)
}
