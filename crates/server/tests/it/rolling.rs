//! Instances are restarted one by one under load, behind the balancers of
//! `docs/operations/upgrades.md` as they are set up there.
#![expect(clippy::print_stderr, reason = "the figures are what it is run for")]

use std::net::{SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use crate::database::Database;
use crate::http::{Connection, get};
use crate::person::{ADA, VERIFY};
use crate::process::Process;
use crate::server::{Server, Setup, eventually, number_from};

const UPGRADES: &str = include_str!("../../../../docs/operations/upgrades.md");
const INSTANCES: usize = 3;
/// Keep-alive clients of each balancer, and how long each rests between two calls.
const CLIENTS: usize = 8;
const PAUSE: Duration = Duration::from_millis(8);
/// Between the start of an instance and the stop of the next one.
const APART: Duration = Duration::from_millis(2_500);

/// What came of the calls through one balancer.
#[derive(Debug, Default)]
struct Count {
    answered: AtomicU64,
    failed: AtomicU64,
}

#[test]
#[ignore = "needs HAProxy and nginx: just rolling"]
fn a_rolling_restart_fails_no_request() {
    let wanted = number_from("ROLLING_REQUESTS", 100_000);
    for (balancer, count) in restart_under_load(|setup| setup, wanted) {
        assert_eq!(count.failed.into_inner(), 0, "{balancer}");
    }
}

/// So the test above would notice.
#[test]
#[ignore = "needs HAProxy and nginx: just rolling"]
fn without_the_delay_a_rolling_restart_fails_requests() {
    let without = |setup: Setup| setup.with("LATCHKEY_DRAIN_DELAY", "0s");
    let counts = restart_under_load(without, 20_000);
    assert!(counts.iter().any(|(_, count)| count.failed.load(Ordering::Relaxed) > 0));
}

/// Restarts every instance in turn, until each balancer has answered that many requests.
fn restart_under_load(set: impl Fn(Setup) -> Setup, wanted: u64) -> Vec<(&'static str, Count)> {
    let database = Database::postgres();
    let mut ports = ports();
    let mut servers: Vec<Server> = (0..INSTANCES)
        .map(|_| {
            let setup = Setup::on(database.clone())
                .with("LATCHKEY_LISTEN", &ports.next().expect("a free port").to_string())
                .with("LATCHKEY_PUBLIC_URL", "https://keys.example.com")
                .with("LATCHKEY_SIGN_UP", "open");
            set(setup).start()
        })
        .collect();
    let addresses: Vec<_> = servers.iter().map(|server| server.address).collect();
    let key = servers[0].sign_up(ADA).create_key("a").key;
    let folder = tempfile::tempdir().expect("a temporary directory can be made");
    let balancers = [
        Balancer::haproxy(folder.path(), &addresses, ports.next().expect("a free port")),
        Balancer::nginx(folder.path(), &addresses, ports.next().expect("a free port")),
    ];
    for balancer in &balancers {
        eventually(Duration::from_secs(20), balancer.name, || balancer.verifies(&key));
    }

    let counts: [Count; 2] = Default::default();
    let stop = AtomicBool::new(false);
    let restarts = std::thread::scope(|scope| {
        for (balancer, count) in balancers.iter().zip(&counts) {
            for _ in 0..CLIENTS {
                scope.spawn(|| call_until(balancer, &key, count, &stop));
            }
        }
        let enough = || counts.iter().all(|it| it.answered.load(Ordering::Relaxed) >= wanted);
        let mut restarts = 0;
        while restarts < INSTANCES || !enough() {
            std::thread::sleep(APART);
            let server = servers.remove(0).restart();
            eventually(Duration::from_secs(20), "ready", || {
                server.send(&get("/readyz")).status == 200
            });
            servers.push(server);
            restarts += 1;
        }
        stop.store(true, Ordering::Relaxed);
        restarts
    });
    for (Balancer { name, .. }, Count { answered, failed }) in balancers.iter().zip(&counts) {
        eprintln!("{name}: {restarts} restarts, {answered:?} answered, {failed:?} failed");
    }
    balancers.iter().map(|balancer| balancer.name).zip(counts).collect()
}

/// Addresses that nobody has, and that the system gives nobody who connects.
fn ports() -> impl Iterator<Item = SocketAddr> {
    let first = 20_000 + u16::try_from(std::process::id() % 5_000).expect("below 5,000");
    let all = (first..30_000).map(|port| SocketAddr::from(([127, 0, 0, 1], port)));
    all.filter(|address| TcpListener::bind(address).is_ok())
}

fn call_until(balancer: &Balancer, key: &str, count: &Count, stop: &AtomicBool) {
    let verify = get(VERIFY).header("x-api-key", key).keep_alive().bytes(balancer.address);
    let mut kept: Option<Connection> = None;
    while !stop.load(Ordering::Relaxed) {
        std::thread::sleep(PAUSE);
        let mut connection = kept.take().unwrap_or_else(|| Connection::open(balancer.address));
        connection.write(&verify);
        match connection.try_read(false) {
            Ok(answer) if answer.status == 200 => {
                count.answered.fetch_add(1, Ordering::Relaxed);
                kept = (answer.header("connection") != Some("close")).then_some(connection);
            }
            other => {
                count.failed.fetch_add(1, Ordering::Relaxed);
                eprintln!("{}: {:?}", balancer.name, other.map(|answer| answer.status));
            }
        }
    }
}

/// A balancer before the instances. It ends with this.
struct Balancer {
    name: &'static str,
    address: SocketAddr,
    _process: Process,
}

impl Balancer {
    fn haproxy(folder: &Path, instances: &[SocketAddr], address: SocketAddr) -> Self {
        // Whatever fails is seen.
        let config = documented("haproxy", instances, address)
            .replace("defaults\n", "defaults\n    retries 0\n");
        let file = folder.join("haproxy.cfg");
        Self::run("haproxy", &file, &config, &["-db", "-f"], address)
    }

    fn nginx(folder: &Path, instances: &[SocketAddr], address: SocketAddr) -> Self {
        let here = folder.display();
        let temporary = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
            .map(|name| format!("{name}_temp_path {here}/{name};\n"))
            .concat();
        let config = format!(
            "pid {here}/nginx.pid;\ndaemon off;\nmaster_process off;\nerror_log stderr;\nevents {{}}\n\
             http {{\naccess_log off;\n{temporary}{}}}\n",
            documented("nginx", instances, address)
        );
        Self::run("nginx", &folder.join("nginx.conf"), &config, &["-c"], address)
    }

    fn run(
        name: &'static str,
        file: &Path,
        config: &str,
        arguments: &[&str],
        address: SocketAddr,
    ) -> Self {
        std::fs::write(file, config).expect("a file can be written");
        let mut command = Command::new(program(name));
        command.args(arguments).arg(file);
        let process = Process::spawn_printing_to(&mut command, "", Stdio::null(), Stdio::null());
        Self { name, address, _process: process }
    }

    fn verifies(&self, key: &str) -> bool {
        let verify = get(VERIFY).header("x-api-key", key);
        verify.try_send(self.address).is_ok_and(|answer| answer.status == 200)
    }
}

/// The block of the documentation in that language, with these places in place of its own.
fn documented(language: &str, instances: &[SocketAddr], address: SocketAddr) -> String {
    let (_, block) = UPGRADES.split_once(&format!("```{language}\n")).expect("there is one");
    let (block, _) = block.split_once("```").expect("it ends");
    let block = block.replace("127.0.0.1:8000", &address.to_string());
    instances.iter().zip(1..).fold(block, |block, (instance, number)| {
        let written = format!("10.0.0.{number}:8080");
        assert!(block.contains(&written), "{written} is not in\n{block}");
        block.replace(&written, &instance.to_string())
    })
}

/// Where a program of the system is.
pub(crate) fn program(name: &str) -> PathBuf {
    let places =
        ["/usr/sbin", "/usr/bin", "/usr/local/sbin", "/usr/local/bin", "/opt/homebrew/bin"];
    let found = places.iter().map(|place| Path::new(place).join(name)).find(|path| path.exists());
    found.unwrap_or_else(|| panic!("{name} is not installed; on Debian: apt-get install {name}"))
}
