//! Management calls about owners and about the keys of many.

use std::thread;

use serde_json::{Value, json};

use crate::http::{Request, Response, patch, post, request};
use crate::management::{Backend, key_of, keys_of};
use crate::person::{ADA, Issued, SESSION, key_path, text};
use crate::server::Setup;
use crate::strict::three;

const FIND: &str = "/api/v1/admin/api-keys";
const REVOKE: &str = "/api/v1/admin/api-keys/revoke";
const EVENTS: &str = "/api/v1/admin/audit-events";

fn owner_path(owner: &str) -> String {
    format!("/api/v1/admin/owners/{owner}")
}

impl Backend {
    fn set(&self, owner: &str, settings: &Value) -> Response {
        self.send(request("PUT", &owner_path(owner)).json(settings.to_string()))
    }

    fn suspend(&self, owner: &str, suspended: bool) -> Response {
        self.set(owner, &json!({ "maxKeys": null, "suspended": suspended })).expect_status(200)
    }

    fn revoke_all(&self, of: &Value) -> Vec<String> {
        let answer = self.post(REVOKE, of).expect_status(200).json();
        let ids = answer["revoked"].as_array().expect("a list").iter();
        ids.map(|id| id.as_str().expect("an id").to_owned()).collect()
    }

    /// The names of the keys that a search finds, in its order, over all pages.
    fn found(&self, query: &str) -> Vec<String> {
        let (mut names, mut after) = (Vec::new(), String::new());
        loop {
            let page = self.get(&format!("{FIND}?{query}{after}")).expect_status(200).json();
            names.extend(
                page["items"].as_array().expect("a list").iter().map(|it| text(it, "name")),
            );
            let Some(next) = page["next"].as_str() else { return names };
            after = format!("&after={next}");
        }
    }
}

on_both_databases![
    a_suspended_owner_has_no_good_key_until_the_suspension_ends,
    an_owner_may_hold_as_many_keys_as_was_said_of_it,
    keys_of_all_owners_are_found_by_what_is_known_of_them,
    all_keys_that_somebody_made_are_revoked_by_one_call,
    the_events_of_all_owners_are_read_by_who_may,
];

fn a_suspended_owner_has_no_good_key_until_the_suspension_ends(setup: Setup) {
    let server = setup.start();
    let backend = server.backend("keys:write,owners:write", "*");
    let before = backend.get(&owner_path("ada")).expect_status(200).json();
    assert_eq!(
        before,
        json!({
            "owner": "ada", "maxKeys": null, "suspended": false, "keys": 0, "limits": null, "credits": null,
        })
    );
    let key = backend.create_key("ada", &json!({ "name": "a" }));
    let others = backend.create_key("bob", &json!({ "name": "b" }));
    server.verify(&key.key).expect_status(200);

    let suspended = backend.suspend("ada", true).json();
    assert_eq!(
        suspended,
        json!({
            "owner": "ada", "maxKeys": null, "suspended": true, "keys": 1, "limits": null, "credits": null,
        })
    );
    server.verify(&key.key).expect_refusal(401, "invalid_key");
    server.verify(&others.key).expect_status(200);
    let new = backend.post(&keys_of("ada"), &json!({ "name": "c" }));
    new.expect_refusal(409, "owner_suspended");
    let rotated = backend.post(&format!("{}/rotate", key_of("ada", &key.id)), &json!({}));
    rotated.expect_refusal(409, "owner_suspended");
    backend.suspend("ada", true);

    backend.suspend("ada", false);
    server.verify(&key.key).expect_status(200);
    backend.create_key("ada", &json!({ "name": "c" }));
}

fn an_owner_may_hold_as_many_keys_as_was_said_of_it(setup: Setup) {
    let server = setup.with("LATCHKEY_MAX_KEYS_PER_OWNER", "1").start();
    let backend = server.backend("keys:write,owners:write", "*");
    let create = |owner: &str| backend.post(&keys_of(owner), &json!({ "name": "a" }));
    backend.set("ada", &json!({ "maxKeys": 2, "suspended": false })).expect_status(200);
    backend.set("eve", &json!({ "maxKeys": 0, "suspended": false })).expect_status(200);
    create("ada").expect_status(201);
    create("ada").expect_status(201);
    create("ada").expect_refusal(409, "limit_reached");
    create("bob").expect_status(201);
    create("bob").expect_refusal(409, "limit_reached");
    create("eve").expect_refusal(409, "limit_reached");
    let ada = backend.get(&owner_path("ada")).expect_status(200).json();
    assert_eq!((&ada["maxKeys"], &ada["keys"]), (&json!(2), &json!(2)));
    backend.set("ada", &json!({ "maxKeys": null, "suspended": false })).expect_status(200);
    create("ada").expect_refusal(409, "limit_reached");
}

fn keys_of_all_owners_are_found_by_what_is_known_of_them(setup: Setup) {
    let server = setup.start();
    let backend = server.backend("keys:write", "org_*");
    let everything = server.backend("keys:write", "*");
    let make = |owner: &str, body: Value| everything.create_key(owner, &body);
    let first = make("org_1", json!({ "name": "Alpha 100%", "createdBy": "ada" }));
    make("org_2", json!({ "name": "beta", "createdBy": "ada", "environment": "test" }));
    let third = make("org_1", json!({ "name": "gamma_1", "createdBy": "bob" }));
    make("other", json!({ "name": "hidden", "createdBy": "ada" }));
    let off = json!({ "enabled": false }).to_string();
    everything.send(patch(&key_of("org_1", &third.id)).json(off)).expect_status(200);

    assert_eq!(backend.found(""), ["gamma_1", "beta", "Alpha 100%"], "the newest first");
    assert_eq!(backend.found("limit=1"), ["gamma_1", "beta", "Alpha 100%"], "page by page");
    assert_eq!(everything.found("").len(), 4);
    assert_eq!(backend.found("owner=org_1"), ["gamma_1", "Alpha 100%"]);
    assert_eq!(backend.found("owner=other"), [""; 0]);
    assert_eq!(backend.found("createdBy=ada"), ["beta", "Alpha 100%"]);
    assert_eq!(backend.found("environment=test"), ["beta"]);
    assert_eq!(backend.found("status=disabled"), ["gamma_1"]);
    assert_eq!(backend.found("status=active&createdBy=ada&q=ALPHA"), ["Alpha 100%"]);
    assert_eq!(backend.found("q=0%25"), ["Alpha 100%"]);
    assert_eq!(backend.found("q=a_1"), ["gamma_1"], "no character stands for others");
    assert_eq!(backend.found(&format!("keyPrefix={}", &first.key[..12])), ["Alpha 100%"]);
    assert_eq!(backend.found("unusedSince=2099-01-01T00:00:00Z").len(), 3);
    assert_eq!(backend.found("unusedSince=2020-01-01T00:00:00Z"), [""; 0]);

    backend.revoke("org_1", &first.id).expect_status(200);
    assert_eq!(backend.found("createdBy=ada"), ["beta"], "without a status none that is revoked");
    let revoked = backend.get(&format!("{FIND}?status=revoked")).expect_status(200).json();
    let [item] = &revoked["items"].as_array().expect("a list")[..] else { panic!("{revoked}") };
    assert_eq!((text(item, "ownerId"), text(item, "id")), ("org_1".into(), first.id));
    assert!(item["revokedAt"].is_string() && revoked["next"].is_null(), "{revoked}");
    let live = backend.get(&format!("{FIND}?owner=org_2")).expect_status(200).json();
    assert!(live["items"][0].get("revokedAt").is_some_and(Value::is_null), "{live}");

    for bad in [
        "limit=0",
        "limit=201",
        "limit=x",
        "after=x",
        "status=gone",
        "environment=prod",
        "x=1",
        "owner=a&owner=b",
        "owner=",
        "createdBy=%20",
        "keyPrefix=",
        "unusedSince=today",
        "q=%00",
    ] {
        backend.get(&format!("{FIND}?{bad}")).expect_refusal(400, "invalid_request");
    }
}

fn all_keys_that_somebody_made_are_revoked_by_one_call(setup: Setup) {
    let server = setup.start();
    let backend = server.backend("keys:write", "org_*");
    let everything = server.backend("keys:write,audit:read", "*");
    let of = |owner: &str, by: &str| {
        everything.create_key(owner, &json!({ "name": "a", "createdBy": by }))
    };
    let (first, second) = (of("org_1", "ada"), of("org_2", "ada"));
    let (bobs, elsewhere) = (of("org_1", "bob"), of("other", "ada"));
    for key in [&first, &second, &bobs, &elsewhere] {
        server.verify(&key.key).expect_status(200);
    }
    let mut ids = backend.revoke_all(&json!({ "createdBy": "ada" }));
    ids.sort_unstable();
    assert_eq!(ids, [first.id.clone(), second.id.clone()]);
    for key in [&first, &second] {
        server.verify(&key.key).expect_error(401);
    }
    server.verify(&bobs.key).expect_status(200);
    server.verify(&elsewhere.key).expect_status(200);
    assert_eq!(backend.revoke_all(&json!({ "createdBy": "ada" })), [""; 0]);

    let refused = backend.post(REVOKE, &json!({ "owner": "other" }));
    refused.expect_refusal(403, "owner_not_allowed");
    for bad in [json!({}), json!({ "owner": null }), json!({ "owner": "" }), json!({ "x": 1 })] {
        backend.post(REVOKE, &bad).expect_refusal(400, "invalid_request");
    }
    assert_eq!(backend.revoke_all(&json!({ "owner": "org_1", "createdBy": "ada" })), [""; 0]);
    assert_eq!(backend.revoke_all(&json!({ "owner": "org_1" })), std::slice::from_ref(&bobs.id));

    let told = |query: &str| everything.get(&format!("{EVENTS}?{query}")).expect_status(200).json();
    let events = told("action=keys.revoked");
    let events = events.as_array().expect("a list");
    let owners: Vec<_> = events.iter().map(|event| text(event, "ownerId")).collect();
    assert_eq!(owners, ["org_1", "org_2", "org_1"], "one event for each owner that was touched");
    assert_eq!(events[0]["keyIds"], json!([bobs.id]));
    assert!(events[0]["keyId"].is_null(), "{events:?}");
    let of_key = told(&format!("keyId={}", first.id));
    let actions: Vec<_> =
        of_key.as_array().expect("a list").iter().map(|event| text(event, "action")).collect();
    assert_eq!(actions, ["keys.revoked", "key.created"]);
}

fn the_events_of_all_owners_are_read_by_who_may(setup: Setup) {
    let server = setup.start();
    let ada = server.sign_up(ADA);
    let id = text(&ada.get(SESSION).expect_status(200).json(), "id");
    let backend = server.backend("keys:write,owners:write,audit:read", "*");
    let narrow = server.backend("audit:read", "org_*");
    backend.create_key("org_1", &json!({ "name": "a" }));
    backend.set("org_1", &json!({ "maxKeys": 5, "suspended": true })).expect_status(200);
    backend.set("org_1", &json!({ "maxKeys": 5, "suspended": true })).expect_status(200);
    let actions = |backend: &Backend, query: &str| {
        let events = backend.get(&format!("{EVENTS}?{query}")).expect_status(200).json();
        let events = events.as_array().expect("a list").clone();
        events.iter().map(|event| text(event, "action")).collect::<Vec<_>>()
    };
    assert_eq!(actions(&narrow, ""), ["owner.changed", "key.created"], "nothing changed, no event");
    assert_eq!(actions(&backend, "action=token.created").len(), 2, "they belong to no owner");
    assert_eq!(actions(&narrow, "action=token.created"), [""; 0]);
    assert_eq!(actions(&backend, &format!("owner={id}&action=account.created")).len(), 1);
    let changed = narrow.get(&format!("{EVENTS}?action=owner.changed&limit=1")).json();
    let wanted = json!({ "maxKeys": [null, 5], "suspended": [false, true] });
    assert_eq!(changed[0]["changes"], wanted, "{changed}");
    assert!(changed[0]["keyIds"].is_null());
    for bad in ["action=x", "limit=0", "before=x", "keyId=x", "owner=%20", "x=1"] {
        backend.get(&format!("{EVENTS}?{bad}")).expect_refusal(400, "invalid_request");
    }
    server.backend("keys:write", "*").get(EVENTS).expect_refusal(403, "missing_right");
    let key = ada.create_key("a").id;
    let own = ada.get(&format!("/api/v1/audit-events?keyId={key}")).expect_status(200).json();
    assert!(own[0].get("ownerId").is_none() && own[0]["keyIds"].is_null(), "{own}");
    ada.get(&key_path(&key)).expect_status(200);
}

#[test]
fn settings_of_owners_are_checked_and_both_must_be_given() {
    let server = Setup::on_sqlite().start();
    let backend = server.backend("owners:write,keys:read", "*");
    for bad in [
        "{}",
        r#"{"suspended":true}"#,
        r#"{"maxKeys":1}"#,
        r#"{"maxKeys":-1,"suspended":false}"#,
        r#"{"maxKeys":1000001,"suspended":false}"#,
        r#"{"maxKeys":1.5,"suspended":false}"#,
        r#"{"maxKeys":"1","suspended":false}"#,
        r#"{"maxKeys":1,"suspended":null}"#,
        r#"{"maxKeys":1,"suspended":false,"x":1}"#,
    ] {
        let put: Request = request("PUT", &owner_path("ada")).json(bad);
        backend.send(put).expect_refusal(400, "invalid_request");
    }
    backend.set("ada", &json!({ "maxKeys": 1_000_000, "suspended": false })).expect_status(200);
    let reader = server.backend("keys:read", "*");
    reader
        .set("ada", &json!({ "maxKeys": 1, "suspended": false }))
        .expect_refusal(403, "missing_right");
    server
        .backend("owners:write", "*")
        .get(&owner_path("ada"))
        .expect_refusal(403, "missing_right");
    backend.send(post(&owner_path("ada")).json("{}")).expect_refusal(405, "method_not_allowed");
}

#[test]
fn a_suspension_and_the_revoke_of_many_keys_hold_on_all_instances() {
    let (_database, servers) = three();
    let backend = servers[0].backend("keys:write,owners:write", "*");
    let all_verified = |keys: &[Issued], status: u16| {
        for (key, server) in keys.iter().flat_map(|key| servers.iter().map(move |it| (key, it))) {
            server.verify(&key.key).expect_status(status);
        }
    };
    let keys: Vec<_> =
        (0..30).map(|_| backend.create_key("ada", &json!({ "name": "a" }))).collect();
    for round in 0..5 {
        all_verified(&keys, 200);
        let there = backend.at(servers[round % 3].address);
        there.suspend("ada", true);
        all_verified(&keys, 401);
        there.suspend("ada", false);
    }
    all_verified(&keys, 200);
    // Two calls together: what one finds done by the other is done everywhere, too.
    let calls: Vec<Vec<String>> = thread::scope(|scope| {
        let call = |nth: usize| {
            let there = backend.at(servers[nth].address);
            scope.spawn(move || there.revoke_all(&json!({ "owner": "ada" })))
        };
        let running = [call(0), call(1)];
        running.map(|it| it.join().expect("it is answered")).into()
    });
    assert_eq!(calls.concat().len(), keys.len(), "each key is revoked by one of the calls");
    all_verified(&keys, 401);
}
