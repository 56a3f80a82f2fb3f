//! Backends that manage keys for their own users, by management tokens.

use std::net::SocketAddr;

use serde_json::{Value, json};

use crate::http::{Request, Response, delete, get, patch, post, request};
use crate::person::{ADA, Issued, KEYS, SESSION, VERIFY, text};
use crate::server::{Server, Setup};
use crate::strict::three;

const REQUIRED: &str = r#"{"error":"Management token required"}"#;
const INVALID: &str = r#"{"error":"Invalid management token"}"#;
const NOT_THAT: &str = r#"{"error":"This token may not do that"}"#;
const NOT_FOR: &str = r#"{"error":"This token may not act for this owner"}"#;

/// The form of a token, and its checksum, as another has worked it out.
const UNKNOWN: &str = "lk_admin_0123456789ABCDEFGHIJKLMNOPQRSTUV";

/// A backend with a management token, and where it calls.
#[derive(Debug, Clone)]
pub(crate) struct Backend {
    pub(crate) address: SocketAddr,
    pub(crate) token: String,
}

impl Server {
    /// A backend whose token has these rights for these owners.
    pub(crate) fn backend(&self, rights: &str, owners: &str) -> Backend {
        let token = self.setup.token(rights, owners);
        Backend { address: self.address, token }
    }
}

impl Setup {
    pub(crate) fn token(&self, rights: &str, owners: &str) -> String {
        let create =
            ["token", "create", "--name", "backend", "--allow", rights, "--owners", owners];
        let printed = self.run(&create, "").expect_code(0).stdout;
        printed.trim_end().to_owned()
    }

    pub(crate) fn revoke_newest_token(&self) {
        let listed = self.run(&["token", "list"], "").expect_code(0).stdout;
        let line = listed.lines().last().expect("a line for the token");
        let id = line.split_whitespace().next().expect("it begins with the id");
        self.run(&["token", "revoke", id], "").expect_code(0);
    }
}

pub(crate) fn keys_of(owner: &str) -> String {
    format!("/api/v1/admin/owners/{owner}/api-keys")
}

pub(crate) fn key_of(owner: &str, id: &str) -> String {
    format!("{}/{id}", keys_of(owner))
}

impl Backend {
    pub(crate) fn at(&self, address: SocketAddr) -> Self {
        Self { address, ..self.clone() }
    }

    pub(crate) fn send(&self, request: Request) -> Response {
        request.header("Authorization", format!("Bearer {}", self.token)).send(self.address)
    }

    pub(crate) fn get(&self, path: &str) -> Response {
        self.send(get(path))
    }

    pub(crate) fn post(&self, path: &str, body: &Value) -> Response {
        self.send(post(path).json(body.to_string()))
    }

    pub(crate) fn create_key(&self, owner: &str, body: &Value) -> Issued {
        Issued::from(&self.post(&keys_of(owner), body).expect_status(201))
    }

    pub(crate) fn list(&self, owner: &str) -> Vec<Value> {
        let list = self.get(&keys_of(owner)).expect_status(200).json();
        list.as_array().unwrap_or_else(|| panic!("not an array: {list}")).clone()
    }

    pub(crate) fn revoke(&self, owner: &str, id: &str) -> Response {
        self.send(delete(&key_of(owner, id)))
    }
}

on_both_databases![a_backend_manages_the_keys_of_its_own_users,];

on_sqlite![
    a_token_that_was_revoked_or_has_expired_is_refused_as_one_that_never_was,
    what_a_token_did_is_in_the_trail_of_the_owner,
    a_key_tells_who_made_it_and_what_another_system_keeps_with_it,
    who_rotates_a_key_has_made_its_successor,
];

fn a_backend_manages_the_keys_of_its_own_users(setup: Setup) {
    let server = setup.start();
    let backend = server.backend("keys:write", "user_*");
    let key = backend.create_key("user_123", &json!({ "name": "Production" }));
    let verified = server.verify(&key.key).expect_status(200);
    assert_eq!(text(&verified.json(), "ownerId"), "user_123");
    assert_eq!(verified.header("x-api-key-owner"), Some("user_123"));

    let [item] = &backend.list("user_123")[..] else { panic!("one key") };
    assert_eq!((text(item, "id"), text(item, "name")), (key.id.clone(), "Production".into()));
    assert!(backend.list("user_456").is_empty());
    let path = key_of("user_123", &key.id);
    assert_eq!(&backend.get(&path).expect_status(200).json(), item);

    let renamed = backend.send(patch(&path).json(r#"{"name":"Staging"}"#)).expect_status(200);
    assert_eq!(text(&renamed.json(), "name"), "Staging");
    let rotated =
        backend.post(&format!("{path}/rotate"), &json!({ "overlapSeconds": 0 })).expect_status(201);
    server.verify(&key.key).expect_error(401);
    let successor = Issued::from(&rotated);
    server.verify(&successor.key).expect_status(200);

    backend.revoke("user_123", &successor.id).expect_status(200).expect_body(r#"{"success":true}"#);
    server.verify(&successor.key).expect_error(401);
    backend.revoke("user_123", &successor.id).expect_refusal(404, "key_not_found");
    let revoked = backend.get(&format!("{}?status=revoked", keys_of("user_123")));
    assert_eq!(revoked.expect_status(200).json().as_array().map(Vec::len), Some(2));
}

fn a_token_that_was_revoked_or_has_expired_is_refused_as_one_that_never_was(setup: Setup) {
    let server = setup.start();
    let backend = server.backend("keys:read", "*");
    backend.get(&keys_of("ada")).expect_status(200);
    server.setup.revoke_newest_token();
    backend.get(&keys_of("ada")).expect_refusal(401, "invalid_token").expect_body(INVALID);

    let short = ["token", "create", "--name", "a", "--allow", "keys:read", "--expires", "1s"];
    let token = server.setup.run(&short, "").expect_code(0).stdout.trim_end().to_owned();
    std::thread::sleep(std::time::Duration::from_millis(1_050));
    let expired = Backend { token, ..backend };
    expired.get(&keys_of("ada")).expect_error(401).expect_body(INVALID);
}

fn what_a_token_did_is_in_the_trail_of_the_owner(setup: Setup) {
    let server = setup.start();
    let ada = server.sign_up(ADA);
    let id = text(&ada.get(SESSION).expect_status(200).json(), "id");
    let backend = server.backend("keys:write", "*");
    let key = backend.create_key(&id, &json!({ "name": "Production" }));
    assert_eq!(ada.names(), ["Production"], "an account is an owner like any");
    let events = ada.get("/api/v1/audit-events?limit=1").expect_status(200).json();
    assert_eq!(text(&events[0], "action"), "key.created");
    assert_eq!(text(&events[0], "keyId"), key.id);
    let actor = text(&events[0], "actor");
    assert!(actor.starts_with("token:") && actor.len() == "token:".len() + 36, "{actor}");
    assert!(!events.to_string().contains(&backend.token), "{events}");
}

#[test]
fn the_token_is_judged_first_then_its_right_then_the_owner_then_the_pattern_then_the_body() {
    let server = Setup::on_sqlite().start();
    let reader = server.backend("keys:read", "org_*");
    let writer = server.backend("keys:write", "org_*");
    let (mine, others, broken) = (keys_of("org_1"), keys_of("ada"), keys_of("a%00b"));
    let bad = |path: &str| post(path).json("{");

    for path in [&mine, &others, &broken] {
        server.send(&bad(path)).expect_refusal(401, "token_required").expect_body(REQUIRED);
        let wrong = Backend { token: format!("{}x", reader.token), ..reader.clone() };
        wrong.send(bad(path)).expect_refusal(401, "invalid_token").expect_body(INVALID);
        reader.send(bad(path)).expect_refusal(403, "missing_right").expect_body(NOT_THAT);
    }
    writer.send(bad(&broken)).expect_refusal(400, "invalid_request");
    writer.send(bad(&others)).expect_refusal(403, "owner_not_allowed").expect_body(NOT_FOR);
    writer.send(bad(&mine)).expect_refusal(400, "invalid_request");
    writer.post(&mine, &json!({ "name": "a" })).expect_status(201);
    reader.get(&others).expect_error(403).expect_body(NOT_FOR);
}

#[test]
fn nothing_but_one_bearer_line_opens_a_management_call() {
    let server = Setup::on_sqlite().start();
    let backend = server.backend("keys:write", "*");
    let ada = server.sign_up(ADA);
    let key = ada.create_key("a").key;
    let path = keys_of("ada");
    let required = |request: Request| {
        let answer = server.send(&request).expect_error(401).expect_body(REQUIRED);
        assert_eq!(answer.header("www-authenticate"), Some(r#"Bearer realm="management""#));
    };
    required(get(&path));
    required(ada.sign(get(&path)));
    required(get(&path).header("x-api-key", &key));
    required(get(&path).header("x-api-key", &backend.token));
    required(get(&path).header("Authorization", format!("Basic {}", backend.token)));
    required(get(&path).header("Authorization", &backend.token));

    let bearer = |token: &str| format!("Bearer {token}");
    let checksum_wrong = format!("{UNKNOWN}000000");
    required(get(&path).header("Authorization", "Bearer "));
    for wrong in
        [&key, &ada.token, "x", "lk_admin_", &checksum_wrong, &backend.token.to_uppercase()]
    {
        let answer = server.send(&get(&path).header("Authorization", bearer(wrong)));
        answer.expect_error(401).expect_body(INVALID);
    }
    let twice = get(&path).header("Authorization", bearer(&backend.token));
    let twice = twice.header("Authorization", bearer(&backend.token));
    server.send(&twice).expect_error(401).expect_body(INVALID);
    backend.get(&path).expect_status(200);
}

#[test]
fn a_management_token_is_neither_a_key_nor_a_session() {
    let server = Setup::on_sqlite().start();
    let backend = server.backend("keys:write,owners:write,audit:read,usage:read", "*");
    server.verify(&backend.token).expect_refusal(401, "invalid_key");
    backend.get(VERIFY).expect_refusal(401, "invalid_key");
    for path in [KEYS, SESSION, "/api/v1/audit-events"] {
        backend.get(path).expect_refusal(401, "session_required");
        let cookie = get(path).header("Cookie", format!("session={}", backend.token));
        server.send(&cookie).expect_refusal(401, "session_required");
    }
}

#[test]
fn pages_of_other_origins_get_no_leave_and_backends_need_none() {
    let server = Setup::on_sqlite().with("LATCHKEY_TRUSTED_ORIGINS", "https://app.example.com");
    let server = server.start();
    let backend = server.backend("keys:write", "*");
    for origin in ["https://app.example.com", "https://evil.example.net", "null"] {
        let from = |request: Request| {
            request.header("Origin", origin).header("Sec-Fetch-Site", "cross-site")
        };
        let create = from(post(&keys_of("ada")).json(r#"{"name":"a"}"#));
        let answer = backend.send(create).expect_status(201);
        assert_eq!(answer.header("access-control-allow-origin"), None, "{origin}");
        let preflight = from(request("OPTIONS", &keys_of("ada")));
        let preflight = preflight.header("Access-Control-Request-Method", "POST");
        let answer = server.send(&preflight).expect_refusal(405, "method_not_allowed");
        assert_eq!(answer.header("access-control-allow-origin"), None, "{origin}");
    }
}

#[test]
fn an_account_that_is_disabled_gets_no_key_by_a_token_either() {
    let server = Setup::on_sqlite().start();
    let ada = server.sign_up(ADA);
    let id = text(&ada.get(SESSION).expect_status(200).json(), "id");
    let backend = server.backend("keys:write", "*");
    server.setup.run(&["account", "disable", ADA], "").expect_code(0);
    let answer = backend.post(&keys_of(&id), &json!({ "name": "a" }));
    answer.expect_refusal(409, "conflict");
}

#[test]
fn an_owner_is_any_visible_ascii_percent_encoded() {
    let server = Setup::on_sqlite().start();
    let backend = server.backend("keys:write", "*");
    for (path, owner) in [
        ("auth0%7C5f7c8ec7", "auth0|5f7c8ec7"),
        ("org%2F42", "org/42"),
        ("a%2541", "a%41"),
        ("a+b", "a+b"),
        ("..%2F", "../"),
        ("%2E%2E", ".."),
        ("operator", "operator"),
        ("token:x", "token:x"),
    ] {
        let key = backend.create_key(path, &json!({ "name": "a" }));
        let verified = server.verify(&key.key).expect_status(200).json();
        assert_eq!(text(&verified, "ownerId"), owner);
        assert_eq!(backend.list(path).len(), 1, "{owner}");
    }
    let long = "x".repeat(255);
    backend.get(&keys_of(&long)).expect_status(200);
    let too_long = "x".repeat(256);
    for bad in ["%20", "%00", "%C3%A9", "%ff", "%", "%4", "%zz", "a%0Ab", &too_long] {
        let answer = backend.get(&keys_of(bad));
        let answer = answer.expect_refusal(400, "invalid_request");
        assert!(answer.text().contains("owner"), "{bad}: {}", answer.text());
    }
}

#[test]
fn a_key_of_another_owner_is_not_found() {
    let server = Setup::on_sqlite().start();
    let backend = server.backend("keys:write", "*");
    let key = backend.create_key("ada", &json!({ "name": "a" }));
    let path = key_of("bob", &key.id);
    let not_found = |request: Request| backend.send(request).expect_refusal(404, "key_not_found");
    not_found(get(&path));
    not_found(patch(&path).json(r#"{"name":"b"}"#));
    not_found(post(&format!("{path}/rotate")));
    not_found(delete(&path));
    server.verify(&key.key).expect_status(200);
}

#[test]
fn with_a_listener_of_its_own_no_other_answers_management_calls() {
    let server = Setup::on_sqlite().with("LATCHKEY_ADMIN_LISTEN", "127.0.0.1:0").start();
    let backend = server.backend("keys:write", "*");
    backend.get(&keys_of("ada")).expect_refusal(404, "not_found");
    let address = server.listener_for("/api/v1/admin");
    let inside = backend.at(address);
    let key = inside.create_key("ada", &json!({ "name": "a" }));
    server.verify(&key.key).expect_status(200);
    for path in [VERIFY, KEYS, "/", "/healthz", "/metrics", "/openapi.json", "/api/v1/admin"] {
        get(path).header("x-api-key", &key.key).send(address).expect_status(404);
    }
}

#[test]
fn a_revoke_by_a_token_holds_on_all_instances_and_so_does_the_revoke_of_the_token() {
    let (_database, servers) = three();
    let backend = servers[0].backend("keys:write", "*");
    for round in 0..10 {
        let key = backend.create_key("ada", &json!({ "name": "a" }));
        for server in &servers {
            server.verify(&key.key).expect_status(200);
        }
        backend.at(servers[round % 3].address).revoke("ada", &key.id).expect_status(200);
        for server in &servers {
            server.verify(&key.key).expect_error(401);
        }
    }
    servers[2].setup.revoke_newest_token();
    for server in &servers {
        backend.at(server.address).get(&keys_of("ada")).expect_error(401).expect_body(INVALID);
    }
}

fn a_key_tells_who_made_it_and_what_another_system_keeps_with_it(setup: Setup) {
    let server = setup.start();
    let backend = server.backend("keys:write", "*");
    let sent =
        r#"{"name":"a","createdBy":"ada","metadata":{ "plan":"pro", "n":1.0e2, "n":[1, {}] }}"#;
    let created = backend.send(post(&keys_of("org_1")).json(sent)).expect_status(201);
    let key = Issued::from(&created);
    assert!(created.json().get("metadata").is_none() && created.json().get("createdBy").is_none());
    let kept = r#""metadata":{"plan":"pro","n":1.0e2,"n":[1,{}]}"#;
    let verified = server.verify(&key.key).expect_status(200).text();
    assert!(verified.contains(kept), "given back as sent, but for blanks: {verified}");
    let path = key_of("org_1", &key.id);
    let item = backend.get(&path).expect_status(200);
    assert!(item.text().contains(kept), "{}", item.text());
    assert_eq!(text(&item.json(), "createdBy"), "ada");

    backend.send(patch(&path).json(r#"{"metadata":{"plan":"free"}}"#)).expect_status(200);
    let verified = server.verify(&key.key).expect_status(200).json();
    assert_eq!(verified["metadata"], json!({ "plan": "free" }), "it is replaced as a whole");

    let plain = backend.create_key("org_1", &json!({ "name": "b" }));
    let item = backend.get(&key_of("org_1", &plain.id)).expect_status(200).json();
    assert_eq!(item["metadata"], json!({}));
    assert!(text(&item, "createdBy").starts_with("token:"), "{item}");
    let verified = server.verify(&plain.key).expect_status(200);
    assert_eq!(verified.json()["metadata"], json!({}));
    assert!(verified.headers.iter().all(|(name, _)| !name.contains("metadata")));
}

fn who_rotates_a_key_has_made_its_successor(setup: Setup) {
    let server = setup.start();
    let ada = server.sign_up(ADA);
    let owner = text(&ada.get(SESSION).expect_status(200).json(), "id");
    let backend = server.backend("keys:write", "*");
    let made = json!({ "name": "a", "createdBy": "bob", "metadata": { "plan": "pro" } });
    let key = backend.create_key(&owner, &made);
    let rotated = |id: &str, body: &Value| {
        let path = format!("{}/rotate", key_of(&owner, id));
        Issued::from(&backend.post(&path, body).expect_status(201)).id
    };
    let creator = |id: &str| text(&ada.item(id), "createdBy");
    let second = rotated(&key.id, &json!({}));
    assert_eq!(creator(&second), "bob", "a backend rotates in the name of nobody");
    assert_eq!(ada.item(&second)["metadata"], json!({ "plan": "pro" }));
    let third = rotated(&second, &json!({ "createdBy": "eve" }));
    assert_eq!(creator(&third), "eve");
    let fourth = Issued::from(&ada.rotate(&third, 0).expect_status(201)).id;
    assert_eq!(creator(&fourth), owner, "who rotates a key knows its secret");
}

#[test]
fn metadata_has_limits_and_sessions_only_read_it() {
    let server = Setup::on_sqlite().start();
    let backend = server.backend("keys:write", "*");
    let create = |metadata: &str| {
        let body = format!(r#"{{"name":"a","metadata":{metadata}}}"#);
        backend.send(post(&keys_of("ada")).json(body))
    };
    let text_of = |bytes: usize| format!(r#"{{ "a": "{}" }}"#, "x".repeat(bytes - 8));
    create(&text_of(2_048)).expect_status(201);
    create(r#"{"1":{"2":[{"4":[]}]}}"#).expect_status(201);
    for bad in [
        &*text_of(2_049),
        r#"{"1":{"2":[{"4":[[]]}]}}"#,
        r#"{"a":"\u0000"}"#,
        r#"{"\u0000":1}"#,
        "[]",
        "null",
        "\"text\"",
        "{",
    ] {
        create(bad).expect_refusal(400, "invalid_request");
    }
    let ada = server.sign_up(ADA);
    for body in [r#"{"name":"a","metadata":{}}"#, r#"{"name":"a","createdBy":"ada"}"#] {
        ada.create(body).expect_refusal(400, "invalid_request");
    }
    let key = ada.create_key("a");
    ada.change(&key.id, &json!({ "metadata": {} })).expect_refusal(400, "invalid_request");
    backend.post(&keys_of("ada"), &json!({ "name": "a", "createdBy": "a b" })).expect_error(400);
}

#[test]
fn a_change_of_nothing_is_answered_with_what_the_caller_may_change() {
    let server = Setup::on_sqlite().start();
    let ada = server.sign_up(ADA);
    let owner = text(&ada.get(SESSION).expect_status(200).json(), "id");
    let backend = server.backend("keys:write", "*");
    let key = ada.create_key("a");
    let by_session = ada.change(&key.id, &json!({})).expect_refusal(400, "invalid_request");
    by_session.expect_body(
        r#"{"error":"Nothing to change: name, enabled, expiresAt, scopes, allowedNetworks or limits"}"#,
    );
    let by_token = backend.send(patch(&key_of(&owner, &key.id)).json("{}"));
    let by_token = by_token.expect_refusal(400, "invalid_request");
    by_token.expect_body(r#"{"error":"Nothing to change: name, enabled, expiresAt, metadata, scopes, allowedNetworks or limits"}"#);
}
