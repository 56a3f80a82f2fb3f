use std::collections::{BTreeMap, BTreeSet};
use std::error::Error as StdError;

use diesel::migration::{MigrationSource, Result as MigrationResult};
use diesel::prelude::*;
use diesel::sqlite::Sqlite;
use diesel_migrations::{EmbeddedMigrations, MigrationHarness as _, embed_migrations};
use latchkey_domain::ports::StoreError;
use thiserror::Error;

use crate::SqliteStore;
use crate::fault::{DbResult, Fault};
use crate::schema::{schema_compat, schema_migrations, sqlite_schema};

pub(crate) const MIGRATIONS: EmbeddedMigrations = embed_migrations!("migrations");

/// Why the schema was not brought up to date. Nothing was changed then.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum MigrateError {
    /// A newer Latchkey has been here, and what it made can't be used by this one.
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
        let refused = self.read(move |db| Ok(refuse_unreadable(db, &applied))).await?;
        refused.map_err(|Fault(error)| error)
    }

    /// Whether a newer version may have put something there that this one does not read.
    pub async fn may_hold_more(&self) -> Result<bool, StoreError> {
        Ok(!self.applied().await?.is_subset(&known().map_err(StoreError::new)?))
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
            refuse_unreadable(db, &applied)?;
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

/// Migrations that this version doesn't know are no hindrance as long as each of them says that this
/// version can use what it made. They are where one of ours is missing: nobody has tried both.
fn refuse_unreadable(
    db: &mut SqliteConnection,
    applied: &BTreeSet<String>,
) -> DbResult<(), MigrateError> {
    let known = known().map_err(failed)?;
    let Some(newest) = applied.difference(&known).last() else { return Ok(()) };
    let oldest_readers: BTreeMap<String, String> = if applied.is_superset(&known) {
        schema_compat::table.load::<(String, String)>(db)?.into_iter().collect()
    } else {
        BTreeMap::new()
    };
    let unknown = applied.difference(&known);
    match unknown.map(|it| oldest_readers.get(it).unwrap_or(it)).max() {
        Some(needed) if Some(needed) > known.last() => {
            Err(Fault(MigrateError::Newer { newest: newest.clone(), needed: needed.clone() }))
        }
        _ => Ok(()),
    }
}

fn failed(error: Box<dyn StdError + Send + Sync>) -> Fault<MigrateError> {
    Fault(MigrateError::Failed(error))
}
