//! How much may be used: what a verification reads of it.

use diesel::expression::{AppearsOnTable, Expression, SelectableExpression, ValidGrouping};
use diesel::query_builder::{AstPass, QueryFragment, QueryId};
use diesel::result::QueryResult;
use diesel::sql_types::{Nullable, Text};
use diesel::sqlite::Sqlite;
use latchkey_domain::{BudgetId, BudgetKind, KeyBudget};
use uuid::Uuid;

use crate::fault::{Corrupt, Place};

/// The budgets that count at present, of the key of a row and of its owner: for each its id, its kind, and 1 if it is the
/// owner's, with blanks between all of them; null where there is none.
#[derive(Debug, Clone, Copy, QueryId)]
pub(crate) struct BudgetsOfKey;

const OF_KEY: &str = "(\
    select group_concat(id || ' ' || kind || ' ' || is_owners, ' ') from (\
        select id, kind, 0 as is_owners from budgets \
        where family = coalesce(api_keys.family, api_keys.id) and amount is not null \
        union all \
        select id, kind, 1 from budgets where owner = api_keys.owner and amount is not null))";

impl Expression for BudgetsOfKey {
    type SqlType = Nullable<Text>;
}

impl<From> SelectableExpression<From> for BudgetsOfKey {}
impl<From> AppearsOnTable<From> for BudgetsOfKey {}

impl<Grouped> ValidGrouping<Grouped> for BudgetsOfKey {
    type IsAggregate = diesel::expression::is_aggregate::Never;
}

impl QueryFragment<Sqlite> for BudgetsOfKey {
    fn walk_ast<'b>(&'b self, mut pass: AstPass<'_, 'b, Sqlite>) -> QueryResult<()> {
        pass.push_sql(OF_KEY);
        Ok(())
    }
}

/// The place of a budget: its id is no UUID.
const PLACE: Place = Place { table: "budgets", row: Uuid::nil() };

/// What [`BudgetsOfKey`] answers.
pub(crate) fn budgets_from(text: Option<&str>) -> Result<Vec<KeyBudget>, Corrupt> {
    let words: Vec<&str> = text.unwrap_or_default().split_ascii_whitespace().collect();
    words.chunks(3).map(|words| PLACE.read("kind", budget_from(words))).collect()
}

fn budget_from(words: &[&str]) -> Option<KeyBudget> {
    let [id, kind, is_owners] = words else { return None };
    let id = BudgetId(id.parse().ok()?);
    Some(KeyBudget { id, kind: BudgetKind::parse(kind)?, is_owners: *is_owners == "1" })
}
