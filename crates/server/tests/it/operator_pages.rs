//! The pages of operators, and the calls that these pages make: contract, section 13.

use serde_json::{Value, json};

use crate::audit::exported;
use crate::http::{Request, Response, delete, get, patch, post, request};
use crate::person::{ADA, ADAS_PASSWORD, BOB, CONFIRM, Person, SESSION, text};
use crate::server::{Server, Setup};
use crate::verify::INVALID;

const OPERATOR: &str = "operator@example.com";
const NOT_FOUND: &str = r#"{"error":"Not found"}"#;
const API: &str = "/operator/api";

on_both_databases![an_operator_finds_any_key_by_whatever_there_is_of_it,];

on_sqlite![
    what_an_operator_does_to_a_key_is_in_the_trail_under_the_operators_account,
    an_owner_of_any_name_is_suspended_and_all_its_keys_are_revoked,
    what_cannot_be_undone_asks_for_the_password_of_the_last_five_minutes,
];

impl Server {
    /// Somebody whose account is one of an operator.
    fn operator(&self) -> Person {
        let operator = self.sign_up(OPERATOR);
        self.setup.run(&["account", "operator", OPERATOR, "--on"], "").expect_code(0);
        operator
    }
}

impl Person {
    fn id(&self) -> String {
        text(&self.get(SESSION).expect_status(200).json(), "id")
    }

    #[track_caller]
    fn shows(&self, path: &str) -> String {
        let answer = self.get(path).expect_status(200);
        assert_eq!(answer.header("content-type"), Some("text/html; charset=utf-8"));
        assert_eq!(answer.header("cache-control"), Some("no-store"));
        answer.text()
    }
}

fn put(path: &str) -> Request {
    request("PUT", path)
}

fn key_of(owner: &str, id: &str) -> String {
    format!("{API}/owners/{owner}/api-keys/{id}")
}

/// A call of each kind, and a page.
fn everything(owner: &str, id: &str) -> Vec<Request> {
    vec![
        get("/operator"),
        get("/operator?q=sk_live_0123"),
        get(&format!("/operator/keys/{id}")),
        get(&key_of(owner, id)),
        patch(&key_of(owner, id)).json(r#"{"enabled":false}"#),
        delete(&key_of(owner, id)),
        post(&format!("{API}/api-keys/revoke")).json(json!({ "owner": owner }).to_string()),
        get(&format!("{API}/owners/{owner}")),
        put(&format!("{API}/owners/{owner}")).json(r#"{"maxKeys":1,"suspended":true}"#),
        get(&format!("{API}/audit-events")),
        post(&format!("{API}/accounts/{owner}/disable")),
        post(&format!("{API}/accounts/{owner}/enable")),
        delete(&format!("{API}/accounts/{owner}")),
        post(&format!("{API}/tokens")).json("{}"),
        delete(&format!("{API}/tokens/{id}")),
        get(&format!("{API}/instances")),
        // A method that is not allowed, and a body that is not read.
        delete("/operator"),
        get(&format!("{API}/tokens")),
        post(&format!("{API}/tokens")).json("["),
        request("OPTIONS", &key_of(owner, id)),
    ]
}

#[test]
fn for_everybody_but_operators_nothing_is_there() {
    let server = Setup::on_sqlite().start();
    let (ada, operator) = (server.sign_up(ADA), server.operator());
    let key = ada.create_key("Ada's");
    let owner = ada.id();
    let backend = server.backend("keys:write,audit:read,owners:write", "*");
    let unknown = |answer: Response| {
        answer.expect_refusal(404, "not_found").expect_body(NOT_FOUND);
    };
    for call in everything(&owner, &key.id) {
        unknown(server.send(&call));
        unknown(ada.send(call.clone()));
        unknown(backend.send(call.clone()));
        unknown(server.send(&call.clone().header("x-api-key", &key.key)));
        // Nor is it told that the call came from another site.
        unknown(ada.send(call.clone().header("Origin", "https://evil.example")));
        let two = format!("{}; {}", operator.cookie(), ada.cookie());
        unknown(server.send(&call.header("Cookie", two)));
    }
    let page = ada.send(get("/operator").header("Accept", "text/html")).expect_status(404).text();
    let other = ada.send(get("/operatorx").header("Accept", "text/html")).expect_status(404).text();
    let without_ids = |page: &str| page.split("Request <code>").next().map(str::to_owned);
    assert_eq!(without_ids(&page), without_ids(&other));
    server.verify(&key.key).expect_status(200);
    assert!(!ada.shows("/account/api-keys").contains("/operator"));
    assert!(operator.shows("/account/api-keys").contains("href=\"/operator\""));
    operator.shows("/operator");
    // It ends with the role, while the session goes on.
    server.setup.run(&["account", "operator", OPERATOR, "--off"], "").expect_code(0);
    unknown(operator.get("/operator"));
    assert!(operator.is_signed_in());
}

#[test]
fn no_page_of_another_origin_calls_for_an_operator() {
    let trusted = "https://partner.example";
    let setup = Setup::on_sqlite().with("LATCHKEY_TRUSTED_ORIGINS", trusted);
    let server = setup.start();
    let (ada, operator) = (server.sign_up(ADA), server.operator());
    let key = ada.create_key("Ada's");
    let revoke = || delete(&key_of(&ada.id(), &key.id));
    for origin in ["https://evil.example", trusted, "null"] {
        let answer = operator.send(revoke().header("Origin", origin));
        let answer = answer.expect_refusal(403, "cross_site");
        assert_eq!(answer.header("access-control-allow-origin"), None);
    }
    let site = operator.send(revoke().header("Sec-Fetch-Site", "same-site"));
    site.expect_refusal(403, "cross_site");
    // The page of an account calls by no other account's session.
    let foreign = operator.send(revoke().header("X-Latchkey-Account", ada.id()));
    foreign.expect_refusal(409, "conflict");
    server.verify(&key.key).expect_status(200);
    let own = operator.send(revoke().header("X-Latchkey-Account", operator.id()));
    let own = own.expect_status(200);
    assert_eq!(own.header("x-latchkey-account"), Some(&*operator.id()));
    assert_eq!(own.header("cache-control"), Some("no-store"));
    assert!(own.header("x-latchkey-time").is_some());
}

fn an_operator_finds_any_key_by_whatever_there_is_of_it(setup: Setup) {
    let server = setup.start();
    let (ada, bob, operator) = (server.sign_up(ADA), server.sign_up(BOB), server.operator());
    let (key, dead) = (ada.create_key("Ada's laptop"), ada.create_key("Ada's old laptop"));
    ada.revoke(&dead.id).expect_status(200);
    let other = bob.create_key("Production");
    let backend = server.backend("keys:write", "*");
    let of_org = backend.create_key("org%2F1", &json!({ "name": "CI", "createdBy": "carol" }));
    let links = |page: &str| -> Vec<String> {
        let ids = [&key.id, &dead.id, &other.id, &of_org.id];
        ids.into_iter()
            .filter(|id| page.contains(&format!("/operator/keys/{id}")))
            .cloned()
            .collect()
    };
    let found = |q: &str| {
        let query: Vec<_> = q.bytes().map(|byte| format!("%{byte:02x}")).collect();
        let query = query.concat();
        links(&operator.shows(&format!("/operator?q={query}")))
    };
    assert_eq!(found(&key.key[..12]), [&*key.id]);
    assert_eq!(found("laptop"), [key.id.clone(), dead.id.clone()]);
    assert_eq!(found("LAPTOP"), [key.id.clone(), dead.id.clone()]);
    assert_eq!(found(ADA), [key.id.clone(), dead.id.clone()]);
    assert_eq!(found(&ada.id()), [key.id.clone(), dead.id.clone()]);
    assert_eq!(found("org/1"), [&*of_org.id]);
    assert!(found("nothing of the kind").is_empty());
    let all = operator.shows("/operator");
    assert_eq!(links(&all), [key.id.clone(), other.id.clone(), of_org.id.clone()]);
    assert!(all.contains("href=\"/operator/owners/org%2F1\""));
    let by_carol = operator.shows("/operator?createdBy=carol");
    assert_eq!(links(&by_carol), [&*of_org.id]);

    let by_id = operator.get(&format!("/operator?q={}", key.id)).expect_status(303);
    assert_eq!(by_id.header("location"), Some(&*format!("/operator/keys/{}", key.id)));
    // What came by an address all the same is cut there too.
    let whole = operator.get(&format!("/operator?q={}", key.key)).expect_status(303);
    assert_eq!(whole.header("location"), Some(&*format!("/operator?q={}", &key.key[..12])));

    let page = operator.shows(&format!("/operator/keys/{}", of_org.id));
    for shown in ["CI", "org/1", "carol", &of_org.key[..12], &of_org.id] {
        assert!(page.contains(shown), "{shown}");
    }
    assert!(!page.contains(&of_org.key));
    let page = operator.shows(&format!("/operator/keys/{}", dead.id));
    assert!(page.contains("Revoked") && page.contains(ADA) && !page.contains("data-do"), "{page}");
    for absent in ["x", "..", "019d1fb2-5b00-7c4e-a2d1-8f3b6e9a0c17"] {
        operator.get(&format!("/operator/keys/{absent}")).expect_error(404);
    }
}

/// The newest event, as the operator sees it.
fn newest(operator: &Person) -> Value {
    operator.get(&format!("{API}/audit-events?limit=1")).expect_status(200).json()[0].clone()
}

fn what_an_operator_does_to_a_key_is_in_the_trail_under_the_operators_account(setup: Setup) {
    let server = setup.start();
    let (ada, operator) = (server.sign_up(ADA), server.operator());
    let (key, owner) = (ada.create_key("Ada's"), ada.id());
    let path = key_of(&owner, &key.id);
    let actor = format!("operator:{}", operator.id());
    let did = |action: &str| {
        let event = newest(&operator);
        assert_eq!(
            (text(&event, "action"), text(&event, "actor"), text(&event, "ownerId")),
            (action.to_owned(), actor.clone(), owner.clone())
        );
        assert_eq!(event["address"], "127.0.0.1");
        assert!(event["requestId"].is_string());
        event
    };
    operator.send(patch(&path).json(r#"{"enabled":false}"#)).expect_status(200);
    assert_eq!(text(&did("key.changed"), "keyId"), key.id);
    server.verify(&key.key).expect_error(401).expect_body(INVALID);
    operator.send(patch(&path).json(r#"{"enabled":true}"#)).expect_status(200);
    server.verify(&key.key).expect_status(200);
    let metadata = patch(&path).json(r#"{"metadata":{"plan":1.0}}"#);
    operator.send(metadata).expect_status(200);
    assert!(did("key.changed")["changes"]["metadata"].is_array());
    let verified = server.verify(&key.key).expect_status(200).text();
    assert!(verified.contains(r#""metadata":{"plan":1.0}"#), "{verified}");

    operator.send(delete(&path)).expect_status(200).expect_body(r#"{"success":true}"#);
    server.verify(&key.key).expect_error(401).expect_body(INVALID);
    did("key.revoked");
    operator.send(delete(&path)).expect_refusal(404, "key_not_found");
    let hers = ada.get("/api/v1/audit-events?limit=1").expect_status(200).json();
    assert_eq!(text(&hers[0], "actor"), actor, "the owner sees who it was");
    assert!(ada.shows("/account/activity").contains("Operator"));
    let last = exported(&server.setup).pop().expect("an event");
    assert_eq!((text(&last, "actor"), text(&last, "action")), (actor, "key.revoked".to_owned()));
}

fn an_owner_of_any_name_is_suspended_and_all_its_keys_are_revoked(setup: Setup) {
    let server = setup.start();
    let operator = server.operator();
    let actor = format!("operator:{}", operator.id());
    let backend = server.backend("keys:write", "*");
    for (owner, spelled) in [("org/1", "org%2F1"), ("50%", "50%25"), ("a+b", "a+b")] {
        let key = backend.create_key(spelled, &json!({ "name": "CI" }));
        let page = operator.shows(&format!("/operator/owners/{spelled}"));
        assert!(page.contains(&key.key[..12]), "{owner}");
        let set = |suspended: bool| {
            let body = json!({ "maxKeys": null, "suspended": suspended }).to_string();
            let answer = operator.send(put(&format!("{API}/owners/{spelled}")).json(body));
            assert_eq!(text(&answer.expect_status(200).json(), "owner"), owner);
            let event = newest(&operator);
            assert_eq!(
                [text(&event, "action"), text(&event, "actor"), text(&event, "ownerId")],
                ["owner.changed", &actor, owner]
            );
        };
        set(true);
        server.verify(&key.key).expect_error(401);
        set(false);
        server.verify(&key.key).expect_status(200);
        let all = post(&format!("{API}/api-keys/revoke"));
        operator.send(all.json(json!({ "owner": owner }).to_string())).expect_status(200);
        server.verify(&key.key).expect_error(401);
        assert_eq!(text(&newest(&operator), "actor"), actor);
    }
}

fn what_cannot_be_undone_asks_for_the_password_of_the_last_five_minutes(setup: Setup) {
    let server = setup.start();
    let (ada, operator) = (server.sign_up(ADA), server.operator());
    let (key, owner) = (ada.create_key("Ada's"), ada.id());
    let own = operator.id();
    let (_, setup) = server.stop();
    let five_minutes = if setup.is_sqlite() { "300000" } else { "interval '5 minutes'" };
    setup.execute(&format!("update sessions set confirmed_at = confirmed_at - {five_minutes}"));
    let server = setup.start();
    let (ada, operator) = (ada.at(&server), operator.at(&server));
    let unknown = "019d1fb2-5b00-7c4e-a2d1-8f3b6e9a0c17";
    let revoke_all = format!("{API}/api-keys/revoke");
    for call in [
        delete(&key_of(&owner, &key.id)),
        post(&revoke_all).json(json!({ "owner": owner }).to_string()),
        // Before the body is read.
        post(&revoke_all).json("["),
        post(&format!("{API}/accounts/{owner}/disable")),
        delete(&format!("{API}/accounts/{owner}")),
        post(&format!("{API}/tokens")).json("["),
        delete(&format!("{API}/tokens/{unknown}")),
    ] {
        operator.send(call).expect_refusal(403, "reauthentication_required");
    }
    server.verify(&key.key).expect_status(200);
    // What can be undone is done.
    let off = patch(&key_of(&owner, &key.id)).json(r#"{"enabled":false}"#);
    operator.send(off).expect_status(200);
    let suspend = put(&format!("{API}/owners/{owner}"));
    operator.send(suspend.json(r#"{"maxKeys":null,"suspended":true}"#)).expect_status(200);
    operator.post(&format!("{API}/accounts/{owner}/enable"), "").expect_status(200);

    let proof = |password: &str| json!({ "password": password }).to_string();
    operator.post(CONFIRM, proof("a wrong password")).expect_refusal(400, "wrong_password");
    operator.send(delete(&key_of(&owner, &key.id))).expect_error(403);
    operator.post(CONFIRM, proof(ADAS_PASSWORD)).expect_status(200);
    operator.send(delete(&key_of(&owner, &key.id))).expect_status(200);
    // Nobody shuts themselves out.
    let mine = post(&format!("{API}/accounts/{own}/disable"));
    operator.send(mine).expect_refusal(409, "conflict");
    operator.send(delete(&format!("{API}/accounts/{own}"))).expect_refusal(409, "conflict");
    let gone = delete(&format!("{API}/accounts/{owner}"));
    operator.send(gone.clone()).expect_status(200);
    assert!(!ada.is_signed_in());
    operator.send(gone).expect_refusal(404, "not_found");
}
