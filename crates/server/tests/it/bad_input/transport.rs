//! Framing, hosts, methods, paths and cookies: rows 63, 64 and 69 to 71.

use crate::http::{Connection, Response, get, request};
use crate::person::{
    ACCOUNT, ADA, CONFIRM, EMAIL, END_OTHERS, EXPORT, KEYS, PASSWORD, Person, SESSION, SESSIONS,
    SIGN_IN, SIGN_OUT, SIGN_UP, VERIFY, key_path,
};
use crate::server::{Server, Setup};

/// Sends the head lines after the first as they are, and `body`.
fn raw(server: &Server, person: &Person, lines: &[&str], body: &str) -> (Response, bool) {
    let lines = lines.join("\r\n");
    let text = format!("{lines}\r\nCookie: {}\r\n\r\n{body}", person.cookie());
    let mut connection = Connection::open(server.address);
    connection.write(text.replace("HOST", &server.address.to_string()).as_bytes());
    let answer = connection.read(false);
    (answer, connection.is_closed())
}

#[test]
fn row_63_ambiguous_framing_is_400_and_the_connection_closed() {
    let server = Setup::on_sqlite().start();
    let ada = server.sign_up(ADA);
    let body = r#"{"name":"a"}"#;
    let chunked = format!("c\r\n{body}\r\n0\r\n\r\n");
    let cases: [(&[&str], &str); 9] = [
        (&["Content-Length: 12", "Transfer-Encoding: chunked"], &chunked),
        (&["Transfer-Encoding: chunked", "Content-Length: 12"], &chunked),
        (&["Content-Length: 12", "Content-Length: 13"], body),
        (&["Content-Length: 12", "Content-Length: 12"], body),
        (&["Content-Length: +12"], body),
        (&["Content-Length: 12, 13"], body),
        (&["Content-Length: 0x0c"], body),
        (&["Transfer-Encoding: xchunked"], &chunked),
        (&["Transfer-Encoding : chunked"], &chunked),
    ];
    for (framing, body) in cases {
        let head =
            ["POST /api/v1/api-keys HTTP/1.1", "Host: HOST", "Content-Type: application/json"];
        let (answer, closed) = raw(&server, &ada, &[&head, framing].concat(), body);
        answer.expect_error(400);
        assert!(closed, "{framing:?}");
    }
    let old = [
        "POST /api/v1/api-keys HTTP/1.0",
        "Host: HOST",
        "Content-Type: application/json",
        "Transfer-Encoding: chunked",
    ];
    let (answer, closed) = raw(&server, &ada, &old, &chunked);
    answer.expect_error(400);
    assert!(closed);
    assert_eq!(ada.list().len(), 0);
}

#[test]
fn a_head_that_cannot_be_read_is_refused_in_words_and_with_a_code() {
    let server = Setup::on_sqlite().start();
    let large = format!("GET /healthz HTTP/1.1\r\nA: {}", "a".repeat(130 << 10));
    for (head, status) in [
        ("no HTTP at all\r\n\r\n", 400),
        ("GET /healthz HTTP/1.1\r\nHost: a\r\nno colon\r\n\r\n", 400),
        (large.as_str(), 431),
    ] {
        let mut connection = Connection::open(server.address);
        connection.write(head.as_bytes());
        let refused = connection.read(false).expect_error(status);
        assert!(refused.header("x-request-id").is_some(), "{refused:#?}");
    }
    // Behind an answer of a handler, in one packet.
    let mut connection = Connection::open(server.address);
    connection.write(b"GET /healthz HTTP/1.1\r\nHost: a\r\n\r\nno HTTP at all\r\n\r\n");
    connection.read(false).expect_status(200);
    connection.read(false).expect_error(400);
}

#[test]
fn a_malformed_head_is_no_error_in_the_log_and_shows_at_debug() {
    let setup = Setup::on_sqlite();
    let mut setup = setup;
    for (filter, shown) in
        [("info", false), ("latchkey=warn,actix_http=info", false), ("debug", true)]
    {
        let server = setup.with("LATCHKEY_LOG", filter).start();
        for head in [
            "no HTTP at all\r\n\r\n".to_owned(),
            "GET /healthz HTTP/9.9\r\nHost: a\r\n\r\n".to_owned(),
            "GET /healthz HTTP/1.1\r\nHost: a\r\nno colon\r\n\r\n".to_owned(),
            "GET /healthz HTTP/1.1\r\nHost: a\r\nContent-Length: x\r\n\r\n".to_owned(),
            format!("GET /healthz HTTP/1.1\r\nHost: a\r\n{}\r\n", "A: b\r\n".repeat(1_000)),
            format!("GET /healthz HTTP/1.1\r\nA: {}", "a".repeat(1 << 20)),
        ] {
            let mut connection = Connection::open(server.address);
            connection.write(head.as_bytes());
            let refused = connection.try_read(false).map_or(400, |answer| answer.status);
            assert!((400..500).contains(&refused), "{refused}: {head:.60}");
        }
        let (ended, left) = server.stop();
        let alarms = |line: &&str| line.contains("\"ERROR\"") || line.contains("\"WARN\"");
        let found = ended.text.lines().filter(alarms);
        // The tests' own database does without.
        let found: Vec<_> = found.filter(|line| !line.contains("is off in the database")).collect();
        assert_eq!(!found.is_empty(), shown, "LATCHKEY_LOG={filter}: {found:#?}");
        setup = left;
    }
}

#[test]
fn row_64_a_request_without_a_host_or_with_two_is_400() {
    let server = Setup::on_sqlite().start();
    let ada = server.sign_up(ADA);
    ada.send(get(KEYS).without_host()).expect_status(400);
    ada.send(get(KEYS).header("Host", "other.example")).expect_status(400);
    let host = server.address.to_string();
    ada.send(get(KEYS).header("Host", host)).expect_status(400);
}

#[test]
fn row_69_methods_that_a_route_lacks_are_405_with_allow() {
    let server = Setup::on_sqlite().start();
    let ada = server.sign_up(ADA);
    let item = key_path(&ada.create_key("a").id);
    let everywhere = ["TRACE", "PUT", "FOO", "get", "Post"];
    for (path, offered) in [
        (KEYS, &["GET", "POST"][..]),
        (&item, &["GET", "DELETE"]),
        (SIGN_UP, &["POST"]),
        (SIGN_IN, &["POST"]),
        (SIGN_OUT, &["POST"]),
        (PASSWORD, &["POST"]),
        (EMAIL, &["POST"]),
        (CONFIRM, &["POST"]),
        (ACCOUNT, &["DELETE"]),
        (EXPORT, &["GET", "HEAD"]),
        (SESSIONS, &["GET", "HEAD"]),
        (END_OTHERS, &["POST"]),
        (SESSION, &["GET"]),
        ("/healthz", &["GET"]),
        ("/readyz", &["GET"]),
        ("/openapi.json", &["GET"]),
    ] {
        let lacking = ["GET", "POST", "DELETE"].into_iter().filter(|m| !offered.contains(m));
        for method in everywhere.into_iter().chain(lacking) {
            let answer = ada.send(request(method, path));
            assert_eq!(answer.status, 405, "{method} {path}: {answer:#?}");
            let answer = answer.expect_error(405);
            let allow = answer.header("allow").unwrap_or_default();
            for method in offered {
                let named = allow.split(',').any(|allowed| allowed.trim() == *method);
                assert!(named, "{method} is not in {allow:?} of {path}");
            }
        }
        let options = ada.send(request("OPTIONS", path));
        assert!([204, 405].contains(&options.status), "{path}: {options:#?}");
    }
    for path in [KEYS, SESSION] {
        ada.send(request("PATCH", path)).expect_error(405);
    }
    assert_eq!(ada.names(), ["a"]);
}

#[test]
fn row_70_a_path_that_only_resembles_a_route_is_404() {
    let server = Setup::on_sqlite().start();
    let ada = server.sign_up(ADA);
    let key = ada.create_key("a").key;
    for path in [
        "//api/v1/api-keys",
        "/api//v1/api-keys",
        "/API/V1/API-KEYS",
        "/api/v1/Api-Keys",
        "/api/v1/api-keys/../x",
        "/api/v1/./api-keys",
        "/x/../api/v1/api-keys",
        "/%61pi/v1/api-keys",
        "/api%2Fv1/api-keys",
        "/api;a=b/v1/api-keys",
        "/api/v1;a=b/api-keys",
        "/api/v1/api-keys/",
        "/",
        "/api",
        "/api/v1",
        "/api/v1/verify;a=b",
        "/api/v1/%76erify",
    ] {
        let answer = ada.send(get(path).header("x-api-key", &key));
        if path != "/" {
            assert_eq!(answer.status, 404, "{path}: {answer:#?}");
        }
        assert_eq!(answer.header("x-api-key-id"), None, "{path}: {answer:#?}");
    }
    ada.send(get(VERIFY).header("x-api-key", &key)).expect_status(200);
}

#[test]
fn row_71_broken_cookies_are_ignored() {
    let server = Setup::on_sqlite().start();
    let ada = server.sign_up(ADA);
    let long = format!("session={}", "a".repeat(7_900));
    let many: Vec<_> = (0..100).map(|number| format!("c{number}=x")).collect();
    for broken in [
        ";;=;session",
        "session",
        "session=",
        "=",
        "session=%00",
        &format!("session=\"{}\"", ada.token),
        &format!("Session={}", ada.token),
        &format!("session={}%00", ada.token),
        &format!("x=session={}", ada.token),
        &long,
        &many.join("; "),
    ] {
        let answer = server.send(&get(SESSION).header("Cookie", broken));
        assert_eq!(answer.status, 401, "{broken}: {answer:#?}");
        answer.expect_error(401);
    }
    server.send(&get(SESSION).header("Cookie", b"session=\xff\xfe")).expect_error(401);
}

#[test]
fn row_71_other_cookies_do_not_hide_ours() {
    let server = Setup::on_sqlite().start();
    let ada = server.sign_up(ADA);
    let many: Vec<_> = (0..100).map(|number| format!("c{number}=x")).collect();
    let many = many.join("; ");
    for cookies in [
        format!("{many}; {}", ada.cookie()),
        format!("{}; {many}", ada.cookie()),
        format!(";;=;; {}", ada.cookie()),
        format!("theme=dark; {}; x=\"quoted; y", ada.cookie()),
    ] {
        server.send(&get(SESSION).header("Cookie", cookies)).expect_status(200);
    }
}
