//! One running `latchkey`, with a line of its own to the database.

use std::net::SocketAddr;
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use latchkey_testkit::proxy::Proxy;
use tempfile::TempDir;
use tokio::task::block_in_place;
use url::Url;

use super::trouble::Trouble;
use crate::process::Process;
use crate::server::{BINARY, PEPPERS};

const START_UP: Duration = Duration::from_secs(40);

#[derive(Debug)]
pub(crate) struct Instance {
    pub(crate) name: &'static str,
    pub(crate) line: Proxy,
    pub(crate) trouble: Trouble,
    frozen: AtomicBool,
    running: Mutex<Running>,
    database_url: String,
    directory: TempDir,
}

#[derive(Debug)]
struct Running {
    process: Process,
    address: SocketAddr,
}

impl Instance {
    pub(crate) async fn start(name: &'static str, database: &Url) -> Self {
        let port = database.port().expect("a private server has a port of its own");
        let line = Proxy::start(SocketAddr::from(([127, 0, 0, 1], port))).await;
        let line = line.expect("a free port is there");
        let mut behind_line = database.clone();
        behind_line.set_port(Some(line.port())).expect("the address has a host");
        let directory = tempfile::Builder::new().prefix("latchkey-chaos-").tempdir();
        let directory = directory.expect("a temporary directory can be made");
        let running = start_process(behind_line.as_str(), &directory).await;
        Self {
            name,
            line,
            trouble: Trouble::default(),
            frozen: AtomicBool::new(false),
            running: Mutex::new(running),
            database_url: behind_line.into(),
            directory,
        }
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.running().address
    }

    /// All it has printed since it was last started.
    pub(crate) fn log(&self) -> String {
        self.running().process.text()
    }

    /// Whether it surely stands still.
    pub(crate) fn is_frozen(&self) -> bool {
        self.frozen.load(Ordering::SeqCst)
    }

    pub(crate) fn freeze(&self) {
        self.running().process.signal("STOP");
        self.frozen.store(true, Ordering::SeqCst);
    }

    pub(crate) fn thaw(&self) {
        self.frozen.store(false, Ordering::SeqCst);
        self.running().process.signal("CONT");
    }

    pub(crate) fn kill(&self) {
        self.running().process.kill();
    }

    pub(crate) async fn start_again(&self) {
        let running = start_process(&self.database_url, &self.directory).await;
        *self.running() = running;
    }

    /// Runs one of the commands for operators, and gives what it prints.
    pub(crate) fn run(&self, arguments: &[&str]) -> String {
        let mut command = command(&self.database_url, &self.directory);
        let process = Process::spawn(command.args(arguments), "");
        block_in_place(|| process.finish(START_UP)).expect_code(0).stdout
    }

    fn running(&self) -> MutexGuard<'_, Running> {
        self.running.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Starts it, again and again while there is no database.
async fn start_process(database_url: &str, directory: &TempDir) -> Running {
    let deadline = Instant::now() + START_UP;
    let mut process = Process::spawn(&mut command(database_url, directory), "");
    loop {
        let text = process.text();
        if let Some(address) = address_in(&text) {
            return Running { process, address };
        }
        assert!(Instant::now() < deadline, "the server does not listen:\n{text}");
        tokio::time::sleep(Duration::from_millis(10)).await;
        if process.has_ended().is_some() {
            process = Process::spawn(&mut command(database_url, directory), "");
        }
    }
}

fn command(database_url: &str, directory: &TempDir) -> Command {
    let mut command = Command::new(BINARY);
    command.current_dir(directory.path()).env_clear();
    command.env("LATCHKEY_LISTEN", "127.0.0.1:0");
    command.env("LATCHKEY_DATA_DIR", directory.path().join("data"));
    command.env("LATCHKEY_PEPPERS", PEPPERS);
    command.env("LATCHKEY_MAX_KEYS_PER_OWNER", "1000000");
    // One account makes all the changes, more than one may.
    command.env("LATCHKEY_SIGN_IN_ATTEMPTS_PER_MINUTE", "1000000");
    command.env("LATCHKEY_LOG", "warn");
    command.env("DATABASE_URL", database_url);
    command
}

fn address_in(text: &str) -> Option<SocketAddr> {
    let (_, rest) = text.split_once("listening on http://")?;
    rest.split_whitespace().next()?.parse().ok()
}
