//! `GET /api/v1/api-keys`, rows 32 to 37.

use serde_json::json;

use crate::http::{Connection, get, request};
use crate::person::{ADA, KEYS, text};
use crate::server::Setup;

on_both_databases![row_35_a_list_holds_as_many_keys_as_an_owner_may_have,];

#[test]
fn row_32_unknown_and_repeated_queries_are_refused() {
    let server = Setup::on_sqlite().start();
    let ada = server.sign_up(ADA);
    for (query, said) in [
        ("x=1", "x is not known here"),
        ("userId=other", "userId is not known here"),
        ("limit=-1", "limit is not known here"),
        ("a=%00&&=;", "a is not known here"),
        ("%3Cscript%3E=1", "A member of the request is not known here"),
        ("Status=revoked", "Status is not known here"),
        ("status=revoked&status=revoked", "status is given twice"),
        ("status=active", "status must be \"revoked\""),
        ("status=", "status must be \"revoked\""),
        ("status", "status must be \"revoked\""),
    ] {
        let answer = ada.get(&format!("{KEYS}?{query}")).expect_refusal(400, "invalid_request");
        let message = text(&answer.json(), "error");
        assert!(message.starts_with(said), "{query}: {message}");
        server.send(&get(&format!("{KEYS}?{query}"))).expect_error(401);
    }
    for query in ["x=1", "before=x&before=x", "limit=1&limit=2", "keyid=x"] {
        let answer = ada.get(&format!("/api/v1/audit-events?{query}"));
        answer.expect_refusal(400, "invalid_request");
    }
    ada.get(&format!("{KEYS}?")).expect_status(200).expect_body("[]");
}

#[test]
fn row_33_a_body_is_ignored_and_its_framing_respected() {
    let server = Setup::on_sqlite().start();
    let ada = server.sign_up(ADA);
    ada.create_key("a");
    let mut connection = Connection::open(server.address);
    let smuggled = b"DELETE /api/v1/api-keys HTTP/1.1\r\nHost: x\r\n\r\n";
    for body in [b"{".as_slice(), br#"{"name":"b"}"#, smuggled] {
        let request = ada.sign(get(KEYS).keep_alive().body(body));
        connection.write(&request.bytes(server.address));
        let answer = connection.read(false).expect_status(200);
        assert_eq!(answer.json().as_array().expect("an array").len(), 1);
        // A server that would rather not read the rest may say so and hang up.
        if answer.header("connection") == Some("close") {
            assert!(connection.is_closed());
            connection = Connection::open(server.address);
        }
    }
}

#[test]
fn row_34_head_answers_as_get_without_a_body() {
    let server = Setup::on_sqlite().start();
    let ada = server.sign_up(ADA);
    ada.create_key("a");
    let got = ada.get(KEYS).expect_status(200);
    let head = ada.send(request("HEAD", KEYS)).expect_status(200);
    assert_eq!(head.header("content-type"), got.header("content-type"));
    assert_eq!(head.header("cache-control"), got.header("cache-control"));
    if let Some(length) = head.header("content-length") {
        assert_eq!(length, got.body.len().to_string());
    }
}

fn row_35_a_list_holds_as_many_keys_as_an_owner_may_have(setup: Setup) {
    let server = setup.start();
    let ada = server.sign_up(ADA);
    ada.get(KEYS).expect_status(200).expect_body("[]");
    std::thread::scope(|scope| {
        for number in 0..4 {
            let (ada, body) = (&ada, json!({ "name": format!("{number}") }).to_string());
            scope.spawn(move || (0..25).for_each(|_| drop(ada.create(&body).expect_status(201))));
        }
    });
    assert_eq!(ada.list().len(), 100);
    ada.create(r#"{"name":"one too many"}"#).expect_error(409);
}

#[test]
fn row_36_ranges_and_conditions_are_ignored() {
    let server = Setup::on_sqlite().start();
    let ada = server.sign_up(ADA);
    ada.create_key("a");
    let whole = ada.get(KEYS).text();
    for (name, value) in [
        ("Range", "bytes=0-1"),
        ("If-None-Match", "*"),
        ("If-Modified-Since", "Fri, 01 Jan 2100 00:00:00 GMT"),
        ("If-Match", "\"x\""),
    ] {
        let answer = ada.send(get(KEYS).header(name, value)).expect_status(200);
        assert_eq!(answer.text(), whole, "{name}");
        assert_eq!(answer.header("cache-control"), Some("no-store"));
    }
}
