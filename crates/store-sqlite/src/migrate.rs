use std::collections::BTreeSet;
use std::error::Error as StdError;

use diesel::migration::{MigrationSource, Result as MigrationResult};
use diesel::prelude::*;
use diesel::sqlite::Sqlite;
use diesel_migrations::{EmbeddedMigrations, MigrationHarness as _, embed_migrations};
use latchkey_domain::ports::StoreError;
use thiserror::Error;

use crate::SqliteStore;
use crate::fault::Fault;
use crate::schema::{schema_migrations, sqlite_schema};

pub(crate) const MIGRATIONS: EmbeddedMigrations = embed_migrations!("../../migrations/sqlite");

/// Why the schema was not brought up to date. Nothing was changed then.
#[derive(Debug, Error)]
pub enum MigrateError {
    /// A later release made the schema; this one does not know how to keep it.
    #[error("the database has a newer schema than this release knows (migration {version})")]
    Newer {
        /// The first unknown migration.
        version: String,
    },
    /// A migration failed.
    #[error("a migration failed")]
    Failed(#[source] Box<dyn StdError + Send + Sync>),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl SqliteStore {
    /// Whether the database holds nothing at all, not even a schema: it was just made, or somebody
    /// took away what was in it.
    pub async fn is_empty(&self) -> Result<bool, StoreError> {
        let entries = sqlite_schema::table.count();
        self.read(move |db| Ok(entries.get_result::<i64>(db)? == 0)).await
    }

    /// Whether [`migrate`](Self::migrate) would take the schema that is there. Nothing is changed.
    pub async fn check_schema(&self) -> Result<(), MigrateError> {
        let applied = self.applied().await?;
        match unknown(&applied).map_err(MigrateError::Failed)? {
            Some(version) => Err(MigrateError::Newer { version }),
            None => Ok(()),
        }
    }

    pub(crate) async fn applied(&self) -> Result<BTreeSet<String>, StoreError> {
        let versions = schema_migrations::table.select(schema_migrations::version);
        self.read(move |db| Ok(versions.load::<String>(db)?.into_iter().collect())).await
    }

    /// Brings the schema up to date, in one transaction.
    pub async fn migrate(&self) -> Result<(), MigrateError> {
        self.write(|db| {
            let applied = db.applied_migrations().map_err(failed)?;
            let applied = applied.iter().map(ToString::to_string).collect();
            if let Some(version) = unknown(&applied).map_err(failed)? {
                return Err(Fault(MigrateError::Newer { version }));
            }
            db.run_pending_migrations(MIGRATIONS).map_err(failed)?;
            Ok(())
        })
        .await
    }
}

pub(crate) fn known() -> MigrationResult<BTreeSet<String>> {
    let migrations = MigrationSource::<Sqlite>::migrations(&MIGRATIONS)?;
    Ok(migrations.iter().map(|migration| migration.name().version().to_string()).collect())
}

fn unknown(applied: &BTreeSet<String>) -> MigrationResult<Option<String>> {
    Ok(applied.difference(&known()?).next().cloned())
}

fn failed(error: Box<dyn StdError + Send + Sync>) -> Fault<MigrateError> {
    Fault(MigrateError::Failed(error))
}
