//! The server at a Unix socket: its file, who may connect, and whose address its callers have.

use std::fs;
use std::io::{ErrorKind, Read as _, Write as _};
use std::os::unix::fs::{FileTypeExt as _, PermissionsExt as _};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::thread::sleep;
use std::time::{Duration, Instant};

use serde_json::json;

use crate::http::{Connection, LOCAL, get, patch, post, write_what_is_taken};
use crate::person::{
    ADA, ADAS_PASSWORD, BOB, Issued, KEYS, SIGN_IN, SIGN_UP, VERIFY, credentials, key_path,
    token_of,
};
use crate::process::Process;
use crate::server::{Server, Setup, eventually};

const PATIENCE: Duration = Duration::from_secs(20);
/// A large answer, of about 65 kB.
const PAGE: &[u8] = b"GET /docs HTTP/1.1\r\nHost: x\r\n\r\n";

/// Where the servers of a setup listen, beside TCP or alone.
fn socket(setup: &Setup) -> PathBuf {
    setup.directory().join("latchkey.sock")
}

fn both(setup: Setup) -> (Setup, PathBuf) {
    let path = socket(&setup);
    (setup.with("LATCHKEY_LISTEN", &format!("127.0.0.1:0,unix:{}", path.display())), path)
}

fn alone(setup: Setup) -> (Setup, PathBuf) {
    let path = socket(&setup);
    (setup.with("LATCHKEY_LISTEN", &format!("unix:{}", path.display())), path)
}

fn started(setup: &Setup, path: &Path) -> Process {
    let mut process = Process::spawn(&mut setup.command(&["serve"]), "");
    eventually(PATIENCE, "the server listens", || {
        let ended = process.has_ended();
        assert!(ended.is_none(), "{ended:?}: {}", process.text());
        UnixStream::connect(path).is_ok()
    });
    process
}

fn session_by(path: &Path, email: &str) -> String {
    let sign_up = post(SIGN_UP).json(credentials(email, ADAS_PASSWORD));
    format!("session={}", token_of(&sign_up.send_by(path).expect_status(201)))
}

fn verify_by(path: &Path, key: &str) -> u16 {
    get(VERIFY).header("x-api-key", key).send_by(path).status
}

fn mode(path: &Path) -> u32 {
    fs::symlink_metadata(path).expect("it is there").permissions().mode() & 0o7777
}

#[test]
fn by_a_socket_alone_the_service_does_all_it_does() {
    let (setup, path) = alone(Setup::on_sqlite());
    let process = started(&setup, &path);
    let cookie = session_by(&path, ADA);
    let create = post(KEYS).json(r#"{"name":"a"}"#).header("Cookie", &cookie);
    let issued = create.send_by(&path).expect_status(201).json();
    let key = issued["key"].as_str().expect("a key");
    assert_eq!(verify_by(&path, key), 200);
    get("/readyz").send_by(&path).expect_status(200);
    let metrics = get("/metrics").send_by(&path).expect_status(200).text();
    assert!(metrics.contains("latchkey_connections_open 1"), "{metrics}");
    setup.run(&["healthcheck"], "").expect_code(0);
    setup.run(&["keys", "list", "--owner", "nobody"], "").expect_code(0);
    let told = format!("unix:{}", path.display());
    eventually(PATIENCE, "it says where it listens", || {
        process.text().contains(&format!("Latchkey is listening on {told}\n"))
            && process.text().contains(&format!("\"address\":\"{told}\""))
            && process.text().contains(&format!("curl --unix-socket {}", path.display()))
    });
    process.signal("TERM");
    process.finish(PATIENCE).expect_code(0);
    setup.run(&["healthcheck"], "").expect_code(1);
}

#[test]
fn tcp_and_a_socket_are_served_together_and_the_file_goes_with_the_server() {
    let (setup, path) = both(Setup::on_sqlite());
    let server = setup.start();
    let key = server.sign_up(ADA).create_key("a").key;
    for _ in 0..3 {
        server.verify(&key).expect_status(200);
        assert_eq!(verify_by(&path, &key), 200);
    }
    let (finished, setup) = server.stop();
    finished.expect_code(0);
    assert!(!path.exists());
    let server = setup.start();
    assert_eq!(verify_by(&path, &key), 200);
    drop(server);
}

#[test]
fn a_request_by_a_socket_is_finished_when_the_server_stops() {
    let (setup, path) = both(Setup::on_sqlite());
    let server = setup.start();
    let mut connection = Connection::by(&path);
    let sign_up = post(SIGN_UP).json(credentials(ADA, ADAS_PASSWORD));
    let rest = connection.begin(&sign_up, LOCAL);
    server.signal("TERM");
    eventually(PATIENCE, "nobody is let in any more", || !path.exists());
    connection.write(&rest);
    connection.read(false).expect_status(201);
    server.ended().0.expect_code(0);
}

#[test]
fn owner_and_group_may_connect_whatever_the_umask() {
    for umask in ["umask 0", "umask 0077"] {
        let (setup, path) = both(Setup::on_sqlite());
        let _server = setup.start_under(umask);
        assert_eq!(format!("{:o}", mode(&path)), "660", "{umask}");
    }
}

#[test]
fn a_socket_that_a_killed_server_left_is_replaced() {
    let (setup, path) = both(Setup::on_sqlite());
    let server = setup.start();
    let key = server.sign_up(ADA).create_key("a").key;
    let (_, setup) = server.kill();
    assert!(UnixStream::connect(&path).is_err_and(|it| it.kind() == ErrorKind::ConnectionRefused));
    let server = setup.start();
    assert_eq!(verify_by(&path, &key), 200);
    assert_eq!(mode(&path), 0o660);
    drop(server);
}

#[test]
fn a_socket_where_a_server_listens_is_refused_and_goes_on() {
    let (setup, path) = both(Setup::on_sqlite());
    let server = setup.start();
    let (second, _) = both(Setup::on_sqlite());
    let second = second.with("LATCHKEY_LISTEN", &format!("unix:{}", path.display()));
    let told = second.run_refused().text;
    let named = format!("LATCHKEY_LISTEN: unix:{}: another process listens", path.display());
    assert!(told.contains(&named), "{told}");
    get("/readyz").send_by(&path).expect_status(200);
    drop(server);
}

#[test]
fn what_is_no_socket_is_refused_and_stays() {
    let (setup, path) = alone(Setup::on_sqlite());
    fs::write(&path, "mine").expect("written");
    let told = setup.run_refused().text;
    assert!(told.contains("LATCHKEY_LISTEN") && told.contains("no socket"), "{told}");
    assert_eq!(fs::read_to_string(&path).expect("it stays"), "mine");
    fs::remove_file(&path).expect("removed");
    // A link leads to what somebody else may have made.
    let elsewhere = setup.directory().join("elsewhere.sock");
    drop(UnixListener::bind(&elsewhere).expect("bound"));
    std::os::unix::fs::symlink(&elsewhere, &path).expect("linked");
    setup.run_refused();
    assert!(elsewhere.exists() && path.is_symlink());
    let setup = setup.with("LATCHKEY_LISTEN", "unix:/nowhere/to/be/found/latchkey.sock");
    let told = setup.run_refused().text;
    assert!(told.contains("the folder /nowhere/to/be/found"), "{told}");
}

#[test]
fn of_servers_that_start_together_one_has_the_socket() {
    let place = tempfile::tempdir().expect("a folder");
    let path = place.path().join("latchkey.sock");
    // Each finds one that a process left behind.
    drop(UnixListener::bind(&path).expect("bound"));
    let listen = format!("unix:{}", path.display());
    let setups: Vec<_> =
        (0..6).map(|_| Setup::on_sqlite().with("LATCHKEY_LISTEN", &listen)).collect();
    let start = |setup: &Setup| Process::spawn(&mut setup.command(&["serve"]), "");
    let mut processes: Vec<_> = setups.iter().map(start).collect();
    eventually(PATIENCE, "one is left", || {
        processes.iter_mut().map(|it| usize::from(it.has_ended().is_some())).sum::<usize>() == 5
    });
    get("/readyz").send_by(&path).expect_status(200);
    let (ended, left): (Vec<_>, Vec<_>) =
        processes.into_iter().partition(|it| it.text().contains("another process listens"));
    assert_eq!((ended.len(), left.len()), (5, 1));
    for process in left {
        process.signal("TERM");
        process.finish(PATIENCE).expect_code(0);
    }
    assert!(!path.exists());
}

#[test]
fn a_stop_leaves_the_socket_of_another_process() {
    let (setup, path) = both(Setup::on_sqlite());
    let server = setup.start();
    fs::remove_file(&path).expect("somebody removes it");
    let other = UnixListener::bind(&path).expect("and binds another");
    let (finished, _setup) = server.stop();
    finished.expect_code(0);
    assert!(fs::symlink_metadata(&path).expect("it stays").file_type().is_socket());
    drop(other);
}

#[test]
fn the_networks_of_a_key_are_judged_from_what_the_peer_of_a_socket_forwards() {
    let (setup, path) = both(Setup::on_sqlite());
    let server = setup.with("LATCHKEY_TRUSTED_PROXIES", "192.0.2.0/24").start();
    let ada = server.sign_up(ADA);
    let networks = json!(["10.0.0.0/8", "127.0.0.0/8"]);
    let key = ada.create_key_with(&json!({ "name": "a", "allowedNetworks": networks }));
    let asked = |forwarded: &[&str]| {
        let request = get(VERIFY).header("x-api-key", &key.key);
        forwarded.iter().fold(request, |it, hop| it.header("x-forwarded-for", hop)).send_by(&path)
    };
    for inside in [&["10.1.2.3"][..], &["6.6.6.6, 10.1.2.3, 192.0.2.7"], &["6.6.6.6", "10.1.2.3"]] {
        asked(inside).expect_status(200);
    }
    for outside in [
        &[][..],
        &[""],
        &["unix:"],
        &["unknown"],
        &["10.1.2.3, unknown"],
        &["10.1.2.3, 6.6.6.6"],
        &["192.0.2.7"],
    ] {
        let answer = asked(outside).expect_refusal(403, "address_not_allowed");
        assert_eq!(answer.header("x-api-key-refusal"), Some("network"), "{outside:?}");
    }
    let log = server.log();
    let said = log.lines().filter(|line| line.contains("named no client in X-Forwarded-For"));
    assert_eq!(said.count(), 1, "{log}");
    // TCP on the same machine is no trusted proxy.
    server.verify(&key.key).expect_status(200);
    let forged = get(VERIFY).header("x-api-key", &key.key).header("x-forwarded-for", "6.6.6.6");
    server.send(&forged).expect_status(200);
}

#[test]
fn limits_count_people_behind_a_socket_by_what_it_forwards() {
    let (setup, path) = both(Setup::on_sqlite());
    let server = setup.with("LATCHKEY_SIGN_IN_ATTEMPTS_PER_MINUTE", "2").start();
    server.sign_up(ADA);
    let guess = |from: Option<&str>, number: u8| {
        let name = format!("{}{number}@example.com", from.unwrap_or("nowhere"));
        let body = credentials(&name, "wrong wrong wrong");
        let request = post(SIGN_IN).json(body);
        from.iter().fold(request, |it, hop| it.header("x-forwarded-for", hop)).send_by(&path).status
    };
    for from in [Some("198.51.100.1"), Some("198.51.100.2"), None] {
        let statuses = [0, 1, 2].map(|number| guess(from, number));
        assert_eq!(statuses, [401, 401, 429], "{from:?}");
    }
    let ada = post(SIGN_IN).json(credentials(ADA, ADAS_PASSWORD));
    ada.clone().header("x-forwarded-for", "198.51.100.3").send_by(&path).expect_status(200);
    server.send(&ada).expect_status(200);
}

#[test]
fn what_is_open_to_this_machine_alone_is_closed_to_what_a_gateway_forwards_by_a_socket() {
    let (setup, path) = alone(Setup::on_sqlite());
    let process = started(&setup, &path);
    session_by(&path, ADA);
    let sign_up = post(SIGN_UP).json(credentials(BOB, ADAS_PASSWORD));
    for request in [&sign_up, &get("/metrics")] {
        let forwarded = request.clone().header("x-forwarded-for", "127.0.0.1");
        assert!([403, 404].contains(&forwarded.send_by(&path).status));
        let named = request.clone().without_host().header("Host", "latchkey");
        assert!([403, 404].contains(&named.send_by(&path).status));
    }
    drop(process);
}

#[test]
fn an_event_names_the_address_that_a_gateway_forwards() {
    let (setup, path) = both(Setup::on_sqlite());
    let server = setup.start();
    let ada = server.sign_up(ADA);
    let Issued { id, .. } = ada.create_key("a");
    let disable = patch(&key_path(&id)).json(r#"{"enabled":false}"#).header("Cookie", ada.cookie());
    disable.header("x-forwarded-for", "198.51.100.1").send_by(&path).expect_status(200);
    let (_, setup) = server.stop();
    let trail = setup.run(&["audit", "export"], "").expect_code(0).stdout;
    assert!(trail.contains(r#""address":"198.51.100.1""#), "{trail}");
}

#[test]
fn connections_by_a_socket_have_no_limit_by_address() {
    let (setup, path) = both(Setup::on_sqlite());
    let server = setup.with("LATCHKEY_CONNECTIONS_PER_ADDRESS", "3").start();
    let mut connections: Vec<_> = (0..20).map(|_| Connection::by(&path)).collect();
    for connection in &mut connections {
        connection.write(&get("/healthz").keep_alive().bytes(LOCAL));
        connection.read(false).expect_status(200);
    }
    assert!(server.metric("latchkey_connections_open") >= 20);
}

#[test]
fn peers_by_a_socket_that_read_nothing_or_end_nothing_are_closed() {
    const PEERS: u64 = 10;
    let (setup, path) = both(Setup::on_sqlite());
    let server = setup.start();
    let deaf: Vec<_> = (0..PEERS).map(|_| deaf(&path)).collect();
    let mut halting = Connection::by(&path);
    // The first head of a connection has a limit of its own.
    halting.write(&get("/healthz").keep_alive().bytes(LOCAL));
    halting.read(false).expect_status(200);
    halting.write(b"GET /healthz HTTP/1.1\r\nHost:");
    let mut late = UnixStream::connect(&path).expect("connected");
    late.write_all(b"GET /healthz HTTP/1.1\r\n").expect("written");
    let mut answer = String::new();
    late.read_to_string(&mut answer).expect("an answer");
    assert!(answer.starts_with("HTTP/1.1 408 "), "{answer}");
    eventually(Duration::from_secs(30), "all are closed", || {
        closed(&server, "unread") == PEERS && closed(&server, "unfinished") == 1
    });
    get("/healthz").send_by(&path).expect_status(200);
    drop(deaf);
}

#[test]
fn a_peer_by_a_socket_that_reads_slowly_gets_all_its_answers() {
    let (setup, path) = both(Setup::on_sqlite());
    let _server = setup.start();
    let last = b"GET /docs HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n".as_slice();
    let mut peer = UnixStream::connect(&path).expect("connected");
    peer.write_all(&[&PAGE.repeat(59), last].concat()).expect("the requests are small");
    let (mut answers, mut piece, began) = (Vec::<u8>::new(), [0; 16 * 1024], Instant::now());
    loop {
        match peer.read(&mut piece).expect("the connection is open") {
            0 => break,
            count => answers.extend(&piece[..count]),
        }
        sleep(Duration::from_millis(2));
    }
    let head = b"HTTP/1.1 200 OK\r\n";
    let count = answers.windows(head.len()).filter(|it| it == head).count();
    assert_eq!(count, 60, "after {:?}", began.elapsed());
}

fn closed(server: &Server, reason: &str) -> u64 {
    server.metric(&format!("latchkey_connections_closed_total{{reason=\"{reason}\"}}"))
}

/// Sends many requests and reads no answer.
fn deaf(path: &Path) -> UnixStream {
    let mut peer = UnixStream::connect(path).expect("connected");
    peer.set_nonblocking(true).expect("a socket has modes");
    write_what_is_taken(&mut peer, &PAGE.repeat(20_000));
    peer
}
