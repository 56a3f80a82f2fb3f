//! What a Postgres database and the role there must give, and what is said where they don't.

use std::time::{Duration, Instant};

use serde_json::json;

use crate::database::{Database, Role, database_name};
use crate::http::{get, post};
use crate::person::{ADA, ADAS_PASSWORD, BOB, KEYS, PASSWORD, SIGN_OUT};
use crate::secret::UNKNOWN;
use crate::server::{Server, Setup};

const OPERATIONS: &str = include_str!("../../../../../docs/operations/postgres.md");

/// `serve` and `check-config` both refuse the set-up, and say this.
#[track_caller]
fn refused(setup: &Setup, said: &str) {
    for command in ["serve", "check-config"] {
        let text = setup.run(&[command], "").expect_code(1).text;
        assert!(text.contains("DATABASE_URL") && text.contains(said), "{command}:\n{text}");
        assert!(!text.contains("listening on"), "{text}");
    }
}

/// Sets something for every new connection to the database, and ends those that there are.
fn set(database: &Database, setting: &str) {
    let url = database.url().expect("a server");
    let name = database_name(&url);
    database.execute(&format!("alter database {name} set {setting}"));
    database.execute(
        "select pg_terminate_backend(pid) from pg_stat_activity \
         where datname = current_database() and pid <> pg_backend_pid()",
    );
}

#[track_caller]
fn readiness(server: &Server, status: u16) {
    server.send(&get("/readyz")).expect_status(status);
}

/// Connections that were ended are noticed when they are used next.
#[track_caller]
fn becomes_ready(server: &Server) {
    let deadline = Instant::now() + Duration::from_secs(10);
    while server.send(&get("/readyz")).status != 200 {
        assert!(Instant::now() < deadline, "not ready again:\n{}", server.log());
        std::thread::sleep(Duration::from_millis(50));
    }
}

#[test]
fn an_encoding_that_cannot_hold_every_text_is_refused() {
    let setup = Setup::on(Database::latin1_postgres());
    refused(&setup, "encoding of the database is LATIN1");
    // And nothing was made in it.
    setup.database.execute("create table accounts (); create table api_keys ()");
}

#[test]
fn commits_that_are_answered_before_they_are_safe_are_refused() {
    let setup = Setup::on_empty_postgres();
    set(&setup.database, "synchronous_commit = off");
    refused(&setup, "synchronous_commit is off");
}

#[test]
fn a_role_whose_commits_are_not_safe_is_refused() {
    let setup = Setup::on_empty_postgres();
    setup.run(&["migrate"], "").expect_code(0);
    let role = served_by(&setup);
    setup.database.execute(&format!("alter role {} set synchronous_commit = off", role.name));
    refused(&setup.with("DATABASE_URL", &role.url()), "synchronous_commit is off");
}

#[test]
fn triggers_that_do_not_run_are_refused() {
    let setup = Setup::on_empty_postgres();
    setup.run(&["migrate"], "").expect_code(0);
    setup.database.execute("alter table api_keys disable trigger tell_of_changed_key");
    refused(&setup, "tell_of_changed_key");
    setup.database.execute("alter table api_keys enable trigger user");
    set(&setup.database, "session_replication_role = replica");
    refused(&setup, "session_replication_role is replica");
}

#[test]
fn a_failed_connection_is_called_one() {
    let setup = Setup::on_empty_postgres().with("DATABASE_URL", "postgres://u@127.0.0.1:1/d");
    let command = setup.run(&["migrate"], "").expect_failure().text;
    assert!(command.contains("can't connect to the database"), "{command}");
    assert!(!command.contains("migrated"), "{command}");
}

#[test]
fn a_server_whose_database_is_away_listens_and_tries_on_until_it_is_there() {
    let database = Database::private_postgres();
    let Database::Private(cluster) = &database else { panic!("{database:?}") };
    cluster.stop_immediately();
    let server = Setup::on(database.clone()).start();
    server.send(&get("/healthz")).expect_status(200);
    server.send(&get("/metrics")).expect_status(200);
    server.send(&get("/readyz")).expect_error(503);
    server.verify(UNKNOWN).expect_error(503);
    server.send(&get(KEYS)).expect_error(503);

    cluster.start_again();
    let deadline = Instant::now() + Duration::from_secs(20);
    while server.send(&get("/readyz")).status != 200 {
        assert!(Instant::now() < deadline, "{}", server.log());
        std::thread::sleep(Duration::from_millis(50));
    }
    let key = server.sign_up(ADA).create_key("a");
    server.verify(&key.key).expect_status(200);
    server.stop().0.expect_code(0);
}

#[test]
fn a_server_that_the_database_does_not_let_in_is_refused() {
    let database = Database::private_postgres();
    let url = database.url().expect("a server");
    let (rest, place) = url.split_once('@').expect("an address");
    let (scheme, _) = rest.split_once("//").expect("a scheme");
    let stranger = format!("{scheme}//nobody:secret-0@{place}");
    refused(&Setup::on(database).with("DATABASE_URL", &stranger), "can't connect to the database");
}

#[test]
fn check_config_says_what_a_start_would_do_and_does_not_do_it() {
    let setup = Setup::on_empty_postgres();
    for _ in 0..2 {
        let found = setup.run(&["check-config"], "").expect_code(0).stdout;
        assert!(found.contains("migrations are due"), "{found}");
    }
    setup.run(&["migrate"], "").expect_code(0);
    let found = setup.run(&["check-config"], "").expect_code(0).stdout;
    assert!(found.contains("its schema is current"), "{found}");
}

#[test]
fn a_database_that_takes_no_changes_is_refused_and_makes_a_running_server_unready() {
    let server = Setup::on_empty_postgres().start();
    let ada = server.sign_up(ADA);
    let key = ada.create_key("a");
    readiness(&server, 200);

    set(&server.setup.database, "default_transaction_read_only = on");
    readiness(&server, 503);
    ada.revoke(&key.id).expect_error(503);
    server.verify(&key.key).expect_status(200);
    refused(&server.setup, "default_transaction_read_only is on");

    let url = server.setup.database.url().expect("a server");
    let reset = "reset default_transaction_read_only";
    let reset = format!("begin read write; alter database {} {reset}; commit", database_name(&url));
    server.setup.database.execute(&reset);
    set(&server.setup.database, "default_transaction_read_only = off");
    becomes_ready(&server);
    ada.revoke(&key.id).expect_status(200);
}

/// A role with what the documentation grants to one that serves, and nothing else.
fn served_by(setup: &Setup) -> Role {
    let role = Role::of(&setup.database);
    setup.database.execute(&granted("latchkey_server", &role.name));
    role
}

/// The statements of the documentation, for a role of another name.
fn granted(documented: &str, role: &str) -> String {
    let blocks = OPERATIONS.split("```sql\n").skip(1).filter_map(|rest| rest.split("```").next());
    let grants: String = blocks.filter(|block| block.contains(documented)).collect();
    assert!(grants.contains("grant"), "the documentation grants nothing to {documented}");
    grants.replace(documented, role)
}

#[test]
fn a_role_that_may_only_read_and_write_serves_a_current_schema() {
    let setup = Setup::on_empty_postgres();
    let role = served_by(&setup);
    let setup = setup.with("DATABASE_URL", &role.url());
    refused(&setup, "latchkey migrate");

    let owner = setup.database.url().expect("a server");
    let mut migrate = setup.command(&["migrate"]);
    let migrated = migrate.env("DATABASE_URL", &owner).output().expect("it runs");
    assert!(migrated.status.success(), "{migrated:?}");
    setup.run(&["check-config"], "").expect_code(0);

    let server = setup.start();
    readiness(&server, 200);
    everything_works(&server);
    let (finished, setup) = server.stop();
    let finished = finished.expect_code(0);
    assert!(!finished.text.contains("permission denied"), "{}", finished.text);
    commands_work(&setup);
    // A newer binary would find migrations that are due.
    setup.database.execute(
        "delete from __diesel_schema_migrations where version = \
         (select max(version) from __diesel_schema_migrations)",
    );
    refused(&setup, "latchkey migrate");
    drop(role);
}

fn everything_works(server: &Server) {
    let ada = server.sign_up(ADA);
    let (changed, rotated) = (ada.create_key("changed"), ada.create_key("rotated"));
    server.verify(&changed.key).expect_status(200);
    ada.change(&changed.id, &json!({ "enabled": false })).expect_status(200);
    server.verify(&changed.key).expect_error(401);
    ada.rotate(&rotated.id, 0).expect_status(201);
    ada.revoke(&changed.id).expect_status(200);
    let passwords =
        json!({ "currentPassword": ADAS_PASSWORD, "newPassword": "another long password" });
    ada.post(PASSWORD, passwords.to_string()).expect_status(200);
    ada.send(post(SIGN_OUT)).expect_status(200);
    readiness(server, 200);
}

fn commands_work(setup: &Setup) {
    setup.run(&["account", "create", BOB], ADAS_PASSWORD).expect_code(0);
    setup.run(&["keys", "list"], "").expect_code(0);
    setup.run(&["pepper", "status"], "").expect_code(0);
    setup.run(&["audit", "export"], "").expect_code(0);
    setup.run(&["account", "disable", BOB], "").expect_code(0);
}

#[test]
fn a_missing_grant_is_named() {
    let setup = Setup::on_empty_postgres();
    setup.run(&["migrate"], "").expect_code(0);
    let role = served_by(&setup);
    let on_events = |change: &str| {
        setup.database.execute(&format!("{change} {}", role.name));
    };
    on_events("grant select, insert, update, delete on all tables in schema public to");
    on_events("revoke insert on audit_events from");
    on_events("revoke select, delete on sessions from");
    let served = Setup::on(setup.database.clone()).with("DATABASE_URL", &role.url());
    refused(&served, &role.name);
    refused(&served, "INSERT on audit_events, SELECT on sessions, DELETE on sessions");

    on_events("grant select, insert, update, delete on all tables in schema public to");
    let running = served.start();
    readiness(&running, 200);
    on_events("revoke update on key_owners from");
    readiness(&running, 503);
    on_events("grant update on key_owners to");
    readiness(&running, 200);
    drop(running);
    drop(role);
}
