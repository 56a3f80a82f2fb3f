//! A stop that balancers see coming.

use std::net::SocketAddr;
use std::time::Duration;

use crate::http::{Connection, Request, get, post};
use crate::person::{ADA, KEYS, VERIFY};
use crate::server::{Setup, eventually};

const PATIENCE: Duration = Duration::from_secs(20);

on_sqlite![
    a_stopping_server_says_so_and_goes_on_answering,
    after_the_delay_the_listener_closes_and_what_runs_is_finished,
    a_second_signal_ends_a_server_whatever_runs,
];

/// Asks on a connection that the client would keep.
fn ask(connection: &mut Connection, request: &Request, address: SocketAddr) -> Option<String> {
    connection.write(&request.clone().keep_alive().bytes(address));
    let answer = connection.read(request.is_head());
    assert_ne!(answer.status, 503, "{answer:#?}");
    answer.header("connection").map(str::to_ascii_lowercase)
}

/// Waits until nobody listens there.
pub(super) fn stops_listening(address: SocketAddr) {
    eventually(PATIENCE, "nobody listens", || Connection::try_open(address).is_err());
}

fn a_stopping_server_says_so_and_goes_on_answering(setup: Setup) {
    let server = setup.with("LATCHKEY_DRAIN_DELAY", "10m").start();
    let ada = server.sign_up(ADA);
    let key = ada.create_key("a");
    let verify = get(VERIFY).header("x-api-key", &key.key);
    let mut kept = [Connection::open(server.address), Connection::open(server.address)];
    for connection in &mut kept {
        assert_eq!(ask(connection, &verify, server.address), None);
    }

    server.signal("TERM");
    eventually(PATIENCE, "not ready", || server.send(&get("/readyz")).status == 503);
    for connection in &mut kept {
        assert_eq!(ask(connection, &verify, server.address).as_deref(), Some("close"));
        assert!(connection.is_closed());
    }
    let list = ada.sign(get(KEYS));
    for request in [verify, list, get(VERIFY), get("/healthz"), get("/nowhere"), get("/sign-in")] {
        let mut connection = Connection::open(server.address);
        let told = ask(&mut connection, &request, server.address);
        assert_eq!(told.as_deref(), Some("close"), "{request:?}");
        assert!(connection.is_closed());
    }
    let made = ada.create_key("b");
    ada.revoke(&key.id).expect_status(200);
    server.verify(&key.key).expect_error(401);
    server.verify(&made.key).expect_status(200);
    server.send(&get("/readyz")).expect_refusal(503, "unavailable");

    let address = server.address;
    server.signal("TERM");
    server.ended().0.expect_code(1);
    stops_listening(address);
}

fn after_the_delay_the_listener_closes_and_what_runs_is_finished(setup: Setup) {
    let server = setup.with("LATCHKEY_DRAIN_DELAY", "1s").start();
    let ada = server.sign_up(ADA);
    let address = server.address;
    let mut idle = Connection::open(address);
    assert_eq!(ask(&mut idle, &get("/healthz"), address), None);
    let create = ada.sign(post(KEYS).json(r#"{"name":"under way"}"#));
    let mut running = Connection::open(address);
    let rest = running.begin(&create, address);

    server.signal("TERM");
    stops_listening(address);
    assert!(idle.is_closed());
    running.write(&rest);
    running.read(false).expect_status(201);
    let (finished, setup) = server.ended();
    finished.expect_code(0);
    let server = setup.start();
    assert_eq!(ada.at(&server).names(), ["under way"]);
}

fn a_second_signal_ends_a_server_whatever_runs(setup: Setup) {
    let server = setup.start();
    let ada = server.sign_up(ADA);
    let create = ada.sign(post(KEYS).json(r#"{"name":"never done"}"#));
    let mut running = Connection::open(server.address);
    let _never_sent = running.begin(&create, server.address);
    server.signal("TERM");
    stops_listening(server.address);
    server.signal("INT");
    let (finished, setup) = server.ended();
    let finished = finished.expect_code(1);
    assert!(finished.text.contains("second signal"), "{}", finished.text);
    assert!(running.try_read(false).is_err());
    assert!(ada.at(&setup.start()).names().is_empty());
}
