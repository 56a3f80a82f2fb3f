//! Statements that Diesel doesn't believe are always the same.

use std::marker::PhantomData;

use diesel::pg::Pg;
use diesel::query_builder::{AstPass, Query, QueryFragment, QueryId};
use diesel::result::QueryResult;
use diesel::sql_types::Untyped;

/// Wraps a statement, which answers columns of the types `Columns`, so that it is prepared once for
/// each connection.
///
/// Diesel prepares text by hand and updates again for each call, which is a round trip more, because
/// it can't know that there are only a few of them. Here each is one text.
#[must_use = "a query is only sent by `execute`, `load` or the like"]
pub(crate) struct CachedSql<Q, Columns = Untyped> {
    query: Q,
    columns: PhantomData<Columns>,
}

/// See [`CachedSql`].
pub(crate) fn cached<Q>(query: Q) -> CachedSql<Q> {
    CachedSql { query, columns: PhantomData }
}

impl<Q> CachedSql<Q> {
    /// Names the types of the columns it answers. What a statement that writes answers is to be
    /// read by `load`: Postgres sends a row before it commits, and a server that crashes in between
    /// has sent it all the same, but `load` reads to the end, which comes after the commit.
    pub(crate) fn answering<Columns>(self) -> CachedSql<Q, Columns> {
        CachedSql { query: self.query, columns: PhantomData }
    }
}

impl<Q: QueryFragment<Pg>, Columns> QueryFragment<Pg> for CachedSql<Q, Columns> {
    fn walk_ast<'b>(&'b self, pass: AstPass<'_, 'b, Pg>) -> QueryResult<()> {
        self.query.walk_ast(pass)
    }

    fn is_safe_to_cache_prepared(&self, _backend: &Pg) -> QueryResult<bool> {
        Ok(true)
    }
}

/// The text itself is the key under which the statement is cached.
impl<Q, Columns> QueryId for CachedSql<Q, Columns> {
    type QueryId = ();
    const HAS_STATIC_QUERY_ID: bool = false;
}

impl<Q, Columns> Query for CachedSql<Q, Columns> {
    type SqlType = Columns;
}
