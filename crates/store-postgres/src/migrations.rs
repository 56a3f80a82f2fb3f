//! The schema, and whether it is the one that this version of Latchkey knows.

use std::collections::BTreeSet;
use std::error::Error as StdError;

use diesel::migration::{Migration, MigrationSource};
use diesel::pg::Pg;
use diesel::prelude::*;
use diesel_async::async_connection_wrapper::AsyncConnectionWrapper;
use diesel_async::{AsyncPgConnection, RunQueryDsl, SimpleAsyncConnection as _};
use diesel_migrations::{EmbeddedMigrations, MigrationHarness, embed_migrations};
use thiserror::Error;

use crate::connect::Connector;
use crate::schema::__diesel_schema_migrations as applied;

const MIGRATIONS: EmbeddedMigrations = embed_migrations!("../../migrations/postgres");

/// Holds back other instances that start at the same time. The lock belongs to the connection, so
/// that it ends with it. Waiting for it may take as long as their migrations do, but afterwards no
/// change of a table may wait long: everybody else who needs the table waits behind it.
const LOCK: &str = "set statement_timeout = 0; set lock_timeout = '60s'; \
    select pg_advisory_lock(8390046189471526515); set lock_timeout = '5s'";

/// Why the schema was not brought up to date.
#[derive(Debug, Error)]
pub enum MigrateError {
    /// A newer Latchkey has been here; nothing was changed.
    #[error(
        "the database was migrated by a newer version of Latchkey (it has migration {newest}); \
         run that version or a newer one"
    )]
    Newer {
        /// The newest migration there.
        newest: String,
    },
    /// The database can't be reached or refuses a statement. Each migration is a transaction.
    #[error("the database could not be migrated")]
    Failed(#[source] Box<dyn StdError + Send + Sync>),
}

/// Applies what is missing, one instance at a time.
pub(crate) async fn migrate(connector: &Connector) -> Result<(), MigrateError> {
    let mut connection = connector.connect().await.map_err(|e| MigrateError::Failed(e.into()))?;
    connection.batch_execute(LOCK).await.map_err(|e| MigrateError::Failed(e.into()))?;
    // Diesel's migrations block.
    tokio::task::spawn_blocking(|| run_pending(connection))
        .await
        .map_err(|e| MigrateError::Failed(e.into()))?
}

fn run_pending(connection: AsyncPgConnection) -> Result<(), MigrateError> {
    let mut connection: AsyncConnectionWrapper<AsyncPgConnection> = connection.into();
    let applied = connection.applied_migrations().map_err(MigrateError::Failed)?;
    let known = known_versions();
    let unknown = applied.iter().map(ToString::to_string).filter(|it| !known.contains(it));
    if let Some(newest) = unknown.max() {
        return Err(MigrateError::Newer { newest });
    }
    let done = connection.run_pending_migrations(MIGRATIONS).map_err(MigrateError::Failed)?;
    for version in done {
        tracing::info!(%version, "migrated the database");
    }
    Ok(())
}

/// Whether a migration that this version needs is missing. One that it doesn't know is no harm to
/// an instance that runs: while a newer version is rolled out, the older one goes on.
pub(crate) async fn is_current(connection: &mut AsyncPgConnection) -> QueryResult<bool> {
    let applied: Vec<String> = applied::table.select(applied::version).load(connection).await?;
    Ok(known_versions().iter().all(|known| applied.contains(known)))
}

fn known_versions() -> BTreeSet<String> {
    let embedded: Vec<Box<dyn Migration<Pg>>> =
        MIGRATIONS.migrations().expect("embedded migrations were read when they were compiled");
    embedded.iter().map(|migration| migration.name().version().to_string()).collect()
}
