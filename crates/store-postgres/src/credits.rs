//! Credits are added by one statement, which judges what is left under the lock of the budget's row.

use diesel::dsl::sql as literal;
use diesel::prelude::*;
use diesel::sql_types::{BigInt, Bool, Nullable, Text, Uuid as SqlUuid};
use diesel_async::RunQueryDsl;
use latchkey_domain::ports::{AddedCredits, CreditsError};
use latchkey_domain::{ApiKeyId, AuditEvent, CreditChange, Credits, OwnerId};

use crate::PostgresStore;
use crate::budgets::credits_from;
use crate::cached_sql::cached;
use crate::changes::change_number;
use crate::fault::failed;
use crate::row::EventRow;
use crate::schema::{audit_events, change_clock};
use crate::sql::{Sql, new_row, sql, value};

/// How often an addition is tried whose budget somebody else began in the same moment.
const ATTEMPTS: u32 = 3;

/// Whose credits: the column of the budget, and a select of the holder, which has no row where there is none.
pub(crate) struct Account {
    column: Sql,
    holder: Sql,
}

impl Account {
    /// Of the family of a key that is not revoked, which is locked.
    pub(crate) fn of_key(owner: &OwnerId, id: ApiKeyId) -> Self {
        let owner = value::<Text, _>(owner.as_str().to_owned());
        let id = value::<SqlUuid, _>(id.as_uuid());
        let holder = sql!(
            "select coalesce(family, id) as holder from api_keys \
            where id = " id " and owner = " owner " and revoked_at is null for update"
        );
        Self { column: sql!("family"), holder }
    }

    pub(crate) fn of_owner(owner: &OwnerId) -> Self {
        let owner = value::<Text, _>(owner.as_str().to_owned());
        Self { column: sql!("owner"), holder: sql!("select " owner " as holder") }
    }
}

/// What was left before and after, and whether that was stored. No row where there is no holder.
type Answer = (Option<i64>, Option<i64>, bool);

impl PostgresStore {
    pub(crate) async fn change_credits(
        &self,
        account: &Account,
        change: CreditChange,
        event: &AuditEvent,
    ) -> Result<AddedCredits, CreditsError> {
        let connection = self.connection().await?;
        let mut shared = &*connection;
        for _attempt in 0..ATTEMPTS {
            let statement = cached(statement(account, change, event));
            let statement = statement.answering::<(Nullable<BigInt>, Nullable<BigInt>, Bool)>();
            let mut rows: Vec<Answer> = statement.load(&mut shared).await.map_err(failed)?;
            let (before, after, is_stored) = rows.pop().ok_or(CreditsError::NotFound)?;
            if !is_stored {
                change.of(credits_from(before)?)?;
                continue;
            }
            // The trigger draws the number at the end of the statement, which can't answer it. Whatever the
            // latest change is now, this one is not after it.
            let latest = change_clock::table.select(change_clock::seq).first(&mut shared);
            let as_of = change_number(self.wakes.after(&connection, latest).await?)?;
            return Ok(AddedCredits { left: credits_from(after)?, as_of });
        }
        Err(failed("others kept beginning to count these credits").into())
    }
}

fn statement(account: &Account, change: CreditChange, event: &AuditEvent) -> Sql {
    let EventRow { whose, deed, label, keys, changes: _ } = EventRow::from(event);
    let told = "'{\"credits\":[' || coalesce(before::text, 'null') || ',' \
        || coalesce(after::text, 'null') || ']}'";
    let told = audit_events::changes.eq(literal::<Nullable<Text>>(told));
    let event = new_row((whose, deed, label, keys, told));
    match change {
        CreditChange::Add(more) => adding(account, more.get(), &event),
        CreditChange::Uncount => uncounting(account, &event),
    }
}

/// Where there is a row for the credits that nothing is counted in, counting begins again in a new period, so that nothing
/// can be given back of what was handed out before. A row that this does not see, since somebody else adds it now, is left.
fn adding(Account { column, holder }: &Account, more: i64, event: &Sql) -> Sql {
    let (more, most) = (value::<BigInt, _>(more), Credits::MAX.get().cast_signed());
    let most = value::<BigInt, _>(most);
    sql!(
        "with found as materialized (" holder "), budget as materialized ( \
            select id, amount - handed_out as rest from budgets \
            where " column " = (select holder from found) and kind = 'credits' for update \
        ), judged as materialized ( \
            select holder, budget.id as budget, rest as before, \
                coalesce(rest, 0) + " more " as after \
            from found left join budget on true \
        ), changed as ( \
            insert into budgets as mine (" column ", kind, amount) \
            select holder, 'credits', greatest(" more ", 0) \
            from judged where after between 0 and " most " \
            on conflict (" column ", kind) where " column " is not null \
            do update set amount = coalesce(mine.amount, 0) + " more ", \
                period = mine.period + (mine.amount is null)::int, \
                handed_out = case when mine.amount is null then 0 else mine.handed_out end \
            where mine.id = (select budget from judged) \
            returning id \
        ), event as ( \
            insert into audit_events " event " from judged, changed \
        ) \
        select before, after, exists(select from changed) from judged"
    )
}

fn uncounting(Account { column, holder }: &Account, event: &Sql) -> Sql {
    sql!(
        "with found as materialized (" holder "), budget as materialized ( \
            select id, amount - handed_out as before, null::bigint as after from budgets \
            where " column " = (select holder from found) and kind = 'credits' \
                and amount is not null for update \
        ), changed as ( \
            update budgets as mine set amount = null from budget where mine.id = budget.id \
            returning mine.id \
        ), event as ( \
            insert into audit_events " event " from budget, changed \
        ) \
        select before, after, true from found left join budget on true"
    )
}
