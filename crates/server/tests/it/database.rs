//! Where a server under test keeps everything.

use std::path::PathBuf;
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;
use std::{env, fs};

use latchkey_testkit::postgres::{self, PrivateCluster};
use tokio::runtime::Runtime;
use tokio_postgres::NoTls;

use crate::process::Process;
use crate::server::{BINARY, PEPPERS};

#[derive(Debug, Clone)]
pub(crate) enum Database {
    /// The embedded file in the data directory.
    Sqlite,
    /// A database on the test run's server.
    Shared(Arc<postgres::Database>),
    /// A server of the test's own, which it may stop.
    Private(Arc<PrivateCluster>),
}

impl Database {
    /// One with nothing but the schema in it, as `latchkey migrate` leaves it.
    pub(crate) fn postgres() -> Self {
        let built = fs::metadata(BINARY).expect("the binary under test is there");
        let fingerprint = format!("{BINARY} {:?} {}", built.modified(), built.len());
        let database = postgres::database_blocking(&fingerprint, async |url| migrate(&url));
        Self::Shared(Arc::new(database))
    }

    /// One without a schema, which the first server makes.
    pub(crate) fn empty_postgres() -> Self {
        Self::Shared(Arc::new(runtime().block_on(postgres::empty_database())))
    }

    /// One with an encoding that can't hold every text.
    pub(crate) fn latin1_postgres() -> Self {
        let options = "encoding 'LATIN1' lc_collate 'C' lc_ctype 'C' template template0";
        Self::Shared(Arc::new(runtime().block_on(postgres::empty_database_with(options))))
    }

    pub(crate) fn private_postgres() -> Self {
        Self::Private(Arc::new(PrivateCluster::start()))
    }

    pub(crate) fn url(&self) -> Option<String> {
        match self {
            Self::Sqlite => None,
            Self::Shared(database) => Some(database.url().to_owned()),
            Self::Private(cluster) => Some(cluster.url().to_owned()),
        }
    }
}

impl Database {
    /// What somebody types into psql.
    pub(crate) fn execute(&self, sql: &str) {
        execute(&self.url().expect("a server"), sql);
    }

    /// The same, of what may fail.
    pub(crate) fn try_execute(&self, sql: &str) -> Result<(), tokio_postgres::Error> {
        try_execute(&self.url().expect("a server"), sql)
    }
}

fn migrate(url: &str) {
    let mut command = Command::new(BINARY);
    command.arg("migrate").env_clear().current_dir(env::temp_dir());
    command.env("DATABASE_URL", url).env("LATCHKEY_PEPPERS", PEPPERS);
    let finished = Process::spawn(&mut command, "").finish(Duration::from_mins(1));
    finished.expect_code(0);
}

/// The same at an address.
pub(crate) fn execute(url: &str, sql: &str) {
    try_execute(url, sql).expect("the statement is good");
}

fn try_execute(url: &str, sql: &str) -> Result<(), tokio_postgres::Error> {
    runtime().block_on(async {
        let (client, connection) =
            tokio_postgres::connect(url, NoTls).await.expect("the test server takes connections");
        tokio::spawn(connection);
        client.batch_execute(sql).await
    })
}

/// A role that owns nothing. It is removed on drop.
#[derive(Debug)]
pub(crate) struct Role {
    database: Database,
    pub(crate) name: String,
}

impl Role {
    /// Makes a role that may connect, and no more.
    pub(crate) fn of(database: &Database) -> Self {
        // Roles belong to the whole server, the name of the database is its own on it.
        let url = database.url().expect("a server");
        let name = format!("{}_role", database_name(&url));
        database.execute(&format!("create role {name} login password '{name}'"));
        Self { database: database.clone(), name }
    }

    /// The address of the database for this role.
    pub(crate) fn url(&self) -> String {
        let url = self.database.url().expect("a server");
        let (_, rest) = url.split_once("://").expect("an address");
        let place = rest.split_once('@').map_or(rest, |(_, place)| place);
        format!("postgres://{0}:{0}@{place}", self.name)
    }
}

impl Drop for Role {
    fn drop(&mut self) {
        let name = &self.name;
        self.database.execute(&format!("drop owned by {name}; drop role {name}"));
    }
}

/// The last part of an address.
pub(crate) fn database_name(url: &str) -> &str {
    let address = url.split_once('?').map_or(url, |(address, _)| address);
    address.rsplit_once('/').expect("an address names a database").1
}

/// Where a Postgres server keeps its files, into which it has just written all it knows.
pub(crate) fn written_files_of(url: &str) -> PathBuf {
    runtime().block_on(async {
        let (client, connection) =
            tokio_postgres::connect(url, NoTls).await.expect("the test server takes connections");
        tokio::spawn(connection);
        client.batch_execute("checkpoint").await.expect("we are its superuser");
        let row = client.query_one("show data_directory", &[]).await.expect("it tells");
        PathBuf::from(row.get::<_, String>(0))
    })
}

/// The processes of a Postgres server that serve Latchkey, and the one that takes new connections.
pub(crate) fn processes_serving_latchkey(url: &str) -> Vec<i32> {
    runtime().block_on(async {
        let (client, connection) =
            tokio_postgres::connect(url, NoTls).await.expect("the test server takes connections");
        tokio::spawn(connection);
        let processes = "select pid from pg_stat_activity where application_name = 'latchkey' \
            union select split_part(pg_read_file('postmaster.pid'), E'\\n', 1)::integer";
        let rows = client.query(processes, &[]).await.expect("it tells");
        rows.iter().map(|row| row.get(0)).collect()
    })
}

fn runtime() -> Runtime {
    Runtime::new().expect("a runtime starts")
}
