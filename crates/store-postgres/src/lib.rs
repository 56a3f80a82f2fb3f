//! Every repository port on Postgres, by Diesel over a driver written in Rust: neither libpq nor
//! OpenSSL is needed.
//!
//! It stores what the domain built and gives it back equal. No rule is in its SQL but uniqueness,
//! the version, the owner, "not revoked" and the limit on keys. Each call is one transaction, and
//! each call that changes a key is one statement: a client that is frozen holds no lock.
#![warn(clippy::future_not_send)]

mod accounts;
mod api_keys;
mod cached_sql;
mod connect;
mod fault;
mod last_uses;
mod migrations;
mod peppers;
#[cfg(test)]
mod plans;
mod readers;
mod row;
mod schema;
mod sessions;
mod tls;
mod url;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use diesel_async::AsyncPgConnection;
use diesel_async::pooled_connection::deadpool::{Object, Pool};
use latchkey_domain::ports::StoreError;

pub use crate::migrations::MigrateError;
pub use crate::tls::ConnectError;
pub use crate::url::{PostgresSettings, PostgresUrlError};

use crate::connect::Connector;
use crate::fault::failed;
use crate::readers::Readers;

const READY_LIMIT: Duration = Duration::from_secs(1);

/// A Postgres database. Clones share its connections.
#[derive(Clone)]
pub struct PostgresStore {
    /// For what writes, and for the reads that are rare.
    pool: Pool<AsyncPgConnection>,
    /// For the reads that are not.
    readers: Arc<Readers>,
    connector: Connector,
    place: String,
}

impl PostgresStore {
    /// Prepares to connect; the first call that needs the database does. Reads certificates from
    /// disk if TLS is to be used, so it belongs to the start of a program.
    pub fn connect(settings: &PostgresSettings) -> Result<Self, ConnectError> {
        let connector = Connector::new(settings)?;
        let pool = connect::pool(connector.clone(), settings.pool_size);
        let readers = Arc::new(Readers::new(connector.clone()));
        Ok(Self { pool, readers, connector, place: settings.to_string() })
    }

    /// Brings the schema up to date. Any number of instances may do so at once. A schema that a
    /// newer version made is refused and left alone.
    pub async fn migrate(&self) -> Result<(), MigrateError> {
        migrations::migrate(&self.connector).await
    }

    /// Whether the database can be used now: it answers within a second and has every migration
    /// that this version needs.
    pub async fn ready(&self) -> Result<(), StoreError> {
        let asked = async {
            let mut connection = self.connection().await?;
            let current = migrations::is_current(&mut connection).await.map_err(failed)?;
            if current { Ok(()) } else { Err(failed("the database has not been migrated")) }
        };
        tokio::time::timeout(READY_LIMIT, asked).await.map_err(failed)?
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
