//! The pepper ring: lost, wrong, shared, extended.

use std::fs::{Permissions, metadata, read_to_string, remove_file, set_permissions, write};
use std::os::unix::fs::PermissionsExt as _;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::person::ADA;
use crate::server::{PEPPERS, Setup};

/// Another pepper under the same number.
const WRONG: &str = "1:d3d3d3d3d3d3d3d3d3d3d3d3d3d3d3d3d3d3d3d3d3c=";
const SECOND: &str = "2:d3d3d3d3d3d3d3d3d3d3d3d3d3d3d3d3d3d3d3d3d3c=";

on_both_databases![a_wrong_pepper_is_refused,];

on_sqlite![
    a_ring_with_a_new_first_pepper_keeps_old_keys_and_sessions,
    generate_prints_a_ring_that_the_server_takes,
    status_counts_and_shows_no_secret,
];

fn a_wrong_pepper_is_refused(setup: Setup) {
    let server = setup.with("LATCHKEY_PEPPERS", PEPPERS).start();
    server.sign_up(ADA).create_key("a");
    let (_, setup) = server.stop();
    let refused = setup.with("LATCHKEY_PEPPERS", WRONG).run_refused();
    assert!(refused.text.to_lowercase().contains("pepper"), "{}", refused.text);
    assert!(!refused.text.contains(&WRONG[2..]), "{}", refused.text);
}

fn a_ring_with_a_new_first_pepper_keeps_old_keys_and_sessions(setup: Setup) {
    let server = setup.with("LATCHKEY_PEPPERS", PEPPERS).start();
    let ada = server.sign_up(ADA);
    let old = ada.create_key("old");
    let (_, setup) = server.stop();

    let ring = format!("{SECOND},{PEPPERS}");
    let server = setup.with("LATCHKEY_PEPPERS", &ring).start();
    let ada = ada.at(&server);
    let new = ada.create_key("new");
    for key in [&old, &new] {
        server.verify(&key.key).expect_status(200);
    }
    let server = server.restart();
    server.verify(&new.key).expect_status(200);
}

fn generate_prints_a_ring_that_the_server_takes(setup: Setup) {
    let generate = || setup.run(&["pepper", "generate"], "").expect_code(0).stdout;
    let (one, two) = (generate(), generate());
    assert_ne!(one, two);
    let (id, secret) = one.trim().split_once(':').expect("an id and a secret");
    assert!(id.parse::<u16>().is_ok(), "{id}");
    assert_eq!(STANDARD.decode(secret).expect("base64").len(), 32);
    let server = setup.with("LATCHKEY_PEPPERS", one.trim()).start();
    let key = server.sign_up(ADA).create_key("a");
    server.verify(&key.key).expect_status(200);
}

fn status_counts_and_shows_no_secret(setup: Setup) {
    let server = setup.with("LATCHKEY_PEPPERS", PEPPERS).start();
    let ada = server.sign_up(ADA);
    (0..3).for_each(|_| drop(ada.create_key("a")));
    let finished = server.setup.run(&["pepper", "status"], "").expect_code(0);
    assert!(finished.stdout.contains('3'), "{}", finished.text);
    assert!(!finished.text.contains(&PEPPERS[2..]), "{}", finished.text);
}

#[test]
fn a_lost_pepper_is_refused_and_not_replaced() {
    let server = Setup::on_sqlite().start();
    server.sign_up(ADA).create_key("a");
    let (_, setup) = server.stop();
    let ring = setup.data_directory().join("peppers");
    remove_file(&ring).expect("the ring is in the data directory");
    let refused = setup.run_refused();
    assert!(refused.text.to_lowercase().contains("pepper"), "{}", refused.text);
    assert!(!ring.exists(), "a new ring papers over the lost one");
}

#[test]
fn after_a_lost_ring_another_number_takes_its_place_once_the_keys_are_revoked() {
    let server = Setup::on_sqlite().start();
    let lost = server.sign_up(ADA).create_key("a");
    let (_, setup) = server.stop();
    let ring = setup.data_directory().join("peppers");
    let second = setup.run(&["pepper", "generate", "--id", "2"], "").expect_code(0).stdout;
    // The mode is still that of the lost file.
    write(&ring, second).expect("the ring is ours");
    setup.run_refused();
    setup.run(&["keys", "revoke", "--pepper", "1"], "").expect_code(0);
    let server = setup.start();
    server.verify(&lost.key).expect_error(401);
    let key = server.sign_in_again(ADA).create_key("b");
    server.verify(&key.key).expect_status(200);
}

#[test]
fn another_pepper_in_the_file_is_refused() {
    let server = Setup::on_sqlite().start();
    server.sign_up(ADA).create_key("a");
    let (_, setup) = server.stop();
    let ring = setup.data_directory().join("peppers");
    let right = read_to_string(&ring).expect("the ring is readable");
    assert!(right.starts_with("1:"), "the ring has the form of the setting");
    write(&ring, WRONG).expect("the ring is ours");
    setup.run_refused();
    write(&ring, right).expect("the ring is ours");
    setup.start();
}

#[test]
fn a_ring_that_everybody_may_read_is_refused() {
    let (_, setup) = Setup::on_sqlite().start().stop();
    let ring = setup.data_directory().join("peppers");
    for mode in [0o644, 0o604, 0o602] {
        set_permissions(&ring, Permissions::from_mode(mode)).expect("the ring is ours");
        let refused = setup.run_refused();
        assert!(refused.text.contains("peppers"), "{}", refused.text);
    }
    set_permissions(&ring, Permissions::from_mode(0o600)).expect("the ring is ours");
    setup.start();
}

#[test]
fn a_ring_that_its_group_may_read_is_closed_with_a_warning() {
    let (_, mut setup) = Setup::on_sqlite().start().stop();
    let ring = setup.data_directory().join("peppers");
    for mode in [0o640, 0o660] {
        set_permissions(&ring, Permissions::from_mode(mode)).expect("the ring is ours");
        let server = setup.start();
        assert!(server.log().contains("the group could read"), "{}", server.log());
        let mode = metadata(&ring).expect("it is there").permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        setup = server.stop().1;
    }
}

#[test]
fn on_postgres_a_pepper_has_to_be_given() {
    let setup = Setup::on_postgres().without("LATCHKEY_PEPPERS");
    let refused = setup.run(&["serve"], "").expect_code(2);
    assert!(refused.text.contains("LATCHKEY_PEPPERS"), "{}", refused.text);
}
