//! Starting, stopping and starting again.

use std::time::Duration;

use crate::database::Database;
use crate::http::{Connection, get, post};
use crate::person::{ADA, ADAS_PASSWORD, KEYS};
use crate::process::Process;
use crate::server::{Setup, eventually};
use crate::verify::last_use;

use super::drain::stops_listening;

on_both_empty_databases![
    a_restart_keeps_accounts_sessions_and_keys,
    a_clean_stop_exits_0_and_loses_no_use,
    a_clean_stop_finishes_what_runs,
    an_interrupt_stops_it_too,
];

fn a_restart_keeps_accounts_sessions_and_keys(setup: Setup) {
    let server = setup.start();
    let ada = server.sign_up(ADA);
    let kept = ada.create_key("kept");
    let revoked = ada.create_key("revoked");
    ada.revoke(&revoked.id).expect_status(200);
    let listed = ada.list();

    let server = server.restart();
    let ada = ada.at(&server);
    assert_eq!(ada.list(), listed);
    server.verify(&kept.key).expect_status(200);
    server.verify(&revoked.key).expect_error(401);
    server.sign_in(ADA, ADAS_PASSWORD).expect_status(200);
}

fn a_clean_stop_exits_0_and_loses_no_use(setup: Setup) {
    let server = setup.start();
    let ada = server.sign_up(ADA);
    let key = ada.create_key("a");
    server.verify(&key.key).expect_status(200);
    let server = server.restart();
    let first = last_use(&ada.at(&server), &key);
    assert!(first.is_string(), "{first}");

    // So soon after the first, a use is kept in memory only.
    server.verify(&key.key).expect_status(200);
    std::thread::sleep(Duration::from_millis(20));
    server.verify(&key.key).expect_status(200);
    let server = server.restart();
    let second = last_use(&ada.at(&server), &key);
    assert!(second.as_str() > first.as_str(), "{first} {second}");
    server.stop().0.expect_code(0);
}

fn a_clean_stop_finishes_what_runs(setup: Setup) {
    let server = setup.start();
    let ada = server.sign_up(ADA);
    let create = ada.sign(post(KEYS).json(r#"{"name":"under way"}"#));
    let mut connection = Connection::open(server.address);
    let rest = connection.begin(&create, server.address);
    server.signal("TERM");
    stops_listening(server.address);
    connection.write(&rest);
    connection.read(false).expect_status(201);
    drop(connection);
    let (finished, setup) = server.ended();
    finished.expect_code(0);

    let server = setup.start();
    assert_eq!(ada.at(&server).names(), ["under way"]);
}

fn an_interrupt_stops_it_too(setup: Setup) {
    let server = setup.start();
    server.signal("INT");
    server.ended().0.expect_code(0);
}

#[test]
fn a_server_that_waits_for_another_ones_migrations_stops_when_asked() {
    let database = Database::empty_postgres();
    // What an instance holds while it migrates.
    let lock = "select pg_advisory_lock(8390046189471526515), pg_sleep(60)";
    let other = database.clone();
    let migrating = std::thread::spawn(move || other.try_execute(lock));
    let setup = Setup::on(database.clone());
    let process = Process::spawn(&mut setup.command(&["serve"]), "");
    let locks = "pg_locks join pg_database here on here.oid = database \
                 where datname = current_database() and locktype = 'advisory'";
    let is_waiting =
        format!("do $$ begin assert exists (select from {locks} and not granted); end $$");
    eventually(Duration::from_secs(10), "the server waits for the other one", || {
        database.try_execute(&is_waiting).is_ok()
    });
    process.signal("TERM");
    process.finish(Duration::from_secs(10)).expect_code(0);

    database.execute(&format!("select pg_terminate_backend(pid) from {locks}"));
    migrating.join().expect("it does not panic").expect_err("it was ended");
}

#[test]
fn several_instances_start_together_on_an_empty_postgres_and_share_everything() {
    let database = Database::empty_postgres();
    let setups: Vec<_> = (0..4).map(|_| Setup::on(database.clone())).collect();
    let servers: Vec<_> = std::thread::scope(|scope| {
        let starting: Vec<_> =
            setups.into_iter().map(|setup| scope.spawn(|| setup.start())).collect();
        starting.into_iter().map(|start| start.join().expect("each of them starts")).collect()
    });
    let ada = servers[0].sign_up(ADA);
    let key = ada.at(&servers[1]).create_key("a");
    for server in &servers {
        server.verify(&key.key).expect_status(200);
    }
    ada.at(&servers[2]).revoke(&key.id).expect_status(200);
    for server in &servers {
        server.verify(&key.key).expect_error(401);
        server.send(&get("/readyz")).expect_status(200);
    }
}

#[test]
fn a_second_server_on_the_same_data_directory_is_refused() {
    let server = Setup::on_sqlite().start();
    let ada = server.sign_up(ADA);
    let refused = server.setup.run_refused();
    let data = server.setup.data_directory().display().to_string();
    assert!(refused.text.contains(&data), "{}", refused.text);
    assert!(!refused.text.contains("listening on"), "{}", refused.text);
    assert!(ada.is_signed_in());
}

#[test]
fn after_a_kill_the_next_server_starts_on_the_same_data_directory() {
    let server = Setup::on_sqlite().start();
    let ada = server.sign_up(ADA);
    let (_, setup) = server.kill();
    let server = setup.start();
    assert!(ada.at(&server).is_signed_in());
}
