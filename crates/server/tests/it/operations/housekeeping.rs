//! What is removed in the background, and by whose clock.

use std::time::Duration;

use serde_json::Value;

use crate::audit::EVENTS;
use crate::database::database_name;
use crate::http::get;
use crate::person::{ADA, BOB, KEYS, Person};
use crate::server::{Server, Setup, eventually};

on_both_databases![
    a_key_is_removed_some_time_after_it_was_revoked,
    audit_events_are_removed_when_they_are_old,
    what_is_kept_for_ever_stays,
];

/// Long enough for a machine that does much else.
const PATIENCE: Duration = Duration::from_secs(30);

/// How many items a list has.
#[track_caller]
fn count(person: &Person, path: &str) -> usize {
    let answer: Value = person.get(path).expect_status(200).json();
    answer.as_array().unwrap_or_else(|| panic!("not an array: {answer}")).len()
}

fn revoked(person: &Person) -> usize {
    count(person, &format!("{KEYS}?status=revoked"))
}

fn a_key_is_removed_some_time_after_it_was_revoked(setup: Setup) {
    let server = setup.with("LATCHKEY_KEEP_REVOKED", "2s").start();
    let ada = server.sign_up(ADA);
    let (gone, kept) = (ada.create_key("gone"), ada.create_key("kept"));
    server.verify(&gone.key).expect_status(200);
    ada.revoke(&gone.id).expect_status(200);
    assert_eq!(revoked(&ada), 1);

    eventually(PATIENCE, "the revoked key is removed", || revoked(&ada) == 0);
    server.verify(&gone.key).expect_error(401);
    server.verify(&kept.key).expect_status(200);
    let server = server.restart();
    server.verify(&gone.key).expect_error(401);
    server.verify(&kept.key).expect_status(200);
    // The trail outlives the key.
    let trail: Value = ada.at(&server).get(EVENTS).expect_status(200).json();
    assert!(trail.to_string().contains("key.revoked"), "{trail}");
}

fn audit_events_are_removed_when_they_are_old(setup: Setup) {
    let server = setup.with("LATCHKEY_KEEP_AUDIT", "3s").start();
    let ada = server.sign_up(ADA);
    ada.create_key("a");
    assert!(count(&ada, EVENTS) > 0);
    eventually(PATIENCE, "the events are removed", || count(&ada, EVENTS) == 0);
    ada.create_key("b");
    assert_eq!(count(&ada, EVENTS), 1);
}

fn what_is_kept_for_ever_stays(setup: Setup) {
    let setup = setup.with("LATCHKEY_KEEP_REVOKED", "forever").with("LATCHKEY_KEEP_AUDIT", "3s");
    let server = setup.start();
    let ada = server.sign_up(ADA);
    let key = ada.create_key("a");
    ada.revoke(&key.id).expect_status(200);
    let server = server.restart();
    let ada = ada.at(&server);
    eventually(PATIENCE, "the events are removed", || count(&ada, EVENTS) == 0);
    assert_eq!(revoked(&ada), 1);
}

fn skew(server: &Server) -> f64 {
    let page = server.send(&get("/metrics")).expect_status(200).text();
    let name = "latchkey_clock_skew_seconds ";
    let line = page.lines().find_map(|line| line.strip_prefix(name)).expect("the metric is there");
    line.parse().expect("a number")
}

#[test]
fn a_database_whose_clock_is_far_away_costs_nobody_a_session() {
    let server = Setup::on_postgres().start();
    let (ada, bob) = (server.sign_up(ADA), server.sign_up(BOB));
    let setup = server.stop().1;
    let database = setup.database.clone();
    let name = database_name(&database.url().expect("a server")).to_owned();
    // By the database's clock, as Latchkey reads it, both have been idle for too long.
    database.execute(
        "create function clock_timestamp() returns timestamptz language sql as \
         $$ select pg_catalog.clock_timestamp() + interval '13 hours 30 minutes' $$",
    );
    database.execute(&format!("alter database {name} set search_path = public, pg_catalog"));

    let server = setup.start();
    eventually(PATIENCE, "the log says so", || {
        let log = server.log();
        log.contains("13h")
            && log.contains("behind the database's")
            && log.contains("were not removed")
    });
    assert!((skew(&server) + 48_600.0).abs() < 60.0, "{}", skew(&server));
    for person in [&ada, &bob] {
        person.at(&server).get(KEYS).expect_status(200);
    }

    // Once the clocks agree, what is over is removed and the rest is not.
    let setup = server.stop().1;
    database.execute("drop function public.clock_timestamp()");
    database.execute(
        "update sessions set created_at = now() - interval '8 days' where account_id = \
         (select id from accounts where email = 'bob@example.com')",
    );
    let server = setup.start();
    let left = "do $$ begin assert (select count(*) from sessions) = 1; end $$";
    eventually(PATIENCE, "Bob's session is purged", || database.try_execute(left).is_ok());
    ada.at(&server).get(KEYS).expect_status(200);
    assert!(skew(&server).abs() < 2.0, "{}", skew(&server));
    let log = server.log();
    assert!(!log.contains("the database's: set it"), "{log}");
}
