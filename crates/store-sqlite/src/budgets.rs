//! How much may be used: what a verification and lists read of it.

use diesel::expression::{AppearsOnTable, Expression, SelectableExpression, ValidGrouping};
use diesel::query_builder::{AstPass, QueryFragment, QueryId};
use diesel::result::QueryResult;
use diesel::sql_types::{BigInt, Nullable, Text};
use diesel::sqlite::Sqlite;
use latchkey_domain::{BudgetId, BudgetKind, Credits, KeyBudget};
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

        impl QueryFragment<Sqlite> for $expression {
            fn walk_ast<'b>(&'b self, mut pass: AstPass<'_, 'b, Sqlite>) -> QueryResult<()> {
                pass.push_sql($text);
                Ok(())
            }
        }
    };
}

written!(BudgetsOfKey, Nullable<Text>, OF_KEY);
written!(CreditsOfKey, Nullable<BigInt>, CREDITS_OF_KEY);

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

/// What is left of credits.
pub(crate) fn credits_from(left: Option<i64>) -> Result<Option<Credits>, Corrupt> {
    let credits = |left| u64::try_from(left).ok().and_then(|left| Credits::new(left).ok());
    left.map(|left| PLACE.read("amount", credits(left))).transpose()
}
