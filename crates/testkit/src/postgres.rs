//! A Postgres database for each test, without anything to set up.
//!
//! The server is the first of these that there is:
//!
//! 1. the one that `TEST_DATABASE_URL` names (`DATABASE_URL` is never looked at: it may be
//!    somebody's real one);
//! 2. a throwaway one, from server programs found on the machine, shared by all test processes
//!    of one user; it ends by itself some seconds after the last of them;
//! 3. the compose file's service `postgres`.
//!
//! With none of them a test fails and says what to do. It is never skipped.
#![expect(clippy::panic, reason = "a test without its database fails, and says why")]

mod binaries;
mod cluster;
mod leftovers;
mod private;
mod server;

use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread;
use std::time::Duration;

use tokio::runtime::{self, Runtime};
use tokio::time::timeout;
use tokio_postgres::{Client, NoTls};

pub use private::PrivateCluster;
use server::{Server, WAYS_OUT};

/// Held on the server while a template is made.
const TEMPLATE_LOCK: i64 = 0x6c61_7463_686b_6579;

/// A database of one test alone; dropping it drops the database.
#[derive(Debug)]
pub struct Database {
    server: &'static Server,
    name: String,
    url: String,
}

impl Database {
    /// The address of the database, `postgres://…`.
    pub fn url(&self) -> &str {
        &self.url
    }

    async fn create(server: &'static Server, admin: &Client, options: &str) -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        let name = format!("latchkey_test_{}_{count}", server.tag);
        let strategy = strategy(admin).await;
        run(admin, &format!("create database {name} {options} {strategy}")).await;
        let url = with_database(&server.admin_url, &name);
        Self { server, name, url }
    }
}

impl Drop for Database {
    fn drop(&mut self) {
        let (url, name) = (self.server.admin_url.clone(), self.name.clone());
        // A runtime of its own: the test's one may be gone or about to go.
        let dropping = thread::spawn(move || {
            let runtime = runtime::Builder::new_current_thread().enable_all().build();
            runtime.expect("a runtime starts").block_on(async {
                let statement = format!("drop database if exists {name} with (force)");
                connect(&url).await?.batch_execute(&statement).await.map_err(|e| format!("{e:?}"))
            })
        });
        // Whatever it leaves is swept by a later run; a second panic would hide the first.
        let _dropped = dropping.join();
    }
}

/// A database with what `migrate` makes in it.
///
/// `migrate` gets an address and runs once for each `fingerprint` on a server, since the others are
/// copied. The fingerprint is any text that changes when it does, such as the migrations.
pub async fn database<F, Fut>(fingerprint: &str, migrate: F) -> Database
where
    F: FnOnce(String) -> Fut,
    Fut: Future<Output = ()>,
{
    let (server, admin) = admin().await;
    let template = template_name(fingerprint);
    if !is_sealed(&admin, &template).await {
        run(&admin, &format!("select pg_advisory_lock({TEMPLATE_LOCK})")).await;
        if !is_sealed(&admin, &template).await {
            // One that is not sealed was left by a migration that failed.
            run(&admin, &format!("drop database if exists {template} with (force)")).await;
            run(&admin, &format!("create database {template}")).await;
            migrate(with_database(&server.admin_url, &template)).await;
            seal(&admin, &template).await;
        }
        run(&admin, &format!("select pg_advisory_unlock({TEMPLATE_LOCK})")).await;
    }
    Database::create(server, &admin, &format!("template {template}")).await
}

/// The same as [`database`], for a test that is not async.
pub fn database_blocking<F, Fut>(fingerprint: &str, migrate: F) -> Database
where
    F: FnOnce(String) -> Fut,
    Fut: Future<Output = ()>,
{
    Runtime::new().expect("a runtime starts").block_on(database(fingerprint, migrate))
}

/// A database with nothing in it.
pub async fn empty_database() -> Database {
    let (server, admin) = admin().await;
    Database::create(server, &admin, "template template1").await
}

/// The same, made with these options of `create database`, such as another encoding.
pub async fn empty_database_with(options: &str) -> Database {
    let (server, admin) = admin().await;
    Database::create(server, &admin, options).await
}

async fn admin() -> (&'static Server, Client) {
    let server = tokio::task::spawn_blocking(server::server).await.expect("it does not panic");
    let server = server.unwrap_or_else(|why| panic!("{why}\n{WAYS_OUT}"));
    let client = connect(&server.admin_url).await;
    (server, client.unwrap_or_else(|why| panic!("{why}\n{WAYS_OUT}")))
}

async fn connect(url: &str) -> Result<Client, String> {
    let connecting = timeout(Duration::from_secs(20), tokio_postgres::connect(url, NoTls));
    let connected = connecting.await.map_err(|_elapsed| "no answer from the test server")?;
    let (client, connection) =
        connected.map_err(|error| format!("the test server cannot be used: {error:?}"))?;
    // It ends with the client.
    tokio::spawn(connection);
    Ok(client)
}

async fn run(client: &Client, statement: &str) {
    let done = client.batch_execute(statement).await;
    done.unwrap_or_else(|error| panic!("{statement}: {error:?}"));
}

/// How to copy a database: file by file, as all did before Postgres 15. Its new way, through the log, costs three
/// times the CPU for a database as small as ours, and as much again when the copy is dropped.
async fn strategy(admin: &Client) -> &'static str {
    let query = "select current_setting('server_version_num')::integer >= 150000";
    let has_a_choice: bool = admin.query_one(query, &[]).await.expect("the server answers").get(0);
    if has_a_choice { "strategy file_copy" } else { "" }
}

async fn is_sealed(admin: &Client, template: &str) -> bool {
    let query = "select from pg_database where datname = $1 and datistemplate";
    admin.query_opt(query, &[&template]).await.expect("the server answers").is_some()
}

/// Makes it a template that nobody can connect to any more: a connection would prevent copies.
async fn seal(admin: &Client, template: &str) {
    run(admin, &format!("alter database {template} allow_connections false")).await;
    let kick = "select pg_terminate_backend(pid) from pg_stat_activity where datname = $1";
    admin.execute(kick, &[&template]).await.expect("the server answers");
    run(admin, &format!("alter database {template} is_template true")).await;
}

fn template_name(fingerprint: &str) -> String {
    let mut hasher = DefaultHasher::new();
    fingerprint.hash(&mut hasher);
    format!("latchkey_template_{:016x}", hasher.finish())
}

/// The same address with another database in it.
fn with_database(url: &str, name: &str) -> String {
    let (address, parameters) = url.split_once('?').map_or((url, None), |(a, p)| (a, Some(p)));
    let (scheme, rest) = address.split_once("://").expect("an address has a scheme");
    let host = rest.split_once('/').map_or(rest, |(host, _)| host);
    let parameters = parameters.map(|p| format!("?{p}")).unwrap_or_default();
    format!("{scheme}://{host}/{name}{parameters}")
}

#[cfg(test)]
mod tests;
