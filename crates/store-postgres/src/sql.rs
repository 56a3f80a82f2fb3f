//! Statements that are put together from text and from what Diesel writes.
//!
//! A change is one statement of several parts, more than Diesel can put together. What it writes are the
//! parts that name columns: new rows and changes of rows. A new column is named once, in its row. Diesel
//! numbers the arguments too.

use std::sync::Arc;

use diesel::expression::{AsExpression, TypedExpressionType};
use diesel::insertable::InsertValues;
use diesel::pg::Pg;
use diesel::prelude::*;
use diesel::query_builder::{AsChangeset, AstPass, QueryFragment, ValuesClause};
use diesel::sql_types::SqlType;

/// A statement, or a part of one.
#[derive(Clone)]
pub(crate) struct Sql(Arc<dyn QueryFragment<Pg> + Send + Sync>);

/// Puts texts and variables of the type [`Sql`] together, in turns: `sql!("select " id " + 1")`. A value
/// that occurs twice is sent twice.
macro_rules! sql {
    ($($text:literal $($part:ident)?)+) => {
        $crate::sql::Sql::of($crate::sql::Parts(vec![$(
            $crate::sql::Sql::of($crate::sql::Plain($text)),
            $($crate::sql::Sql::clone(&$part),)?
        )+]))
    };
}
pub(crate) use sql;

/// An argument of the type `T`.
pub(crate) fn value<T, V>(value: V) -> Sql
where
    T: SqlType + TypedExpressionType,
    V: AsExpression<T, Expression: QueryFragment<Pg> + Send + Sync + 'static>,
{
    Sql::of(value.as_expression())
}

/// A new row for `insert into …`: the names of its columns, and a `select` of its values. With a `from`
/// after that, the row is added only where that has one.
pub(crate) fn new_row<R, V, T>(row: R) -> Sql
where
    R: Insertable<T, Values = ValuesClause<V, T>>,
    V: InsertValues<Pg, T> + Send + Sync + 'static,
    T: Table + Send + Sync + 'static,
{
    Sql::of(NewRow(row.values()))
}

/// What is set by an `update … set`.
pub(crate) fn changes<C>(row: C) -> Sql
where
    C: AsChangeset<Changeset: QueryFragment<Pg> + Send + Sync + 'static>,
{
    Sql::of(row.as_changeset())
}

impl Sql {
    pub(crate) fn of(fragment: impl QueryFragment<Pg> + Send + Sync + 'static) -> Self {
        Self(Arc::new(fragment))
    }
}

impl QueryFragment<Pg> for Sql {
    fn walk_ast<'b>(&'b self, pass: AstPass<'_, 'b, Pg>) -> QueryResult<()> {
        self.0.walk_ast(pass)
    }
}

pub(crate) struct Parts(pub(crate) Vec<Sql>);

impl QueryFragment<Pg> for Parts {
    fn walk_ast<'b>(&'b self, mut pass: AstPass<'_, 'b, Pg>) -> QueryResult<()> {
        self.0.iter().try_for_each(|part| part.walk_ast(pass.reborrow()))
    }
}

pub(crate) struct Plain(pub(crate) &'static str);

impl QueryFragment<Pg> for Plain {
    fn walk_ast<'b>(&'b self, mut pass: AstPass<'_, 'b, Pg>) -> QueryResult<()> {
        pass.push_sql(self.0);
        Ok(())
    }
}

struct NewRow<V, T>(ValuesClause<V, T>);

impl<V: InsertValues<Pg, T>, T: Table> QueryFragment<Pg> for NewRow<V, T> {
    fn walk_ast<'b>(&'b self, mut pass: AstPass<'_, 'b, Pg>) -> QueryResult<()> {
        pass.push_sql("(");
        self.0.values.column_names(pass.reborrow())?;
        pass.push_sql(") select ");
        self.0.values.walk_ast(pass)
    }
}
