//! What was acknowledged is kept, whatever is killed at that moment.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::database::Database;
use crate::http::{Connection, delete, get, post};
use crate::person::{ADA, Issued, KEYS, Person, VERIFY, key_path, text};
use crate::server::{Server, Setup};
use crate::verify::INVALID;

const ROUNDS: usize = 4;
/// One account changes more keys than one may.
const CHANGES: &str = "LATCHKEY_SIGN_IN_ATTEMPTS_PER_MINUTE";
const CLIENTS: usize = 6;
/// How many calls of a round are acknowledged before the crash.
const BUSY: usize = 40;

on_both_databases![a_killed_server_loses_nothing_it_acknowledged];

/// What a client was told before it heard no more.
#[derive(Debug, Default)]
struct Told {
    created: Vec<Issued>,
    revoked: Vec<Issued>,
}

fn a_killed_server_loses_nothing_it_acknowledged(setup: Setup) {
    let setup = setup.with("LATCHKEY_MAX_KEYS_PER_OWNER", "1000000");
    let mut server = setup.with(CHANGES, "1000000").start();
    let ada = server.sign_up(ADA);
    let mut told = Told::default();
    for round in 0..ROUNDS {
        let ada = ada.at(&server);
        let (news, setup) = while_busy(&ada, BUSY + round, || server.kill().1);
        server = setup.start();
        told.add(news);
        check(&server, &told);
        check_trail(&server);
    }
}

#[test]
fn a_crashed_postgres_loses_nothing_the_server_acknowledged() {
    let database = Database::private_postgres();
    let Database::Private(cluster) = &database else { panic!("{database:?}") };
    let setup = Setup::on(database.clone()).with("LATCHKEY_MAX_KEYS_PER_OWNER", "1000000");
    let mut server = setup.with(CHANGES, "1000000").start();
    let ada = server.sign_up(ADA);
    let mut told = Told::default();
    for round in 0..ROUNDS {
        let crash = || cluster.stop_immediately();
        let (news, ()) = while_busy(&ada.at(&server), BUSY + round, crash);
        cluster.start_again();
        // One round ends both.
        if round == ROUNDS - 1 {
            server = server.kill().1.start();
        }
        wait_until_ready(&server);
        told.add(news);
        check(&server, &told);
        check_trail(&server);
    }
}

/// Lets clients create and revoke, has `crash` happen when `busy` calls were acknowledged and
/// more are under way, and gathers what the clients were told.
fn while_busy<T>(ada: &Person, busy: usize, crash: impl FnOnce() -> T) -> (Told, T) {
    let acknowledged = AtomicUsize::new(0);
    std::thread::scope(|scope| {
        let client = || work(ada, &acknowledged);
        let clients: Vec<_> = (0..CLIENTS).map(|_| scope.spawn(client)).collect();
        let deadline = Instant::now() + Duration::from_secs(20);
        while acknowledged.load(Ordering::Relaxed) < busy {
            assert!(Instant::now() < deadline, "hardly anything is acknowledged");
            std::thread::sleep(Duration::from_millis(1));
        }
        let crashed = crash();
        let mut told = Told::default();
        for client in clients {
            told.add(client.join().expect("a client does not panic"));
        }
        (told, crashed)
    })
}

/// Creates keys and revokes every third, until an answer is missing or bad.
fn work(ada: &Person, acknowledged: &AtomicUsize) -> Told {
    let mut told = Told::default();
    for count in 1_u32.. {
        let create = ada.sign(post(KEYS).json(r#"{"name":"under way"}"#));
        match create.try_send(ada.address) {
            Ok(answer) if answer.status == 201 => told.created.push(Issued::from(&answer)),
            _ => break,
        }
        acknowledged.fetch_add(1, Ordering::Relaxed);
        if count % 3 == 0 {
            // Until it is acknowledged, a revoke may have happened or not.
            let key = told.created.pop().expect("one was just created");
            let revoke = ada.sign(delete(&key_path(&key.id)));
            match revoke.try_send(ada.address) {
                Ok(answer) if answer.status == 200 => told.revoked.push(key),
                _ => break,
            }
            acknowledged.fetch_add(1, Ordering::Relaxed);
        }
    }
    told
}

impl Told {
    fn add(&mut self, other: Self) {
        self.created.extend(other.created);
        self.revoked.extend(other.revoked);
    }
}

fn check(server: &Server, told: &Told) {
    let mut connection = Connection::open(server.address);
    let mut verify = |key: &Issued| {
        let request = get(VERIFY).keep_alive().header("x-api-key", &key.key);
        connection.write(&request.bytes(server.address));
        connection.read(false)
    };
    for key in &told.created {
        verify(key).expect_status(200);
    }
    for key in &told.revoked {
        verify(key).expect_status(401).expect_body(INVALID);
    }
}

fn wait_until_ready(server: &Server) {
    let deadline = Instant::now() + Duration::from_secs(10);
    while server.send(&get("/readyz")).status != 200 {
        assert!(Instant::now() < deadline, "not ready again:\n{}", server.log());
        std::thread::sleep(Duration::from_millis(10));
    }
}

/// However it ended, each key that is there has one event of its creation, and each that is revoked
/// one of that; nothing else has any.
fn check_trail(server: &Server) {
    let exported = server.setup.run(&["audit", "export"], "").expect_code(0).stdout;
    let mut events: BTreeMap<(String, String), usize> = BTreeMap::new();
    for line in exported.lines() {
        let event: Value = serde_json::from_str(line).expect("JSON");
        if let Some(key) = event["keyId"].as_str() {
            *events.entry((text(&event, "action"), key.to_owned())).or_default() += 1;
        }
    }
    let twice: Vec<_> = events.iter().filter(|(_, count)| **count != 1).collect();
    assert!(twice.is_empty(), "{twice:?}");

    let listed = server.setup.run(&["keys", "list"], "").expect_code(0).stdout;
    let listed: BTreeSet<_> =
        listed.lines().skip(1).filter_map(|line| line.split('\t').next()).collect();
    let of = |action: &str| -> BTreeSet<&str> {
        events.keys().filter(|(name, _)| name == action).map(|(_, key)| &**key).collect()
    };
    let (created, revoked) = (of("key.created"), of("key.revoked"));
    assert!(revoked.is_subset(&created));
    assert_eq!(created.difference(&revoked).copied().collect::<BTreeSet<_>>(), listed);
}
