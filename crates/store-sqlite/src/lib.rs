//! Every repository port on one embedded SQLite file, by Diesel. Those about accounts come with the
//! feature `accounts`.
//!
//! It stores what the domain built and gives it back equal; it decides nothing but uniqueness,
//! versions, owners and the limit on keys. One process [holds](SqliteStore::open) the file, and
//! [notices](SqliteStore::held) where it is another; one thread writes, several read, and none of the work
//! runs on an async worker.
//!
//! ```
//! use latchkey_domain::OwnerId;
//! use latchkey_domain::ports::ApiKeyRepository as _;
//! use latchkey_store_sqlite::SqliteStore;
//!
//! # #[tokio::main]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let folder = tempfile::tempdir()?;
//! # let path = folder.path().join("keys.db");
//! let store = SqliteStore::open(&path)?;
//! store.migrate().await?;
//! assert!(store.list(&OwnerId::parse("user_123")?).await?.is_empty());
//! # Ok(())
//! # }
//! ```
#![warn(clippy::future_not_send)]

#[cfg(feature = "accounts")]
mod accounts;
mod api_keys;
mod audit;
mod backup;
mod budget_changes;
mod budgets;
mod changes;
mod connection;
#[cfg(feature = "accounts")]
mod contents;
mod credits;
mod fault;
mod hold;
mod housekeeping;
mod look_up;
#[cfg(feature = "accounts")]
mod management_tokens;
mod migrate;
#[cfg(feature = "accounts")]
mod networks;
mod owners;
mod peppers;
mod pool;
mod query;
mod queue;
mod ready;
mod register;
mod row;
mod schema;
#[cfg(feature = "accounts")]
mod sessions;
mod shares;
mod usage;
mod usage_register;
mod writer;

#[cfg(test)]
mod plans;

use std::error::Error as StdError;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use diesel::SqliteConnection;
use latchkey_domain::ports::StoreError;
use latchkey_domain::{ApiKeyId, ChangeNumber};
use thiserror::Error;

pub use crate::backup::BackupError;
pub use crate::migrate::MigrateError;

use crate::changes::Changes;
use crate::fault::DbResult;
use crate::hold::{Hold, canonical};
use crate::pool::Pool;
use crate::ready::Proof;

/// Every repository port, on one database file. Clones share it.
#[derive(Debug, Clone)]
pub struct SqliteStore(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    path: PathBuf,
    // In this order: the hold is let go when no connection is left.
    pool: Pool,
    changes: Arc<Changes>,
    proof: Proof,
    hold: Arc<Hold>,
}

/// Why a database could not be opened.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum OpenError {
    /// Another process holds it.
    #[error("{} is in use by another process", path.display())]
    InUse {
        /// The database file.
        path: PathBuf,
    },
    /// The last process was killed, and the log that held its latest changes is gone.
    #[error(
        "{log} is missing, which held the latest changes: bring it back, or restore a backup; \
         to go on with what {database} holds, remove {index}",
        log = log.display(), database = database.display(), index = index.display()
    )]
    LogLost {
        /// The database file.
        database: PathBuf,
        /// The write-ahead log.
        log: PathBuf,
        /// Its index, which only a process that was killed leaves behind.
        index: PathBuf,
    },
    /// A file could not be opened, made or locked.
    #[error("can't open {}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// What the operating system said.
        #[source]
        source: io::Error,
    },
    /// SQLite could not use the file.
    #[error("can't use {} as a database", path.display())]
    Database {
        /// The database file.
        path: PathBuf,
        /// What SQLite said.
        #[source]
        source: Box<dyn StdError + Send + Sync>,
    },
}

impl OpenError {
    fn file(path: &Path) -> impl Fn(io::Error) -> Self {
        move |source| Self::File { path: path.to_owned(), source }
    }
}

impl SqliteStore {
    /// Opens the database at `path`, in a folder that exists; a missing file is made. Its files are
    /// made readable for their owner only, where they are this process's. No other process can open
    /// it, by this function and whatever path, before the last clone of the store is gone. The
    /// schema is left as it is: see [`migrate`](Self::migrate).
    ///
    /// This blocks for a moment, as does dropping the last clone.
    pub fn open(path: &Path) -> Result<Self, OpenError> {
        let path = canonical(path).map_err(OpenError::file(path))?;
        let hold = Arc::new(Hold::acquire(&path)?);
        let pool = Pool::open(&path, &hold)
            .map_err(|source| OpenError::Database { path: path.clone(), source: source.into() })?;
        hold.watch_log(&path)?;
        let (changes, proof) = (Arc::default(), Proof::default());
        Ok(Self(Arc::new(Inner { path, pool, changes, proof, hold })))
    }

    /// Whether the database is still the file that was opened, where it was opened. Where it is not,
    /// every other call fails within a quarter of a second, and none is answered as done.
    pub async fn held(&self) -> Result<(), StoreError> {
        if let Some(seen) = self.0.hold.recent() {
            return seen.map_err(StoreError::new);
        }
        let hold = Arc::clone(&self.0.hold);
        let seen = tokio::task::spawn_blocking(move || hold.look()).await;
        seen.map_err(StoreError::new)?.map_err(StoreError::new)
    }

    /// Finishes what was begun and moves the write-ahead log into the database file, which then
    /// can be copied alone. Later calls fail. The hold on it stays until the last clone is gone.
    pub async fn close(&self) {
        let inner = Arc::clone(&self.0);
        let closed = tokio::task::spawn_blocking(move || inner.pool.close()).await;
        // It ends early only with the runtime itself; dropping the store does the same then.
        drop(closed);
    }

    async fn read<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut SqliteConnection) -> DbResult<T> + Send + 'static,
    ) -> Result<T, StoreError> {
        self.0.pool.read(work).await
    }

    async fn write<T, E>(
        &self,
        work: impl FnOnce(&mut SqliteConnection) -> DbResult<T, E> + Send + 'static,
    ) -> Result<T, E>
    where
        T: Send + 'static,
        E: From<StoreError> + Send + 'static,
    {
        self.0.pool.write(work).await
    }

    /// Runs work that changes the keys it answers. They are told before it is answered, and also if
    /// the caller has gone: nothing else would ever void what instances have cached of them.
    async fn change<C, E>(
        &self,
        work: impl FnOnce(&mut SqliteConnection) -> DbResult<C, E> + Send + 'static,
    ) -> Result<ChangeNumber, E>
    where
        C: IntoIterator<Item = ApiKeyId> + Send + 'static,
        E: From<StoreError> + Send + 'static,
    {
        let changes = Arc::clone(&self.0.changes);
        self.0.pool.write_then(work, move |keys| changes.tell(keys)).await
    }
}
