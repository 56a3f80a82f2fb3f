//! Every repository port on Postgres, by Diesel over a driver written in Rust: neither libpq nor
//! OpenSSL is needed. The ports about accounts come with the feature `accounts`.
//!
//! It stores what the domain built and gives it back equal. No rule is in its SQL but uniqueness,
//! the version, the owner, "not revoked" and the limit on keys. Each call is one transaction, but for
//! the disabling and the deleting of an account with very many keys, and each transaction that changes
//! a key is one statement: a client that is frozen holds no lock.
//!
//! ```no_run
//! use latchkey_domain::OwnerId;
//! use latchkey_domain::ports::ApiKeyRepository as _;
//! use latchkey_store_postgres::{PostgresSettings, PostgresStore};
//!
//! # async fn keys() -> Result<(), Box<dyn std::error::Error>> {
//! let url = "postgres://latchkey@127.0.0.1:5432/latchkey";
//! let store = PostgresStore::connect(&PostgresSettings::parse(url)?)?;
//! store.migrate().await?;
//! let keys = store.list(&OwnerId::parse("user_123")?).await?;
//! # Ok(())
//! # }
//! ```
#![warn(clippy::future_not_send)]

#[cfg(feature = "accounts")]
mod accounts;
mod api_keys;
mod attempts;
mod audit;
mod budget_changes;
mod budgets;
mod cached_sql;
mod changes;
mod connect;
mod credits;
mod demands;
mod dial;
mod epoch;
mod fault;
mod hosts;
mod housekeeping;
mod key_changes;
mod link;
mod look_up;
#[cfg(feature = "accounts")]
mod management_tokens;
mod migrations;
#[cfg(feature = "accounts")]
mod networks;
mod owners;
mod patterns;
mod peppers;
#[cfg(test)]
mod plans;
mod pooler;
mod primary;
mod readers;
mod ready;
mod register;
mod row;
mod schema;
mod session;
#[cfg(feature = "accounts")]
mod sessions;
mod shares;
mod sql;
#[cfg(feature = "accounts")]
mod take_over;
mod tls;
mod unnamed;
mod url;
mod usage;
mod usage_register;
mod wakes;

use std::fmt;
use std::sync::Arc;

use diesel_async::AsyncPgConnection;
use diesel_async::pooled_connection::deadpool::{Object, Pool};
use latchkey_domain::ports::StoreError;

pub use crate::attempts::Purpose;
pub use crate::demands::UnfitError;
pub use crate::migrations::MigrateError;
pub use crate::pooler::{Pooler, UnknownPooler};
pub use crate::tls::ConnectError;
pub use crate::url::{PostgresSettings, PostgresUrlError};

use crate::connect::Connector;
use crate::fault::failed;
use crate::link::Link;
use crate::readers::Readers;
use crate::wakes::{LISTEN, Wakes};

/// A Postgres database. Clones share its connections.
#[derive(Clone)]
pub struct PostgresStore {
    /// For what writes, and for the reads that are rare.
    pool: Pool<AsyncPgConnection>,
    /// For the reads that are not.
    readers: Arc<Readers>,
    /// For the heartbeats of this instance; it hears when it is woken.
    heartbeats: Arc<Link>,
    /// For looking at the other instances, and waking them.
    barrier: Arc<Link>,
    /// For the shares of budgets: calls wait for these.
    budgets: Arc<Link>,
    wakes: Arc<Wakes>,
    connector: Connector,
    place: String,
}

/// How many connections the pool has, and how many calls wait for one.
#[derive(Debug, Clone, Copy)]
#[non_exhaustive]
pub struct PoolUse {
    /// Connections that a call has.
    pub used: usize,
    /// Connections that no call has.
    pub idle: usize,
    /// Calls that wait for a connection of the pool.
    pub waiting: usize,
}

impl PostgresStore {
    /// Prepares to connect; the first call that needs the database does. Reads certificates from
    /// disk if TLS is to be used, so it belongs to the start of a program.
    pub fn connect(settings: &PostgresSettings) -> Result<Self, ConnectError> {
        let connector = Connector::new(settings)?;
        let pool = connect::pool(connector.clone(), settings.pool_size);
        let readers = Arc::new(Readers::new(connector.clone()));
        // A connection that moves hears nothing.
        let listen = (settings.pooler != Some(Pooler::Transaction)).then_some(LISTEN);
        let heartbeats = Arc::new(Link::new(connector.clone(), Purpose::Heartbeats, listen));
        let barrier = Arc::new(Link::new(connector.clone(), Purpose::Barrier, None));
        let budgets = Arc::new(Link::new(connector.clone(), Purpose::Budgets, None));
        let wakes = Arc::new(Wakes::new(Arc::clone(&barrier)));
        let place = settings.to_string();
        Ok(Self { pool, readers, heartbeats, barrier, budgets, wakes, connector, place })
    }

    /// Brings the schema up to date. Any number of instances may do so concurrently. A schema that a
    /// newer version made is refused and left alone, as is a database that can't keep what Latchkey
    /// keeps. Where the schema is current nothing is changed, and the role need not own it.
    pub async fn migrate(&self) -> Result<(), MigrateError> {
        migrations::migrate(&self.connector).await
    }

    /// How many migrations [`migrate`](Self::migrate) would make. Fails as it would, and changes
    /// nothing.
    pub async fn due_migrations(&self) -> Result<usize, MigrateError> {
        migrations::due(&self.connector).await
    }

    /// How the pool is used now.
    pub fn pool_use(&self) -> PoolUse {
        let status = self.pool.status();
        let used = status.size.saturating_sub(status.available);
        PoolUse { used, idle: status.available, waiting: status.waiting }
    }

    /// How many connections were made for a purpose, and how often that failed, since the start.
    pub fn connects(&self, purpose: Purpose) -> (u64, u64) {
        self.connector.attempts().counted(purpose)
    }

    async fn connection(&self) -> Result<Object<AsyncPgConnection>, StoreError> {
        self.pool.get().await.map_err(failed)
    }
}

impl fmt::Debug for PostgresStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PostgresStore({})", self.place)
    }
}
