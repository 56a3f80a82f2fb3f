//! Whatever else is at Latchkey's address, or between: 503 within the limit, and never a principal.

use std::io::Write as _;
use std::net::{Shutdown, TcpListener, TcpStream};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::imposter::{Imposter, answer, repeat};
use super::service::{SCOPED, SCOPED_WHO, Service, TIME_LIMIT, WHO};

pub(crate) const KEY: &str = "sk_live_0123456789ABCDEFGHIJKLMNOPQRSTUV28hqg7";

fn body() -> Value {
    json!({
        "keyId": "01919b4e-7b3c-7def-8123-456789abcdef",
        "ownerId": "ada",
        "name": "a",
        "keyPrefix": "sk_live_0123",
        "environment": "live",
        "expiresAt": null,
    })
}

/// What a Latchkey that knows [`KEY`] answers.
pub(crate) fn vouching() -> String {
    answer("200 OK", "Content-Type: application/json\r\n", &body().to_string())
}

/// The time a service needs on top of the limit, on a busy machine.
const SLACK: Duration = Duration::from_secs(2);

fn expect_unavailable(url: &str, what: &str) {
    let service = Service::start(url);
    // Most of these wait for the limit, so they wait together.
    thread::scope(|scope| {
        for path in [WHO, SCOPED, SCOPED_WHO] {
            let service = &service;
            scope.spawn(move || expect_refusal(service, path, what));
        }
    });
}

fn expect_refusal(service: &Service, path: &str, what: &str) {
    let began = Instant::now();
    let refused = service.with_key(path, KEY);
    assert_eq!(refused.status, 503, "{what}, {path}: {refused:?}");
    assert!(began.elapsed() < TIME_LIMIT + SLACK, "{what}, {path}: {:?}", began.elapsed());
    assert_eq!(refused.header("retry-after"), Some("1"), "{what}");
    assert_eq!(refused.header("content-type"), Some("application/json"), "{what}");
    let body = r#"{"error":"Temporarily unavailable; try again shortly"}"#;
    assert_eq!(refused.body, body, "{what}");
}

fn expect_no_principal(answer: impl Into<Vec<u8>>, what: &str) {
    expect_unavailable(&Imposter::answering(answer).url(), what);
}

#[test]
fn the_imposter_is_believed_when_it_answers_like_latchkey() {
    let service = Service::start(&Imposter::answering(vouching()).url());
    service.with_key(WHO, KEY).expect_status(200);
}

#[test]
fn nobody_listens() {
    expect_unavailable(&Imposter::away(), "nobody listens");
}

#[test]
fn connections_are_never_accepted() {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port is free");
    let url = format!("http://{}", listener.local_addr().expect("bound"));
    expect_unavailable(&url, "only the backlog answers");
    drop(listener);
}

#[test]
fn requests_are_never_answered() {
    expect_unavailable(&Imposter::start(|_stream| {}).url(), "silence");
}

#[test]
fn connections_are_closed() {
    let close = |stream: &mut TcpStream| drop(stream.shutdown(Shutdown::Both));
    expect_unavailable(&Imposter::start(close).url(), "closed unanswered");
    let half = |stream: &mut TcpStream| drop(stream.shutdown(Shutdown::Write));
    expect_unavailable(&Imposter::start(half).url(), "half closed");
}

#[test]
fn an_answer_that_stops_or_crawls_is_no_answer() {
    let whole = vouching();
    let within_head = whole.find("Content-Length").expect("a length");
    let within_body = whole.len() - 3;
    for cut in [1, within_head, within_body] {
        let part = whole[..cut].to_owned();
        expect_no_principal(part.clone(), "stops and stays open");
        let close = move |stream: &mut TcpStream| {
            drop(stream.write_all(part.as_bytes()));
            drop(stream.shutdown(Shutdown::Both));
        };
        expect_unavailable(&Imposter::start(close).url(), "broken off");
    }
    let crawl = move |stream: &mut TcpStream| {
        for byte in whole.bytes() {
            if stream.write_all(&[byte]).is_err() {
                return;
            }
            thread::sleep(Duration::from_millis(10));
        }
    };
    expect_unavailable(&Imposter::start(crawl).url(), "a byte at a time");
}

#[test]
fn an_answer_without_end_is_not_read_to_its_end() {
    let starts: [(&str, &[u8]); 5] = [
        ("HTTP/1.1 200 OK\r\n", b"X-More: and more\r\n"),
        ("HTTP/1.1 200 OK\r\nX-Long: ", &[b'x'; 1024]),
        ("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", b"10\r\n0123456789abcdef\r\n"),
        ("HTTP/1.1 200 OK\r\n\r\n", &[b' '; 1024]),
        ("", b"HTTP/1.1 100 Continue\r\n\r\n"),
    ];
    for (start, piece) in starts {
        let flood = move |stream: &mut TcpStream| {
            drop(stream.write_all(start.as_bytes()));
            repeat(stream, piece, Duration::from_micros(50));
        };
        expect_unavailable(&Imposter::start(flood).url(), start);
    }
    let much = " ".repeat(1024 * 1024);
    expect_no_principal(answer("200 OK", "", &(much + &body().to_string())), "1 MiB");
    let long = format!("X-Long: {}\r\n", "x".repeat(64 * 1024));
    expect_no_principal(answer("200 OK", &long, &body().to_string()), "a head of 64 KiB");
    let declared = "HTTP/1.1 200 OK\r\nContent-Length: 18446744073709551615\r\n\r\n{}";
    expect_no_principal(declared, "more declared than there is");
}

#[test]
fn what_is_not_http_is_no_answer() {
    for garbage in [
        &b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"[..],
        b"SSH-2.0-OpenSSH_9.2\r\n\r\n",
        b"HTTP/9.9 200 OK\r\n\r\n",
        b"HTTP/1.1 2000 OK\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n{}",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
        b"\0\0\0\0\0\0\0\0\r\n\r\n",
    ] {
        expect_no_principal(garbage, &String::from_utf8_lossy(garbage));
    }
}

#[test]
fn no_other_status_counts_whatever_its_body() {
    for status in [
        "101 Switching Protocols",
        "201 Created",
        "204 No Content",
        "206 Partial Content",
        "304 Not Modified",
        "400 Bad Request",
        "403 Forbidden",
        "404 Not Found",
        "407 Proxy Authentication Required",
        "429 Too Many Requests",
        "500 Internal Server Error",
        "502 Bad Gateway",
        "503 Service Unavailable",
        "504 Gateway Timeout",
        "999 Whatever",
    ] {
        expect_no_principal(answer(status, "", &body().to_string()), status);
    }
}

#[test]
fn a_401_that_is_not_latchkeys_own_condemns_no_key() {
    for headers in ["", "WWW-Authenticate: Basic realm=\"proxy\"\r\n"] {
        expect_no_principal(answer("401 Unauthorized", headers, "{}"), headers);
    }
}

#[test]
fn a_refusal_that_does_not_say_why_refuses_no_key() {
    let challenge = "WWW-Authenticate: ApiKey realm=\"api\"\r\n";
    let reason = "X-Api-Key-Refusal: scope\r\n";
    for body in
        ["", "{}", "[]", r#"{"error":""}"#, r#"{"error":1}"#, r#"{"error":"No""#, "<p>No</p>"]
    {
        expect_no_principal(answer("401 Unauthorized", challenge, body), body);
        expect_no_principal(answer("403 Forbidden", reason, body), body);
        expect_no_principal(answer("429 Too Many Requests", reason, body), body);
    }
}

#[test]
fn an_answer_that_repeats_the_key_is_passed_on_to_nobody() {
    let mut vouched = body();
    for member in ["ownerId", "name", "metadata"] {
        vouched[member] = if member == "metadata" { json!({ "a": KEY }) } else { json!(KEY) };
        expect_no_principal(answer("200 OK", "", &vouched.to_string()), member);
        vouched = body();
    }
    let reason = "X-Api-Key-Refusal: scope\r\n";
    let sentence = json!({ "error": format!("{KEY} is not allowed") }).to_string();
    let escaped = sentence.replace("sk_live", "\\u0073k_live");
    for body in [sentence, escaped] {
        expect_no_principal(answer("403 Forbidden", reason, &body), &body);
    }
    let id = format!("{reason}X-Request-Id: {KEY}\r\n");
    expect_no_principal(answer("403 Forbidden", &id, r#"{"error":"No"}"#), "a header");
}

#[test]
fn redirects_are_not_followed() {
    let good = Imposter::answering(vouching());
    for status in ["301", "302", "303", "307", "308"] {
        let location = format!("Location: {}/api/v1/verify\r\n", good.url());
        expect_no_principal(answer(&format!("{status} Elsewhere"), &location, ""), status);
    }
    assert_eq!(good.connections(), 0);
}

#[test]
fn a_body_that_is_not_latchkeys_own_vouches_for_nobody() {
    for body in ["", "{}", "[]", "null", "true", "<html></html>", "\u{feff}{}", "{\"keyId\":"] {
        expect_no_principal(answer("200 OK", "", body), body);
    }
    for (member, value) in [
        ("keyId", json!("../1")),
        ("keyId", json!(1)),
        ("ownerId", json!("")),
        ("ownerId", json!("a b")),
        ("ownerId", json!("x".repeat(256))),
        ("name", json!("a\nb")),
        ("name", Value::Null),
        ("keyPrefix", json!("")),
        ("keyPrefix", json!("sk_live_")),
        ("keyPrefix", json!("sk_live_0124")),
        ("environment", json!("prod")),
        ("expiresAt", json!("tomorrow")),
        ("expiresAt", json!(0)),
        ("scopes", json!("a")),
        ("scopes", json!(["A"])),
        ("metadata", json!([])),
        ("metadata", json!("{}")),
        ("metadata", json!({ "a": "\0" })),
    ] {
        let mut body = body();
        body[member] = value;
        expect_no_principal(answer("200 OK", "", &body.to_string()), &body.to_string());
    }
    for member in ["keyId", "ownerId", "name", "keyPrefix", "environment", "expiresAt"] {
        let mut body = body();
        body.as_object_mut().expect("an object").remove(member);
        expect_no_principal(answer("200 OK", "", &body.to_string()), member);
    }
    let twice = body().to_string().replace("\"name\"", "\"ownerId\":\"eve\",\"name\"");
    expect_no_principal(answer("200 OK", "", &twice), "a member twice");
    let mut raw = answer("200 OK", "", &body().to_string().replace("ada", "aXa")).into_bytes();
    *raw.iter_mut().rev().find(|byte| **byte == b'X').expect("it is there") = 0xff;
    expect_no_principal(raw, "not UTF-8");
}
