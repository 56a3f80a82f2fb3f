//! How a pepper is replaced: keys move when they are used, what is left is shown and revoked.

use std::time::{Duration, Instant};

use crate::audit::exported;
use crate::database::Database;
use crate::management::keys_of;
use crate::person::{ADA, Issued, Person, text};
use crate::server::{PEPPERS, Server, Setup, eventually};
use crate::strict::three;
use crate::verify::INVALID;

pub(super) const FIRST: &str = PEPPERS;
/// Its 32 bytes are all `w`.
pub(super) const SECOND: &str = "2:d3d3d3d3d3d3d3d3d3d3d3d3d3d3d3d3d3d3d3d3d3c=";

/// How soon a key must have moved after it was used.
const SOON: Duration = Duration::from_secs(10);

on_both_databases![
    a_key_moves_to_the_signing_pepper_when_it_is_used,
    what_is_left_on_a_pepper_is_revoked_and_the_pepper_dropped,
    keys_of_a_lost_pepper_are_shown_and_revoked_without_it,
];

on_sqlite![
    a_management_token_moves_to_the_signing_pepper_when_it_is_used,
    a_key_does_not_move_to_a_pepper_that_only_verifies,
    a_key_that_may_not_be_used_does_not_move,
    the_keys_of_the_signing_pepper_are_not_revoked,
    revoke_takes_a_key_or_a_pepper_and_not_both,
];

/// What `pepper status` says of one pepper.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Row {
    pub(super) role: String,
    pub(super) keys: usize,
    pub(super) tokens: usize,
    pub(super) last_used: String,
}

pub(super) fn status(setup: &Setup) -> String {
    setup.run(&["pepper", "status"], "").expect_code(0).stdout
}

#[track_caller]
pub(super) fn row(status: &str, pepper: &str) -> Row {
    let cells = status.lines().map(|line| line.split('\t').collect::<Vec<_>>());
    let found = cells.into_iter().find(|cells| cells[0] == pepper);
    let cells = found.unwrap_or_else(|| panic!("no pepper {pepper} in\n{status}"));
    assert_eq!(cells.len(), 5, "{status}");
    let keys = cells[2].parse().expect("a number of keys");
    let tokens = cells[3].parse().expect("a number of tokens");
    Row { role: cells[1].to_owned(), keys, tokens, last_used: cells[4].to_owned() }
}

fn keys_under(server: &Server, pepper: &str) -> usize {
    row(&status(&server.setup), pepper).keys
}

fn wait_until_left(server: &Server, left: usize) {
    let deadline = Instant::now() + SOON;
    while keys_under(server, "1") != left {
        assert!(Instant::now() < deadline, "{}", status(&server.setup));
        std::thread::sleep(Duration::from_millis(10));
    }
}

/// A server that made three keys under the first pepper and has been restarted with `ring`.
fn restarted(setup: Setup, ring: &str) -> (Server, Person, [Issued; 3]) {
    let server = setup.with("LATCHKEY_PEPPERS", FIRST).start();
    let ada = server.sign_up(ADA);
    let keys = ["a", "b", "c"].map(|name| ada.create_key(name));
    let server = server.stop().1.with("LATCHKEY_PEPPERS", ring).start();
    let ada = ada.at(&server);
    (server, ada, keys)
}

fn a_key_moves_to_the_signing_pepper_when_it_is_used(setup: Setup) {
    let (server, ada, [a, b, c]) = restarted(setup, &format!("{SECOND},{FIRST}"));
    let before = ada.item(&a.id);
    for (key, left) in [&a, &b].into_iter().zip([2, 1]) {
        for _ in 0..3 {
            server.verify(&key.key).expect_status(200);
        }
        wait_until_left(&server, left);
        server.verify(&key.key).expect_status(200);
    }
    let after = ada.item(&a.id);
    for member in ["id", "name", "keyPrefix", "createdAt", "enabled", "expiresAt", "replacedBy"] {
        assert_eq!(before[member], after[member]);
    }
    assert_eq!(keys_under(&server, "2"), 2);
    for key in [&a, &b, &c] {
        ada.revoke(&key.id).expect_status(200);
        server.verify(&key.key).expect_error(401).expect_body(INVALID);
    }
}

fn what_is_left_on_a_pepper_is_revoked_and_the_pepper_dropped(setup: Setup) {
    let (server, ada, [used, left, also_left]) = restarted(setup, &format!("{SECOND},{FIRST}"));
    server.verify(&used.key).expect_status(200);
    wait_until_left(&server, 2);
    let setup = server.stop().1.with("LATCHKEY_PEPPERS", SECOND);
    let refused = setup.run_refused();
    assert!(refused.text.contains("pepper 1 is missing"), "{}", refused.text);

    let server = setup.with("LATCHKEY_PEPPERS", &format!("{SECOND},{FIRST}")).start();
    let revoke = || server.setup.run(&["keys", "revoke", "--pepper", "1"], "").expect_code(0);
    assert_eq!(revoke().stdout, "2 keys revoked that depended on pepper 1\n");
    assert_eq!(revoke().stdout, "no key that is not revoked depends on pepper 1\n");
    for key in [&left, &also_left] {
        server.verify(&key.key).expect_error(401).expect_body(INVALID);
    }
    let ada = ada.at(&server);
    assert_eq!(ada.names(), ["a"]);
    let events = ada.events();
    let mut revoked: Vec<_> = events[events.len() - 2..]
        .iter()
        .map(|event| (text(event, "action"), text(event, "actor"), text(event, "keyId")))
        .collect();
    revoked.sort_by(|a, b| a.2.cmp(&b.2));
    let by_operator =
        |key: &Issued| ("key.revoked".to_owned(), "operator".to_owned(), key.id.clone());
    assert_eq!(revoked, [by_operator(&left), by_operator(&also_left)]);
    assert_eq!(events.len(), 1 + 3 + 2, "that a key moves is no event: {events:#?}");
    let fresh = server.sign_in_again(ADA);

    let server = server.stop().1.with("LATCHKEY_PEPPERS", SECOND).start();
    server.verify(&used.key).expect_status(200);
    server.verify(&left.key).expect_error(401).expect_body(INVALID);
    assert!(!ada.at(&server).is_signed_in(), "a session ends with its pepper");
    assert!(fresh.at(&server).is_signed_in());
}

fn a_management_token_moves_to_the_signing_pepper_when_it_is_used(setup: Setup) {
    let server = setup.with("LATCHKEY_PEPPERS", FIRST).start();
    let [used, unused] = ["a", "b"].map(|_| server.backend("keys:read", "*"));
    let both = format!("{SECOND},{FIRST}");
    let server = server.stop().1.with("LATCHKEY_PEPPERS", &both).start();
    used.at(server.address).get(&keys_of("ada")).expect_status(200);
    eventually(SOON, "the used one has moved", || {
        let status = status(&server.setup);
        (row(&status, "1").tokens, row(&status, "2").tokens) == (1, 1)
    });
    let setup = server.stop().1.with("LATCHKEY_PEPPERS", SECOND);
    let refused = setup.run_refused();
    assert!(refused.text.contains("pepper 1 is missing"), "{}", refused.text);

    setup.revoke_newest_token();
    let server = setup.start();
    used.at(server.address).get(&keys_of("ada")).expect_status(200);
    unused.at(server.address).get(&keys_of("ada")).expect_status(401);
}

fn a_key_does_not_move_to_a_pepper_that_only_verifies(setup: Setup) {
    let (server, _, [a, ..]) = restarted(setup, &format!("{FIRST},{SECOND}"));
    for _ in 0..5 {
        server.verify(&a.key).expect_status(200);
    }
    std::thread::sleep(Duration::from_millis(300));
    let status = status(&server.setup);
    assert_eq!(row(&status, "1").role, "signs");
    assert_eq!((row(&status, "1").keys, row(&status, "2").keys), (3, 0), "{status}");
}

fn a_key_that_may_not_be_used_does_not_move(setup: Setup) {
    let (server, ada, [off, dead, used]) = restarted(setup, &format!("{SECOND},{FIRST}"));
    ada.change(&off.id, &serde_json::json!({ "enabled": false })).expect_status(200);
    ada.revoke(&dead.id).expect_status(200);
    for key in [&off, &dead] {
        server.verify(&key.key).expect_error(401);
        server.verify(&key.key).expect_error(401);
    }
    server.verify(&used.key).expect_status(200);
    wait_until_left(&server, 1);
    ada.change(&off.id, &serde_json::json!({ "enabled": true })).expect_status(200);
    server.verify(&off.key).expect_status(200);
    wait_until_left(&server, 0);
}

fn keys_of_a_lost_pepper_are_shown_and_revoked_without_it(setup: Setup) {
    let server = setup.with("LATCHKEY_PEPPERS", FIRST).start();
    let ada = server.sign_up(ADA);
    let lost = ada.create_key("a");
    server.verify(&lost.key).expect_status(200);
    let setup = server.stop().1.with("LATCHKEY_PEPPERS", SECOND);
    let refused = setup.run_refused();
    assert!(refused.text.contains("pepper 1 is missing"), "{}", refused.text);

    let shown = status(&setup);
    let missing = row(&shown, "1");
    assert_eq!((missing.role.as_str(), missing.keys), ("missing", 1), "{shown}");
    assert!(missing.last_used.starts_with("20"), "{shown}");
    let none = Row { role: "signs".to_owned(), keys: 0, tokens: 0, last_used: "never".to_owned() };
    assert_eq!(row(&shown, "2"), none);

    let revoked = setup.run(&["keys", "revoke", "--pepper", "1"], "").expect_code(0);
    assert_eq!(revoked.stdout, "1 key revoked that depended on pepper 1\n");
    assert_eq!(exported(&setup).len(), 3);
    let server = setup.start();
    server.verify(&lost.key).expect_error(401).expect_body(INVALID);
    let ada = server.sign_in_again(ADA);
    server.verify(&ada.create_key("b").key).expect_status(200);
}

fn the_keys_of_the_signing_pepper_are_not_revoked(setup: Setup) {
    let server = setup.with("LATCHKEY_PEPPERS", FIRST).start();
    let key = server.sign_up(ADA).create_key("a");
    let refused = server.setup.run(&["keys", "revoke", "--pepper", "1"], "").expect_code(1);
    assert!(refused.text.contains("pepper 1 is the signing pepper"), "{}", refused.text);
    server.verify(&key.key).expect_status(200);
}

fn revoke_takes_a_key_or_a_pepper_and_not_both(setup: Setup) {
    for arguments in [vec![], vec!["an-id", "--pepper", "1"], vec!["--pepper", "0"]] {
        setup.run(&[&["keys", "revoke"], arguments.as_slice()].concat(), "").expect_code(2);
    }
}

#[test]
fn a_key_moves_also_where_every_verification_asks_the_database() {
    let setup = Setup::on_postgres().with("LATCHKEY_VERIFY_CACHE", "off");
    a_key_moves_to_the_signing_pepper_when_it_is_used(setup);
}

#[test]
fn every_instance_refuses_the_keys_of_a_pepper_once_they_are_revoked() {
    let (database, servers) = three();
    let ada = servers[0].sign_up(ADA);
    let keys = ["a", "b", "c"].map(|name| ada.create_key(name));
    let each_key_everywhere = |status| {
        for (server, key) in
            servers.iter().flat_map(|server| keys.iter().map(move |it| (server, it)))
        {
            server.verify(&key.key).expect_status(status);
        }
    };
    each_key_everywhere(200);
    let elsewhere = Setup::on(database).with("LATCHKEY_PEPPERS", SECOND);
    elsewhere.run(&["keys", "revoke", "--pepper", "1"], "").expect_code(0);
    each_key_everywhere(401);
}

#[test]
fn a_pepper_that_no_running_instance_may_know_does_not_sign() {
    let database = Database::postgres();
    let start = |ring: &str| Setup::on(database.clone()).with("LATCHKEY_PEPPERS", ring);
    let running = start(FIRST).start();
    let key = running.sign_up(ADA).create_key("a");
    for _ in 0..2 {
        let refused = start(&format!("{SECOND},{FIRST}")).run_refused();
        assert!(refused.text.contains("pepper 2 was never seen"), "{}", refused.text);
    }
    running.verify(&key.key).expect_status(200);

    let knowing = start(&format!("{FIRST},{SECOND}")).start();
    let running = running.stop().1.with("LATCHKEY_PEPPERS", &format!("{SECOND},{FIRST}")).start();
    for server in [&running, &knowing] {
        server.verify(&key.key).expect_status(200);
    }
}

#[test]
fn a_new_pepper_signs_immediately_where_the_only_instance_crashed() {
    let server = Setup::on_postgres().start();
    let key = server.sign_up(ADA).create_key("a");
    let (_, setup) = server.kill();
    let server = setup.with("LATCHKEY_PEPPERS", &format!("{SECOND},{FIRST}")).start();
    server.verify(&key.key).expect_status(200);
}
