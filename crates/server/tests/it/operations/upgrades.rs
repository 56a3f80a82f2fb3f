//! To a newer release and back: the schema has migrations that the binary does not know.

use serde_json::json;

use crate::http::get;
use crate::person::{ADA, ADAS_PASSWORD, BOB, Issued};
use crate::server::{Server, Setup};

/// A migration of a release to come.
const LATER: &str = "29990101000000";

on_both_databases![
    a_newer_schema_that_says_so_is_served_and_commanded,
    a_newer_schema_that_can_not_be_used_is_refused_by_name,
];

/// As a later release leaves the schema, for binaries that know the migration `oldest_reader`.
fn migrate_later(setup: &Setup, oldest_reader: &str) {
    setup.execute(&format!(
        "insert into __diesel_schema_migrations (version) values ('{LATER}'); \
         insert into schema_compat (version, oldest_reader) values ('{LATER}', '{oldest_reader}')"
    ));
}

fn stopped(server: Server) -> Setup {
    let (finished, setup) = server.stop();
    finished.expect_code(0);
    setup
}

#[track_caller]
fn refused_at(servers: &[&Server], key: &Issued) {
    for server in servers {
        server.verify(&key.key).expect_error(401);
    }
}

#[track_caller]
fn good_at(servers: &[&Server], key: &Issued) {
    for server in servers {
        server.verify(&key.key).expect_status(200);
    }
}

fn revoke(setup: &Setup, key: &Issued) {
    setup.run(&["keys", "revoke", &key.id], "").expect_code(0);
}

fn a_newer_schema_that_says_so_is_served_and_commanded(setup: Setup) {
    let server = setup.start();
    let ada = server.sign_up(ADA);
    let keys = ["a", "b", "c"].map(|name| ada.create_key(name));
    let setup = stopped(server);
    migrate_later(&setup, "20261129000001");

    setup.run(&["check-config"], "").expect_code(0);
    setup.run(&["migrate"], "").expect_code(0);
    revoke(&setup, &keys[0]);
    let server = setup.start();
    server.send(&get("/readyz")).expect_status(200);
    refused_at(&[&server], &keys[0]);
    good_at(&[&server], &keys[1]);
    revoke(&server.setup, &keys[1]);
    refused_at(&[&server], &keys[1]);
    ada.at(&server).create_key("d");
    server.setup.run(&["account", "disable", ADA], "").expect_code(0);
    refused_at(&[&server], &keys[2]);
}

fn a_newer_schema_that_can_not_be_used_is_refused_by_name(setup: Setup) {
    setup.run(&["account", "create", ADA], ADAS_PASSWORD).expect_code(0);
    migrate_later(&setup, LATER);
    let commands: [&[&str]; 5] = [
        &["serve"],
        &["check-config"],
        &["migrate"],
        &["account", "disable", ADA],
        &["audit", "export"],
    ];
    for command in commands {
        let text = setup.run(command, "").expect_code(1).text;
        assert!(text.contains(&format!("don't know the migration {LATER}")), "{text}");
        assert!(text.contains("run the version that migrated it"), "{text}");
    }
}

/// The binary of the release before is named by the environment: `just upgrade-and-back` builds it.
mod release_before {
    use super::*;

    fn binary() -> std::ffi::OsString {
        std::env::var_os("LATCHKEY_BINARY_BEFORE").expect("just upgrade-and-back sets it")
    }

    #[test]
    #[ignore = "needs the binary of the release before"]
    fn goes_on_with_an_embedded_database_and_comes_back() {
        there_and_back(Setup::on_sqlite());
    }

    #[test]
    #[ignore = "needs the binary of the release before"]
    fn goes_on_with_postgres_and_comes_back() {
        there_and_back(Setup::on_empty_postgres());
    }

    fn there_and_back(setup: Setup) {
        let new = setup.start();
        let ada = new.sign_up(ADA);
        let keys = ["a", "b", "c", "d"].map(|name| ada.create_key(name));
        let setup = stopped(new);
        let current = setup.command(&[]).get_program().to_owned();

        let setup = setup.with_binary(binary());
        setup.run(&["migrate"], "").expect_code(0);
        revoke(&setup, &keys[0]);
        let old = setup.start();
        old.send(&get("/readyz")).expect_status(200);
        refused_at(&[&old], &keys[0]);
        good_at(&[&old], &keys[1]);
        revoke(&old.setup, &keys[1]);
        refused_at(&[&old], &keys[1]);
        let made = ada.at(&old).create_key("made by the old one");
        ada.at(&old).rotate(&keys[2].id, 0).expect_status(201);
        let bobs = old.sign_up(BOB).create_key("b");
        good_at(&[&old], &bobs);
        old.setup.run(&["account", "disable", BOB], "").expect_code(0);
        refused_at(&[&old], &bobs);

        let new = stopped(old).with_binary(current).start();
        new.send(&get("/readyz")).expect_status(200);
        for dead in [&keys[0], &keys[1], &keys[2], &bobs] {
            refused_at(&[&new], dead);
        }
        good_at(&[&new], &keys[3]);
        good_at(&[&new], &made);
        ada.at(&new).change(&made.id, &json!({ "enabled": false })).expect_status(200);
        refused_at(&[&new], &made);
    }

    #[test]
    #[ignore = "needs the binary of the release before"]
    fn and_this_one_serve_a_database_together() {
        let new = Setup::on_empty_postgres().start();
        let database = new.setup.database.clone();
        let old = Setup::on(database).with_binary(binary()).start();
        let both = [&old, &new];
        for (here, email) in [(&old, ADA), (&new, BOB)] {
            let person = here.sign_up(email);
            let keys = ["a", "b", "c"].map(|name| person.create_key(name));
            for key in &keys {
                good_at(&both, key);
            }
            person.revoke(&keys[0].id).expect_status(200);
            refused_at(&both, &keys[0]);
            revoke(&here.setup, &keys[1]);
            refused_at(&both, &keys[1]);
            here.setup.run(&["account", "disable", email], "").expect_code(0);
            refused_at(&both, &keys[2]);
        }
        for server in both {
            let metrics = server.log();
            assert!(!metrics.contains("ERROR"), "{metrics}");
        }
    }
}
