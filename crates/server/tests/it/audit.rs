//! The audit trail: one event for each thing that was done, and none for what was not.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use crate::http::{get, members, post, request};
use crate::person::{
    ADA, ADAS_PASSWORD, BOB, Issued, KEYS, PASSWORD, Person, SIGN_IN, SIGN_OUT, SIGN_UP,
    credentials, text, token_of,
};
use crate::process::Finished;
use crate::server::{Server, Setup};

pub(crate) const EVENTS: &str = "/api/v1/audit-events";

const MEMBERS: [&str; 12] = [
    "action",
    "actor",
    "address",
    "at",
    "changes",
    "id",
    "keyId",
    "keyIds",
    "keyName",
    "keyPrefix",
    "requestId",
    "userAgent",
];
const OTHER_PASSWORD: &str = "another long password";

on_both_databases![
    everything_that_is_done_is_one_event,
    what_is_refused_or_changes_nothing_is_no_event,
    one_of_many_concurrent_revokes_is_an_event,
    the_trail_is_read_page_by_page,
    what_operators_do_is_in_the_trail,
    the_trail_and_the_keys_are_told_whole_with_and_without_a_server,
];

on_sqlite![
    an_event_tells_which_key_and_what_was_changed,
    an_event_keeps_what_a_key_was_called,
    a_change_that_changes_nothing_is_not_told,
    the_trail_of_a_key_goes_back_to_where_it_comes_from,
    an_event_tells_who_asked,
    a_refused_sign_in_is_in_the_trail_of_the_account_that_it_named,
    an_account_sees_its_own_events_only,
    a_bad_page_is_refused,
];

impl Person {
    /// The trail, oldest first.
    pub(crate) fn events(&self) -> Vec<Value> {
        let events = self.get(&format!("{EVENTS}?limit=200")).expect_status(200).json();
        let mut events = events.as_array().expect("an array").clone();
        events.reverse();
        events
    }

    pub(crate) fn actions(&self) -> Vec<String> {
        self.events().iter().map(|event| text(event, "action")).collect()
    }
}

/// The trail of everybody, oldest first.
pub(crate) fn exported(setup: &Setup) -> Vec<Value> {
    let Finished { stdout, .. } = setup.run(&["audit", "export"], "").expect_code(0);
    stdout.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect()
}

fn everything_that_is_done_is_one_event(setup: Setup) {
    let server = setup.start();
    let ada = server.sign_up(ADA);
    let key = ada.create_key("a");
    ada.change(&key.id, &json!({ "name": "b", "enabled": false })).expect_status(200);
    ada.change(&key.id, &json!({ "enabled": true })).expect_status(200);
    let new = Issued::from(&ada.rotate(&key.id, 60).expect_status(201));
    let newest = Issued::from(&ada.rotate(&new.id, 0).expect_status(201));
    ada.revoke(&key.id).expect_status(200);
    let passwords = json!({ "currentPassword": ADAS_PASSWORD, "newPassword": OTHER_PASSWORD });
    ada.post(PASSWORD, passwords.to_string()).expect_status(200);
    ada.send(post(SIGN_OUT)).expect_status(200);
    server.sign_in(ADA, ADAS_PASSWORD).expect_status(401);
    let answer = server.sign_in(ADA, OTHER_PASSWORD).expect_status(200);
    let ada = Person { address: server.address, token: token_of(&answer) };

    let told = ada.events();
    for event in &told {
        assert_eq!(members(event), MEMBERS, "{event}");
    }
    let exported = exported(&server.setup);
    let got: Vec<_> = exported
        .iter()
        .map(|event| {
            let id = |member: &str| event[member].as_str().map(str::to_owned);
            (text(event, "action"), id("keyId"), id("replacedBy"))
        })
        .collect();
    let ids = |events: &[Value]| events.iter().map(|it| text(it, "id")).collect::<Vec<_>>();
    assert_eq!(ids(&told), ids(&exported));
    let want = [
        ("account.created", None, None),
        ("key.created", Some(&key.id), None),
        ("key.changed", Some(&key.id), None),
        ("key.changed", Some(&key.id), None),
        ("key.rotated", Some(&key.id), Some(&new.id)),
        // The first key still worked: of a chain only one that was replaced may.
        ("key.changed", Some(&key.id), None),
        ("key.rotated", Some(&new.id), Some(&newest.id)),
        ("key.revoked", Some(&key.id), None),
        ("password.changed", None, None),
        ("session.ended", None, None),
        ("session.refused", None, None),
        ("session.started", None, None),
    ];
    let want = want.map(|(action, key, by)| (action.to_owned(), key.cloned(), by.cloned()));
    assert_eq!(got, want);
}

fn what_is_refused_or_changes_nothing_is_no_event(setup: Setup) {
    let server = setup.with("LATCHKEY_MAX_KEYS_PER_OWNER", "1").start();
    let ada = server.sign_up(ADA);
    let key = ada.create_key("a");
    let before = ada.events();

    ada.create(r#"{"name":"b"}"#).expect_error(409);
    ada.create(r#"{"name":""}"#).expect_error(400);
    ada.change(&key.id, &json!({ "name": "a", "enabled": true })).expect_status(200);
    ada.rotate("01919b4e-7b3c-7def-8123-456789abcdef", 60).expect_error(404);
    ada.revoke("01919b4e-7b3c-7def-8123-456789abcdef").expect_error(404);
    server.send(&post(SIGN_UP).json(credentials(ADA, ADAS_PASSWORD))).expect_error(409);
    server.send(&post(SIGN_OUT)).expect_error(401);
    server.verify(&key.key).expect_status(200);

    assert_eq!(ada.events(), before);
}

/// Of each event that names a key: the action, what the key was called, and what was changed.
fn told(events: &[Value]) -> Vec<Value> {
    let of_keys = events.iter().filter(|event| !event["keyId"].is_null());
    of_keys.map(|it| json!([it["action"], it["keyName"], it["keyPrefix"], it["changes"]])).collect()
}

fn an_event_tells_which_key_and_what_was_changed(setup: Setup) {
    let server = setup.start();
    let ada = server.sign_up(ADA);
    let key = ada.create_key("A");
    let prefix = &key.key[..12];
    let [first, second] = ["2999-01-01T00:00:00.000Z", "3000-01-01T00:00:00.000Z"];
    for (change, changes) in [
        (json!({ "name": "B" }), json!({ "name": ["A", "B"] })),
        (json!({ "enabled": false }), json!({ "enabled": [true, false] })),
        (json!({ "enabled": true }), json!({ "enabled": [false, true] })),
        (json!({ "expiresAt": first }), json!({ "expiresAt": [null, first] })),
        (json!({ "expiresAt": second }), json!({ "expiresAt": [first, second] })),
        (json!({ "expiresAt": null }), json!({ "expiresAt": [second, null] })),
        (
            json!({ "name": "B", "enabled": false, "expiresAt": first }),
            json!({ "enabled": [true, false], "expiresAt": [null, first] }),
        ),
        (
            json!({ "name": "'\"; é", "enabled": true, "expiresAt": null }),
            json!({ "name": ["B", "'\"; é"], "enabled": [false, true], "expiresAt": [first, null] }),
        ),
    ] {
        let item = ada.change(&key.id, &change).expect_status(200).json();
        let events = ada.events();
        let event = events.last().expect("there are some");
        assert_eq!(event["changes"], changes, "{change}");
        assert_eq!((&event["keyName"], &event["keyPrefix"]), (&item["name"], &json!(prefix)));
    }
    for event in ada.events().iter().filter(|event| event["action"] != "key.changed") {
        assert_eq!(event["changes"], Value::Null, "{event}");
        let of_key = event["action"] != "account.created";
        assert_eq!(
            (event["keyName"].is_string(), event["keyPrefix"].is_string()),
            (of_key, of_key)
        );
    }
    let exported = exported(&server.setup);
    for (told, exported) in ada.events().iter().zip(&exported) {
        for member in MEMBERS {
            assert_eq!(told[member], exported[member]);
        }
    }
}

fn an_event_keeps_what_a_key_was_called(setup: Setup) {
    let server = setup.start();
    let ada = server.sign_up(ADA);
    let [leaked, revoked, ordered] = ["leaked", "revoked", "ordered"].map(|it| ada.create_key(it));
    let rename =
        |key: &Issued, name| ada.change(&key.id, &json!({ "name": name })).expect_status(200);
    rename(&revoked, "renamed");
    let new = Issued::from(&ada.rotate(&revoked.id, 60).expect_status(201));
    rename(&new, "its successor");
    ada.revoke(&revoked.id).expect_status(200);
    let report = post(crate::leaks::LEAKS).json(json!({ "key": leaked.key }).to_string());
    server.send(&report).expect_status(200);
    server.setup.run(&["keys", "revoke", &ordered.id], "").expect_code(0);

    let prefix = |key: &Issued| key.key[..12].to_owned();
    let want = [
        json!(["key.created", "leaked", prefix(&leaked), null]),
        json!(["key.created", "revoked", prefix(&revoked), null]),
        json!(["key.created", "ordered", prefix(&ordered), null]),
        json!(["key.changed", "renamed", prefix(&revoked), { "name": ["revoked", "renamed"] }]),
        json!(["key.rotated", "renamed", prefix(&revoked), null]),
        json!(["key.changed", "its successor", prefix(&new), { "name": ["renamed", "its successor"] }]),
        json!(["key.revoked", "renamed", prefix(&revoked), null]),
        json!(["key.leaked", "leaked", prefix(&leaked), null]),
        json!(["key.revoked", "ordered", prefix(&ordered), null]),
    ];
    assert_eq!(told(&ada.events()), want);
    assert_eq!(told(&exported(&server.setup)), want);
}

fn a_change_that_changes_nothing_is_not_told(setup: Setup) {
    let server = setup.start();
    let ada = server.sign_up(ADA);
    let key = ada.create_key("A");
    let before = ada.events();
    for nothing in [
        json!({ "name": "A" }),
        json!({ "enabled": true }),
        json!({ "expiresAt": null }),
        json!({ "name": "A", "enabled": true, "expiresAt": null }),
    ] {
        ada.change(&key.id, &nothing).expect_status(200);
    }
    assert_eq!(ada.events(), before);
}

fn the_trail_of_a_key_goes_back_to_where_it_comes_from(setup: Setup) {
    let server = setup.start();
    let (ada, bob) = (server.sign_up(ADA), server.sign_up(BOB));
    let (old, other) = (ada.create_key("A"), ada.create_key("other"));
    let new = Issued::from(&ada.rotate(&old.id, 60).expect_status(201));
    ada.change(&new.id, &json!({ "enabled": false })).expect_status(200);
    ada.revoke(&old.id).expect_status(200);
    // More than any page of the whole trail holds.
    for n in 0..210 {
        ada.change(&other.id, &json!({ "name": format!("other {n}") })).expect_status(200);
    }
    let actions = |query: &str| -> Vec<String> {
        let events = ada.get(&format!("{EVENTS}?{query}")).expect_status(200).json();
        let events = events.as_array().expect("an array");
        events.iter().map(|event| text(event, "action")).collect()
    };
    let of = |key: &Issued, more: &str| actions(&format!("keyId={}{more}", key.id));
    assert_eq!(of(&old, ""), ["key.revoked", "key.rotated", "key.created"]);
    assert_eq!(of(&new, ""), ["key.changed", "key.rotated"]);
    assert_eq!(of(&new, "&limit=1"), ["key.changed"]);
    let events = ada.get(&format!("{EVENTS}?keyId={}", new.id)).json();
    let before = |at: usize| format!("&before={}", text(&events[at], "id"));
    assert_eq!(of(&new, &before(0)), ["key.rotated"]);
    assert_eq!(of(&new, &before(1)), [""; 0]);
    assert_eq!(events[1]["keyId"], old.id.as_str());
    assert_eq!(of(&other, "&limit=200").len(), 200);
    assert_eq!(actions("keyId=01919b4e-7b3c-7def-8123-456789abcdef"), [""; 0]);
    let theirs = bob.get(&format!("{EVENTS}?keyId={}", new.id)).expect_status(200).json();
    assert_eq!(theirs, json!([]));
}

fn an_event_tells_who_asked(setup: Setup) {
    let server = setup.start();
    let ada = server.sign_up(ADA);
    let create = post(KEYS)
        .json(r#"{"name":"a"}"#)
        .header("User-Agent", format!("curl\x01/8 {}", "x".repeat(1_000)))
        .header("X-Forwarded-For", "198.51.100.1")
        .header("X-Request-Id", "mine.1");
    let refused = ada.send(create);
    assert_eq!(refused.status, 400, "a control character in a header is bad HTTP");
    let create = post(KEYS)
        .json(r#"{"name":"a"}"#)
        .header("User-Agent", format!("curl/8 {}", "x".repeat(1_000)))
        .header("X-Forwarded-For", "198.51.100.1")
        .header("X-Request-Id", "mine.1");
    let made = ada.send(create).expect_status(201).json();
    let answer = ada.revoke(&text(&made, "id")).expect_status(200);

    let events = ada.events();
    let [signed_up, created, revoked] = &events[..] else { panic!("{events:#?}") };
    for event in [signed_up, created, revoked] {
        assert_eq!(event["actor"], ada.get("/api/v1/auth/session").json()["id"]);
        assert_eq!(event["address"], "127.0.0.1");
    }
    assert_eq!(created["at"], made["createdAt"]);
    assert_eq!(created["requestId"], "mine.1");
    let agent = text(created, "userAgent");
    assert!(agent.starts_with("curl/8 xxx") && agent.len() == 256, "{agent}");
    assert_eq!(revoked["userAgent"], Value::Null);
    assert_eq!(revoked["requestId"].as_str(), answer.header("x-request-id"));
}

fn a_refused_sign_in_is_in_the_trail_of_the_account_that_it_named(setup: Setup) {
    let server = setup.start();
    let ada = server.sign_up(ADA);
    server.sign_in("Ada@Example.com", "a wrong password").expect_error(401);
    server.sign_in(BOB, "a wrong password").expect_error(401);
    server.sign_in("no address", "a wrong password").expect_error(401);
    let events = ada.events();
    assert_eq!(ada.actions(), ["account.created", "session.refused"]);
    assert_eq!(events[1]["actor"], "anonymous");

    let nobodys: Vec<_> = exported(&server.setup);
    let nobodys: Vec<_> = nobodys.iter().filter(|event| event["owner"].is_null()).collect();
    assert_eq!(nobodys.len(), 2);
    for event in nobodys {
        assert_eq!(event["action"], "session.refused");
        assert_eq!(event["address"], "127.0.0.1");
    }
}

fn one_of_many_concurrent_revokes_is_an_event(setup: Setup) {
    let server = setup.start();
    let ada = server.sign_up(ADA);
    let key = ada.create_key("a");
    std::thread::scope(|scope| {
        for _ in 0..20 {
            scope.spawn(|| ada.revoke(&key.id));
        }
    });
    assert_eq!(ada.actions(), ["account.created", "key.created", "key.revoked"]);
}

fn an_account_sees_its_own_events_only(setup: Setup) {
    let server = setup.start();
    let (ada, bob) = (server.sign_up(ADA), server.sign_up(BOB));
    let key = ada.create_key("a");
    bob.revoke(&key.id).expect_error(404);
    assert_eq!(ada.actions(), ["account.created", "key.created"]);
    assert_eq!(bob.actions(), ["account.created"]);
    server.send(&get(EVENTS)).expect_error(401);
    server.send(&get(EVENTS).header("x-api-key", &key.key)).expect_error(401);
}

fn the_trail_is_read_page_by_page(setup: Setup) {
    let server = setup.start();
    let ada = server.sign_up(ADA);
    for n in 0..60 {
        ada.create_key(&format!("{n}"));
    }
    let mut all = ada.events();
    all.reverse();
    assert_eq!(all.len(), 61);
    let read = |query: &str| ada.get(&format!("{EVENTS}{query}")).expect_status(200).json();
    assert_eq!(read(""), Value::from(&all[..50]));
    assert_eq!(read("?limit=7"), Value::from(&all[..7]));
    let last = text(&all[6], "id");
    assert_eq!(read(&format!("?before={last}&limit=200")), Value::from(&all[7..]));
    let oldest = text(&all[60], "id");
    assert_eq!(read(&format!("?before={oldest}")), json!([]));

    let head = ada.send(request("HEAD", EVENTS)).expect_status(200);
    assert!(head.body.is_empty());
    let refused = ada.post(EVENTS, "{}").expect_error(405);
    assert_eq!(refused.header("allow"), Some("GET, HEAD"));
}

fn a_bad_page_is_refused(setup: Setup) {
    let server = setup.start();
    let ada = server.sign_up(ADA);
    for query in [
        "limit=0",
        "limit=201",
        "limit=-1",
        "limit=",
        "limit=ten",
        "limit=1.5",
        "limit=99999999999999999999",
        "limit=1&limit=2",
        "limit=%00",
        "limit",
        "before=",
        "before=x",
        "before=01919B4E-7B3C-7DEF-8123-456789ABCDEF",
        "before=01919b4e7b3c7def8123456789abcdef",
        "before=01919b4e-7b3c-7def-8123-456789abcdef%20",
        "before=%ff",
        "limit=5&before=';select",
        "keyId=",
        "keyId=x",
        "keyId=01919B4E-7B3C-7DEF-8123-456789ABCDEF",
        "keyId=01919b4e-7b3c-7def-8123-456789abcdef&keyId=01919b4e-7b3c-7def-8123-456789abcdef",
        "keyid=01919b4e-7b3c-7def-8123-456789abcdef",
        "owner=other",
        "x",
    ] {
        ada.get(&format!("{EVENTS}?{query}")).expect_error(400);
        server.send(&get(&format!("{EVENTS}?{query}"))).expect_error(401);
    }
    ada.get(&format!("{EVENTS}/x")).expect_error(404);
}

fn what_operators_do_is_in_the_trail(setup: Setup) {
    let run = |setup: &Setup, arguments: &[&str]| {
        setup.run(arguments, OTHER_PASSWORD).expect_code(0);
    };
    run(&setup, &["account", "create", ADA]);
    let server = setup.start();
    let answer = server.sign_in(ADA, OTHER_PASSWORD).expect_status(200);
    let ada = Person { address: server.address, token: token_of(&answer) };
    let (one, _two) = (ada.create_key("one"), ada.create_key("two"));
    run(&server.setup, &["keys", "revoke", &one.id]);
    run(&server.setup, &["account", "reset-password", ADA]);
    for _again_is_no_event in 0..2 {
        run(&server.setup, &["account", "disable", ADA]);
    }
    server.sign_in(ADA, OTHER_PASSWORD).expect_error(401);

    let got: Vec<_> = exported(&server.setup)
        .iter()
        .map(|event| (text(event, "action"), text(event, "actor") == "operator"))
        .collect();
    let want = [
        ("account.created", true),
        ("session.started", false),
        ("key.created", false),
        ("key.created", false),
        ("key.revoked", true),
        ("password.changed", true),
        ("account.disabled", true),
        ("session.refused", false),
    ];
    assert_eq!(got, want.map(|(action, operator)| (action.to_owned(), operator)));
}

fn the_trail_and_the_keys_are_told_whole_with_and_without_a_server(setup: Setup) {
    let server = setup.with("LATCHKEY_MAX_KEYS_PER_OWNER", "1000").start();
    assert_eq!(exported(&server.setup), [Value::Null; 0]);
    let (ada, bob) = (server.sign_up(ADA), server.sign_up(BOB));
    // More than one page of them.
    std::thread::scope(|scope| {
        for _ in 0..6 {
            scope.spawn(|| (0..90).for_each(|_| drop(ada.create_key("a"))));
        }
    });
    bob.create_key("b");
    let all = exported(&server.setup);
    assert_eq!(all.len(), 2 + 540 + 1);
    let ids: Vec<_> = all.iter().map(|event| text(event, "id")).collect();
    assert!(ids.is_sorted());
    let of = |person: &Person| {
        let id = text(&person.get("/api/v1/auth/session").json(), "id");
        all.iter().filter(|event| event["owner"] == id.as_str()).count()
    };
    assert_eq!((of(&ada), of(&bob)), (541, 2));
    let keys = listed_keys(&server.setup);
    assert_eq!(keys.len(), 541);
    let (_, setup) = server.stop();
    assert_eq!(exported(&setup), all);
    assert_eq!(listed_keys(&setup), keys);
}

/// Their ids, in order.
fn listed_keys(setup: &Setup) -> BTreeSet<String> {
    let table = setup.run(&["keys", "list"], "").expect_code(0).stdout;
    let (head, rows) = table.split_once('\n').expect("rows");
    assert!(head.starts_with("ID\tOWNER\t"), "{head}");
    let ids = rows.lines().map(|row| row.split('\t').next().unwrap_or_default().to_owned());
    let (ids, rows) = (ids.collect::<BTreeSet<_>>(), rows.lines().count());
    assert_eq!(ids.len(), rows, "no key comes twice");
    ids
}

#[test]
fn behind_a_trusted_proxy_the_address_is_the_clients() {
    let server: Server = Setup::on_sqlite().with("LATCHKEY_TRUSTED_PROXIES", "127.0.0.1").start();
    let forwarded = |path: &str| post(path).header("X-Forwarded-For", "198.51.100.1");
    let body = credentials(ADA, ADAS_PASSWORD);
    let answer = server.send(&forwarded(SIGN_UP).json(&body)).expect_status(201);
    server.send(&forwarded(SIGN_IN).json(&body)).expect_status(200);
    let ada = Person { address: server.address, token: token_of(&answer) };
    let addresses: Vec<_> = ada.events().iter().map(|event| text(event, "address")).collect();
    assert_eq!(addresses, ["198.51.100.1"; 2]);
}
