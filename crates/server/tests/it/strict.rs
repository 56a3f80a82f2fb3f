//! Once a change is answered, it holds on every instance.

use std::time::{Duration, Instant};

use serde_json::json;

use crate::database::Database;
use crate::http::{Connection, delete, get};
use crate::person::{ACCOUNT, ADA, ADAS_PASSWORD, Issued, Person, key_path};
use crate::server::{Server, Setup, eventually};
use crate::verify::INVALID;

/// How long a change waits for an instance that does not show itself.
const WAIT: Duration = Duration::from_millis(3_300);

/// Several instances on one database.
fn instances(database: &Database, settings: &[(&str, &str)]) -> Vec<Server> {
    let start =
        |(name, value): &(&str, &str)| Setup::on(database.clone()).with(name, value).start();
    settings.iter().map(start).collect()
}

pub(crate) fn three() -> (Database, Vec<Server>) {
    let database = Database::postgres();
    let servers = instances(&database, &[("LATCHKEY_VERIFY_CACHE", "on"); 3]);
    (database, servers)
}

#[test]
fn a_revoke_answered_by_one_instance_is_refused_by_all() {
    let (_database, servers) = three();
    let ada = servers[0].sign_up(ADA);
    for round in 0..30 {
        let key = ada.create_key("a");
        for server in &servers {
            server.verify(&key.key).expect_status(200);
            server.verify(&key.key).expect_status(200);
        }
        ada.at(&servers[round % 3]).revoke(&key.id).expect_status(200);
        for server in &servers {
            server.verify(&key.key).expect_error(401).expect_body(INVALID);
        }
    }
}

#[test]
fn a_revoke_by_an_instance_without_a_cache_holds_on_those_with() {
    let database = Database::postgres();
    let settings = [("LATCHKEY_VERIFY_CACHE", "on"), ("LATCHKEY_VERIFY_CACHE", "off")];
    let servers = instances(&database, &settings);
    let ada = servers[0].sign_up(ADA);
    for _ in 0..10 {
        let key = ada.create_key("a");
        servers[0].verify(&key.key).expect_status(200);
        ada.at(&servers[1]).revoke(&key.id).expect_status(200);
        servers[0].verify(&key.key).expect_error(401);
    }
}

#[test]
fn commands_wait_until_all_instances_have_forgotten() {
    let (_database, servers) = three();
    let ada = servers[0].sign_up(ADA);
    let (one, two) = (ada.create_key("a"), ada.create_key("b"));
    let refused = |key: &str| {
        for server in &servers {
            server.verify(key).expect_error(401);
        }
    };
    for server in &servers {
        server.verify(&one.key).expect_status(200);
        server.verify(&two.key).expect_status(200);
    }
    servers[1].setup.run(&["keys", "revoke", &one.id], "").expect_code(0);
    refused(&one.key);
    servers[2].setup.run(&["account", "disable", ADA], "").expect_code(0);
    refused(&two.key);
}

#[test]
fn a_revoke_typed_into_the_database_is_noticed_by_all_instances() {
    let (database, servers) = three();
    let key = servers[0].sign_up(ADA).create_key("a");
    for server in &servers {
        server.verify(&key.key).expect_status(200);
    }
    database.execute("update api_keys set revoked_at = now()");
    let deadline = Instant::now() + WAIT;
    for server in &servers {
        while server.verify(&key.key).status == 200 {
            assert!(Instant::now() < deadline, "it was not noticed");
        }
        server.verify(&key.key).expect_error(401);
    }
}

#[test]
fn a_suspension_typed_into_the_database_is_noticed_by_all_instances_and_so_is_its_end() {
    let (database, servers) = three();
    let key = servers[0].sign_up(ADA).create_key("a");
    for (typed, status) in [("now()", 401), ("null", 200), ("now()", 401)] {
        for server in &servers {
            server.verify(&key.key);
        }
        database.execute(&format!("update key_owners set suspended_at = {typed}"));
        let deadline = Instant::now() + WAIT;
        for server in &servers {
            while server.verify(&key.key).status != status {
                assert!(Instant::now() < deadline, "{typed} was not noticed");
            }
            let answer = server.verify(&key.key).expect_status(status);
            assert!(status == 200 || answer.text() == INVALID, "{}", answer.text());
        }
    }
    let metrics = servers[0].send(&get("/metrics")).expect_status(200).text();
    let counted = metrics.lines().find(|line| line.contains("outcome=\"suspended\""));
    assert!(counted.is_some_and(|line| !line.ends_with(" 0")), "{metrics}");
}

#[test]
fn a_suspended_owner_makes_and_rotates_no_keys_and_is_told_why() {
    let (database, servers) = three();
    let ada = servers[0].sign_up(ADA);
    let key = ada.create_key("a");
    database.execute("update key_owners set suspended_at = now()");
    ada.create(r#"{"name": "b"}"#).expect_refusal(409, "owner_suspended");
    ada.rotate(&key.id, 0).expect_refusal(409, "owner_suspended");
    ada.rotate(&key.id, 60).expect_refusal(409, "owner_suspended");
    database.execute("update key_owners set suspended_at = null");
    ada.create_key("b");
}

#[test]
fn a_revoke_waits_for_a_stopped_instance_no_longer_than_its_lease() {
    let (_database, servers) = three();
    let ada = servers[0].sign_up(ADA);
    let key = ada.create_key("a");
    for server in &servers {
        server.verify(&key.key).expect_status(200);
    }
    servers[2].signal("STOP");
    let asked = Instant::now();
    ada.revoke(&key.id).expect_status(200);
    assert!(asked.elapsed() >= WAIT, "answered after {:?}", asked.elapsed());
    servers[1].verify(&key.key).expect_error(401);
    // Asked while it stands still, it answers when it goes on.
    std::thread::scope(|scope| {
        let late = scope.spawn(|| servers[2].verify(&key.key));
        std::thread::sleep(Duration::from_millis(50));
        servers[2].signal("CONT");
        late.join().expect("it answers").expect_error(401);
    });
    servers[2].verify(&key.key).expect_error(401);

    // Nobody waits again for who was given up, nor for who has left.
    let key = ada.create_key("b");
    servers[2].verify(&key.key).expect_status(200);
    ada.revoke(&key.id).expect_status(200);
    servers[2].verify(&key.key).expect_error(401);
}

#[test]
fn a_client_that_goes_away_does_not_stop_a_revoke_that_waits() {
    let (database, servers) = three();
    let ada = servers[0].sign_up(ADA);
    let key = ada.create_key("a");
    servers[1].verify(&key.key).expect_status(200);
    servers[1].signal("STOP");
    abandon_revoke(&database, &ada, &key);
    std::thread::sleep(WAIT + Duration::from_millis(300));
    servers[1].signal("CONT");
    for server in &servers {
        server.verify(&key.key).expect_error(401);
    }
}

#[test]
fn a_client_that_goes_away_does_not_stop_the_deletion_of_its_account() {
    let (database, servers) = three();
    let ada = servers[0].sign_up(ADA);
    let key = ada.create_key("a");
    servers[1].verify(&key.key).expect_status(200);
    servers[1].signal("STOP");
    let mut connection = Connection::open(ada.address);
    let call = delete(ACCOUNT).json(json!({ "password": ADAS_PASSWORD }).to_string());
    connection.write(&ada.sign(call).bytes(ada.address));
    is_being_revoked(&database, &key);
    drop(connection);
    std::thread::sleep(WAIT + Duration::from_millis(300));
    servers[1].signal("CONT");
    for server in &servers {
        server.verify(&key.key).expect_error(401);
    }
    let is_gone = "do $$ begin assert (select count(*) from accounts) = 0; end $$";
    eventually(Duration::from_secs(20), "the account is gone", || {
        database.try_execute(is_gone).is_ok()
    });
}

/// Asks for a revoke, and goes away when the database has made the change.
fn abandon_revoke(database: &Database, person: &Person, key: &Issued) {
    let mut connection = Connection::open(person.address);
    connection.write(&person.sign(delete(&key_path(&key.id))).bytes(person.address));
    is_being_revoked(database, key);
}

/// Waits until the database has made a revoke, which the server may not have answered yet.
fn is_being_revoked(database: &Database, key: &Issued) {
    let question = format!(
        "do $$ begin assert (select revoked_at from api_keys where id = '{}') is not null; end $$",
        key.id
    );
    let is_made = || database.try_execute(&question).is_ok();
    eventually(Duration::from_secs(20), "the revoke is made", is_made);
}

#[test]
fn the_retry_of_a_revoke_waits_as_the_first_did() {
    let (database, servers) = three();
    let ada = servers[0].sign_up(ADA);
    let key = ada.create_key("a");
    servers[1].verify(&key.key).expect_status(200);
    servers[1].signal("STOP");
    let again = std::thread::scope(|scope| {
        let first = scope.spawn(|| ada.revoke(&key.id).expect_status(200));
        is_being_revoked(&database, &key);
        let asked = Instant::now();
        ada.revoke(&key.id).expect_error(404);
        first.join().expect("it is answered");
        asked.elapsed()
    });
    servers[1].signal("CONT");
    assert!(again >= Duration::from_millis(2_700), "it answered after {again:?}");
    servers[1].verify(&key.key).expect_error(401);
}

#[test]
fn an_instance_that_has_stopped_is_not_waited_for() {
    let (_database, mut servers) = three();
    let ada = servers[0].sign_up(ADA);
    let last = servers.pop().expect("three");
    last.stop().0.expect_code(0);
    let asked = Instant::now();
    let key = ada.create_key("a");
    ada.revoke(&key.id).expect_status(200);
    assert!(asked.elapsed() < WAIT, "it waited {:?}", asked.elapsed());
}

#[test]
fn the_cache_answers_and_the_database_is_not_asked_again() {
    let (_database, servers) = three();
    let key = servers[0].sign_up(ADA).create_key("a");
    for _ in 0..20 {
        servers[0].verify(&key.key).expect_status(200);
    }
    let metrics = servers[0].send(&get("/metrics")).expect_status(200).text();
    let value = |name: &str| {
        let line = metrics.lines().find(|line| line.starts_with(name)).expect("it is there");
        line.rsplit(' ').next().and_then(|it| it.parse::<f64>().ok()).expect("a number")
    };
    assert!(value("latchkey_verify_cache_misses_total ") <= 2.0, "{metrics}");
    assert!(value("latchkey_verify_cache_hits_total ") >= 18.0, "{metrics}");
    assert!((value("latchkey_verifications_total{outcome=\"accepted\"} ") - 20.0).abs() < 0.5);
    assert!(value("latchkey_lease_remaining_seconds ") > 0.0);
}
