//! How much may be used: what a verification and lists read of it.

use diesel::expression::{AppearsOnTable, Expression, SelectableExpression, ValidGrouping};
use diesel::pg::Pg;
use diesel::query_builder::{AstPass, QueryFragment, QueryId};
use diesel::result::QueryResult;
use diesel::sql_types::{Array, BigInt, Bool, Nullable, Record, Text};
use latchkey_domain::ports::StoreError;
use latchkey_domain::{BudgetId, BudgetKind, Credits, KeyBudget};
use uuid::Uuid;

use crate::fault::Place;

/// The budgets that count at present, of the key of a row and of its owner: for each its id, its kind, and whether it is
/// the owner's. Where there is no key, there is none.
#[derive(Debug, Clone, Copy, QueryId)]
pub(crate) struct BudgetsOfKey;

/// Two parts, so that each walks its index.
const OF_KEY: &str = "array(\
    select row(id, kind, false) from budgets \
    where family = coalesce(api_keys.family, api_keys.id) and amount is not null \
    union all \
    select row(id, kind, true) from budgets where owner = api_keys.owner and amount is not null)";

/// How many credits are left for the family of the key of a row; null where they are not counted.
#[derive(Debug, Clone, Copy, QueryId)]
pub(crate) struct CreditsOfKey;

const CREDITS_OF_KEY: &str = "(\
    select amount - handed_out from budgets \
    where family = coalesce(api_keys.family, api_keys.id) and kind = 'credits')";

/// An expression that always is the same text.
macro_rules! written {
    ($expression:ty, $kind:ty, $text:expr) => {
        impl Expression for $expression {
            type SqlType = $kind;
        }

        impl<From> SelectableExpression<From> for $expression {}
        impl<From> AppearsOnTable<From> for $expression {}

        impl<Grouped> ValidGrouping<Grouped> for $expression {
            type IsAggregate = diesel::expression::is_aggregate::Never;
        }

        impl QueryFragment<Pg> for $expression {
            fn walk_ast<'b>(&'b self, mut pass: AstPass<'_, 'b, Pg>) -> QueryResult<()> {
                pass.push_sql($text);
                Ok(())
            }
        }
    };
}

written!(BudgetsOfKey, Array<Record<(BigInt, Text, Bool)>>, OF_KEY);
written!(CreditsOfKey, Nullable<BigInt>, CREDITS_OF_KEY);

/// The place of a budget: its id is no UUID.
const PLACE: Place = Place { table: "budgets", row: Uuid::nil() };

/// What [`BudgetsOfKey`] answers.
pub(crate) fn budgets_from(rows: Vec<(i64, String, bool)>) -> Result<Vec<KeyBudget>, StoreError> {
    let budget = |(id, kind, is_owners): (i64, String, bool)| {
        let kind = PLACE.read("kind", BudgetKind::parse(&kind))?;
        Ok(KeyBudget { id: BudgetId(id), kind, is_owners })
    };
    rows.into_iter().map(budget).collect()
}

/// What is left of credits.
pub(crate) fn credits_from(left: Option<i64>) -> Result<Option<Credits>, StoreError> {
    let credits = |left| u64::try_from(left).ok().and_then(|left| Credits::new(left).ok());
    left.map(|left| PLACE.read("amount", credits(left))).transpose()
}
