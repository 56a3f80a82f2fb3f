use std::time::Duration;

use async_trait::async_trait;
use diesel::prelude::*;
use diesel::sql_query;
use diesel::sql_types::{Array, BigInt, Nullable, Uuid as SqlUuid};
use diesel_async::RunQueryDsl as _;
use latchkey_domain::ports::budgets::{Answer, Request, Share, Statement, Wanted};
use latchkey_domain::ports::{BudgetShares, InstanceId, StoreError};

use crate::PostgresStore;
use crate::cached_sql::cached;
use crate::fault::failed;

/// The function is in the schema: each of its statements sees what was committed before it got its locks.
const SETTLE: &str = "select * from settle_shares($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)";

#[derive(QueryableByName)]
struct AnswerRow {
    /// From 1; 0: the instance is not on the list.
    #[diesel(sql_type = BigInt)]
    place: i64,
    #[diesel(sql_type = BigInt)]
    in_period: i64,
    #[diesel(sql_type = BigInt)]
    granted_now: i64,
    #[diesel(sql_type = BigInt)]
    returned_now: i64,
    #[diesel(sql_type = BigInt)]
    room: i64,
    #[diesel(sql_type = BigInt)]
    whole: i64,
    #[diesel(sql_type = Nullable<BigInt>)]
    rest_micros: Option<i64>,
    #[diesel(sql_type = BigInt)]
    how_many: i64,
}

#[async_trait]
impl BudgetShares for PostgresStore {
    async fn settle(
        &self,
        instance: InstanceId,
        statements: &[Statement],
    ) -> Result<Option<Vec<Option<Answer>>>, StoreError> {
        let column = |of: fn(&Statement) -> u64| -> Result<Vec<i64>, StoreError> {
            statements.iter().map(|it| i64::try_from(of(it)).map_err(failed)).collect()
        };
        let settle = sql_query(SETTLE)
            .bind::<SqlUuid, _>(instance.0)
            .bind::<Array<BigInt>, _>(statements.iter().map(|it| it.budget.0).collect::<Vec<_>>())
            .bind::<Array<BigInt>, _>(column(|it| it.holding)?)
            .bind::<Array<BigInt>, _>(column(|it| it.spent)?)
            .bind::<Array<BigInt>, _>(column(|it| wanted(it).least)?)
            .bind::<Array<BigInt>, _>(column(|it| wanted(it).needed)?)
            .bind::<Array<BigInt>, _>(column(|it| wanted(it).ahead)?)
            .bind::<Array<BigInt>, _>(column(|it| given_back(it).0)?)
            .bind::<Array<BigInt>, _>(column(|it| given_back(it).1.period)?)
            .bind::<Array<BigInt>, _>(column(|it| given_back(it).1.returned)?);
        let settle = cached(settle);
        let rows: Vec<AnswerRow> = self.budgets.ask(|link| Box::pin(settle.load(link))).await?;
        let mut answers = vec![None; statements.len()];
        for row in rows {
            if row.place == 0 {
                return Ok(None);
            }
            let place = usize::try_from(row.place - 1).map_err(failed)?;
            let answer = answers.get_mut(place).ok_or_else(|| failed("more answers than asked"))?;
            *answer = Some(row.answer()?);
        }
        Ok(Some(answers))
    }
}

fn wanted(statement: &Statement) -> Wanted {
    match statement.request {
        Request::Take(wanted) => wanted,
        Request::GiveBack { .. } => Wanted::default(),
    }
}

fn given_back(statement: &Statement) -> (u64, Share) {
    match statement.request {
        Request::GiveBack { amount, known } => (amount, known),
        Request::Take(_) => (0, Share::default()),
    }
}

impl AnswerRow {
    fn answer(&self) -> Result<Answer, StoreError> {
        let number = |column: i64| u64::try_from(column).map_err(failed);
        // A clock that was set back may be before the period; one that is just at its end is over.
        let rest =
            self.rest_micros.map(|micros| Duration::from_micros(micros.max(0).unsigned_abs()));
        Ok(Answer {
            share: Share {
                period: number(self.in_period)?,
                granted: number(self.granted_now)?,
                returned: number(self.returned_now)?,
            },
            left: number(self.room)?,
            amount: number(self.whole)?,
            rest,
            instances: u32::try_from(self.how_many).map_err(failed)?,
        })
    }
}
