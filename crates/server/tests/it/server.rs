//! A server under test: its settings, its database, and the running binary.

use std::ffi::OsStr;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use diesel::connection::SimpleConnection as _;
use diesel::{Connection as _, SqliteConnection};
use serde_json::Value;
use tempfile::TempDir;

use crate::database::Database;
use crate::http::{Request, Response, get};
use crate::process::{Finished, Process};

const START_UP: Duration = Duration::from_secs(20);
const SHUT_DOWN: Duration = Duration::from_secs(30);
const COMMAND: Duration = Duration::from_secs(30);

pub(crate) const BINARY: &str = env!("CARGO_BIN_EXE_latchkey");

/// A pepper ring of one; its 32 bytes are all `k`.
pub(crate) const PEPPERS: &str = "1:a2tra2tra2tra2tra2tra2tra2tra2tra2tra2tra2s=";

/// Everything a server needs to start, and what outlives it.
#[derive(Debug)]
pub(crate) struct Setup {
    pub(crate) database: Database,
    settings: Vec<(String, String)>,
    directory: TempDir,
    binary: PathBuf,
}

impl Setup {
    pub(crate) fn on_sqlite() -> Self {
        Self::on(Database::Sqlite)
    }

    pub(crate) fn on_postgres() -> Self {
        Self::on(Database::postgres())
    }

    /// Where the first server finds no schema.
    pub(crate) fn on_empty_postgres() -> Self {
        Self::on(Database::empty_postgres())
    }

    pub(crate) fn on(database: Database) -> Self {
        let directory = tempfile::Builder::new().prefix("latchkey-test-").tempdir();
        let directory = directory.expect("a temporary directory can be made");
        let mut this = Self { database, settings: Vec::new(), directory, binary: BINARY.into() }
            .with("LATCHKEY_LISTEN", "127.0.0.1:0");
        let data = this.data_directory().display().to_string();
        this = this.with("LATCHKEY_DATA_DIR", &data);
        match this.database.url() {
            None => this,
            Some(url) => this.with("DATABASE_URL", &url).with("LATCHKEY_PEPPERS", PEPPERS),
        }
    }

    /// The same with a setting added or replaced.
    pub(crate) fn with(mut self, name: &str, value: &str) -> Self {
        self.settings.retain(|(n, _)| n != name);
        self.settings.push((name.to_owned(), value.to_owned()));
        self
    }

    /// The same for the binary of another release.
    pub(crate) fn with_binary(mut self, binary: impl Into<PathBuf>) -> Self {
        self.binary = binary.into();
        self
    }

    pub(crate) fn without(mut self, name: &str) -> Self {
        self.settings.retain(|(n, _)| n != name);
        self
    }

    pub(crate) fn is_sqlite(&self) -> bool {
        matches!(self.database, Database::Sqlite)
    }

    pub(crate) fn data_directory(&self) -> PathBuf {
        self.directory.path().join("data")
    }

    /// A place for a test's own files, where the server runs too.
    pub(crate) fn directory(&self) -> &Path {
        self.directory.path()
    }

    /// The binary with these settings and no other environment but the path.
    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        self.program(&self.binary, arguments)
    }

    fn program(&self, program: impl AsRef<OsStr>, arguments: &[&str]) -> Command {
        let mut command = Command::new(program);
        command.args(arguments).current_dir(self.directory.path()).env_clear();
        command.env("PATH", std::env::var_os("PATH").unwrap_or_default());
        command.envs(self.settings.iter().map(|(name, value)| (name, value)));
        command
    }

    /// What somebody types into psql or, while no server runs, into sqlite3.
    pub(crate) fn execute(&self, sql: &str) {
        if !self.is_sqlite() {
            return self.database.execute(sql);
        }
        let file = self.data_directory().join("latchkey.db");
        let mut db = SqliteConnection::establish(file.to_str().expect("UTF-8")).expect("opens");
        db.batch_execute(sql).expect("the statement is good");
    }

    /// Runs a command to its end.
    pub(crate) fn run(&self, arguments: &[&str], input: &str) -> Finished {
        Process::spawn(&mut self.command(arguments), input).finish(COMMAND)
    }

    /// Runs the server, expecting that it refuses to.
    pub(crate) fn run_refused(&self) -> Finished {
        self.run(&["serve"], "").expect_failure()
    }

    pub(crate) fn start(self) -> Server {
        self.start_as(&["serve"])
    }

    pub(crate) fn start_as(self, arguments: &[&str]) -> Server {
        let command = self.command(arguments);
        self.start_by(command)
    }

    /// Under a limit that the shell sets, such as `ulimit -n 256`.
    pub(crate) fn start_under(self, limit: &str) -> Server {
        let line = format!("{limit} && exec \"$0\" serve");
        let command = self.program("sh", &["-c", &line, BINARY]);
        self.start_by(command)
    }

    fn start_by(self, mut command: Command) -> Server {
        let mut process = Process::spawn(&mut command, "");
        let address = wait_for_address(&mut process);
        Server { process, address, setup: self }
    }

    /// Starts a server whose streams may be of no use, and waits until it accepts connections.
    pub(crate) fn start_printing_to(self, stdout: Stdio, stderr: Stdio) -> Server {
        let free = TcpListener::bind("127.0.0.1:0").and_then(|it| it.local_addr());
        let address = free.expect("there is a free port");
        let setup = self.with("LATCHKEY_LISTEN", &address.to_string());
        let mut command = setup.command(&["serve"]);
        let mut process = Process::spawn_printing_to(&mut command, "", stdout, stderr);
        let deadline = Instant::now() + START_UP;
        while TcpStream::connect(address).is_err() {
            let ended = process.has_ended();
            assert!(ended.is_none(), "the server ended: {ended:?}");
            assert!(Instant::now() < deadline, "the server does not listen");
            std::thread::sleep(Duration::from_millis(5));
        }
        Server { process, address, setup }
    }
}

/// A running server. It is killed when dropped.
#[derive(Debug)]
pub(crate) struct Server {
    process: Process,
    pub(crate) address: SocketAddr,
    pub(crate) setup: Setup,
}

impl Server {
    pub(crate) fn send(&self, request: &Request) -> Response {
        request.send(self.address)
    }

    /// A number in `/metrics`.
    pub(crate) fn metric(&self, name: &str) -> u64 {
        let text = self.send(&get("/metrics")).expect_status(200).text();
        let line = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
        line.and_then(|value| value.parse().ok()).unwrap_or_else(|| panic!("no {name} in {text}"))
    }

    /// Where it answers `what` alone, as its log says.
    pub(crate) fn listener_for(&self, what: &str) -> SocketAddr {
        let told = format!("listening for {what} alone");
        eventually(Duration::from_secs(5), &told, || self.log().contains(&told));
        let log = self.log();
        let line = log.lines().find(|line| line.contains(&told)).expect("it says so");
        let line: Value = serde_json::from_str(line).expect("a line is JSON");
        line["address"].as_str().and_then(|it| it.parse().ok()).expect("an address")
    }

    pub(crate) fn process_id(&self) -> u32 {
        self.process.id()
    }

    /// All it has printed so far.
    pub(crate) fn log(&self) -> String {
        self.process.text()
    }

    pub(crate) fn signal(&self, name: &str) {
        self.process.signal(name);
    }

    /// Asks it to stop and waits until it has.
    pub(crate) fn stop(self) -> (Finished, Setup) {
        self.process.signal("TERM");
        self.ended()
    }

    /// Waits until it has ended.
    pub(crate) fn ended(self) -> (Finished, Setup) {
        (self.process.finish(SHUT_DOWN), self.setup)
    }

    /// Kills it without notice; gives what is left, and what it had printed.
    pub(crate) fn kill(mut self) -> (String, Setup) {
        self.process.kill();
        (self.process.text(), self.setup)
    }

    pub(crate) fn restart(self) -> Self {
        let (finished, setup) = self.stop();
        finished.expect_code(0);
        setup.start()
    }
}

/// A number that the environment may give to a test.
pub(crate) fn number_from(name: &str, default: u64) -> u64 {
    std::env::var_os(name).map_or(default, |text| {
        let number = text.to_str().and_then(|text| text.parse().ok());
        number.unwrap_or_else(|| panic!("{name} is no number"))
    })
}

/// Waits until `is_so`, no longer than `patience`.
#[track_caller]
pub(crate) fn eventually(patience: Duration, what: &str, mut is_so: impl FnMut() -> bool) {
    let deadline = Instant::now() + patience;
    while !is_so() {
        assert!(Instant::now() < deadline, "not within {patience:?}: {what}");
        std::thread::sleep(Duration::from_millis(100));
    }
}

pub(crate) fn wait_for_address(process: &mut Process) -> SocketAddr {
    let deadline = Instant::now() + START_UP;
    loop {
        let text = process.text();
        if let Some(address) = address_in(&text) {
            return address;
        }
        if let Some(status) = process.has_ended() {
            panic!("the server did not start ({status}):\n{text}");
        }
        assert!(Instant::now() < deadline, "the server does not listen:\n{text}");
        std::thread::sleep(Duration::from_millis(5));
    }
}

fn address_in(text: &str) -> Option<SocketAddr> {
    let (_, rest) = text.split_once("listening on http://")?;
    let end = rest.find(|c: char| !c.is_ascii_hexdigit() && !".:[]".contains(c))?;
    rest.get(..end)?.parse().ok()
}
