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
use crate::schema::schema_migrations;

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

    /// Whether the database answers and has the schema of this release.
    pub async fn ready(&self) -> Result<(), StoreError> {
        self.read(|db| {
            let applied: Vec<String> =
                schema_migrations::table.select(schema_migrations::version).load(db)?;
            let known = known().map_err(|error| Fault(StoreError::new(error)))?;
            if applied.into_iter().collect::<BTreeSet<_>>() == known {
                Ok(())
            } else {
                Err(Fault(StoreError::new("the schema is not the one of this release")))
            }
        })
        .await
    }
}

fn known() -> MigrationResult<BTreeSet<String>> {
    let migrations = MigrationSource::<Sqlite>::migrations(&MIGRATIONS)?;
    Ok(migrations.iter().map(|migration| migration.name().version().to_string()).collect())
}

fn unknown(applied: &BTreeSet<String>) -> MigrationResult<Option<String>> {
    Ok(applied.difference(&known()?).next().cloned())
}

fn failed(error: Box<dyn StdError + Send + Sync>) -> Fault<MigrateError> {
    Fault(MigrateError::Failed(error))
}
