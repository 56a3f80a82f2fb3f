//! Ids in the path: `DELETE /api/v1/api-keys/{id}`, rows 38 to 47; row 38 is with the other
//! parallel calls.

use std::time::{Duration, Instant};

use crate::http::{Connection, delete, get};
use crate::person::{ADA, BOB, Issued, KEYS, Person, key_path};
use crate::server::{Server, Setup};

const NOT_FOUND: &str = r#"{"error":"API key not found"}"#;

/// A server with somebody's key on it.
fn with_key(setup: Setup) -> (Server, Person, Issued) {
    let server = setup.start();
    let ada = server.sign_up(ADA);
    let key = ada.create_key("a");
    (server, ada, key)
}

#[test]
fn row_39_someone_elses_and_random_ids_are_404() {
    let (server, _, adas) = with_key(Setup::on_sqlite());
    let bob = server.sign_up(BOB);
    for id in [&*adas.id, "01919b4e-7b3c-7def-8123-456789abcdef", "clx1abc2d3e4f5g6h7i8j9k0"] {
        bob.revoke(id).expect_error(404).expect_body(NOT_FOUND);
    }
    server.verify(&adas.key).expect_status(200);
}

#[test]
fn row_40_a_key_or_its_prefix_is_no_id_and_is_not_logged() {
    let (server, ada, key) = with_key(Setup::on_sqlite().with("LATCHKEY_LOG", "trace"));
    for id in [&key.key, &key.key[..12]] {
        ada.revoke(id).expect_error(404).expect_body(NOT_FOUND);
        ada.get(&key_path(id)).expect_error(404).expect_body(NOT_FOUND);
    }
    server.verify(&key.key).expect_status(200);
    let (finished, _) = server.stop();
    assert!(!finished.text.contains(&key.key[12..]), "{}", finished.text);
}

#[test]
fn row_41_path_tricks_are_404() {
    let (server, ada, key) = with_key(Setup::on_sqlite());
    let id = &key.id;
    for path in [
        format!("{KEYS}/.."),
        format!("{KEYS}/%2e%2e"),
        format!("{KEYS}/."),
        format!("{KEYS}/a%2Fb"),
        format!("{KEYS}/..%2f..%2fetc"),
        format!("{KEYS}/x/../{id}"),
        format!("{KEYS}/%2e/{id}"),
        format!("{KEYS}%2F{id}"),
    ] {
        let answer = ada.send(delete(&path));
        assert_eq!(answer.status, 404, "{path}: {answer:#?}");
        answer.expect_error(404);
    }
    server.verify(&key.key).expect_status(200);
}

#[test]
fn row_42_undecodable_ids_are_404() {
    let (server, ada, key) = with_key(Setup::on_sqlite());
    for odd in ["%00", "%ff", "%zz", "%", "%2", "%c3%28"] {
        ada.revoke(odd).expect_error(404);
        ada.revoke(&format!("{}{odd}", key.id)).expect_error(404);
    }
    server.verify(&key.key).expect_status(200);
}

#[test]
fn row_42_raw_bytes_outside_ascii_are_400() {
    let (server, ada, key) = with_key(Setup::on_sqlite());
    let mut connection = Connection::open(server.address);
    connection.write(&ada.sign(delete(&key_path("é"))).bytes(server.address));
    connection.read(false).expect_status(400);
    server.verify(&key.key).expect_status(200);
}

#[test]
fn row_43_an_id_is_compared_byte_for_byte() {
    let (server, ada, key) = with_key(Setup::on_sqlite());
    let id = &key.id;
    assert_ne!(*id, id.to_uppercase());
    let full_width = id.replacen('0', "%EF%BC%90", 1);
    assert_ne!(*id, full_width, "the first digit of an id of this century is 0");
    for variant in [
        id.to_uppercase(),
        format!("%7B{id}%7D"),
        format!("urn:uuid:{id}"),
        id.replace('-', ""),
        format!("{id}%20"),
        format!("%20{id}"),
        format!("{id}%0A"),
        format!("{id}%E2%80%8B"),
        full_width,
    ] {
        ada.revoke(&variant).expect_error(404).expect_body(NOT_FOUND);
        ada.get(&key_path(&variant)).expect_error(404).expect_body(NOT_FOUND);
    }
    server.verify(&key.key).expect_status(200);
}

#[test]
fn row_44_hostile_ids_are_404_without_delay() {
    let (server, ada, key) = with_key(Setup::on_sqlite());
    for id in ["'%20OR%201=1--", "1;select%20pg_sleep(5)", "'%3Bselect%20pg_sleep(5)--", "%25", "*"]
    {
        let begin = Instant::now();
        ada.revoke(id).expect_error(404);
        assert!(begin.elapsed() < Duration::from_secs(5), "{id} was executed");
    }
    server.verify(&key.key).expect_status(200);
}

#[test]
fn row_45_empty_ids_and_further_segments_are_404() {
    let (server, ada, key) = with_key(Setup::on_sqlite());
    let id = &key.id;
    for path in [
        format!("{KEYS}/"),
        format!("{KEYS}//"),
        format!("{KEYS}//{id}"),
        format!("{KEYS}/{id}/"),
        format!("{KEYS}/{id}/extra"),
        format!("{KEYS}/{id};jsessionid=1"),
        format!("{KEYS};jsessionid=1/{id}"),
    ] {
        for request in [delete(&path), get(&path)] {
            let answer = ada.send(request);
            assert_eq!(answer.status, 404, "{path}: {answer:#?}");
            answer.expect_error(404);
        }
    }
    server.verify(&key.key).expect_status(200);
}

#[test]
fn row_46_an_endless_id_is_refused() {
    let (server, ada, key) = with_key(Setup::on_sqlite());
    ada.revoke(&"a".repeat(5_000)).expect_error(404);
    let answer = ada.revoke(&"a".repeat(100_000));
    assert!([400, 414, 431].contains(&answer.status), "{answer:#?}");
    server.verify(&key.key).expect_status(200);
}

#[test]
fn row_47_a_body_and_a_query_change_nothing() {
    let (server, ada, other) = with_key(Setup::on_sqlite());
    let target = ada.create_key("target");
    let path = format!("{}?id={}", key_path(&target.id), other.id);
    let request = delete(&path).json(format!(r#"{{"id":"{}"}}"#, other.id));
    ada.send(request).expect_status(200).expect_body(r#"{"success":true}"#);
    server.verify(&target.key).expect_error(401);
    server.verify(&other.key).expect_status(200);
    assert_eq!(ada.names(), ["a"]);
}
