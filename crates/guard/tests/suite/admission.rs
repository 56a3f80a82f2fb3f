use std::collections::HashSet;
use std::io::Write as _;
use std::net::Shutdown;
use std::sync::Mutex;
use std::thread;
use std::time::Duration;

use serde_json::{Value, json};

use super::http::{Header, get};
use super::imposter::{Imposter, answer};
use super::latchkey::Latchkey;
use super::logs;
use super::service::{
    INNER, NARROW, SCOPED, SCOPED_WHO, Service, UNGUARDED, UNGUARDED_NARROW, WHO, WRITES,
};
use super::unavailable::{KEY, vouching};

/// Well-formed and never issued.
const UNKNOWN: &str = KEY;

#[test]
fn a_good_key_is_admitted_and_the_handler_learns_who_calls() {
    let latchkey = Latchkey::start();
    let service = Service::start(&latchkey.url());
    let wanted = json!({ "name": "Prödüction \"1\" 🔑", "environment": "test", "expiresAt": "2099-01-01T00:00:00.123Z" });
    for (wanted, millis) in
        [(wanted, json!(4_070_908_800_123_u64)), (json!({ "name": "a" }), Value::Null)]
    {
        let key = latchkey.create_key(&wanted);
        for path in [WHO, SCOPED_WHO] {
            let told = service.with_key(path, &key.text).expect_status(200).json();
            assert_eq!(told["keyId"], key.body["id"]);
            for same in ["name", "keyPrefix", "environment"] {
                assert_eq!(told[same], key.body[same], "{same}");
            }
            assert_eq!(told["expiresAt"], millis);
            assert_eq!(told["metadata"], "{}");
            let own = get(latchkey.address, "/api/v1/verify", &[("x-api-key", &key.text)]);
            assert_eq!(told["ownerId"], own.json()["ownerId"]);
        }
        service.with_key(SCOPED, &key.text).expect_status(200);
    }
}

#[test]
fn handlers_and_layers_that_ask_for_a_scope_refuse_keys_without_it_and_name_it() {
    let latchkey = Latchkey::start();
    let service = Service::start(&latchkey.url());
    let key = |scopes: Value| latchkey.create_key(&json!({ "name": "a", "scopes": scopes })).text;
    for path in [WRITES, NARROW] {
        for good in [Value::Null, json!(["*"]), json!(["docs:*"]), json!(["x", "admin"])] {
            service.with_key(path, &key(good)).expect_status(200);
        }
        for bad in [json!([]), json!(["docs:read"]), json!(["docs:write:all", "docs"])] {
            let refused = service.with_key(path, &key(bad)).expect_status(403);
            let challenge = "Bearer error=\"insufficient_scope\", scope=\"docs:write|admin\"";
            assert_eq!(refused.header("www-authenticate"), Some(challenge));
            assert_eq!(refused.header("x-error-code"), Some("insufficient_scope"));
            assert_eq!(refused.header("x-api-key-refusal"), Some("scope"));
            assert_eq!(refused.json(), json!({ "error": "Insufficient scope" }));
        }
        service.with_key(path, UNKNOWN).expect_status(401);
        service.get(path, &[]).expect_status(401);
    }
    service.with_key(UNGUARDED_NARROW, &key(Value::Null)).expect_status(500);
    let told = service.with_key(WHO, &key(json!(["b", "a:*"]))).expect_status(200).json();
    assert_eq!(told["scopes"], "b a:*");
}

#[test]
fn a_key_works_from_its_networks_as_latchkey_reads_the_way_of_the_request() {
    let latchkey = Latchkey::start();
    for at in [latchkey.url(), latchkey.socket()] {
        judges_networks(&latchkey, &Service::start(&at));
    }
}

fn judges_networks(latchkey: &Latchkey, service: &Service) {
    let networks = json!({ "name": "a", "allowedNetworks": ["192.0.2.0/24"] });
    let key = latchkey.create_key(&networks).text;
    // Client and service are proxies that Latchkey trusts.
    for (lines, status) in [
        (&["192.0.2.7"][..], 200),
        (&["198.51.100.1", "192.0.2.7"], 200),
        (&["198.51.100.1, 192.0.2.7, 127.0.0.1"], 200),
        (&[], 403),
        (&["192.0.2.7", "198.51.100.1"], 403),
        (&["192.0.2.7, nonsense"], 403),
    ] {
        let mut headers = vec![("x-api-key", key.as_str())];
        headers.extend(lines.iter().map(|line| ("X-Forwarded-For", *line)));
        for path in [WHO, SCOPED] {
            service.get(path, &headers).expect_status(status);
        }
    }
}

#[test]
fn a_latchkey_at_a_unix_socket_is_asked_and_asked_again_after_a_restart() {
    let mut latchkey = Latchkey::start();
    let service = Service::start(&latchkey.socket());
    let key = latchkey.key();
    for _ in 0..3 {
        service.with_key(WHO, &key.text).expect_status(200);
    }
    service.with_key(WHO, UNKNOWN).expect_status(401);
    latchkey.kill();
    service.with_key(WHO, &key.text).expect_status(503);
    latchkey.start_again();
    service.with_key(WHO, &key.text).expect_status(200);
    latchkey.revoke(&key);
    service.with_key(WHO, &key.text).expect_status(401);
}

#[test]
fn a_key_that_may_not_be_used_from_the_address_of_the_service_is_refused_as_latchkey_refuses_it() {
    let latchkey = Latchkey::start();
    let service = Service::start(&latchkey.url());
    let key =
        latchkey.create_key(&json!({ "name": "a", "allowedNetworks": ["192.0.2.0/24"] })).text;
    let refused = service.with_key(WHO, &key).expect_status(403);
    assert_eq!(refused.header("x-error-code"), Some("address_not_allowed"));
    assert_eq!(refused.header("x-api-key-refusal"), Some("network"));
}

#[test]
fn whatever_is_presented_is_answered_as_latchkey_answers_it() {
    const GOOD: &str = "";
    let latchkey = Latchkey::start();
    let service = Service::start(&latchkey.url());
    let (good, revoked) = (latchkey.key().text, latchkey.key());
    latchkey.revoke(&revoked);
    let bearer = |key: &str| format!("Bearer {key}");
    let (good_bearer, bad_bearer, long) = (bearer(&good), bearer(UNKNOWN), "x".repeat(257));
    let (good, good_bearer) = (("X-API-Key", &*good), ("Authorization", &*good_bearer));
    let lower = good_bearer.1.replacen("Bearer", "bearer", 1);
    let padded = format!("  {}\t", good.1);
    let presented: [(&str, &[Header<'_>]); 26] = [
        ("key_required", &[]),
        ("key_required", &[("x-api-key", "")]),
        ("key_required", &[("x-api-key", " "), ("Authorization", "")]),
        ("invalid_key", &[("x-api-key", "no key")]),
        ("invalid_key", &[("x-api-key", UNKNOWN)]),
        ("invalid_key", &[("x-api-key", &revoked.text)]),
        ("invalid_key", &[("x-api-key", &long)]),
        ("invalid_key", &[("x-api-key", good_bearer.1)]),
        (GOOD, &[("x-api-key", &padded)]),
        (GOOD, &[good]),
        ("invalid_key", &[good, good]),
        ("invalid_key", &[good, ("x-api-key", UNKNOWN)]),
        ("invalid_key", &[("x-api-key", ""), ("x-api-key", ""), good_bearer]),
        (GOOD, &[good_bearer]),
        (GOOD, &[("authorization", &lower)]),
        ("invalid_key", &[good_bearer, good_bearer]),
        ("key_required", &[("Authorization", "Basic eDp5")]),
        ("key_required", &[("Authorization", "Bearer")]),
        ("key_required", &[("Authorization", "Bearer ")]),
        ("invalid_key", &[("Authorization", good.1)]),
        ("invalid_key", &[("Authorization", "Bearer:x")]),
        ("invalid_key", &[("Authorization", &bad_bearer)]),
        ("invalid_key", &[("Authorization", "Bearer a b")]),
        ("invalid_key", &[good_bearer, ("x-api-key", UNKNOWN)]),
        (GOOD, &[good_bearer, ("x-api-key", "")]),
        (GOOD, &[("Authorization", "Basic eDp5"), good]),
    ];
    for (code, headers) in presented {
        let own = get(latchkey.address, "/api/v1/verify", headers);
        assert_eq!(own.header("x-error-code").unwrap_or(GOOD), code, "{headers:?}: {own:?}");
        assert_eq!(own.status, if code == GOOD { 200 } else { 401 }, "{headers:?}");
        for path in [WHO, SCOPED, SCOPED_WHO] {
            let ours = service.get(path, headers);
            assert_eq!(ours.status, own.status, "{path}, {headers:?}: {ours:?}");
            if own.status != 200 {
                assert_eq!(ours.body, own.body, "{path}, {headers:?}");
                for name in ["content-type", "www-authenticate", "x-error-code"] {
                    assert_eq!(ours.header(name), own.header(name), "{path}, {headers:?}");
                }
            }
        }
    }
}

#[test]
fn a_key_is_refused_from_the_moment_its_revoke_is_answered() {
    let latchkey = Latchkey::start();
    let service = Service::start(&latchkey.url());
    for _ in 0..20 {
        let key = latchkey.key();
        service.with_key(WHO, &key.text).expect_status(200);
        latchkey.revoke(&key);
        let refused = service.with_key(WHO, &key.text).expect_status(401);
        assert_eq!(refused.body, r#"{"error":"Invalid API key"}"#);
    }
}

#[test]
fn a_latchkey_that_was_away_is_asked_again_when_it_is_back() {
    let mut latchkey = Latchkey::start();
    let service = Service::start(&latchkey.url());
    let key = latchkey.key().text;
    service.with_key(WHO, &key).expect_status(200);
    latchkey.kill();
    for path in [WHO, SCOPED] {
        let refused = service.with_key(path, &key).expect_status(503);
        assert_eq!(refused.header("retry-after"), Some("1"));
    }
    latchkey.start_again();
    service.with_key(WHO, &key).expect_status(200);
    latchkey.kill();
    latchkey.start_again();
    // The connection that was kept open is dead by now.
    service.with_key(WHO, &key).expect_status(200);
}

#[test]
fn text_without_the_form_of_a_key_is_refused_without_asking() {
    let imposter = Imposter::answering(vouching());
    let service = Service::start(&imposter.url());
    let wrong_checksum = KEY.replace("28hqg7", "28hqg8");
    for text in ["x", &"x".repeat(257), &"x".repeat(8000), &wrong_checksum, &KEY[1..]] {
        service.with_key(SCOPED, text).expect_status(401);
    }
    service.get(SCOPED, &[]).expect_status(401);
    assert_eq!(imposter.connections(), 0);
}

#[test]
fn middleware_and_handler_ask_once_on_a_connection_that_is_kept() {
    let imposter = Imposter::answering(vouching());
    let service = Service::start(&imposter.url());
    for _ in 0..10 {
        service.with_key(SCOPED_WHO, KEY).expect_status(200);
    }
    assert_eq!((imposter.requests(), imposter.connections()), (10, 1));
}

#[test]
fn the_guard_of_an_inner_scope_does_not_take_the_word_of_the_outer_one() {
    let vouches = Imposter::answering(vouching());
    let challenge = "WWW-Authenticate: ApiKey realm=\"api\"\r\n";
    let refuses = Imposter::answering(answer(
        "401 Unauthorized",
        challenge,
        r#"{"error":"Invalid API key"}"#,
    ));
    let service = Service::start_with(&vouches.url(), &refuses.url());
    service.with_key(WHO, KEY).expect_status(200);
    service.with_key(INNER, KEY).expect_status(401);
    assert_eq!(refuses.requests(), 1);
}

#[test]
fn a_connection_that_is_closed_when_it_is_used_again_costs_no_request() {
    // Keeps the connection open until the second request on it, and closes it unanswered.
    let answered = Mutex::new(HashSet::new());
    let imposter = Imposter::start(move |stream| {
        let peer = stream.peer_addr().expect("connected");
        if answered.lock().expect("not poisoned").insert(peer) {
            drop(stream.write_all(vouching().as_bytes()));
        } else {
            drop(stream.shutdown(Shutdown::Both));
        }
    });
    let service = Service::start(&imposter.url());
    for _ in 0..5 {
        service.with_key(WHO, KEY).expect_status(200);
        thread::sleep(Duration::from_millis(5));
    }
    assert_eq!((imposter.requests(), imposter.connections()), (9, 5));
}

#[test]
fn a_handler_that_asks_who_calls_without_a_guard_admits_nobody() {
    let imposter = Imposter::answering(vouching());
    let service = Service::start(&imposter.url());
    let refused = service.with_key(UNGUARDED, KEY).expect_status(500);
    assert_eq!(refused.body, r#"{"error":"Internal server error"}"#);
    assert_eq!(imposter.connections(), 0);
}

#[test]
fn no_key_is_logged_though_failures_are() {
    let echo = format!(r#"{{"keyId": {{"{KEY}": 1}}, "name": ["{KEY}"], "{KEY}": "{KEY}"}}"#);
    let bodies = [echo, format!(r#"{{"keyId": "{KEY}" "{KEY}""#), format!("\"{KEY}\"")];
    for body in bodies {
        let imposter = Imposter::answering(answer("200 OK", "", &body));
        let service = Service::start(&imposter.url());
        service.with_key(SCOPED_WHO, KEY).expect_status(503);
    }
    let service = Service::start(&Imposter::answering(format!("{KEY}\r\n\r\n")).url());
    service.with_key(SCOPED_WHO, KEY).expect_status(503);
    let log = logs::text();
    assert!(log.contains("refused a request with 503"), "{log}");
    assert!(!log.contains(KEY), "{log}");
}
