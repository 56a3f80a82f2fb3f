//! Postgres goes away and comes back.

use std::time::{Duration, Instant};

use serde_json::json;

use crate::database::{Database, processes_serving_latchkey};
use crate::http::{Connection, Request, delete, get, post};
use crate::person::{
    ADA, ADAS_PASSWORD, BOB, Issued, KEYS, PASSWORD, Person, SESSION, SIGN_IN, SIGN_OUT, SIGN_UP,
    VERIFY, credentials, key_path,
};
use crate::secret::UNKNOWN;
use crate::server::{Server, Setup, eventually};
use crate::verify::INVALID;

/// How long an instance answers from the cache after a heartbeat.
const LEASE: Duration = Duration::from_millis(2_700);

/// Every call that cannot be answered without a database.
fn calls(ada: &Person, key: &Issued) -> Vec<Request> {
    let passwords = json!({ "currentPassword": ADAS_PASSWORD, "newPassword": "x".repeat(20) });
    let item = key_path(&key.id);
    let verify = |key: &str| get(VERIFY).header("x-api-key", key);
    vec![
        ada.sign(get(KEYS)),
        ada.sign(get(&item)),
        ada.sign(delete(&item)),
        ada.sign(post(KEYS).json(r#"{"name":"b"}"#)),
        ada.sign(get(SESSION)),
        ada.sign(post(SIGN_OUT)),
        ada.sign(post(PASSWORD).json(passwords.to_string())),
        post(SIGN_IN).json(credentials(ADA, ADAS_PASSWORD)),
        post(SIGN_IN).json(credentials(BOB, ADAS_PASSWORD)),
        post(SIGN_UP).json(credentials(BOB, ADAS_PASSWORD)),
        verify(&key.key),
        verify(UNKNOWN),
    ]
}

#[test]
fn without_postgres_calls_are_503_and_soon_after_it_returns_all_is_well() {
    let database = Database::private_postgres();
    let Database::Private(cluster) = &database else { panic!("{database:?}") };
    let server = Setup::on(database.clone()).start();
    let ada = server.sign_up(ADA);
    let key = ada.create_key("a");
    for _ in 0..2 {
        cluster.stop_immediately();
        std::thread::sleep(LEASE);
        refuses(&server, &ada, &key);
        cluster.start_again();
        recovers(&server, &ada, &key);
    }
    let (finished, _) = server.stop();
    let finished = finished.expect_code(0);
    assert!(!finished.text.contains("panicked"), "{}", finished.text);
}

fn refuses(server: &Server, ada: &Person, key: &Issued) {
    let address = server.address;
    std::thread::scope(|scope| {
        for request in calls(ada, key) {
            scope.spawn(move || {
                let answer = request.send(address);
                assert_eq!(answer.status, 503, "{request:?}: {answer:#?}");
                let answer = answer.expect_error(503);
                let wait = answer.header("retry-after").expect("a 503 has Retry-After");
                assert!(wait.parse::<u32>().is_ok(), "{wait}");
            });
        }
    });
    // What needs no database is answered as ever.
    server.verify("malformed").expect_error(401).expect_body(INVALID);
    server.verify(&key.key[..45]).expect_error(401).expect_body(INVALID);
    server.send(&get(VERIFY)).expect_error(401);
    server.send(&get(KEYS)).expect_error(401);
    server.send(&get("/nowhere")).expect_error(404);
    server.send(&get("/healthz")).expect_status(200);
    server.send(&get("/openapi.json")).expect_status(200);
    server.send(&get("/readyz")).expect_status(503);
}

fn recovers(server: &Server, ada: &Person, key: &Issued) {
    let deadline = Instant::now() + Duration::from_secs(1);
    loop {
        let asked_in_time = Instant::now() < deadline;
        let answer = server.verify(&key.key);
        if answer.status == 200 {
            break;
        }
        assert!(asked_in_time, "still failing a second after its return: {answer:#?}");
        std::thread::sleep(Duration::from_millis(20));
    }
    std::thread::scope(|scope| {
        for _ in 0..12 {
            scope.spawn(|| {
                server.verify(&key.key).expect_status(200);
                server.verify(UNKNOWN).expect_error(401);
                assert_eq!(ada.names(), ["a"]);
            });
        }
    });
    let made = ada.create_key("b");
    ada.revoke(&made.id).expect_status(200);
    server.verify(&made.key).expect_error(401);
    server.send(&get("/readyz")).expect_status(200);
    server.sign_in(ADA, ADAS_PASSWORD).expect_status(200);
}

#[test]
fn a_server_without_its_postgres_still_stops() {
    let database = Database::private_postgres();
    let Database::Private(cluster) = &database else { panic!("{database:?}") };
    let server = Setup::on(database.clone()).start();
    let key = server.sign_up(ADA).create_key("a");
    server.verify(&key.key).expect_status(200);
    cluster.stop_immediately();
    let (finished, _) = server.stop();
    assert!(!finished.text.contains("panicked"), "{}", finished.text);
}

#[test]
fn a_frozen_postgres_makes_a_verification_503_and_not_wait_for_ever() {
    let database = Database::private_postgres();
    let server = Setup::on(database.clone()).start();
    let ada = server.sign_up(ADA);
    let (known, other) = (ada.create_key("a"), ada.create_key("b"));
    server.verify(&known.key).expect_status(200);

    let frozen = Frozen::of(&database);
    server.verify(&other.key).expect_error(503);
    // By now the lease is over too.
    server.verify(&known.key).expect_error(503);
    server.verify("malformed").expect_error(401);
    drop(frozen);
    server.verify(&known.key).expect_status(200);
    server.verify(&other.key).expect_status(200);
}

#[test]
fn without_postgres_a_known_key_is_good_for_one_lease_and_then_nobody_can_say() {
    let database = Database::private_postgres();
    let Database::Private(cluster) = &database else { panic!("{database:?}") };
    let server = Setup::on(database.clone()).start();
    let key = server.sign_up(ADA).create_key("a");
    server.verify(&key.key).expect_status(200);

    cluster.stop_immediately();
    // No heartbeat was sent after this.
    let gone = Instant::now();
    server.verify(&key.key).expect_status(200);
    loop {
        let asked = Instant::now();
        match server.verify(&key.key).status {
            200 => assert!(asked - gone < LEASE, "accepted {:?} after", asked - gone),
            status => {
                assert_eq!(status, 503);
                break;
            }
        }
    }
    server.verify(&key.key).expect_error(503);
    cluster.start_again();
}

#[test]
fn changes_that_wait_for_a_lost_standby_make_no_server_unready_that_verifies() {
    let database = Database::private_postgres();
    let setup = Setup::on(database.clone()).with("LATCHKEY_SIGN_IN_ATTEMPTS_PER_MINUTE", "1000");
    let server = setup.start();
    let ada = server.sign_up(ADA);
    let [known, other] = ["a", "b"].map(|name| ada.create_key(name));
    server.verify(&known.key).expect_status(200);

    // Commits wait for a standby that is not there.
    database.execute("alter system set synchronous_standby_names = 'lost'");
    database.execute("select pg_reload_conf()");
    let mut waiting = Vec::new();
    eventually(Duration::from_secs(30), "changes fill the pool", || {
        let who = format!("waits-{}@example.com", waiting.len());
        let mut connection = Connection::open(server.address);
        let sign_up = post(SIGN_UP).json(credentials(&who, ADAS_PASSWORD));
        connection.write(&sign_up.bytes(server.address));
        waiting.push(connection);
        server.metric("latchkey_db_pool_connections{state=\"used\"}") == 8
    });
    // Heartbeats are changes too: what is answered now is asked of the database.
    let no_lease = "latchkey_lease_remaining_seconds 0\n";
    let metrics = || server.send(&get("/metrics")).text();
    eventually(Duration::from_secs(10), "no lease", || metrics().contains(no_lease));
    for _ in 0..3 {
        server.send(&get("/readyz")).expect_status(200);
        for key in [&known, &other] {
            server.verify(&key.key).expect_status(200);
        }
    }

    database.execute("alter system reset synchronous_standby_names");
    database.execute("select pg_reload_conf()");
    eventually(Duration::from_secs(10), "changes are made again", || {
        ada.create(r#"{"name":"c"}"#).status == 201
    });
}

#[test]
fn the_count_of_answers_from_the_cache_never_goes_down() {
    let database = Database::private_postgres();
    let server = Setup::on(database.clone()).start();
    let key = server.sign_up(ADA).create_key("a");
    for _ in 0..5 {
        server.verify(&key.key).expect_status(200);
    }
    let hits = || server.metric("latchkey_verify_cache_hits_total");
    let misses = || server.metric("latchkey_verify_cache_misses_total");
    let (hits_before, misses_before) = (hits(), misses());
    assert_eq!(hits_before + misses_before, 5);

    // A look-up is under way, of which nobody knows yet what will become of it.
    let frozen = Frozen::of(&database);
    let mut connection = Connection::open(server.address);
    connection.write(&get(VERIFY).header("x-api-key", UNKNOWN).bytes(server.address));
    eventually(Duration::from_secs(5), "it is asked for", || misses() > misses_before);
    assert_eq!(hits(), hits_before);
    drop(frozen);
}

/// A Postgres that stands still until this is dropped.
pub(crate) struct Frozen(Vec<i32>);

impl Frozen {
    pub(crate) fn of(database: &Database) -> Self {
        let url = database.url().expect("a server");
        let frozen = Self(processes_serving_latchkey(&url));
        frozen.signal("-STOP");
        frozen
    }

    fn signal(&self, signal: &str) {
        let pids = self.0.iter().map(ToString::to_string);
        let status = std::process::Command::new("kill").arg(signal).args(pids).status();
        assert!(status.expect("kill runs").success());
    }
}

impl Drop for Frozen {
    fn drop(&mut self) {
        self.signal("-CONT");
    }
}
