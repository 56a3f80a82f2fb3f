//! Using a key: contract, section 4.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::accounts::is_our_time;
use crate::api_keys::in_seconds;
use crate::http::{Connection, Response, get, members, request};
use crate::person::{ADA, BOB, Issued, Person, VERIFY, text};
use crate::secret::UNKNOWN;
use crate::server::{Server, Setup};

pub(crate) const INVALID: &str = r#"{"error":"Invalid API key"}"#;
const REQUIRED: &str = r#"{"error":"API key required"}"#;

on_both_databases_with_and_without_cache![
    a_good_key_answers_200_with_exactly_the_documented_members_and_headers,
    the_answer_tells_environment_and_expiry,
    owners_are_told_apart,
    a_first_use_shows_soon,
    an_unused_or_refused_key_shows_no_use,
    a_revoke_counts_for_every_verification_after_its_answer,
];

on_both_databases_concurrently![
    malformed_unknown_expired_and_revoked_get_the_same_answer,
    a_key_works_until_its_expiry_and_stays_in_the_list,
];

fn a_good_key_answers_200_with_exactly_the_documented_members_and_headers(setup: Setup) {
    let server = setup.start();
    let made = server.sign_up(ADA).create(r#"{"name":"Pröduction"}"#).expect_status(201).json();
    let answer = server.verify(&text(&made, "key")).expect_status(200);
    answer.expect_json_type();
    let body = answer.json();
    let documented =
        ["environment", "expiresAt", "keyId", "keyPrefix", "metadata", "name", "ownerId", "scopes"];
    assert_eq!(members(&body), documented);
    assert_eq!(body["keyId"], made["id"]);
    assert_eq!(body["metadata"], json!({}));
    for same in ["name", "keyPrefix", "environment", "expiresAt"] {
        assert_eq!(body[same], made[same], "{same}");
    }
    assert_eq!(answer.header("x-api-key-id"), body["keyId"].as_str());
    assert_eq!(answer.header("x-api-key-owner"), body["ownerId"].as_str());
    assert_eq!(answer.header("x-api-key-environment"), Some("live"));
}

fn the_answer_tells_environment_and_expiry(setup: Setup) {
    let server = setup.start();
    let body = json!({ "name": "a", "environment": "test", "expiresAt": "2099-01-01T00:00:00Z" });
    let key = server.sign_up(ADA).create_key_with(&body);
    let answer = server.verify(&key.key).expect_status(200);
    assert_eq!(answer.header("x-api-key-environment"), Some("test"));
    assert_eq!(answer.json()["environment"], "test");
    assert_eq!(answer.json()["expiresAt"], "2099-01-01T00:00:00.000Z");
}

fn owners_are_told_apart(setup: Setup) {
    let server = setup.start();
    let ada = server.sign_up(ADA);
    let bob = server.sign_up(BOB);
    let owner = |person: &Person| {
        text(&server.verify(&person.create_key("a").key).expect_status(200).json(), "ownerId")
    };
    assert_eq!(owner(&ada), owner(&ada));
    assert_ne!(owner(&ada), owner(&bob));
}

#[test]
fn any_method_and_any_path_below_is_a_verification() {
    let server = Setup::on_sqlite().start();
    let key = server.sign_up(ADA).create_key("a").key;
    for method in ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "PROPFIND", "FOO"] {
        for below in ["", "/", "/orders/42", "/a%2Fb", "?x=1"] {
            let good = request(method, &format!("{VERIFY}{below}"));
            let answer = server.send(&good.clone().header("x-api-key", &key)).expect_status(200);
            assert!(answer.header("x-api-key-id").is_some(), "{method} {below}: {answer:#?}");
            assert_eq!(answer.body.is_empty(), method == "HEAD", "{method} {below}");
            server.send(&good.header("x-api-key", UNKNOWN)).expect_status(401);
        }
    }
}

#[test]
fn only_the_verify_path_and_what_is_below_it_takes_keys() {
    let server = Setup::on_sqlite().start();
    let key = server.sign_up(ADA).create_key("a").key;
    for path in ["/api/v1/verifyx", "/api/v1/verif", "/api/v2/verify", "/verify"] {
        server.send(&get(path).header("x-api-key", &key)).expect_error(404);
    }
}

#[test]
fn a_bearer_token_counts_only_where_x_api_key_is_absent_or_empty() {
    let server = Setup::on_sqlite().start();
    let key = server.sign_up(ADA).create_key("a").key;
    let bearer = get(VERIFY).header("Authorization", format!("Bearer {key}"));
    server.send(&bearer).expect_status(200);
    for empty in ["", " "] {
        server.send(&bearer.clone().header("x-api-key", empty)).expect_status(200);
    }
    for other in ["x", UNKNOWN] {
        let answer = server.send(&bearer.clone().header("x-api-key", other));
        answer.expect_refusal(401, "invalid_key").expect_body(INVALID);
    }
    let basic = get(VERIFY).header("x-api-key", &key).header("Authorization", "Basic eDp5");
    server.send(&basic).expect_status(200);
    let wrong = get(VERIFY).header("Authorization", format!("Bearer {UNKNOWN}"));
    server.send(&wrong).expect_error(401).expect_body(INVALID);
}

#[test]
fn the_challenge_names_both_ways_to_present_a_key() {
    let server = Setup::on_sqlite().start();
    for request in [get(VERIFY), get(VERIFY).header("x-api-key", "x")] {
        let answer = server.send(&request).expect_error(401);
        let challenge = answer.header("www-authenticate");
        assert_eq!(challenge, Some(r#"ApiKey realm="api", Bearer realm="api""#));
    }
}

#[test]
fn no_key_at_all_is_401_api_key_required() {
    let server = Setup::on_sqlite().start();
    let answer = server.send(&get(VERIFY)).expect_error(401);
    assert!(answer.header("www-authenticate").is_some(), "{answer:#?}");
    answer.expect_body(REQUIRED);
}

fn malformed_unknown_expired_and_revoked_get_the_same_answer(setup: Setup) {
    let server = setup.start();
    let ada = server.sign_up(ADA);
    let revoked = ada.create_key("revoked");
    ada.revoke(&revoked.id).expect_status(200);
    let expired = ada.create_key_with(&json!({ "name": "a", "expiresAt": in_seconds(2) }));
    std::thread::sleep(Duration::from_millis(2_050));
    let names = |answer: &Response| -> BTreeSet<_> {
        answer.headers.iter().map(|(name, _)| name.to_ascii_lowercase()).collect()
    };
    let first = server.verify("malformed").expect_error(401);
    assert!(first.header("www-authenticate").is_some(), "{first:#?}");
    for key in [UNKNOWN, &revoked.key, &expired.key] {
        let answer = server.verify(key).expect_error(401).expect_body(INVALID);
        assert_eq!(answer.body, first.body);
        assert_eq!(names(&answer), names(&first));
        assert_eq!(answer.header("www-authenticate"), first.header("www-authenticate"));
    }
}

#[test]
fn a_body_of_any_kind_is_drained_and_ignored() {
    let server = Setup::on_sqlite().start();
    let key = server.sign_up(ADA).create_key("a").key;
    let mut connection = Connection::open(server.address);
    for (kind, size) in [("text/plain", 5), ("image/png", 100_000), ("application/json", 1)] {
        let body = vec![b'{'; size];
        let request = request("POST", VERIFY).keep_alive().header("x-api-key", &key);
        let request = request.header("Content-Type", kind).body(body);
        connection.write(&request.bytes(server.address));
        connection.read(false).expect_status(200);
    }
    let chunked = get(VERIFY).header("x-api-key", &key).header("Transfer-Encoding", "chunked");
    connection.write(&chunked.bytes(server.address));
    connection.write(b"3\r\nabc\r\n0\r\n\r\n");
    connection.read(false).expect_status(200);
}

#[test]
fn of_the_security_headers_verify_sends_only_nosniff() {
    let server = Setup::on_sqlite()
        .with("LATCHKEY_PUBLIC_URL", "https://keys.example.com")
        .with("LATCHKEY_SIGN_UP", "open")
        .start();
    let key = server.sign_up(ADA).create_key("a").key;
    for answer in [server.verify(&key).expect_status(200), server.verify("x").expect_status(401)] {
        assert_eq!(answer.header("x-content-type-options"), Some("nosniff"));
        assert_eq!(answer.header("cache-control"), Some("no-store"));
        for absent in [
            "referrer-policy",
            "content-security-policy",
            "cross-origin-resource-policy",
            "strict-transport-security",
        ] {
            assert_eq!(answer.header(absent), None, "{absent}");
        }
    }
}

pub(crate) fn last_use(person: &Person, key: &Issued) -> Value {
    person.item(&key.id)["lastUsedAt"].clone()
}

/// Waits for a use to show. The promise of two seconds is proved by a clock that stands, in
/// `verifier/tests/it/last_uses.rs`.
pub(crate) fn shown_use(person: &Person, key: &Issued) -> String {
    let deadline = Instant::now() + Duration::from_secs(10);
    loop {
        let now = Instant::now();
        if let Value::String(time) = last_use(person, key) {
            return time;
        }
        assert!(now < deadline, "the use does not show");
        std::thread::sleep(Duration::from_millis(20));
    }
}

fn a_first_use_shows_soon(setup: Setup) {
    let server = setup.start();
    let ada = server.sign_up(ADA);
    let key = ada.create_key("a");
    server.verify(&key.key).expect_status(200);
    let first = shown_use(&ada, &key);
    assert!(is_our_time(&first), "{first}");
    assert!(first >= text(&ada.item(&key.id), "createdAt"), "{first}");
    assert_eq!(ada.list()[0]["lastUsedAt"], *first);
    for _ in 0..20 {
        server.verify(&key.key).expect_status(200);
        assert!(last_use(&ada, &key).as_str() >= Some(&*first), "it moved back");
    }
}

fn an_unused_or_refused_key_shows_no_use(setup: Setup) {
    let server = setup.start();
    let ada = server.sign_up(ADA);
    let unused = ada.create_key("unused");
    let used = ada.create_key("used");
    server.verify(&used.key).expect_status(200);
    // The last character belongs to the checksum.
    server.verify(&unused.key[..45]).expect_error(401);
    let elsewhere = json!({ "name": "elsewhere", "allowedNetworks": ["203.0.113.0/24"] });
    let narrow = json!({ "name": "narrow", "scopes": ["docs:read"] });
    let [elsewhere, narrow] = [elsewhere, narrow].map(|key| ada.create_key_with(&key));
    server.verify(&elsewhere.key).expect_refusal(403, "address_not_allowed");
    let asking =
        |scope: &str| get(&format!("{VERIFY}?scope={scope}")).header("x-api-key", &narrow.key);
    server.send(&asking("docs:write")).expect_refusal(403, "insufficient_scope");
    server.send(&asking("*")).expect_refusal(400, "invalid_request");
    let later = ada.create_key("later");
    server.verify(&later.key).expect_status(200);
    for key in [&used, &later] {
        shown_use(&ada, key);
    }
    for key in [unused, elsewhere, narrow] {
        assert_eq!(last_use(&ada, &key), Value::Null);
    }
}

fn a_key_works_until_its_expiry_and_stays_in_the_list(setup: Setup) {
    let server = setup.start();
    let ada = server.sign_up(ADA);
    let key = ada.create_key_with(&json!({ "name": "short", "expiresAt": in_seconds(3) }));
    server.verify(&key.key).expect_status(200);
    std::thread::sleep(Duration::from_millis(3_050));
    server.verify(&key.key).expect_error(401).expect_body(INVALID);
    assert_eq!(ada.names(), ["short"]);
    assert_eq!(ada.item(&key.id)["enabled"], true);
    ada.revoke(&key.id).expect_status(200);
}

fn a_revoke_counts_for_every_verification_after_its_answer(setup: Setup) {
    let server: Server = setup.start();
    let ada = server.sign_up(ADA);
    for _ in 0..20 {
        let key = ada.create_key("a");
        server.verify(&key.key).expect_status(200);
        ada.revoke(&key.id).expect_status(200);
        server.verify(&key.key).expect_error(401).expect_body(INVALID);
    }
}
