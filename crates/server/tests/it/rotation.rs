//! Replacing keys: contract, section 3.

use std::sync::atomic::{AtomicUsize, Ordering};

use serde_json::{Value, json};
use time::Duration;

use crate::api_keys::{concurrently, in_seconds, time};
use crate::http::{Request, members, post};
use crate::person::{ADA, Issued, Person, rotate_path, text};
use crate::server::Setup;

on_both_databases![
    a_rotation_answers_201_with_exactly_the_documented_members,
    of_parallel_rotations_exactly_one_succeeds,
    replaced_keys_that_work_are_limited_and_a_rotation_without_overlap_is_not,
    no_change_lets_more_replaced_keys_work_than_may,
    parallel_rotations_leave_no_more_replaced_keys_than_may,
];

on_sqlite![
    the_old_key_names_its_successor_and_ends_with_the_overlap,
    the_successor_has_the_name_the_environment_and_the_length_of_life,
    a_key_that_is_disabled_expired_or_rotated_is_409,
    a_rotation_is_never_refused_by_the_limit,
    a_disabled_account_gets_no_key_by_rotation,
    rotating_a_successor_ends_its_predecessor_and_says_so,
    a_disabled_predecessor_does_not_come_back,
];

fn a_rotation_answers_201_with_exactly_the_documented_members(setup: Setup) {
    let server = setup.start();
    let ada = server.sign_up(ADA);
    let old = ada.create_key("Production");
    let answer = ada.rotate(&old.id, 60).expect_status(201);
    answer.expect_json_type();
    let body = answer.json();
    let documented =
        ["createdAt", "environment", "expiresAt", "id", "key", "keyPrefix", "name", "replaces"];
    assert_eq!(members(&body), documented);
    assert_eq!(body["replaces"], *old.id);
    let key = text(&body, "key");
    assert!(key.starts_with("sk_live_") && key.len() == 46 && key != old.key, "{key}");
    let item = ada.item(&text(&body, "id"));
    for same in ["name", "keyPrefix", "createdAt", "environment", "expiresAt"] {
        assert_eq!(item[same], body[same], "{same}");
    }
    assert_eq!(item["replacedBy"], Value::Null);
    let list = serde_json::to_string(&ada.list()).expect("JSON");
    assert!(!list.contains(&key) && !list.contains(&old.key), "{list}");
}

fn the_old_key_names_its_successor_and_ends_with_the_overlap(setup: Setup) {
    let server = setup.start();
    let ada = server.sign_up(ADA);
    let old = ada.create_key("Production");
    let before = ada.item(&old.id);
    for overlap in [1, 3_600, 2_592_000] {
        let old = ada.create_key("Production");
        let new = ada.rotate(&old.id, overlap).expect_status(201).json();
        let item = ada.item(&old.id);
        assert_eq!(item["replacedBy"], new["id"]);
        let end = time(&new, "createdAt") + Duration::seconds(overlap.into());
        assert_eq!(time(&item, "expiresAt"), end);
        assert_eq!(item["enabled"], true);
    }
    assert_eq!(ada.item(&old.id), before);
    assert_eq!(ada.list().len(), 7);
}

#[test]
fn without_a_body_the_overlap_is_a_day() {
    let server = Setup::on_sqlite().start();
    let ada = server.sign_up(ADA);
    let bodies: [fn(Request) -> Request; 5] = [
        |call| call,
        |call| call.body(""),
        |call| call.header("Content-Type", "application/json").body(""),
        |call| call.json("{}"),
        |call| call.json(" { } "),
    ];
    for body in bodies {
        let old = ada.create_key("a");
        let new = ada.send(body(post(&rotate_path(&old.id)))).expect_status(201).json();
        let end = time(&new, "createdAt") + Duration::days(1);
        assert_eq!(time(&ada.item(&old.id), "expiresAt"), end);
    }
}

fn the_successor_has_the_name_the_environment_and_the_length_of_life(setup: Setup) {
    let server = setup.start();
    let ada = server.sign_up(ADA);
    let body = json!({ "name": " Pröd ", "environment": "test", "expiresAt": in_seconds(3_600) });
    let old = ada.create(body.to_string()).expect_status(201).json();
    std::thread::sleep(std::time::Duration::from_millis(20));
    let new = ada.rotate(&text(&old, "id"), 60).expect_status(201).json();
    assert_eq!(new["name"], old["name"]);
    assert_eq!(new["environment"], "test");
    assert!(text(&new, "key").starts_with("sk_test_"), "{new}");
    let life = |key: &Value| time(key, "expiresAt") - time(key, "createdAt");
    assert_eq!(life(&new), life(&old));
    assert!(time(&new, "expiresAt") > time(&old, "expiresAt"));

    let endless = ada.create_key("a");
    assert_eq!(ada.rotate(&endless.id, 0).expect_status(201).json()["expiresAt"], Value::Null);
}

#[test]
fn the_old_key_never_lives_longer_than_it_would_have() {
    let server = Setup::on_sqlite().start();
    let ada = server.sign_up(ADA);
    let old = ada.create_key_with(&json!({ "name": "a", "expiresAt": in_seconds(60) }));
    let before = ada.item(&old.id);
    ada.rotate(&old.id, 86_400).expect_status(201);
    assert_eq!(ada.item(&old.id)["expiresAt"], before["expiresAt"]);
}

fn a_key_that_is_disabled_expired_or_rotated_is_409(setup: Setup) {
    let server = setup.start();
    let ada = server.sign_up(ADA);
    let expired = ada.create_key_with(&json!({ "name": "a", "expiresAt": in_seconds(1) }));
    let disabled = ada.create_key("a");
    ada.change(&disabled.id, &json!({ "enabled": false })).expect_status(200);
    let rotated = ada.create_key("a");
    let successor = Issued::from(&ada.rotate(&rotated.id, 60).expect_status(201));
    std::thread::sleep(std::time::Duration::from_millis(1_050));
    let before = ada.list();
    for key in [&expired, &disabled, &rotated] {
        for overlap in [0, 60] {
            ada.rotate(&key.id, overlap).expect_error(409);
        }
    }
    assert_eq!(ada.list(), before);
    ada.change(&disabled.id, &json!({ "enabled": true })).expect_status(200);
    ada.change(&expired.id, &json!({ "expiresAt": null })).expect_status(200);
    for key in [&expired, &disabled, &successor] {
        ada.rotate(&key.id, 60).expect_status(201);
    }
}

fn a_rotation_is_never_refused_by_the_limit(setup: Setup) {
    let server = setup.with("LATCHKEY_MAX_KEYS_PER_OWNER", "1").start();
    let ada = server.sign_up(ADA);
    let mut key = ada.create_key("a");
    let mut replaced = Vec::new();
    for overlap in [60, 0, 60] {
        let new = Issued::from(&ada.rotate(&key.id, overlap).expect_status(201));
        ada.create(r#"{"name":"b"}"#).expect_error(409);
        replaced.push(std::mem::replace(&mut key, new));
    }
    ada.revoke(&replaced[0].id).expect_status(200);
    ada.revoke(&replaced[1].id).expect_error(404);
    ada.create(r#"{"name":"b"}"#).expect_error(409);
    ada.revoke(&key.id).expect_status(200);
    ada.create_key("b");
    ada.create(r#"{"name":"c"}"#).expect_error(409);
}

fn of_parallel_rotations_exactly_one_succeeds(setup: Setup) {
    let server = setup.start();
    let ada = server.sign_up(ADA);
    for overlap in [60, 0] {
        let key = ada.create_key("a");
        let count = ada.list().len();
        let statuses = concurrently(40, || ada.rotate(&key.id, overlap).status);
        assert_eq!(statuses.iter().filter(|&&status| status == 201).count(), 1, "{statuses:?}");
        let refused = if overlap == 0 { 404 } else { 409 };
        assert!(statuses.iter().all(|&it| it == 201 || it == refused), "{statuses:?}");
        assert_eq!(ada.list().len(), if overlap == 0 { count } else { count + 1 });
    }
}

fn a_disabled_account_gets_no_key_by_rotation(setup: Setup) {
    let server = setup.start();
    let ada = server.sign_up(ADA);
    let key = ada.create_key("a");
    server.setup.run(&["account", "disable", ADA], "").expect_code(0);
    ada.rotate(&key.id, 60).expect_error(401);
    ada.change(&key.id, &json!({ "enabled": true })).expect_error(401);
    server.verify(&key.key).expect_error(401);
}

fn rotating_a_successor_ends_its_predecessor_and_says_so(setup: Setup) {
    let server = setup.start();
    let ada = server.sign_up(ADA);
    let first = ada.create_key("a");
    let second = Issued::from(&ada.rotate(&first.id, 3_600).expect_status(201));
    server.verify(&first.key).expect_status(200);
    let answer = ada.rotate(&second.id, 3_600).expect_status(201);
    let third = Issued::from(&answer);
    server.verify(&first.key).expect_error(401);
    for good in [&second, &third] {
        server.verify(&good.key).expect_status(200);
    }
    assert_eq!(time(&ada.item(&first.id), "expiresAt"), time(&answer.json(), "createdAt"));
    assert_eq!(ada.list().len(), 3, "it stays listed");
    ada.change(&first.id, &json!({ "expiresAt": null })).expect_error(409);

    let events = ada.get("/api/v1/audit-events").expect_status(200).json();
    let of_first =
        events.as_array().expect("an array").iter().filter(|it| it["keyId"] == *first.id);
    let actions: Vec<_> = of_first.map(|event| text(event, "action")).collect();
    assert_eq!(actions, ["key.changed", "key.rotated", "key.created"]);

    // What has ended already is left as it is.
    let but_its_last_use = || {
        let mut item = ada.item(&first.id);
        item["lastUsedAt"].take();
        item
    };
    let before = but_its_last_use();
    ada.rotate(&third.id, 0).expect_status(201);
    assert_eq!(but_its_last_use(), before);
    server.verify(&second.key).expect_error(401);
}

fn a_disabled_predecessor_does_not_come_back(setup: Setup) {
    let server = setup.start();
    let ada = server.sign_up(ADA);
    let first = ada.create_key("a");
    let second = Issued::from(&ada.rotate(&first.id, 3_600).expect_status(201));
    ada.change(&first.id, &json!({ "enabled": false })).expect_status(200);
    ada.rotate(&second.id, 3_600).expect_status(201);
    ada.change(&first.id, &json!({ "enabled": true })).expect_status(200);
    server.verify(&first.key).expect_error(401);
    server.verify(&second.key).expect_status(200);
}

/// Replaces a key with an overlap, and takes its successor away to make room for another.
fn replaced(ada: &Person) -> Issued {
    let old = ada.create_key("a");
    let new = Issued::from(&ada.rotate(&old.id, 3_600).expect_status(201));
    ada.revoke(&new.id).expect_status(200);
    old
}

fn replaced_keys_that_work_are_limited_and_a_rotation_without_overlap_is_not(setup: Setup) {
    let server = setup.with("LATCHKEY_MAX_KEYS_PER_OWNER", "2").start();
    let ada = server.sign_up(ADA);
    let old = [replaced(&ada), replaced(&ada)];
    let [one, other] = [ada.create_key("b"), ada.create_key("c")];
    let before = ada.list();
    let refused = ada.rotate(&one.id, 60).expect_error(409);
    assert_eq!(refused.header("x-error-code"), Some("limit_reached"));
    assert_eq!(ada.list(), before);
    let one = Issued::from(&ada.rotate(&one.id, 0).expect_status(201));
    // A place is free where one no longer works, whatever the reason.
    ada.change(&old[0].id, &json!({ "enabled": false })).expect_status(200);
    let one = Issued::from(&ada.rotate(&one.id, 60).expect_status(201));
    ada.rotate(&other.id, 60).expect_error(409);
    // A rotation frees the place of what it ends.
    ada.rotate(&one.id, 60).expect_status(201);
    ada.rotate(&other.id, 60).expect_error(409);
    ada.revoke(&old[1].id).expect_status(200);
    ada.rotate(&other.id, 60).expect_status(201);
}

fn no_change_lets_more_replaced_keys_work_than_may(setup: Setup) {
    let server = setup.with("LATCHKEY_MAX_KEYS_PER_OWNER", "1").start();
    let ada = server.sign_up(ADA);
    let first = replaced(&ada);
    ada.change(&first.id, &json!({ "enabled": false })).expect_status(200);
    let second = replaced(&ada);
    let before = ada.list();
    for change in [
        json!({ "enabled": true }),
        json!({ "enabled": true, "name": "b" }),
        json!({ "enabled": true, "expiresAt": in_seconds(60) }),
    ] {
        ada.change(&first.id, &change).expect_error(409);
    }
    assert_eq!(ada.list(), before);
    server.verify(&first.key).expect_error(401);
    ada.change(&first.id, &json!({ "name": "b" })).expect_status(200);
    ada.change(&second.id, &json!({ "enabled": false })).expect_status(200);
    ada.change(&first.id, &json!({ "enabled": true })).expect_status(200);
    server.verify(&first.key).expect_status(200);
    ada.change(&second.id, &json!({ "enabled": true })).expect_error(409);
}

fn parallel_rotations_leave_no_more_replaced_keys_than_may(setup: Setup) {
    let server = setup.with("LATCHKEY_MAX_KEYS_PER_OWNER", "20").start();
    let ada = server.sign_up(ADA);
    let old: Vec<_> = (0..17).map(|_| replaced(&ada)).collect();
    let keys: Vec<_> = (0..20).map(|_| ada.create_key("b").id).collect();
    let next = AtomicUsize::new(0);
    let statuses = concurrently(20, || {
        let id = &keys[next.fetch_add(1, Ordering::SeqCst)];
        ada.rotate(id, 3_600).status
    });
    assert_eq!(statuses.iter().filter(|&&status| status == 201).count(), 3, "{statuses:?}");
    assert!(statuses.iter().all(|status| [201, 409].contains(status)), "{statuses:?}");
    for key in &old {
        server.verify(&key.key).expect_status(200);
    }
}
