//! Peers that stop halfway, and those that are only slow.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::thread::sleep;
use std::time::{Duration, Instant};

use socket2::{Domain, Socket, Type};

use super::room::{idle, use_again};
use super::{closed, cpu_share, memory};
use crate::database::Database;
use crate::http::{Connection, get, post, write_what_is_taken};
use crate::outage::Frozen;
use crate::person::{ADAS_PASSWORD, KEYS, SIGN_UP, VERIFY, credentials};
use crate::secret::UNKNOWN;
use crate::server::{Server, Setup, eventually};

/// A large answer, of about 65 kB.
const PAGE: &[u8] = b"GET /docs HTTP/1.1\r\nHost: x\r\n\r\n";
/// More than the framework parses ahead.
const MANY: usize = 20_000;
/// A server that has nothing to do takes less than a hundredth of a core.
const LITTLE: f64 = 0.05;

#[test]
fn peers_that_read_no_answers_cost_nothing_and_are_closed() {
    const PEERS: u64 = 50;
    // Their answers would be over a gigabyte each. The allocator keeps half a megabyte to a whole one
    // for each, as it happens to be asked.
    const MOST: u64 = 2 * 1024;
    let server = Setup::on_sqlite().start();
    server.send(&get("/docs")).expect_status(200);
    let before = memory(&server);
    let began = Instant::now();
    let _peers: Vec<_> = (0..PEERS).map(|_| deaf(&server, &PAGE.repeat(MANY))).collect();
    eventually(Duration::from_secs(20), "the server rests", || {
        cpu_share(&server, Duration::from_secs(1)) < LITTLE
    });
    let taken = memory(&server).saturating_sub(before) / 1024;
    assert!(taken < PEERS * MOST, "{taken} kB for {PEERS} peers");
    let patience = Duration::from_secs(30).saturating_sub(began.elapsed());
    eventually(patience, "all are closed", || closed(&server, "unread") == PEERS);
    server.send(&get("/docs")).expect_status(200);
}

#[test]
fn requests_that_wait_behind_a_slow_one_cost_nothing() {
    let database = Database::private_postgres();
    let server = Setup::on(database.clone()).start();
    server.verify(UNKNOWN).expect_status(401);
    let _frozen = Frozen::of(&database);
    let slow = get(VERIFY).header("x-api-key", UNKNOWN).keep_alive().bytes(server.address);
    let _peer = deaf(&server, &[slow, PAGE.repeat(MANY)].concat());
    eventually(Duration::from_secs(4), "the server rests", || {
        cpu_share(&server, Duration::from_secs(1)) < LITTLE
    });
}

#[test]
fn a_peer_that_reads_slowly_gets_all_its_answers() {
    let server = Setup::on_sqlite().start();
    let last = b"GET /docs HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n".as_slice();
    let mut peer = hard_of_hearing(&server, 64 * 1024);
    peer.write_all(&[&PAGE.repeat(59), last].concat()).expect("the requests are small");
    let began = Instant::now();
    let (mut answers, mut piece) = (Vec::<u8>::new(), [0; 16 * 1024]);
    loop {
        match peer.read(&mut piece).expect("the connection is open") {
            0 => break,
            count => answers.extend(&piece[..count]),
        }
        sleep(Duration::from_millis(50));
    }
    let head = b"HTTP/1.1 200 OK\r\n";
    assert_eq!(answers.windows(head.len()).filter(|it| it == head).count(), 60);
    // Longer than a peer may read nothing.
    assert!(began.elapsed() > Duration::from_secs(11), "{:?}", began.elapsed());
    assert_eq!(closed(&server, "unread"), 0);
}

#[test]
fn pipelined_requests_are_all_answered_in_order() {
    let server = Setup::on_sqlite().start();
    let requests: Vec<_> = (0..1_000)
        .map(|number: usize| {
            let request = match number % 4 {
                0 => get(KEYS),
                1 => get(VERIFY).header("x-api-key", UNKNOWN),
                2 => get("/docs"),
                _ => get("/healthz").header("x-other", "x".repeat(5_000)),
            };
            request.header("x-request-id", format!("n{number}")).keep_alive()
        })
        .collect();
    let bytes: Vec<_> = requests.iter().flat_map(|it| it.bytes(server.address)).collect();
    let mut connection = Connection::open(server.address);
    let mut writer = connection.second_hand();
    std::thread::scope(|scope| {
        scope.spawn(move || writer.write(&bytes));
        for number in 0..requests.len() {
            let answer = connection.read(false);
            assert_eq!(answer.header("x-request-id"), Some(&*format!("n{number}")), "{answer:#?}");
        }
    });
    // Larger than what is read in one go.
    let body = credentials(&"x".repeat(10_000), ADAS_PASSWORD);
    for request in [post(SIGN_UP).json(body), post(VERIFY).body("x".repeat(100_000))] {
        connection.write(&request.keep_alive().bytes(server.address));
        assert!([400, 401].contains(&connection.read(false).status));
    }
    use_again(&mut connection);
}

#[test]
fn a_request_that_is_begun_and_not_ended_is_closed_however_it_trickles() {
    let server = Setup::on_sqlite().start();
    let mut honest = idle(&server);
    let mut peer = idle(&server);
    peer.write(b"GET /healthz HTTP/1.1\r\nX: ");
    eventually(Duration::from_secs(25), "it is closed", || {
        peer.second_hand().write(b"x");
        closed(&server, "unfinished") == 1
    });
    assert!(peer.is_closed());
    use_again(&mut honest);
}

/// A machine that is suspended, or a process that is stopped, has not read what came meanwhile: that
/// is not late.
#[test]
fn what_comes_while_the_server_stands_still_is_answered() {
    const LONGER_THAN_A_HEAD_MAY_TAKE: Duration = Duration::from_secs(6);
    let server = Setup::on_sqlite().start();
    let mut before = Connection::open(server.address);
    let head = get("/healthz").bytes(server.address);
    // Accepted, and its first head awaited.
    server.send(&get("/healthz")).expect_status(200);
    server.signal("STOP");
    before.write(&head);
    sleep(LONGER_THAN_A_HEAD_MAY_TAKE);
    let asked = |_| {
        let mut connection = Connection::open(server.address);
        connection.write(&head);
        connection
    };
    let mut meanwhile: Vec<_> = (0..20).map(asked).collect();
    server.signal("CONT");
    for connection in std::iter::once(&mut before).chain(&mut meanwhile) {
        connection.read(false).expect_status(200);
    }
}

#[test]
fn a_request_whose_end_comes_while_the_server_stands_still_is_answered() {
    const LONGER_THAN_A_REQUEST_MAY_TAKE: Duration = Duration::from_secs(17);
    let server = Setup::on_sqlite().start();
    let mut peer = idle(&server);
    peer.write(b"GET /healthz HTTP/1.1\r\nHost: x\r\n");
    sleep(Duration::from_millis(100));
    server.signal("STOP");
    peer.write(b"\r\n");
    sleep(LONGER_THAN_A_REQUEST_MAY_TAKE);
    server.signal("CONT");
    peer.read(false).expect_status(200);
}

/// A peer that has sent all it can of `bytes` and reads nothing.
fn deaf(server: &Server, bytes: &[u8]) -> TcpStream {
    let mut peer = hard_of_hearing(server, 4 * 1024);
    peer.set_nonblocking(true).expect("a socket has modes");
    write_what_is_taken(&mut peer, bytes);
    peer
}

fn hard_of_hearing(server: &Server, buffer: usize) -> TcpStream {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None).expect("a socket");
    socket.set_recv_buffer_size(buffer).expect("a size");
    socket.connect(&server.address.into()).expect("the server takes connections");
    socket.into()
}
