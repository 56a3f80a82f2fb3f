//! How many connections there may be, and which one gives way.

use std::thread::sleep;
use std::time::Duration;

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use super::{closed, process_file};
use crate::http::{Connection, get};
use crate::person::{ADA, BOB};
use crate::server::{Server, Setup, eventually};

/// Longer than the clock needs to tell two uses apart.
const MOMENT: Duration = Duration::from_millis(20);

#[test]
fn beyond_the_cap_of_an_address_the_connection_idle_longest_gives_way() {
    let server = Setup::on_sqlite().with("LATCHKEY_CONNECTIONS_PER_ADDRESS", "3").start();
    let [mut first, mut second, mut third] = [(); 3].map(|()| idle(&server));
    sleep(MOMENT);
    use_again(&mut third);
    use_again(&mut first);
    let mut fourth = idle(&server);
    assert!(second.is_closed());
    for connection in [&mut first, &mut third, &mut fourth] {
        use_again(connection);
    }
    sleep(MOMENT);
    use_again(&mut third);
    use_again(&mut fourth);
    use_again(&mut idle(&server));
    assert!(first.is_closed());
    eventually(Duration::from_secs(5), "both are counted", || closed(&server, "address") >= 2);
}

#[test]
fn a_trusted_proxy_has_no_cap() {
    let setup = Setup::on_sqlite().with("LATCHKEY_CONNECTIONS_PER_ADDRESS", "3");
    let server = setup.with("LATCHKEY_TRUSTED_PROXIES", "127.0.0.0/8").start();
    let mut connections: Vec<_> = (0..20).map(|_| idle(&server)).collect();
    connections.iter_mut().for_each(use_again);
    assert_eq!(closed(&server, "address"), 0);
    assert!(server.metric("latchkey_connections_open") >= 20);
}

#[test]
fn the_soft_limit_of_open_files_is_raised_to_the_hard_one() {
    let server = Setup::on_sqlite().start_under("ulimit -Sn 64");
    let limits = process_file(&server, "limits");
    let line = limits.lines().find(|line| line.starts_with("Max open files")).expect("a limit");
    let values: Vec<_> = line.split_whitespace().skip(3).take(2).collect();
    assert_eq!(values[0], values[1], "{line}");
    let said = format!("\"limit\":{}", values[0]);
    logged(&server, &said);
}

#[test]
fn a_thousand_idle_connections_do_not_close_the_door() {
    allow_many_sockets();
    let server = Setup::on_sqlite().start_under("ulimit -n 512");
    let ada = server.sign_up(ADA);
    let key = ada.create_key("a");
    let idle: Vec<_> = (0..1_000).map(|_| idle(&server)).collect();

    // Each of these is a connection of its own.
    server.send(&get("/readyz")).expect_status(200);
    server.verify(&key.key).expect_status(200);
    server.sign_up(BOB);
    ada.revoke(&key.id).expect_status(200);
    server.verify(&key.key).expect_status(401);
    assert!(server.metric("latchkey_connections_open") < 512);
    assert!(closed(&server, "pressure") > 0);
    drop(idle);
    let (finished, _) = server.stop();
    let finished = finished.expect_code(0);
    assert!(!finished.text.contains("Too many open files"), "{}", finished.text);
}

#[test]
fn idle_connections_do_not_close_the_door_of_metrics_either() {
    let server = Setup::on_sqlite().with("LATCHKEY_METRICS_LISTEN", "127.0.0.1:0").start();
    let address = server.listener_for("/metrics");
    let _idle: Vec<_> = (0..100).map(|_| Connection::open(address)).collect();
    get("/metrics").send(address).expect_status(200);
}

/// The log, once it says `what`.
fn logged(server: &Server, what: &str) -> String {
    eventually(Duration::from_secs(5), what, || server.log().contains(what));
    server.log()
}

/// The clients are in this process.
fn allow_many_sockets() {
    let Rlimit { maximum, .. } = getrlimit(Resource::Nofile);
    let raised = Rlimit { current: maximum, maximum };
    setrlimit(Resource::Nofile, raised).expect("the soft limit may be as high as the hard one");
}

/// A connection that has asked once and been answered.
pub(super) fn idle(server: &Server) -> Connection {
    let mut connection = Connection::open(server.address);
    use_again(&mut connection);
    connection
}

pub(super) fn use_again(connection: &mut Connection) {
    connection.write(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n");
    connection.read(false).expect_status(200);
}
