//! The schema, and whether it is the one that this version of Latchkey knows.

use std::collections::{BTreeMap, BTreeSet};
use std::error::Error as StdError;
use std::thread;
use std::time::{Duration, Instant};

use diesel::connection::SimpleConnection;
use diesel::migration::{Migration, MigrationSource};
use diesel::pg::Pg;
use diesel::prelude::*;
use diesel::sql_query;
use diesel::sql_types::{Bool, Text};
use diesel_async::async_connection_wrapper::AsyncConnectionWrapper;
use diesel_async::{AsyncPgConnection, RunQueryDsl, SimpleAsyncConnection as _};
use diesel_migrations::{EmbeddedMigrations, MigrationHarness, embed_migrations};
use thiserror::Error;

use crate::attempts::Purpose;
use crate::cached_sql::cached;
use crate::connect::Connector;
use crate::demands::{self, SERVING, UnfitError};
use crate::fault::chain;
use crate::pooler::Pooler;
use crate::schema::{__diesel_schema_migrations as applied, schema_compat};

const MIGRATIONS: EmbeddedMigrations = embed_migrations!("migrations");

/// How long a migration waits for its tables.
const LOCK_LIMIT: Duration = Duration::from_secs(5);
/// A migration that did not get its lock is tried again, after a pause for those who waited behind it.
const TRIES: u32 = 10;
const PAUSE: Duration = Duration::from_secs(2);

/// Why a database can't be used as it is.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum MigrateError {
    /// There is no connection.
    #[error("can't connect to the database")]
    Unreachable(#[source] ConnectionError),
    /// The database or the role lacks what Latchkey takes for granted.
    #[error(transparent)]
    Unfit(#[from] UnfitError),
    /// A newer Latchkey has been here, and what it made can't be used by this one; nothing was
    /// changed.
    #[error(
        "a newer version of Latchkey has migrated the database (to {newest}), and versions that \
         don't know the migration {needed} can't use it; run the version that migrated it, or a \
         newer one"
    )]
    Newer {
        /// The newest migration there.
        newest: String,
        /// The one that a version must know.
        needed: String,
    },
    /// The schema is not current, and the role may not change it.
    #[error(
        "the schema needs {due} more migrations, which the role {role} may not make; run \
         `latchkey migrate` as the role that owns the schema"
    )]
    NotPermitted {
        /// How many are due.
        due: usize,
        /// Who asked.
        role: String,
    },
    /// The database refuses a statement. Each migration is a transaction.
    #[error("the database could not be migrated")]
    Failed(#[source] Box<dyn StdError + Send + Sync>),
}

impl MigrateError {
    /// Whether the database may only be away for now.
    pub const fn is_away(&self) -> bool {
        matches!(self, Self::Unreachable(ConnectionError::BadConnection(_)))
    }
}

impl From<diesel::result::Error> for MigrateError {
    fn from(error: diesel::result::Error) -> Self {
        Self::Failed(error.into())
    }
}

/// A database that can be used, as soon as this many migrations were made.
struct Usable {
    connection: AsyncPgConnection,
    due: usize,
}

/// Applies what is missing, one instance at a time. Where nothing is, the schema is only read: the
/// role that serves need not own it.
pub(crate) async fn migrate(connector: &Connector) -> Result<(), MigrateError> {
    let Usable { mut connection, due } = usable(connector).await?;
    if due == 0 {
        return Ok(());
    }
    let attempt = if connector.pooler() == Some(Pooler::Transaction) {
        all_in_a_transaction
    } else {
        connection.batch_execute(&lock("set", "pg_advisory_lock")).await?;
        one_by_one
    };
    // Diesel's migrations block.
    tokio::task::spawn_blocking(move || run_pending(connection, attempt))
        .await
        .map_err(|e| MigrateError::Failed(e.into()))?
}

/// How many migrations are due, in a database where they can be made. Changes nothing.
pub(crate) async fn due(connector: &Connector) -> Result<usize, MigrateError> {
    Ok(usable(connector).await?.due)
}

async fn usable(connector: &Connector) -> Result<Usable, MigrateError> {
    if connector.pooler() != Some(Pooler::Transaction) {
        connector.refuse_to_be_moved().await.map_err(MigrateError::Unreachable)?;
    }
    let line = connector.connect(Purpose::Calls).await.map_err(MigrateError::Unreachable)?;
    let mut connection = line.connection;
    if let Some(unmet) = demands::unmet(&connection, SERVING).await? {
        return Err(unmet.into());
    }
    for switch in demands::unsafe_switches(&mut connection).await? {
        tracing::warn!("{switch} is off in the database: a crash of its machine can destroy it");
    }
    let applied = applied_versions(&connection).await?;
    let known = known_versions();
    refuse_unreadable(&mut connection, &applied, &known).await?;
    let due = known.difference(&applied).count();
    if due > 0 {
        let OwnerRow { role, is_owner } = owner(&mut connection).await?;
        if !is_owner {
            return Err(MigrateError::NotPermitted { due, role });
        }
    }
    Ok(Usable { connection, due })
}

/// Migrations that this version doesn't know are no hindrance as long as each of them says that this
/// version can use what it made. They are where one of ours is missing: nobody has tried both.
async fn refuse_unreadable(
    connection: &mut AsyncPgConnection,
    applied: &BTreeSet<String>,
    known: &BTreeSet<String>,
) -> Result<(), MigrateError> {
    let Some(newest) = applied.difference(known).last() else { return Ok(()) };
    let rows: Vec<(String, String)> = if applied.is_superset(known) {
        schema_compat::table.load(connection).await?
    } else {
        Vec::new()
    };
    let oldest_readers: BTreeMap<String, String> = rows.into_iter().collect();
    let unknown = applied.difference(known);
    match unknown.map(|it| oldest_readers.get(it).unwrap_or(it)).max() {
        Some(needed) if Some(needed) > known.last() => {
            Err(MigrateError::Newer { newest: newest.clone(), needed: needed.clone() })
        }
        _ => Ok(()),
    }
}

/// Holds back other instances that start at the same time. `take` is the function for a lock that
/// belongs to what `set` is for, the connection or the transaction, so that it ends with that. Waiting
/// for it may take as long as their migrations do, but afterwards no change of a table may wait long:
/// everybody else who needs the table waits behind it.
fn lock(set: &str, take: &str) -> String {
    format!(
        "{set} statement_timeout = 0; {set} lock_timeout = '60s'; \
         select {take}(8390046189471526515); {set} lock_timeout = '{}s'",
        LOCK_LIMIT.as_secs()
    )
}

type Blocking = AsyncConnectionWrapper<AsyncPgConnection>;
type Attempt = fn(&mut Blocking) -> Result<(), MigrateError>;

fn run_pending(connection: AsyncPgConnection, attempt: Attempt) -> Result<(), MigrateError> {
    let mut connection = connection.into();
    for _try in 1..TRIES {
        let began = Instant::now();
        match attempt(&mut connection) {
            // Only the wait for a lock has a limit.
            Err(error) if began.elapsed() >= LOCK_LIMIT => {
                let why = "a migration is tried again: somebody holds a lock that it needs";
                tracing::warn!(error = chain(&error), "{why}");
                thread::sleep(PAUSE);
            }
            done => return done,
        }
    }
    attempt(&mut connection)
}

fn one_by_one(connection: &mut Blocking) -> Result<(), MigrateError> {
    let done = connection.run_pending_migrations(MIGRATIONS).map_err(MigrateError::Failed)?;
    for version in done {
        tracing::info!(%version, "migrated the database");
    }
    Ok(())
}

/// Where each transaction has another connection, nothing else lasts until all are done.
fn all_in_a_transaction(connection: &mut Blocking) -> Result<(), MigrateError> {
    connection.transaction(|connection| {
        SimpleConnection::batch_execute(connection, &lock("set local", "pg_advisory_xact_lock"))?;
        one_by_one(connection)
    })
}

/// Whether a migration that this version needs is missing. One that it doesn't know is no harm to
/// an instance that runs: while a newer version is rolled out, the older one goes on.
pub(crate) async fn is_current(connection: &AsyncPgConnection) -> QueryResult<bool> {
    Ok(applied_versions(connection).await?.is_superset(&known_versions()))
}

#[derive(QueryableByName)]
struct Answer {
    #[diesel(sql_type = Bool)]
    is_there: bool,
}

/// In a new database there is no list yet.
async fn applied_versions(mut connection: &AsyncPgConnection) -> QueryResult<BTreeSet<String>> {
    let ask = "select to_regclass('__diesel_schema_migrations') is not null as is_there";
    let answer: Vec<Answer> = cached(sql_query(ask)).load(&mut connection).await?;
    if !answer.iter().any(|answer| answer.is_there) {
        return Ok(BTreeSet::new());
    }
    let versions: Vec<String> =
        applied::table.select(applied::version).load(&mut connection).await?;
    Ok(versions.into_iter().collect())
}

#[derive(QueryableByName)]
struct OwnerRow {
    #[diesel(sql_type = Text)]
    role: String,
    #[diesel(sql_type = Bool)]
    is_owner: bool,
}

/// Who we are, and whether we may make tables and change those that are there.
async fn owner(connection: &mut AsyncPgConnection) -> QueryResult<OwnerRow> {
    let ask = "select current_user::text as role, \
        has_schema_privilege(current_schema(), 'create') and coalesce((\
            select pg_has_role(relowner, 'usage') from pg_class \
            where oid = to_regclass('__diesel_schema_migrations')), true) as is_owner";
    let mut rows: Vec<OwnerRow> = sql_query(ask).load(connection).await?;
    rows.pop().ok_or(diesel::NotFound)
}

fn known_versions() -> BTreeSet<String> {
    let embedded: Vec<Box<dyn Migration<Pg>>> =
        MIGRATIONS.migrations().expect("embedded migrations were read when they were compiled");
    embedded.iter().map(|migration| migration.name().version().to_string()).collect()
}
