//! From the embedded database to Postgres, and out of Latchkey altogether.

use serde_json::{Value, json};

use crate::database::Database;
use crate::person::{ADA, ADAS_PASSWORD, BOB, Issued, PASSWORD, Person};
use crate::process::Finished;
use crate::server::{PEPPERS, Server, Setup};

const EVENTS: &str = "/api/v1/audit-events?limit=200";

/// A stopped server on the embedded database, and what it knew.
struct Before {
    setup: Setup,
    ada: Person,
    good: Vec<Issued>,
    bad: Vec<Issued>,
    list: Vec<Value>,
    events: Value,
    trail: String,
}

/// Keys in every state, sessions, another account that is disabled, and a trail of all that.
fn before() -> Before {
    let server = Setup::on_sqlite().start();
    let ada = server.sign_up(ADA);
    let passwords = json!({ "currentPassword": ADAS_PASSWORD, "newPassword": "another long one" });
    ada.post(PASSWORD, passwords.to_string()).expect_status(200);
    let passwords = json!({ "currentPassword": "another long one", "newPassword": ADAS_PASSWORD });
    ada.post(PASSWORD, passwords.to_string()).expect_status(200);
    let [used, unused, off, revoked, rotated] =
        ["used", "unused", "off", "revoked", "rotated"].map(|name| ada.create_key(name));
    let limits = json!([{ "limit": 50, "every": "minute" }]);
    let limited = json!({ "name": "limited", "limits": limits, "credits": 9 });
    let limited = ada.create_key_with(&limited);
    server
        .backend("owners:write", "*")
        .put(
            "org_1",
            &json!({
                "maxKeys": null, "suspended": false, "limits": limits,
            }),
        )
        .expect_status(200);
    server.verify(&used.key).expect_status(200);
    ada.change(&off.id, &json!({ "enabled": false })).expect_status(200);
    ada.revoke(&revoked.id).expect_status(200);
    let new = Issued::from(&ada.rotate(&rotated.id, 3_600).expect_status(201));
    let expiring = json!({ "name": "expiring", "expiresAt": "2099-03-24T15:30:00.123Z" });
    let expiring = ada.create_key_with(&expiring);
    let bobs = server.sign_up(BOB).create_key("Bob's");
    server.setup.run(&["account", "disable", BOB], "").expect_code(0);
    // The last use is written.
    let server = server.restart();
    let ada = ada.at(&server);
    let list = ada.list();
    let events = ada.get(EVENTS).expect_status(200).json();
    let (_, setup) = server.stop();
    let trail = setup.run(&["audit", "export"], "").expect_code(0).stdout;
    let good = vec![used, unused, rotated, new, expiring, limited];
    Before { setup, ada, good, bad: vec![off, revoked, bobs], list, events, trail }
}

/// The URL without its password, and the password.
fn without_password(url: &str) -> (String, String) {
    let (scheme, rest) = url.split_once("://").expect("a URL");
    let Some((user, place)) = rest.split_once('@') else { return (url.into(), String::new()) };
    let (user, password) = user.split_once(':').unwrap_or((user, ""));
    (format!("{scheme}://{user}@{place}"), password.to_owned())
}

fn move_to(setup: &Setup, database: &Database) -> Finished {
    let (url, password) = without_password(&database.url().expect("a server"));
    setup.run(&["move", "--to", &url], &format!("{password}\n"))
}

/// A server on Postgres with the ring of the one that was.
fn after(before: &Before, database: Database) -> Server {
    let ring = before.setup.data_directory().join("peppers").display().to_string();
    let setup = Setup::on(database).without("LATCHKEY_PEPPERS");
    setup.with("LATCHKEY_PEPPERS_FILE", &ring).start()
}

fn everything_is_there(before: &Before, server: &Server) {
    let ada = before.ada.at(server);
    assert_eq!(ada.get(EVENTS).expect_status(200).json(), before.events);
    assert_eq!(ada.list(), before.list);
    let trail = server.setup.run(&["audit", "export"], "").expect_code(0).stdout;
    assert_eq!(trail, before.trail);
    for key in &before.good {
        server.verify(&key.key).expect_status(200);
    }
    for key in &before.bad {
        server.verify(&key.key).expect_error(401);
    }
    server.sign_in(BOB, ADAS_PASSWORD).expect_error(401);
    server.sign_in(ADA, ADAS_PASSWORD).expect_status(200);
    ada.revoke(&before.good[0].id).expect_status(200);
    server.verify(&before.good[0].key).expect_error(401);
    // Places that are held are counted on, and a revoked key stays revoked.
    assert_eq!(ada.list().len(), before.list.len() - 1);
    ada.create_key("made later");
    let reader = server.backend("keys:read", "*");
    let owner = reader.get("/api/v1/admin/owners/org_1").expect_status(200).json();
    assert_eq!(owner["limits"], json!([{ "limit": 50, "every": "minute" }]));
}

#[test]
fn everything_moves_to_postgres_and_the_ring_opens_it_there() {
    let before = before();
    let database = Database::private_postgres();
    let said = move_to(&before.setup, &database).expect_code(0).stdout;
    for part in [
        "keys: 9",
        "budgets: 3",
        "accounts: 2",
        "last uses: 1",
        "LATCHKEY_PEPPERS_FILE=",
        "DATABASE_URL=",
    ] {
        assert!(said.contains(part), "{part} is not in\n{said}");
    }
    let (_, password) = without_password(&database.url().expect("a server"));
    assert!(!said.contains(&password), "{said}");

    // A second time it would be in the way of what is there.
    let again = move_to(&before.setup, &database).expect_code(1);
    assert!(again.text.contains("already"), "{}", again.text);
    let server = after(&before, database);
    everything_is_there(&before, &server);
}

#[test]
fn a_move_that_fails_in_the_middle_leaves_nothing_and_can_be_repeated() {
    let before = before();
    let database = Database::empty_postgres();
    Setup::on(database.clone()).run(&["migrate"], "").expect_code(0);
    // Events come last.
    database.execute(
        "create function fail() returns trigger language plpgsql as \
         $$ begin raise exception 'no room'; end $$; \
         create trigger fail before insert on audit_events execute function fail()",
    );
    let failed = move_to(&before.setup, &database).expect_code(1);
    assert!(failed.text.contains("no room"), "{}", failed.text);
    // Otherwise the next would be refused.
    database.execute("drop trigger fail on audit_events");
    move_to(&before.setup, &database).expect_code(0);
    let server = after(&before, database);
    everything_is_there(&before, &server);
}

#[test]
fn a_database_in_use_a_running_server_and_a_password_in_the_argument_are_refused() {
    let refused = |setup: &Setup, to: &str, code, said: &str| {
        let finished = setup.run(&["move", "--to", to], "").expect_code(code);
        assert!(finished.text.contains(said), "{said} is not in\n{}", finished.text);
    };
    let target = Setup::on_empty_postgres().start();
    let (url, _) = without_password(&target.setup.database.url().expect("a server"));
    let source = Setup::on_sqlite();
    refused(&source, &url, 1, "there is no embedded database");
    let server = source.start();
    let key = server.sign_up(ADA).create_key("a");
    refused(&server.setup, &url, 1, "stop it first");
    let (_, source) = server.stop();
    // A server that only started there has left the check of its pepper.
    refused(&source, &url, 1, "there are peppers already");
    refused(&source, "postgres://u:hunter2@127.0.0.1/keys", 1, "--to: takes no password");
    refused(&source, "postgres://127.0.0.1/keys?password=hunter2", 1, "--to: takes no password");
    refused(&source, "mysql://127.0.0.1/keys", 1, "--to: must begin with postgres://");
    let text = source.run(&["move", "--to", "postgres://u:hunter2@127.0.0.1/k"], "").text;
    assert!(!text.contains("hunter2"), "{text}");
    refused(&target.setup, &url, 1, "DATABASE_URL names Postgres");

    // What a later release keeps besides would stay behind, in a table of which nobody here knows.
    source.execute(
        "insert into __diesel_schema_migrations (version) values ('29990101000000'); \
         insert into schema_compat (version, oldest_reader) \
         values ('29990101000000', '20261129000001')",
    );
    refused(&source, &url, 1, "by a newer version of Latchkey");

    // The one that was not moved goes on.
    source.start().verify(&key.key).expect_status(200);
}

fn exported(setup: &Setup) -> Vec<Value> {
    let text = setup.run(&["export"], "").expect_code(0).stdout;
    text.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect()
}

on_both_databases![an_export_has_every_account_and_key_and_nothing_secret];

fn an_export_has_every_account_and_key_and_nothing_secret(setup: Setup) {
    let server = setup.with("LATCHKEY_PEPPERS", PEPPERS).start();
    let ada = server.sign_up(ADA);
    let [kept, revoked] = ["kept", "revoked"].map(|name| ada.create_key(name));
    ada.revoke(&revoked.id).expect_status(200);
    let listed = ada.item(&kept.id);
    let running = exported(&server.setup);
    let (_, setup) = server.stop();
    assert_eq!(exported(&setup), running);

    let find = |id: &str| running.iter().find(|line| line["id"] == id).expect("exported");
    assert_eq!(running.len(), 3);
    let account = find(kept_owner(&running));
    assert_eq!((&account["type"], &account["email"]), (&json!("account"), &json!(ADA)));
    assert_eq!(account["disabledAt"], Value::Null);
    let key = find(&kept.id);
    assert_eq!((&key["type"], &key["ownerId"]), (&json!("key"), &account["id"]));
    for member in ["name", "keyPrefix", "environment", "createdAt", "expiresAt"] {
        assert_eq!(key[member], listed[member], "{member}");
    }
    assert_eq!(key["revokedAt"], Value::Null);
    assert!(find(&revoked.id)["revokedAt"].is_string());

    let text = serde_json::to_string(&running).expect("JSON");
    for secret in ["$argon2", "digest", "password", &kept.key[12..], &revoked.key[12..]] {
        assert!(!text.contains(secret), "{secret} is in\n{text}");
    }
}

fn kept_owner(lines: &[Value]) -> &str {
    let key = lines.iter().find(|line| line["type"] == "key").expect("a key");
    key["ownerId"].as_str().expect("text")
}
