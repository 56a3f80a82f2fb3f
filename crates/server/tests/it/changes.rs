//! Changing keys: contract, section 3.

use serde_json::json;
use time::Duration;
use time::format_description::well_known::Rfc3339;

use crate::api_keys::{ITEM, concurrently, in_seconds, time};
use crate::http::members;
use crate::person::{ADA, BOB};
use crate::server::Setup;

on_both_databases![
    a_change_answers_the_key_as_it_is_then,
    a_change_takes_no_place_and_gives_none_back,
    of_parallel_changes_each_is_whole_or_409,
];

on_sqlite![
    only_what_is_named_changes,
    several_members_change_in_one_call,
    a_change_that_changes_nothing_is_answered_all_the_same,
    a_key_that_may_not_be_changed_so_stays_as_it_is,
    nobody_else_changes_a_key,
];

fn a_change_answers_the_key_as_it_is_then(setup: Setup) {
    let server = setup.start();
    let ada = server.sign_up(ADA);
    let key = ada.create_key("Production");
    let answer = ada.change(&key.id, &json!({ "name": "Staging" })).expect_status(200);
    answer.expect_json_type();
    assert!(!answer.text().contains(&key.key), "{}", answer.text());
    let body = answer.json();
    assert_eq!(members(&body), ITEM);
    assert_eq!(body["name"], "Staging");
    assert_eq!(ada.item(&key.id), body);
    assert_eq!(ada.list(), [body]);
}

fn only_what_is_named_changes(setup: Setup) {
    let server = setup.start();
    let ada = server.sign_up(ADA);
    let key = ada.create_key_with(&json!({ "name": "a", "environment": "test" }));
    let mut want = ada.item(&key.id);
    for (member, sent, shown) in [
        ("name", json!("b"), json!("b")),
        ("enabled", json!(false), json!(false)),
        ("expiresAt", json!("2099-01-01T01:00:00.1234+01:00"), json!("2099-01-01T00:00:00.123Z")),
        ("enabled", json!(true), json!(true)),
        ("expiresAt", json!(null), json!(null)),
    ] {
        want[member] = shown;
        let answer = ada.change(&key.id, &json!({ member: sent })).expect_status(200);
        assert_eq!(answer.json(), want);
        assert_eq!(ada.item(&key.id), want);
    }
}

fn several_members_change_in_one_call(setup: Setup) {
    let server = setup.start();
    let ada = server.sign_up(ADA);
    let key = ada.create_key("a");
    let change = json!({ "name": "b", "enabled": false, "expiresAt": "2099-01-01T00:00:00.000Z" });
    let body = ada.change(&key.id, &change).expect_status(200).json();
    for member in ["name", "enabled", "expiresAt"] {
        assert_eq!(body[member], change[member]);
    }
    assert_eq!(ada.item(&key.id), body);
}

fn a_change_that_changes_nothing_is_answered_all_the_same(setup: Setup) {
    let server = setup.start();
    let ada = server.sign_up(ADA);
    let key = ada.create_key("a");
    let before = ada.item(&key.id);
    for same in [json!({ "name": "a" }), json!({ "enabled": true }), json!({ "expiresAt": null })] {
        assert_eq!(ada.change(&key.id, &same).expect_status(200).json(), before);
    }
}

fn a_key_that_may_not_be_changed_so_stays_as_it_is(setup: Setup) {
    let server = setup.start();
    let ada = server.sign_up(ADA);
    let key = ada.create_key("a");
    ada.rotate(&key.id, 3_600).expect_status(201);
    let before = ada.item(&key.id);
    let end = time(&before, "expiresAt");
    let later = (end + Duration::milliseconds(1)).format(&Rfc3339).expect("a time");
    for refused in [json!({ "expiresAt": later }), json!({ "expiresAt": null, "name": "b" })] {
        ada.change(&key.id, &refused).expect_error(409);
        assert_eq!(ada.item(&key.id), before);
    }
    let change = json!({ "expiresAt": in_seconds(60), "name": "b", "enabled": false });
    let nearer = ada.change(&key.id, &change).expect_status(200).json();
    assert!(time(&nearer, "expiresAt") < end, "{nearer}");
    assert_eq!(nearer["name"], "b");
    ada.change(&key.id, &json!({ "enabled": true })).expect_status(200);
}

fn a_change_takes_no_place_and_gives_none_back(setup: Setup) {
    let server = setup.with("LATCHKEY_MAX_KEYS_PER_OWNER", "1").start();
    let ada = server.sign_up(ADA);
    let key = ada.create_key("a");
    for change in [
        json!({ "enabled": false }),
        json!({ "expiresAt": in_seconds(60) }),
        json!({ "enabled": true, "name": "b" }),
    ] {
        ada.change(&key.id, &change).expect_status(200);
        ada.create(r#"{"name":"c"}"#).expect_error(409);
    }
    ada.revoke(&key.id).expect_status(200);
    ada.create_key("c");
}

fn of_parallel_changes_each_is_whole_or_409(setup: Setup) {
    let server = setup.start();
    let ada = server.sign_up(ADA);
    let key = ada.create_key("a");
    let changes =
        [json!({ "name": "on", "enabled": true }), json!({ "name": "off", "enabled": false })];
    let count = std::sync::atomic::AtomicUsize::new(0);
    let statuses = concurrently(60, || {
        let turn = count.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        let answer = ada.change(&key.id, &changes[turn % 2]);
        if answer.status == 200 {
            let body = answer.json();
            assert_eq!(body["name"] == "on", body["enabled"] == true, "{body}");
        }
        answer.status
    });
    assert!(statuses.contains(&200), "{statuses:?}");
    assert!(statuses.iter().all(|status| [200, 409].contains(status)), "{statuses:?}");
    let left = ada.item(&key.id);
    assert_eq!(left["name"] == "on", left["enabled"] == true, "{left}");
}

fn nobody_else_changes_a_key(setup: Setup) {
    let server = setup.start();
    let ada = server.sign_up(ADA);
    let key = ada.create_key("a");
    let before = ada.item(&key.id);
    let bob = server.sign_up(BOB);
    bob.change(&key.id, &json!({ "enabled": false })).expect_error(404);
    bob.rotate(&key.id, 0).expect_error(404);
    assert_eq!(ada.item(&key.id), before);
    server.verify(&key.key).expect_status(200);
}
