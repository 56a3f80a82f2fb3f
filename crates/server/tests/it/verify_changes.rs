//! A changed or rotated key in use: what was answered holds, with and without a cache.

use serde_json::{Value, json};
use time::format_description::well_known::Rfc3339;
use time::{Duration, OffsetDateTime};

use crate::api_keys::{now, time};
use crate::person::{ADA, Issued, Person, text};
use crate::server::{Server, Setup};
use crate::verify::INVALID;

on_both_databases_with_and_without_cache![
    a_disabled_key_is_refused_and_an_enabled_one_accepted_from_the_answer_on,
    a_new_name_shows_in_verifications_from_the_answer_on,
    an_expiry_holds_at_its_very_millisecond,
    an_expired_key_works_again_once_its_expiry_is_moved_or_gone,
    both_keys_work_until_the_very_end_of_the_overlap,
    without_an_overlap_the_old_key_is_dead_from_the_answer_on,
];

fn a_disabled_key_is_refused_and_an_enabled_one_accepted_from_the_answer_on(setup: Setup) {
    let server = setup.start();
    let ada = server.sign_up(ADA);
    let key = ada.create_key("a");
    for _ in 0..20 {
        server.verify(&key.key).expect_status(200);
        ada.change(&key.id, &json!({ "enabled": false })).expect_status(200);
        server.verify(&key.key).expect_error(401).expect_body(INVALID);
        ada.change(&key.id, &json!({ "enabled": true })).expect_status(200);
    }
}

fn a_new_name_shows_in_verifications_from_the_answer_on(setup: Setup) {
    let server = setup.start();
    let ada = server.sign_up(ADA);
    let key = ada.create_key("a");
    for name in ["b", "c", "d"] {
        ada.change(&key.id, &json!({ "name": name })).expect_status(200);
        assert_eq!(server.verify(&key.key).expect_status(200).json()["name"], name);
    }
}

/// Asks about the key around `end`, until it is refused, which must be at `end` exactly.
fn expires_at(server: &Server, key: &Issued, end: OffsetDateTime) {
    let before = end - now() - Duration::milliseconds(30);
    std::thread::sleep(before.try_into().unwrap_or_default());
    loop {
        let asked = now();
        let answer = server.verify(&key.key);
        if answer.status == 200 {
            assert!(asked < end, "accepted {} after its end", asked - end);
        } else {
            answer.expect_error(401).expect_body(INVALID);
            assert!(now() >= end, "refused {} before its end", end - now());
            return;
        }
    }
}

fn an_expiry_holds_at_its_very_millisecond(setup: Setup) {
    let server = setup.start();
    let ada = server.sign_up(ADA);
    let key = ada.create_key("a");
    server.verify(&key.key).expect_status(200);
    expires_at(&server, &key, soon(&ada, &key));
}

/// Lets the key expire in half a second.
fn soon(ada: &Person, key: &Issued) -> OffsetDateTime {
    let end = (now() + Duration::milliseconds(500)).format(&Rfc3339).expect("a time");
    let changed = ada.change(&key.id, &json!({ "expiresAt": end })).expect_status(200).json();
    assert_eq!(text(&changed, "expiresAt").len(), 24);
    time(&changed, "expiresAt")
}

fn an_expired_key_works_again_once_its_expiry_is_moved_or_gone(setup: Setup) {
    let server = setup.start();
    let ada = server.sign_up(ADA);
    let key = ada.create_key("a");
    for new in [json!("2099-01-01T00:00:00.000Z"), Value::Null] {
        expires_at(&server, &key, soon(&ada, &key));
        server.verify(&key.key).expect_error(401);
        ada.change(&key.id, &json!({ "expiresAt": new })).expect_status(200);
        assert_eq!(server.verify(&key.key).expect_status(200).json()["expiresAt"], new);
    }
}

fn both_keys_work_until_the_very_end_of_the_overlap(setup: Setup) {
    let server = setup.start();
    let ada = server.sign_up(ADA);
    let old = ada.create_key("a");
    server.verify(&old.key).expect_status(200);
    let answer = ada.rotate(&old.id, 1).expect_status(201);
    let new = Issued::from(&answer);
    let end = time(&answer.json(), "createdAt") + Duration::seconds(1);
    server.verify(&new.key).expect_status(200);
    let told = server.verify(&old.key).expect_status(200).json();
    assert_eq!(time(&told, "expiresAt"), end);
    expires_at(&server, &old, end);
    server.verify(&new.key).expect_status(200);
    assert_eq!(ada.item(&old.id)["replacedBy"], *new.id);
}

fn without_an_overlap_the_old_key_is_dead_from_the_answer_on(setup: Setup) {
    let server = setup.start();
    let ada = server.sign_up(ADA);
    let mut key = ada.create_key("a");
    for _ in 0..20 {
        server.verify(&key.key).expect_status(200);
        let new = Issued::from(&ada.rotate(&key.id, 0).expect_status(201));
        server.verify(&key.key).expect_error(401).expect_body(INVALID);
        server.verify(&new.key).expect_status(200);
        ada.rotate(&key.id, 60).expect_error(404).expect_body(r#"{"error":"API key not found"}"#);
        key = new;
    }
    assert_eq!(ada.list().len(), 1);
}
