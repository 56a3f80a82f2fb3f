//! One process of the server, with a network of its own to the database.

use std::fs::{self, File};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use tokio::time::sleep;
use url::Url;

use crate::proxy::Proxy;

const START_UP: Duration = Duration::from_mins(1);
/// A pepper ring of one; its 32 bytes are all `k`.
const PEPPERS: &str = "1:a2tra2tra2tra2tra2tra2tra2tra2tra2tra2tra2s=";

#[derive(Debug)]
pub(crate) struct Instance {
    pub(crate) number: usize,
    pub(crate) proxy: Proxy,
    directory: PathBuf,
    database: Url,
    process: Mutex<Option<Child>>,
    address: Mutex<SocketAddr>,
    /// Faults that concern this instance.
    begun: AtomicU64,
    over: AtomicU64,
}

/// The faults that were over at some moment.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Calm(u64);

impl Instance {
    /// Starts a process that reaches the database of `url` through a proxy.
    pub(crate) async fn start(number: usize, url: &str, directory: &Path) -> Self {
        let mut database = Url::parse(url).expect("the cluster tells its address");
        let addresses = database.socket_addrs(|| None).expect("it is one of numbers");
        let proxy = Proxy::start(addresses[0]).await.expect("a port is free");
        database.set_port(Some(proxy.address.port())).expect("it has a port");
        let this = Self {
            number,
            address: Mutex::new(proxy.address),
            proxy,
            directory: directory.join(number.to_string()),
            database,
            process: Mutex::default(),
            begun: AtomicU64::new(0),
            over: AtomicU64::new(0),
        };
        fs::create_dir(&this.directory).expect("the directory is ours");
        this.run().await;
        this
    }

    /// Where it listens, or has listened last.
    pub(crate) fn address(&self) -> SocketAddr {
        *lock(&self.address)
    }

    /// Starts the process anew, as often as needed: it refuses to start without the database.
    pub(crate) async fn run(&self) {
        let deadline = Instant::now() + START_UP;
        while !self.has_started().await {
            assert!(Instant::now() < deadline, "instance {}:\n{}", self.number, self.log());
            sleep(Duration::from_millis(100)).await;
        }
    }

    /// Ends it without notice, also when it is stopped.
    pub(crate) fn kill(&self) {
        if let Some(mut child) = lock(&self.process).take() {
            child.kill().expect("the child is ours");
            child.wait().expect("the child is ours");
        }
    }

    /// Freezes it.
    pub(crate) fn stop(&self) {
        self.signal(Signal::STOP);
    }

    /// Lets it go on.
    pub(crate) fn go_on(&self) {
        self.signal(Signal::CONT);
    }

    pub(crate) fn begin_fault(&self) {
        self.begun.fetch_add(1, Ordering::SeqCst);
    }

    pub(crate) fn end_fault(&self) {
        self.over.fetch_add(1, Ordering::SeqCst);
    }

    pub(crate) fn calm(&self) -> Calm {
        Calm(self.over.load(Ordering::SeqCst))
    }

    /// Whether no fault has concerned this instance since.
    pub(crate) fn is_calm_since(&self, Calm(over): Calm) -> bool {
        self.begun.load(Ordering::SeqCst) == over
    }

    /// What it has complained of, in all its lives.
    pub(crate) fn log(&self) -> String {
        fs::read_to_string(self.directory.join("stderr")).unwrap_or_default()
    }

    fn signal(&self, signal: Signal) {
        let pid = self.with_process(|child| Pid::from_child(child));
        kill_process(pid, signal).expect("the child is ours");
    }

    /// Starts the process and waits until it listens, or has ended.
    async fn has_started(&self) -> bool {
        let stdout = self.directory.join("stdout");
        let child = self.command(&stdout).spawn().expect("the binary under test starts");
        *lock(&self.process) = Some(child);
        loop {
            let said = fs::read_to_string(&stdout).expect("it is there since before the start");
            if let Some(address) = address_in(&said) {
                *lock(&self.address) = address;
                return true;
            }
            if self.has_ended() {
                return false;
            }
            sleep(Duration::from_millis(10)).await;
        }
    }

    fn has_ended(&self) -> bool {
        self.with_process(Child::try_wait).expect("the child is ours").is_some()
    }

    fn with_process<T>(&self, act: impl FnOnce(&mut Child) -> T) -> T {
        lock(&self.process).as_mut().map(act).expect("it was started")
    }

    fn command(&self, stdout: &Path) -> Command {
        let stderr = File::options().append(true).create(true).open(self.directory.join("stderr"));
        let mut command = Command::new(env!("CARGO_BIN_EXE_latchkey"));
        command
            .arg("serve")
            .env_clear()
            .envs([
                ("LATCHKEY_LISTEN", "127.0.0.1:0"),
                ("LATCHKEY_PEPPERS", PEPPERS),
                ("LATCHKEY_MAX_KEYS_PER_OWNER", "1000000"),
                ("LATCHKEY_LOG", "warn"),
                ("DATABASE_URL", self.database.as_str()),
            ])
            .env("LATCHKEY_DATA_DIR", self.directory.join("data"))
            .stdin(Stdio::null())
            .stdout(File::create(stdout).expect("the directory is ours"))
            .stderr(stderr.expect("the directory is ours"));
        command
    }
}

impl Drop for Instance {
    fn drop(&mut self) {
        self.kill();
    }
}

fn address_in(said: &str) -> Option<SocketAddr> {
    let (_, rest) = said.split_once("listening on http://")?;
    rest.split_once('\n')?.0.trim().parse().ok()
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
