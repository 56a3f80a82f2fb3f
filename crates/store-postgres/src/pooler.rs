//! What a pooler between Latchkey and the database does to connections.

use thiserror::Error;
use tokio_postgres::{Client, SimpleQueryMessage};

/// How a pooler gives connections of the database to its clients.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Pooler {
    /// A client keeps one for as long as it is connected. Limits are set by statements.
    Session,
    /// A client has one for a transaction, and the next time another one. Statements have no names,
    /// limits belong to each transaction, and nobody listens for notifications.
    Transaction,
}

/// Not one of the two.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error(
    "must be session or transaction, as the mode of the pooler is; without a pooler leave it out"
)]
pub struct UnknownPooler;

/// A pooler that no setting names breaks statements later.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub(crate) enum PoolerFault {
    #[error(
        "a pooler stands between and takes away the options of connections, which hold their \
         limits; set LATCHKEY_DATABASE_POOLER to session or transaction, as its mode is"
    )]
    NoOptions,
    #[error(
        "a pooler stands between and gives each transaction another connection of the database; \
         set LATCHKEY_DATABASE_POOLER=transaction"
    )]
    Moves,
}

impl Pooler {
    /// Reads the word for it.
    pub fn parse(text: &str) -> Result<Self, UnknownPooler> {
        match text {
            "session" => Ok(Self::Session),
            "transaction" => Ok(Self::Transaction),
            _ => Err(UnknownPooler),
        }
    }

    /// One word.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Session => "session",
            Self::Transaction => "transaction",
        }
    }
}

/// Whether `one`, which has been used, and `other`, which has not, are moved from one connection of
/// the database to another. What `one` had is given to `other` while that is in a transaction.
pub(crate) async fn moves(one: &Client, other: &Client) -> Result<bool, tokio_postgres::Error> {
    let before = backend(one, "").await?;
    let meanwhile = backend(other, "begin;").await?;
    // Asked while `other` holds what it has, this would wait where there is no more than one.
    let is_moved = meanwhile == before || backend(one, "").await? != before;
    other.batch_execute("rollback").await?;
    Ok(is_moved)
}

/// The process of the database that answers. A statement with a name might not be there any more.
async fn backend(client: &Client, first: &str) -> Result<Option<String>, tokio_postgres::Error> {
    let answers = client.simple_query(&format!("{first} select pg_backend_pid()")).await?;
    Ok(answers.iter().find_map(|answer| match answer {
        SimpleQueryMessage::Row(row) => row.get(0).map(str::to_owned),
        _ => None,
    }))
}
