//! A real `PgBouncer` stands between Latchkey and Postgres.

use std::fs;
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use latchkey_testkit::postgres::PrivateCluster;
use serde_json::json;
use tempfile::TempDir;
use tokio::runtime::Runtime;

use crate::database::Database;
use crate::http::get;
use crate::person::ADA;
use crate::process::Process;
use crate::rolling::program;
use crate::server::{Setup, eventually};

const SETTING: &str = "LATCHKEY_DATABASE_POOLER";
/// Debian's; `nobody` elsewhere too.
const NOBODY: u32 = 65_534;

/// `PgBouncer` before a server of the test's own. It ends with this.
struct Pooler {
    database: Arc<PrivateCluster>,
    address: SocketAddr,
    _process: Process,
    _folder: TempDir,
}

impl Pooler {
    /// In that mode, with further lines of its configuration.
    fn start(mode: &str, lines: &str) -> Self {
        Self::before(PrivateCluster::start(), mode, lines)
    }

    fn before(database: PrivateCluster, mode: &str, lines: &str) -> Self {
        let database = Arc::new(database);
        let free = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).and_then(|it| it.local_addr());
        let address = free.expect("a free port is there");
        let (user, _) = database.url().split_once('@').expect("an address with a user");
        let (_, password) = user.rsplit_once(':').expect("a password");
        let port = database.address().port();
        // Enough for each client of two instances, or so few that connections move.
        let connections = if mode == "session" { 60 } else { 4 };
        let config = format!(
            "[databases]\n\
             * = host=127.0.0.1 port={port} user=postgres password={password}\n\
             [pgbouncer]\n\
             listen_addr = 127.0.0.1\nlisten_port = {}\nunix_socket_dir =\nauth_type = any\n\
             pool_mode = {mode}\ndefault_pool_size = {connections}\n\
             server_login_retry = 1\n{lines}\n",
            address.port(),
        );
        let folder = tempfile::tempdir().expect("a temporary directory can be made");
        let file = folder.path().join("pgbouncer.ini");
        fs::write(&file, config).expect("a file can be written");
        open_to_all(folder.path(), 0o755);
        let mut command = Command::new(program("pgbouncer"));
        command.arg(&file);
        // It refuses to run as root.
        if rustix::process::geteuid().is_root() {
            command.uid(NOBODY).gid(NOBODY);
        }
        let process = Process::spawn_printing_to(&mut command, "", Stdio::null(), Stdio::null());
        eventually(Duration::from_secs(20), "PgBouncer listens", || {
            TcpStream::connect(address).is_ok()
        });
        Self { database, address, _process: process, _folder: folder }
    }

    fn url(&self) -> String {
        format!("postgres://postgres@{}/postgres", self.address)
    }

    /// A set-up that leads through it, and does not say so.
    fn silent(&self) -> Setup {
        Setup::on(Database::Private(Arc::clone(&self.database))).with("DATABASE_URL", &self.url())
    }

    fn named(&self, mode: &str) -> Setup {
        self.silent().with(SETTING, mode).with("LATCHKEY_SIGN_IN_ATTEMPTS_PER_MINUTE", "10000")
    }
}

/// `serve` and `check-config` both refuse the set-up, and say this.
#[track_caller]
fn refused(setup: &Setup, said: &str) {
    for command in ["serve", "check-config"] {
        let text = setup.run(&[command], "").expect_code(1).text;
        assert!(text.contains(said), "{command}:\n{text}");
        assert!(!text.contains("listening on"), "{text}");
    }
}

/// Lets `PgBouncer`'s user in.
fn open_to_all(path: &Path, mode: u32) {
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).expect("it is ours");
}

/// Keys are made, verified and revoked by many, on two instances that were started together.
fn everything_works(mode: &str) {
    let pooler = Pooler::start(mode, "");
    everything_works_on(&|| pooler.named(mode));
}

fn everything_works_on(setup: &(dyn Fn() -> Setup + Sync)) {
    let servers = std::thread::scope(|scope| {
        let starting = [(), ()].map(|()| scope.spawn(|| setup().start()));
        starting.map(|server| server.join().expect("it starts"))
    });
    let ada = servers[0].sign_up(ADA);
    let work = || {
        for _ in 0..10 {
            let key = ada.create_key("a");
            for server in &servers {
                server.verify(&key.key).expect_status(200);
            }
            ada.revoke(&key.id).expect_status(200);
            for server in &servers {
                server.verify(&key.key).expect_error(401);
            }
        }
    };
    std::thread::scope(|scope| {
        let working: Vec<_> = (0..8).map(|_| scope.spawn(work)).collect();
        for it in working {
            it.join().expect("all of it is answered");
        }
    });
    for server in servers {
        server.send(&get("/readyz")).expect_status(200);
        let (finished, _) = server.stop();
        assert!(
            !finished.text.contains("WARN") && !finished.text.contains("ERROR"),
            "{finished:?}"
        );
    }
}

/// A change that can't have its lock is given up by the database.
fn limits_hold(mode: &str) {
    let pooler = Pooler::start(mode, "");
    let server = pooler.named(mode).start();
    let ada = server.sign_up(ADA);
    let key = ada.create_key("a");
    std::thread::scope(|scope| {
        let database = server.setup.database.clone();
        scope.spawn(move || {
            database.execute(
                "begin; lock table api_keys in exclusive mode; select pg_sleep(6); rollback",
            );
        });
        let mut names = 0..;
        eventually(Duration::from_secs(20), "the lock is held", || {
            let name = names.next().map(|number: u32| number.to_string());
            let status = ada.change(&key.id, &json!({ "name": name })).status;
            status == 503 && server.log().contains("lock timeout")
        });
    });
    ada.revoke(&key.id).expect_status(200);
}

/// After the database was away, no other command and no restart is needed.
fn a_restart_is_got_over(mode: &str) {
    let pooler = Pooler::start(mode, "");
    let server = pooler.named(mode).start();
    let ada = server.sign_up(ADA);
    let [stays, goes] = ["stays", "goes"].map(|name| ada.create_key(name));
    pooler.database.stop_immediately();
    eventually(Duration::from_secs(20), "unready", || server.send(&get("/readyz")).status == 503);
    pooler.database.start_again();
    eventually(Duration::from_secs(20), "ready", || server.send(&get("/readyz")).status == 200);
    eventually(Duration::from_secs(20), "revoked", || ada.revoke(&goes.id).status == 200);
    server.verify(&goes.key).expect_error(401);
    server.verify(&stays.key).expect_status(200);
}

#[test]
#[ignore = "needs PgBouncer: just poolers"]
fn through_a_pooler_in_session_mode_everything_works() {
    everything_works("session");
}

#[test]
#[ignore = "needs PgBouncer: just poolers"]
fn through_a_pooler_in_transaction_mode_everything_works() {
    everything_works("transaction");
}

#[test]
#[ignore = "needs PgBouncer: just poolers"]
fn through_a_pooler_in_transaction_mode_everything_works_by_tls() {
    let cluster = PrivateCluster::start();
    let runtime = Runtime::new().expect("a runtime starts");
    let authority = runtime.block_on(cluster.use_tls());
    let folder = tempfile::tempdir().expect("a temporary directory can be made");
    let path = folder.path();
    open_to_all(path, 0o755);
    for file in ["server.pem", "server.key"] {
        fs::copy(Path::new(&authority).join(file), path.join(file)).expect("it was made");
        open_to_all(&path.join(file), 0o644);
    }
    let path = path.display();
    let lines = format!(
        "client_tls_sslmode = require\n\
         client_tls_cert_file = {path}/server.pem\nclient_tls_key_file = {path}/server.key"
    );
    let pooler = Pooler::before(cluster, "transaction", &lines);
    let port = pooler.address.port();
    let url = format!(
        "postgres://postgres@localhost:{port}/postgres\
         ?sslmode=verify-full&sslrootcert={authority}/ca.pem"
    );
    everything_works_on(&|| pooler.named("transaction").with("DATABASE_URL", &url));
    let other = url.replace("/ca.pem", "/other.pem");
    let untrusted = pooler.named("transaction").with("DATABASE_URL", &other);
    let text = untrusted.run(&["check-config"], "").expect_code(1).text;
    assert!(text.contains("UnknownIssuer"), "{text}");
}

#[test]
#[ignore = "needs PgBouncer: just poolers"]
fn through_a_pooler_in_transaction_mode_everything_works_by_a_unix_socket() {
    let folder = tempfile::tempdir().expect("a temporary directory can be made");
    open_to_all(folder.path(), 0o777);
    let path = folder.path().display().to_string();
    let pooler = Pooler::start("transaction", &format!("unix_socket_dir = {path}"));
    let port = pooler.address.port();
    let url = format!("postgres://postgres@{}:{port}/postgres", path.replace('/', "%2F"));
    everything_works_on(&|| pooler.named("transaction").with("DATABASE_URL", &url));
}

#[test]
#[ignore = "needs PgBouncer: just poolers"]
fn through_a_pooler_in_session_mode_no_change_waits_for_a_lock_without_a_limit() {
    limits_hold("session");
}

#[test]
#[ignore = "needs PgBouncer: just poolers"]
fn through_a_pooler_in_transaction_mode_no_change_waits_for_a_lock_without_a_limit() {
    limits_hold("transaction");
}

#[test]
#[ignore = "needs PgBouncer: just poolers"]
fn through_a_pooler_in_session_mode_a_restart_of_the_database_is_got_over() {
    a_restart_is_got_over("session");
}

#[test]
#[ignore = "needs PgBouncer: just poolers"]
fn through_a_pooler_in_transaction_mode_a_restart_of_the_database_is_got_over() {
    a_restart_is_got_over("transaction");
}

#[test]
#[ignore = "needs PgBouncer: just poolers"]
fn a_pooler_that_refuses_the_limits_of_connections_is_refused_by_the_name_of_the_setting() {
    for mode in ["session", "transaction"] {
        let pooler = Pooler::start(mode, "");
        refused(&pooler.silent(), "set LATCHKEY_DATABASE_POOLER to session or transaction");
    }
}

#[test]
#[ignore = "needs PgBouncer: just poolers"]
fn a_pooler_that_drops_the_limits_of_connections_is_refused_by_the_name_of_the_setting() {
    let pooler = Pooler::start("session", "ignore_startup_parameters = options");
    refused(&pooler.silent(), "set LATCHKEY_DATABASE_POOLER to session or transaction");
}

#[test]
#[ignore = "needs PgBouncer: just poolers"]
fn a_pooler_that_moves_connections_is_refused_where_nobody_said_so() {
    let pooler = Pooler::start("transaction", "ignore_startup_parameters = options");
    refused(&pooler.silent(), "set LATCHKEY_DATABASE_POOLER=transaction");
    refused(&pooler.named("session"), "set LATCHKEY_DATABASE_POOLER=transaction");
}
