//! The commands, with a running server and without one. On SQLite the first go through the
//! server's control socket, the others open the file; nobody should see a difference.

use serde_json::json;

use crate::person::{ADA, ADAS_PASSWORD, BOB, KEYS, text};
use crate::process::Finished;
use crate::server::{Server, Setup};
use crate::verify::INVALID;

const OTHER_PASSWORD: &str = "another long password";

on_both_empty_databases![
    migrate_makes_a_database_the_server_takes,
    an_account_made_beside_the_server_signs_in_immediately,
    an_account_made_without_a_server_is_there_when_it_starts,
    account_create_refuses_what_sign_up_refuses,
    disabling_an_account_ends_its_sessions_and_keys_immediately,
    disabling_an_account_without_a_server_holds_when_it_starts,
    resetting_a_password_replaces_it_immediately,
    an_unknown_account_or_key_is_a_failure,
    keys_list_shows_every_key_and_no_secret,
    revoking_a_key_counts_immediately,
    revoking_a_key_without_a_server_holds_when_it_starts,
    a_password_is_never_an_argument,
    a_management_token_is_printed_once_and_listed_until_it_is_revoked,
];

pub(super) fn account(setup: &Setup, verb: &str, email: &str, password: &str) -> Finished {
    // As a person would type it: with a line end.
    setup.run(&["account", verb, email], &format!("{password}\n"))
}

/// A closed server, as the first account of an installation finds it.
fn closed(setup: Setup) -> Setup {
    setup.with("LATCHKEY_SIGN_UP", "closed")
}

fn migrate_makes_a_database_the_server_takes(setup: Setup) {
    for _ in 0..2 {
        setup.run(&["migrate"], "").expect_code(0);
    }
    let server = setup.start();
    let key = server.sign_up(ADA).create_key("a");
    server.verify(&key.key).expect_status(200);
    server.setup.run(&["migrate"], "");
    server.verify(&key.key).expect_status(200);
}

fn an_account_made_beside_the_server_signs_in_immediately(setup: Setup) {
    let server = closed(setup).start();
    let made = account(&server.setup, "create", "Ada@Example.com", ADAS_PASSWORD).expect_code(0);
    assert!(!made.text.contains(ADAS_PASSWORD), "{}", made.text);
    server.sign_in_again(ADA).create_key("a");
}

fn an_account_made_without_a_server_is_there_when_it_starts(setup: Setup) {
    let setup = closed(setup);
    account(&setup, "create", ADA, ADAS_PASSWORD).expect_code(0);
    setup.start().sign_in_again(ADA).create_key("a");
}

fn account_create_refuses_what_sign_up_refuses(setup: Setup) {
    let refuses = |setup: &Setup| {
        account(setup, "create", ADA, OTHER_PASSWORD).expect_code(1);
        account(setup, "create", "ADA@example.com", OTHER_PASSWORD).expect_code(1);
        account(setup, "create", BOB, "eleven char").expect_code(1);
        account(setup, "create", BOB, &"x".repeat(129)).expect_code(1);
        account(setup, "create", BOB, "").expect_code(1);
        account(setup, "create", "nobody", ADAS_PASSWORD).expect_failure();
    };
    let server = setup.start();
    server.sign_up(ADA);
    refuses(&server.setup);
    let (_, setup) = server.stop();
    refuses(&setup);
    setup.start().sign_in_again(ADA);
}

fn disabling_an_account_ends_its_sessions_and_keys_immediately(setup: Setup) {
    let server = setup.start();
    let ada = server.sign_up(ADA);
    let bob = server.sign_up(BOB);
    let keys = ["a", "b"].map(|name| ada.create_key(name));
    let bobs = bob.create_key("Bob's");
    for key in &keys {
        server.verify(&key.key).expect_status(200);
    }
    // Again is harmless.
    for _ in 0..2 {
        account(&server.setup, "disable", "ADA@example.com", "").expect_code(0);
        for key in &keys {
            server.verify(&key.key).expect_error(401).expect_body(INVALID);
            bob.revoke(&key.id).expect_error(404);
        }
        ada.get(KEYS).expect_error(401);
        let answer = server.sign_in(ADA, ADAS_PASSWORD).expect_error(401);
        answer.expect_body(r#"{"error":"Invalid email or password"}"#);
    }
    server.verify(&bobs.key).expect_status(200);
    assert!(bob.is_signed_in());
}

fn disabling_an_account_without_a_server_holds_when_it_starts(setup: Setup) {
    let server = setup.start();
    let ada = server.sign_up(ADA);
    let key = ada.create_key("a");
    let (_, setup) = server.stop();
    account(&setup, "disable", ADA, "").expect_code(0);
    let server = setup.start();
    server.verify(&key.key).expect_error(401).expect_body(INVALID);
    assert!(!ada.at(&server).is_signed_in());
    server.sign_in(ADA, ADAS_PASSWORD).expect_error(401);
}

fn resetting_a_password_replaces_it_immediately(setup: Setup) {
    let server = setup.start();
    let ada = server.sign_up(ADA);
    let key = ada.create_key("a");
    let changed = |server: &Server, old: &str, new: &str| {
        server.sign_in(ADA, old).expect_error(401);
        server.sign_in(ADA, new).expect_status(200);
        server.verify(&key.key).expect_status(200);
    };
    account(&server.setup, "reset-password", ADA, OTHER_PASSWORD).expect_code(0);
    changed(&server, ADAS_PASSWORD, OTHER_PASSWORD);
    account(&server.setup, "reset-password", ADA, "too short").expect_code(1);
    let (_, setup) = server.stop();
    account(&setup, "reset-password", ADA, ADAS_PASSWORD).expect_code(0);
    changed(&setup.start(), OTHER_PASSWORD, ADAS_PASSWORD);
}

fn an_unknown_account_or_key_is_a_failure(setup: Setup) {
    let fails = |setup: &Setup| {
        account(setup, "disable", ADA, "").expect_code(1);
        account(setup, "reset-password", ADA, OTHER_PASSWORD).expect_code(1);
        for id in ["01919b4e-7b3c-7def-8123-456789abcdef", "nonsense"] {
            setup.run(&["keys", "revoke", id], "").expect_code(1);
        }
    };
    let server = setup.start();
    fails(&server.setup);
    fails(&server.stop().1);
}

fn keys_list_shows_every_key_and_no_secret(setup: Setup) {
    let server = setup.start();
    let ada = server.sign_up(ADA);
    let restrictions =
        json!({ "scopes": ["docs:read", "org:*"], "allowedNetworks": ["127.0.0.0/8"] });
    let adas = ada.create_key("Ada's");
    ada.change(&adas.id, &restrictions).expect_status(200);
    let none = ada.create_key_with(&json!({ "name": "None", "scopes": [] }));
    let gone = ada.create_key("gone");
    let limits = json!([{ "limit": 100, "every": "minute" }, { "limit": 9, "every": "day" }]);
    let bobs = json!({ "name": "Bob's", "limits": limits, "credits": 20 });
    let bobs = server.sign_up(BOB).create_key_with(&bobs);
    ada.revoke(&gone.id).expect_status(200);
    let owner = text(&server.verify(&adas.key).json(), "ownerId");
    let lists = |setup: &Setup| {
        let all = setup.run(&["keys", "list"], "").expect_code(0).stdout;
        let of_ada = setup.run(&["keys", "list", "--owner", &owner], "").expect_code(0).stdout;
        assert!(all.contains(&adas.id) && all.contains(&bobs.id), "{all}");
        assert!(of_ada.contains(&adas.id) && !of_ada.contains(&bobs.id), "{of_ada}");
        assert!(!all.contains(&gone.id), "{all}");
        for (key, end) in [
            (&adas, "Ada's\tdocs:read,org:*\t127.0.0.0/8\t(none)\t(not counted)"),
            (&bobs, "Bob's\t(all)\t(all)\tminute=100,day=9\t20"),
            (&none, "None\t(none)\t(all)\t(none)\t(not counted)"),
        ] {
            let row = all.lines().find(|row| row.starts_with(&key.id)).expect("a row");
            assert!(row.ends_with(end), "{row}");
        }
        for key in [&adas, &bobs] {
            assert!(!all.contains(&key.key[12..]), "{all}");
        }
    };
    lists(&server.setup);
    lists(&server.stop().1);
}

fn a_management_token_is_printed_once_and_listed_until_it_is_revoked(setup: Setup) {
    let lives = |setup: &Setup| {
        let create =
            ["token", "create", "--name", "my backend", "--allow", "keys:write,audit:read"];
        let made = setup.run(&[&create[..], &["--owners", "org_*,ada"]].concat(), "");
        let made = made.expect_code(0).stdout;
        let token = made.strip_suffix('\n').expect("a line");
        assert!(token.len() == 47 && token.starts_with("lk_admin_"), "{token}");
        let list = || setup.run(&["token", "list"], "").expect_code(0).text;
        let listed = list();
        assert!(!listed.contains(&token[13..]), "{listed}");
        let line = listed.lines().find(|line| line.contains("my backend")).expect("it is listed");
        let cells: Vec<_> = line.split('\t').collect();
        assert_eq!(cells[1..4], ["my backend", "keys:write,audit:read", "org_*,ada"]);
        assert_eq!(cells[6], "never");
        setup.run(&["token", "revoke", cells[0]], "").expect_code(0);
        assert!(!list().contains(cells[0]));
        for id in [cells[0], "nonsense", "01919b4e-7b3c-7def-8123-456789abcdef"] {
            let refused = setup.run(&["token", "revoke", id], "").expect_code(1).text;
            assert!(refused.contains("no management token that is not revoked"), "{refused}");
        }
        let trail = setup.run(&["audit", "export"], "").expect_code(0).stdout;
        let of_token = format!("\"token_id\":\"{}\"", cells[0]);
        assert_eq!(trail.lines().filter(|line| line.contains(&of_token)).count(), 2, "{trail}");
        token.to_owned()
    };
    let server = setup.start();
    let token = lives(&server.setup);
    server.verify(&token).expect_error(401).expect_body(INVALID);
    lives(&server.stop().1);
}

#[test]
fn a_bad_argument_of_a_management_token_is_named() {
    let setup = Setup::on_sqlite();
    let good = ["token", "create", "--name", "a", "--allow", "keys:read"];
    for (bad, named) in [
        (&["--expires", "401d"][..], "--expires"),
        (&["--expires", "1w"], "--expires"),
        (&["--expires", "0s"], "--expires"),
        (&["--owners", "a*b"], "--owners"),
        (&["--allow", "keys:*"], "--allow"),
    ] {
        let text = setup.run(&[&good[..], bad].concat(), "").expect_code(2).text;
        assert!(text.contains(named), "{text}");
    }
    for missing in [&good[..4], &[&good[..2], &good[4..]].concat()] {
        setup.run(missing, "").expect_code(2);
    }
    let long = "x".repeat(101);
    let named = ["token", "create", "--name", long.as_str(), "--allow", "keys:read"];
    assert!(setup.run(&named, "").expect_code(2).text.contains("--name"));
}

fn revoking_a_key_counts_immediately(setup: Setup) {
    let server = setup.start();
    let ada = server.sign_up(ADA);
    let key = ada.create_key("a");
    server.verify(&key.key).expect_status(200);
    server.setup.run(&["keys", "revoke", &key.id], "").expect_code(0);
    server.verify(&key.key).expect_error(401).expect_body(INVALID);
    assert_eq!(ada.list().len(), 0);
}

fn revoking_a_key_without_a_server_holds_when_it_starts(setup: Setup) {
    let server = setup.start();
    let ada = server.sign_up(ADA);
    let (dead, alive) = (ada.create_key("dead"), ada.create_key("alive"));
    let (_, setup) = server.stop();
    setup.run(&["keys", "revoke", &dead.id], "").expect_code(0);
    let server = setup.start();
    server.verify(&dead.key).expect_error(401).expect_body(INVALID);
    server.verify(&alive.key).expect_status(200);
}

fn a_password_is_never_an_argument(setup: Setup) {
    setup.run(&["account", "create", ADA, ADAS_PASSWORD], "").expect_code(2);
    setup.run(&["account", "create", ADA, "--password", ADAS_PASSWORD], "").expect_code(2);
}
