//! Every repository port on one embedded SQLite file, by Diesel.
//!
//! It stores what the domain built and gives it back equal; it decides nothing but uniqueness,
//! versions, owners and the limit on keys. One process holds the file, by a [lock](SqliteStore::open)
//! beside it; one thread writes, several read, and none of the work runs on an async worker.
#![warn(clippy::future_not_send)]

mod accounts;
mod api_keys;
mod audit;
mod changes;
mod connection;
mod fault;
mod last_uses;
mod lock;
mod migrate;
mod networks;
mod peppers;
mod pool;
mod query;
mod queue;
mod row;
mod schema;
mod sessions;
mod writer;

#[cfg(test)]
mod plans;

use std::error::Error as StdError;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::{fs, io};

use diesel::SqliteConnection;
use latchkey_domain::ports::StoreError;
use latchkey_domain::{ApiKeyId, ChangeNumber};
use thiserror::Error;

pub use crate::migrate::MigrateError;

use crate::changes::Changes;
use crate::fault::Outcome;
use crate::lock::Lock;
use crate::pool::Pool;

/// Every repository port, on one database file. Clones share it.
#[derive(Debug, Clone)]
pub struct SqliteStore(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    // In this order: the lock is let go when no connection is left.
    pool: Pool,
    changes: Arc<Changes>,
    _lock: Lock,
}

/// Why a database could not be opened.
#[derive(Debug, Error)]
pub enum OpenError {
    /// Another process holds it.
    #[error("{} is in use by another process", path.display())]
    InUse {
        /// The database file.
        path: PathBuf,
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
    /// Opens the database at `path`, in a folder that exists; a missing file is made, readable for
    /// its owner only. No other process can open it, by this function, before the last clone of
    /// the store is gone. The schema is left as it is: see [`migrate`](Self::migrate).
    ///
    /// This blocks for a moment, as does dropping the last clone.
    pub fn open(path: &Path) -> Result<Self, OpenError> {
        // Made here and not by SQLite, which asks the umask; its other files copy this one's mode.
        drop(lock::open_private(path).map_err(OpenError::file(path))?);
        // One file has one lock, by whatever links it is reached.
        let path = fs::canonicalize(path).map_err(OpenError::file(path))?;
        let lock = Lock::acquire(&path)?;
        let pool = Pool::open(&path)
            .map_err(|source| OpenError::Database { path, source: source.into() })?;
        Ok(Self(Arc::new(Inner { pool, changes: Arc::default(), _lock: lock })))
    }

    /// Finishes what was begun and moves the write-ahead log into the database file, which then
    /// can be copied alone. Later calls fail. The lock stays until the last clone is gone.
    pub async fn close(&self) {
        let inner = Arc::clone(&self.0);
        let closed = tokio::task::spawn_blocking(move || inner.pool.close()).await;
        // It ends early only with the runtime itself; dropping the store does the same then.
        drop(closed);
    }

    async fn read<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut SqliteConnection) -> Outcome<T> + Send + 'static,
    ) -> Result<T, StoreError> {
        self.0.pool.read(work).await
    }

    async fn write<T, E>(
        &self,
        work: impl FnOnce(&mut SqliteConnection) -> Outcome<T, E> + Send + 'static,
    ) -> Result<T, E>
    where
        T: Send + 'static,
        E: From<StoreError> + Send + 'static,
    {
        self.0.pool.write(work).await
    }

    /// Runs work that changes the keys it answers. They are told before it is answered, and also if
    /// the caller has gone: nothing else would ever make anybody forget what they were.
    async fn change<C, E>(
        &self,
        work: impl FnOnce(&mut SqliteConnection) -> Outcome<C, E> + Send + 'static,
    ) -> Result<ChangeNumber, E>
    where
        C: IntoIterator<Item = ApiKeyId> + Send + 'static,
        E: From<StoreError> + Send + 'static,
    {
        let changes = Arc::clone(&self.0.changes);
        self.0.pool.write_then(work, move |keys| changes.tell(keys)).await
    }
}
