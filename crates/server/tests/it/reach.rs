//! By which address the service is reached, and what is said to those who come by another.

use crate::http::{Request, get, post};
use crate::person::{ADA, ADAS_PASSWORD, BOB, KEYS, SIGN_IN, SIGN_UP, credentials};
use crate::process::Finished;
use crate::server::{Server, Setup};

const EVIL: &str = "http://evil.example:8080";
const BODY: &str = r#"{"name":"a"}"#;

fn sign_up(email: &str) -> Request {
    post(SIGN_UP).json(credentials(email, ADAS_PASSWORD))
}

fn lines<'a>(log: &'a str, text: &str) -> Vec<&'a str> {
    log.lines().filter(|line| line.contains(text)).collect()
}

#[track_caller]
fn refused(server: &Server, request: &Request, code: &str) -> String {
    let answer = server.send(request).expect_error(403);
    assert_eq!(answer.header("x-error-code"), Some(code), "{answer:#?}");
    answer.text()
}

#[test]
fn a_page_at_another_address_is_told_which_one_and_the_log_names_the_setting() {
    let public = "https://keys.example.com";
    let server = Setup::on_sqlite().with("LATCHKEY_PUBLIC_URL", public).start();
    let seen = "https://other.example.com";
    for (site, setting, other) in [
        (None, "LATCHKEY_PUBLIC_URL or LATCHKEY_TRUSTED_ORIGINS", ""),
        (Some("same-origin"), "LATCHKEY_PUBLIC_URL", "LATCHKEY_TRUSTED_ORIGINS"),
        (Some("cross-site"), "LATCHKEY_TRUSTED_ORIGINS", "LATCHKEY_PUBLIC_URL"),
    ] {
        let call = post(SIGN_IN).json(credentials(ADA, ADAS_PASSWORD)).header("Origin", seen);
        let call = site.iter().fold(call, |call, site| call.header("Sec-Fetch-Site", site));
        let said = refused(&server, &call, "cross_site");
        for part in [seen, public, setting] {
            assert!(said.contains(part), "{said}");
        }
        assert!(other.is_empty() || !said.contains(other), "{said}");
    }
    let log = server.stop().0.text;
    let [line] = lines(&log, "another origin than expected")[..] else { panic!("{log}") };
    for part in ["WARN", seen, public, "LATCHKEY_PUBLIC_URL"] {
        assert!(line.contains(part), "{part} is not in {line}");
    }
}

#[test]
fn the_log_names_each_refused_origin_once() {
    let server = Setup::on_sqlite().start();
    for _ in 0..3 {
        for origin in [EVIL, "https://keys.example.com"] {
            refused(&server, &sign_up(ADA).header("Origin", origin), "cross_site");
        }
        for unclear in ["null", "nonsense"] {
            refused(&server, &sign_up(ADA).header("Origin", unclear), "cross_site");
        }
    }
    let log = server.stop().0.text;
    assert_eq!(lines(&log, "another origin than expected").len(), 2, "{log}");
}

#[test]
fn a_loopback_public_url_is_every_loopback_name_of_its_port() {
    let setup = Setup::on_sqlite();
    let setup = setup.with("LATCHKEY_PUBLIC_URL", "http://127.0.0.1:8080");
    let server = setup.start();
    let ada = server.sign_up(ADA);
    for origin in ["http://127.0.0.1:8080", "http://localhost:8080", "http://[::1]:8080"] {
        let call = post(KEYS).json(BODY).header("Origin", origin);
        ada.send(call.clone()).expect_status(201);
        ada.send(call.clone().header("Sec-Fetch-Site", "same-origin")).expect_status(201);
        ada.send(call.header("Sec-Fetch-Site", "cross-site")).expect_error(403);
    }
    for origin in [
        "http://localhost",
        "http://localhost:8081",
        "https://localhost:8080",
        "http://127.0.0.2:8080",
        "http://localhost.evil.example:8080",
    ] {
        ada.send(post(KEYS).json(BODY).header("Origin", origin)).expect_error(403);
    }
}

#[test]
fn what_is_open_to_this_machine_is_closed_to_a_rebound_name() {
    let server = Setup::on_sqlite().start();
    // What a browser sends whose DNS says that evil.example is 127.0.0.1.
    let rebound = |request: Request| {
        let request = request.without_host().header("Host", "evil.example:8080");
        request.header("Origin", EVIL).header("Sec-Fetch-Site", "same-origin")
    };
    let said = refused(&server, &rebound(sign_up(ADA)), "sign_up_closed");
    assert!(said.contains("LATCHKEY_SIGN_UP=open"), "{said}");
    server.send(&rebound(get("/metrics"))).expect_error(404);

    server.sign_up(ADA);
    let port = server.address.port();
    for host in [format!("localhost:{port}"), format!("127.0.0.1:{port}"), "localhost".into()] {
        let request = get("/metrics").without_host().header("Host", &host);
        server.send(&request).expect_status(200);
    }
    let log = server.stop().0.text;
    assert_eq!(lines(&log, "than this machine's").len(), 1, "{log}");
}

#[test]
fn what_is_open_to_this_machine_is_closed_to_forwarded_requests() {
    let server = Setup::on_sqlite().start();
    for name in ["X-Forwarded-For", "X-Forwarded-Proto", "Forwarded"] {
        refused(&server, &sign_up(ADA).header(name, "203.0.113.9"), "sign_up_closed");
        server.send(&get("/metrics").header(name, "203.0.113.9")).expect_error(404);
    }
    // Who names the proxy knows that it is there.
    let server = server.stop().1.with("LATCHKEY_TRUSTED_PROXIES", "127.0.0.1").start();
    server.send(&sign_up(ADA).header("X-Forwarded-For", "203.0.113.9")).expect_status(201);
}

#[test]
fn sign_up_that_somebody_opened_is_open_by_every_name() {
    let server = Setup::on_sqlite().with("LATCHKEY_SIGN_UP", "open").start();
    let named = sign_up(ADA).without_host().header("Host", "keys.lan:8080");
    server.send(&named).expect_status(201);
    let forwarded = sign_up(BOB).header("X-Forwarded-For", "203.0.113.9");
    server.send(&forwarded).expect_status(201);
}

#[test]
fn a_forgotten_public_url_behind_a_proxy_is_named_once() {
    let setup = Setup::on_sqlite();
    let forgotten = "LATCHKEY_PUBLIC_URL is not set";
    let server = setup.start();
    server.send(&get("/sign-in")).expect_status(200);
    assert!(!server.log().contains(forgotten), "{}", server.log());
    for _ in 0..3 {
        let forwarded = get("/sign-in").header("X-Forwarded-Proto", "https");
        server.send(&forwarded).expect_status(200);
    }
    let url = format!("http://{}", server.address);
    let (Finished { text: log, .. }, setup) = server.stop();
    let [line] = lines(&log, forgotten)[..] else { panic!("{log}") };
    assert!(line.contains("WARN") && line.contains("x-forwarded-proto"), "{line}");

    let setup = setup.with("LATCHKEY_PUBLIC_URL", &url);
    let server = setup.start();
    server.send(&get("/sign-in").header("X-Forwarded-Proto", "http")).expect_status(200);
    let log = server.stop().0.text;
    assert!(!log.contains(forgotten), "{log}");
}
