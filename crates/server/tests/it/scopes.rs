//! What keys may be used for and from where: contract, section 10.

use serde_json::{Value, json};

use crate::http::{Request, Response, get};
use crate::person::{ADA, Issued, VERIFY, rotate_path, text};
use crate::secret::UNKNOWN;
use crate::server::Setup;

on_both_databases_with_and_without_cache![
    a_narrowed_key_is_refused_what_it_lost_from_the_answer_on
];

on_both_databases_concurrently![
    scopes_and_networks_are_shown_kept_and_inherited,
    the_trail_tells_what_a_key_could_do_before_and_after,
];

fn asking(requirements: &str, key: &Issued) -> Request {
    get(&format!("{VERIFY}?{requirements}")).header("x-api-key", &key.key)
}

/// The answer to a good key that lacks a scope.
fn expect_challenge(answer: Response, required: &str) {
    let answer = answer.expect_refusal(403, "insufficient_scope");
    let challenge = format!("Bearer error=\"insufficient_scope\", scope=\"{required}\"");
    assert_eq!(answer.header("www-authenticate"), Some(challenge.as_str()));
    assert_eq!(answer.header("x-api-key-refusal"), Some("scope"));
    answer.expect_body(r#"{"error":"Insufficient scope"}"#);
}

#[test]
fn a_key_is_accepted_for_what_its_scopes_cover() {
    let server = Setup::on_sqlite().start();
    let ada = server.sign_up(ADA);
    let with = |scopes: Value| ada.create_key_with(&json!({ "name": "a", "scopes": scopes }));
    let some = with(json!(["docs:read", "org:*"]));
    for good in ["scope=docs:read", "scope=org:a:b&scope=docs%3Aread", "scope=x|docs:read", ""] {
        let answer = server.send(&asking(good, &some)).expect_status(200);
        assert_eq!(answer.header("x-api-key-scopes"), Some("docs:read org:*"));
        assert_eq!(answer.json()["scopes"], json!(["docs:read", "org:*"]));
    }
    for (bad, required) in [
        ("scope=org", "org"),
        ("scope=docs:read&scope=docs:write", "docs:read docs:write"),
        ("scope=docs|docs:write", "docs|docs:write"),
    ] {
        expect_challenge(server.send(&asking(bad, &some)), required);
    }
    let none = with(json!([]));
    let answer = server.send(&asking("", &none)).expect_status(200);
    assert_eq!(answer.header("x-api-key-scopes"), Some(""));
    assert_eq!(answer.json()["scopes"], json!([]));
    expect_challenge(server.send(&asking("scope=a", &none)), "a");
    for all in [with(json!(["*"])), with(Value::Null), ada.create_key("a")] {
        server.send(&asking("scope=a&scope=b:c", &all)).expect_status(200);
    }
    let unrestricted = server.send(&asking("", &ada.create_key("a"))).expect_status(200);
    assert_eq!(unrestricted.header("x-api-key-scopes"), None);
    assert_eq!(unrestricted.json()["scopes"], Value::Null);
}

#[test]
fn query_and_header_add_up_and_below_the_path_the_header_alone_counts() {
    let server = Setup::on_sqlite().start();
    let key = server.sign_up(ADA).create_key_with(&json!({ "name": "a", "scopes": ["a", "b"] }));
    let send = |below: &str, headers: &[&str]| {
        let request = get(&format!("{VERIFY}{below}")).header("x-api-key", &key.key);
        let add = |request: Request, line: &&str| request.header("x-latchkey-require", line);
        server.send(&headers.iter().fold(request, add))
    };
    send("?scope=a", &["b"]).expect_status(200);
    send("", &["a, b", "a|x"]).expect_status(200);
    expect_challenge(send("?scope=a", &["x"]), "a x");
    expect_challenge(send("?scope=x", &["a"]), "x a");
    expect_challenge(send("", &["a", "b,x|y"]), "a b x|y");
    for below in ["/", "/orders?scope=x", "/api/v1/verify?scope=x&scope=*", "/?scope="] {
        send(below, &["a"]).expect_status(200);
        expect_challenge(send(below, &["x"]), "x");
    }
}

#[test]
fn a_malformed_requirement_is_400_and_for_a_good_key_alone() {
    let server = Setup::on_sqlite().start();
    let ada = server.sign_up(ADA);
    let elsewhere = ada.create_key_with(&json!({ "name": "a", "allowedNetworks": ["192.0.2.1"] }));
    let off = ada.create_key("off");
    ada.change(&off.id, &json!({ "enabled": false })).expect_status(200);
    let too_many = vec!["scope=a"; 65].join("&");
    for bad in [
        "scope=",
        "scope",
        "scope=*",
        "scope=a:*",
        "scope=A",
        "scope=a+b",
        "scope=a%00",
        "scope=%ff",
        "scope=a||b",
        "scope=a&scope=",
        &too_many,
    ] {
        let answer = server.send(&asking(bad, &elsewhere)).expect_refusal(400, "invalid_request");
        assert_eq!(answer.header("x-api-key-refusal"), None, "{bad}");
        server.send(&asking(bad, &off)).expect_refusal(401, "invalid_key");
    }
    for bad in [&b""[..], b"*", b"a,,b", b"a,", b"\xff", b"a b"] {
        let request =
            |key: &str| get(VERIFY).header("x-api-key", key).header("x-latchkey-require", bad);
        server.send(&request(&elsewhere.key)).expect_refusal(400, "invalid_request");
        server.send(&request(UNKNOWN)).expect_refusal(401, "invalid_key");
    }
    server.send(&asking("scope=x", &elsewhere)).expect_refusal(403, "address_not_allowed");
}

fn a_narrowed_key_is_refused_what_it_lost_from_the_answer_on(setup: Setup) {
    let server = setup.start();
    let ada = server.sign_up(ADA);
    let key = ada.create_key_with(&json!({ "name": "a", "scopes": ["a", "b"] }));
    for _ in 0..20 {
        server.send(&asking("scope=b", &key)).expect_status(200);
        ada.change(&key.id, &json!({ "scopes": ["a"] })).expect_status(200);
        expect_challenge(server.send(&asking("scope=b", &key)), "b");
        server.send(&asking("scope=a", &key)).expect_status(200);
        ada.change(&key.id, &json!({ "scopes": null })).expect_status(200);
    }
}

#[test]
fn a_key_works_from_its_networks_alone() {
    let server = Setup::on_sqlite().with("LATCHKEY_TRUSTED_PROXIES", "127.0.0.1").start();
    let ada = server.sign_up(ADA);
    let networks = json!(["10.0.0.0/8", "2001:db8::/32"]);
    let key = ada.create_key_with(&json!({ "name": "a", "allowedNetworks": networks }));
    let from = |address: &str| {
        let request = get(VERIFY).header("x-api-key", &key.key);
        server.send(&request.header("x-forwarded-for", address))
    };
    for inside in ["10.1.2.3", "::ffff:10.1.2.3", "2001:db8::1", "6.6.6.6, 10.1.2.3"] {
        from(inside).expect_status(200);
    }
    for outside in ["11.1.2.3", "2001:db9::1", "10.1.2.3, 6.6.6.6", "10.1.2.3, unknown"] {
        let answer = from(outside).expect_refusal(403, "address_not_allowed");
        assert_eq!(answer.header("x-api-key-refusal"), Some("network"));
        answer.expect_body(r#"{"error":"Address not allowed"}"#);
    }
    server.verify(&key.key).expect_refusal(403, "address_not_allowed");
    ada.change(&key.id, &json!({ "allowedNetworks": ["127.0.0.1"] })).expect_status(200);
    server.verify(&key.key).expect_status(200);
    from("10.1.2.3").expect_refusal(403, "address_not_allowed");
    ada.change(&key.id, &json!({ "allowedNetworks": null })).expect_status(200);
    from("10.1.2.3, unknown").expect_status(200);
}

fn scopes_and_networks_are_shown_kept_and_inherited(setup: Setup) {
    let server = setup.start();
    let ada = server.sign_up(ADA);
    let given = json!({
        "name": "a",
        "scopes": ["b", "a:*", "b"],
        "allowedNetworks": ["127.0.0.1", "::ffff:10.0.0.0/104", "2001:db8::1"],
    });
    let key = ada.create_key_with(&given);
    let scopes = json!(["b", "a:*"]);
    let networks = json!(["127.0.0.1/32", "10.0.0.0/8", "2001:db8::1/128"]);
    let shows = |id: &str, scopes: &Value, networks: &Value| {
        let item = ada.item(id);
        assert_eq!((&item["scopes"], &item["allowedNetworks"]), (scopes, networks));
    };
    shows(&key.id, &scopes, &networks);
    ada.change(&key.id, &json!({ "name": "b" })).expect_status(200);
    let rotated = ada.post(&rotate_path(&key.id), "{}").expect_status(201).json();
    shows(&text(&rotated, "id"), &scopes, &networks);
    expect_challenge(
        server.send(&get(&format!("{VERIFY}?scope=c")).header("x-api-key", text(&rotated, "key"))),
        "c",
    );
    let plain = ada.create_key("plain");
    shows(&plain.id, &Value::Null, &Value::Null);
    ada.change(&plain.id, &json!({ "scopes": [] })).expect_status(200);
    shows(&plain.id, &json!([]), &Value::Null);
}

fn the_trail_tells_what_a_key_could_do_before_and_after(setup: Setup) {
    let server = setup.start();
    let ada = server.sign_up(ADA);
    let key = ada.create_key("a");
    let change = json!({ "scopes": ["a"], "allowedNetworks": ["10.0.0.0/8"] });
    ada.change(&key.id, &change).expect_status(200);
    ada.change(&key.id, &json!({ "scopes": [] })).expect_status(200);
    let events = ada.get("/api/v1/audit-events?limit=2").expect_status(200).json();
    assert_eq!(events[0]["changes"], json!({ "scopes": [["a"], []] }));
    let both = json!({ "scopes": [null, ["a"]], "allowedNetworks": [null, ["10.0.0.0/8"]] });
    assert_eq!(events[1]["changes"], both);
}

#[test]
fn scopes_and_networks_that_are_none_are_refused_and_change_nothing() {
    let server = Setup::on_sqlite().start();
    let ada = server.sign_up(ADA);
    let key = ada.create_key("a");
    let many = |count: usize, of: &dyn Fn(usize) -> String| (0..count).map(of).collect::<Vec<_>>();
    let wrong = [
        json!({ "scopes": ["A"] }),
        json!({ "scopes": [""] }),
        json!({ "scopes": ["a:**"] }),
        json!({ "scopes": "a" }),
        json!({ "scopes": [1] }),
        json!({ "scopes": many(65, &|number| format!("s{number}")) }),
        json!({ "allowedNetworks": [] }),
        json!({ "allowedNetworks": ["10.0.0.1/8"] }),
        json!({ "allowedNetworks": ["example.com"] }),
        json!({ "allowedNetworks": many(33, &|number| format!("10.0.0.{number}")) }),
    ];
    for change in &wrong {
        ada.change(&key.id, change).expect_refusal(400, "invalid_request");
        let mut new = change.clone();
        new["name"] = json!("b");
        ada.create(new.to_string()).expect_refusal(400, "invalid_request");
    }
    let host_bits = json!({ "allowedNetworks": ["10.0.0.1/8"] });
    assert!(ada.change(&key.id, &host_bits).text().contains("10.0.0.1/8"));
    assert_eq!(ada.list().len(), 1);
    assert_eq!(ada.item(&key.id)["scopes"], Value::Null);
}
