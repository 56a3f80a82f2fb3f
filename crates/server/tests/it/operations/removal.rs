//! Accounts that come back, and accounts that go, beside a running server and without one.

use super::commands::account;
use crate::audit::exported;
use crate::person::{ADA, ADAS_PASSWORD, BOB, KEYS, text};
use crate::server::Setup;
use crate::verify::INVALID;

const OTHER_PASSWORD: &str = "another long password";

on_both_databases![
    a_deleted_account_is_gone_immediately_with_its_keys,
    the_trail_keeps_nothing_personal_of_a_deleted_account,
];

on_sqlite![
    an_enabled_account_signs_in_and_has_new_keys_and_no_old_ones,
    enabling_an_active_account_changes_nothing,
    an_account_is_deleted_without_a_server,
    the_password_of_a_disabled_account_is_not_reset,
    account_list_shows_every_account_and_its_state,
    only_an_account_that_exists_is_enabled_or_deleted,
    an_account_becomes_one_of_an_operator_and_stops_being_one,
];

fn an_enabled_account_signs_in_and_has_new_keys_and_no_old_ones(setup: Setup) {
    let server = setup.start();
    let before = server.sign_up(ADA);
    let old = before.create_key("old");
    account(&server.setup, "disable", ADA, "").expect_code(0);
    account(&server.setup, "enable", "Ada@Example.com", "").expect_code(0);
    before.get(KEYS).expect_error(401);
    let ada = server.sign_in_again(ADA);
    server.verify(&old.key).expect_error(401).expect_body(INVALID);
    let new = ada.create_key("new");
    server.verify(&new.key).expect_status(200);
    assert_eq!(ada.names(), ["new"]);
    assert!(ada.actions().contains(&"account.enabled".to_owned()));
}

fn enabling_an_active_account_changes_nothing(setup: Setup) {
    let server = setup.start();
    let ada = server.sign_up(ADA);
    let key = ada.create_key("a");
    account(&server.setup, "enable", ADA, "").expect_code(0);
    assert!(ada.is_signed_in());
    server.verify(&key.key).expect_status(200);
    assert_eq!(ada.actions(), ["account.created", "key.created"]);
}

fn a_deleted_account_is_gone_immediately_with_its_keys(setup: Setup) {
    let server = setup.start();
    let (ada, bob) = (server.sign_up(ADA), server.sign_up(BOB));
    let (key, bobs) = (ada.create_key("a"), bob.create_key("Bob's"));
    let owner = text(&server.verify(&key.key).expect_status(200).json(), "ownerId");
    account(&server.setup, "delete", ADA, "").expect_code(0);
    server.verify(&key.key).expect_error(401).expect_body(INVALID);
    ada.get(KEYS).expect_error(401);
    server.sign_in(ADA, ADAS_PASSWORD).expect_error(401);
    server.verify(&bobs.key).expect_status(200);
    assert!(bob.is_signed_in());

    let again = server.sign_up(ADA);
    assert_eq!(again.list().len(), 0);
    let new = again.create_key("new");
    assert_ne!(text(&server.verify(&new.key).expect_status(200).json(), "ownerId"), owner);
    server.verify(&key.key).expect_error(401).expect_body(INVALID);
}

fn an_account_is_deleted_without_a_server(setup: Setup) {
    let server = setup.start();
    let key = server.sign_up(ADA).create_key("a");
    let (_, setup) = server.stop();
    // One that was disabled before goes too.
    account(&setup, "disable", ADA, "").expect_code(0);
    account(&setup, "delete", ADA, "").expect_code(0);
    let server = setup.start();
    server.verify(&key.key).expect_error(401).expect_body(INVALID);
    server.sign_up(ADA);
}

fn the_trail_keeps_nothing_personal_of_a_deleted_account(setup: Setup) {
    let server = setup.start();
    let (ada, bob) = (server.sign_up(ADA), server.sign_up(BOB));
    let key = ada.create_key("Ada's laptop");
    bob.create_key("Bob's");
    ada.change(&key.id, &serde_json::json!({ "name": "Ada's phone" })).expect_status(200);
    let owner = text(&server.verify(&key.key).expect_status(200).json(), "ownerId");
    server.sign_in(ADA, OTHER_PASSWORD).expect_error(401);
    account(&server.setup, "delete", ADA, "").expect_code(0);

    let (hers, others): (Vec<_>, Vec<_>) =
        exported(&server.setup).into_iter().partition(|event| event["owner"] == owner.as_str());
    let actions: Vec<_> = hers.iter().map(|event| text(event, "action")).collect();
    let want = ["account.created", "key.created", "key.changed", "session.refused"];
    assert_eq!(actions, [&want[..], &["account.disabled", "account.deleted"]].concat());
    for event in &hers {
        for member in ["address", "userAgent", "keyName", "changes"] {
            assert!(event[member].is_null(), "{member} of {event}");
        }
    }
    assert_eq!(text(&hers[1], "keyId"), key.id);
    assert_eq!(text(&hers[1], "actor"), owner);
    assert!(others.iter().all(|event| event["address"].is_string()), "{others:?}");
}

fn the_password_of_a_disabled_account_is_not_reset(setup: Setup) {
    let server = setup.start();
    server.sign_up(ADA);
    account(&server.setup, "disable", ADA, "").expect_code(0);
    let refused = account(&server.setup, "reset-password", ADA, OTHER_PASSWORD).expect_code(1);
    assert!(refused.text.contains("is disabled"), "{}", refused.text);
    for password in [ADAS_PASSWORD, OTHER_PASSWORD] {
        server.sign_in(ADA, password).expect_error(401);
    }
    account(&server.setup, "enable", ADA, "").expect_code(0);
    server.sign_in(ADA, OTHER_PASSWORD).expect_error(401);
    server.sign_in(ADA, ADAS_PASSWORD).expect_status(200);
    account(&server.setup, "reset-password", ADA, OTHER_PASSWORD).expect_code(0);
    server.sign_in(ADA, ADAS_PASSWORD).expect_error(401);
    server.sign_in(ADA, OTHER_PASSWORD).expect_status(200);
}

fn account_list_shows_every_account_and_its_state(setup: Setup) {
    let server = setup.start();
    server.sign_up(ADA);
    server.sign_up(BOB);
    account(&server.setup, "disable", BOB, "").expect_code(0);
    let lists = |setup: &Setup| {
        let listed = setup.run(&["account", "list"], "").expect_code(0).stdout;
        let rows: Vec<Vec<_>> = listed.lines().map(|line| line.split('\t').collect()).collect();
        assert_eq!(rows[0], ["ID", "STATE", "CREATED", "EMAIL", "ROLE"]);
        let states: Vec<_> = rows[1..].iter().map(|row| (row[1], row[3])).collect();
        assert_eq!(states, [("active", ADA), ("disabled", BOB)]);
    };
    lists(&server.setup);
    lists(&server.stop().1);
}

fn only_an_account_that_exists_is_enabled_or_deleted(setup: Setup) {
    let server = setup.start();
    for verb in ["enable", "delete"] {
        account(&server.setup, verb, ADA, "").expect_code(1);
        account(&server.setup, verb, "nobody", "").expect_code(1);
    }
    assert_eq!(exported(&server.setup), [serde_json::Value::Null; 0]);
}

fn an_account_becomes_one_of_an_operator_and_stops_being_one(setup: Setup) {
    let server = setup.start();
    let ada = server.sign_up(ADA);
    server.sign_up(BOB);
    let operator = |setup: &Setup, email: &str, switch: &str| {
        setup.run(&["account", "operator", email, switch], "")
    };
    let roles = |setup: &Setup| {
        let listed = setup.run(&["account", "list"], "").expect_code(0).stdout;
        let role = |line: &str| line.split('\t').nth(4).expect("a role").to_owned();
        listed.lines().skip(1).map(role).collect::<Vec<_>>()
    };
    for _again in 0..2 {
        operator(&server.setup, "Ada@Example.com", "--on").expect_code(0);
        assert_eq!(roles(&server.setup), ["operator", "person"]);
    }
    assert!(ada.is_signed_in());
    assert_eq!(ada.actions(), ["account.created", "operator.added"]);
    operator(&server.setup, "nobody@example.com", "--on").expect_code(1);
    for wrong in [&["account", "operator", ADA][..], &["account", "operator", ADA, "--on", "--off"]]
    {
        server.setup.run(wrong, "").expect_code(2);
    }
    let (_, setup) = server.stop();
    operator(&setup, ADA, "--off").expect_code(0);
    assert_eq!(roles(&setup), ["person"; 2]);
    let events = exported(&setup);
    let last = events.last().expect("an event");
    assert_eq!(
        (text(last, "action"), text(last, "actor")),
        ("operator.removed".into(), "operator".into())
    );
}
