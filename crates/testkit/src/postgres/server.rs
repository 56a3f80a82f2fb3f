use std::path::Path;
use std::process::Command;
use std::sync::OnceLock;
use std::{env, io};

use super::binaries;
use super::cluster::{Cluster, Home};
use super::leftovers::{self, Tag};

pub(super) const WAYS_OUT: &str = "\
The tests need a Postgres server. Any of these will do:
  - install one, so that its programs are found (Debian: apt-get install postgresql;
    macOS: brew install postgresql), or name their folder in PG_BIN_DIR
  - have Docker running, for `docker compose up -d --wait postgres`
  - set TEST_DATABASE_URL to a server on which the tests may make databases
  - leave these tests out: cargo test --workspace --exclude latchkey-store-postgres";

/// How long a guard waits for the next test process.
const GRACE_SECONDS: u32 = 10;

/// Speed before safety: this data is worth nothing. `synchronous_commit` stays on, since Latchkey
/// refuses a database without it; with `fsync` off it costs next to nothing. `wal_level` and `max_wal_senders` go together.
const SETTINGS: &str = "\
listen_addresses = ''
max_connections = 400
fsync = off
full_page_writes = off
wal_level = minimal
max_wal_senders = 0
autovacuum = off
";

/// The server that this process's databases are made on.
#[derive(Debug)]
pub(super) struct Server {
    /// A database that is always there, to make others from.
    pub(super) admin_url: String,
    /// What marks this process's databases.
    pub(super) tag: Tag,
    /// Kept for its end of the pipe: see the guard.
    _cluster: Option<Cluster>,
}

/// Finds or starts the server, once. This blocks, for a few seconds if a server has to be made.
pub(super) fn server() -> Result<&'static Server, &'static str> {
    static SERVER: OnceLock<Result<Server, String>> = OnceLock::new();
    SERVER.get_or_init(Server::find).as_ref().map_err(String::as_str)
}

impl Server {
    fn find() -> Result<Self, String> {
        if let Some(url) = env::var_os("TEST_DATABASE_URL").filter(|url| !url.is_empty()) {
            let url = url.into_string().map_err(|_bytes| "TEST_DATABASE_URL is not UTF-8")?;
            return Self::shared_with_strangers(url);
        }
        if let Some(bin) = binaries::find()? {
            return Self::throwaway(&bin)
                .map_err(|error| format!("no throwaway server by {}: {error}", bin.display()));
        }
        compose().map_err(|why| format!("no server programs were found, and {why}"))?;
        Self::shared_with_strangers("postgres://postgres:postgres@127.0.0.1:5432/postgres".into())
    }

    fn shared_with_strangers(admin_url: String) -> Result<Self, String> {
        let tag = Tag::random();
        leftovers::claim(admin_url.clone(), tag)?;
        Ok(Self { admin_url, tag, _cluster: None })
    }

    fn throwaway(bin: &Path) -> io::Result<Self> {
        let home = Home::open()?;
        let lock = home.lock()?;
        home.sweep(bin)?;
        let cluster = match home.join(bin, SETTINGS)? {
            Some(running) => running,
            None => start(&home, bin)?,
        };
        drop(lock);
        let host = cluster.folder.display().to_string().replace('/', "%2F");
        let admin_url = format!("postgres://postgres@{host}/postgres");
        Ok(Self { admin_url, tag: Tag::random(), _cluster: Some(cluster) })
    }
}

fn start(home: &Home, bin: &Path) -> io::Result<Cluster> {
    let cluster = home.make(bin, GRACE_SECONDS)?;
    cluster.init(&["--auth=trust"], SETTINGS)?;
    cluster.start()?;
    cluster.open_to_others(SETTINGS)?;
    Ok(cluster)
}

fn compose() -> Result<(), String> {
    // One process at a time: two that make the same container get into each other's way.
    let lock = Home::open().and_then(|home| home.lock()).map_err(|error| error.to_string())?;
    let output = Command::new("docker")
        .args(["compose", "up", "-d", "--wait", "postgres"])
        .current_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("../.."))
        .output()
        .map_err(|error| format!("docker: {error}"))?;
    drop(lock);
    if output.status.success() {
        Ok(())
    } else {
        let said = String::from_utf8_lossy(&output.stderr);
        Err(format!("docker compose: {}: {}", output.status, said.trim()))
    }
}
