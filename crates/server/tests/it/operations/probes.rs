//! The routes for operators.

use std::time::{Duration, Instant};

use serde_json::Value;

use crate::http::get;
use crate::person::ADA;
use crate::server::Setup;

on_both_databases![
    a_running_server_is_healthy_and_ready,
    healthcheck_succeeds_only_while_the_server_is_ready,
];

fn a_running_server_is_healthy_and_ready(setup: Setup) {
    let server = setup.start();
    for path in ["/healthz", "/readyz"] {
        server.send(&get(path)).expect_status(200);
    }
}

#[test]
fn probes_need_no_session_and_take_none_away() {
    let server = Setup::on_sqlite().start();
    let ada = server.sign_up(ADA);
    for path in ["/healthz", "/readyz", "/openapi.json"] {
        ada.get(path).expect_status(200);
        let foreign = get(path).header("Origin", "https://evil.example");
        server.send(&foreign.header("Sec-Fetch-Site", "cross-site")).expect_status(200);
    }
    assert!(ada.is_signed_in());
}

#[test]
fn the_openapi_document_describes_every_route() {
    let setup = Setup::on_sqlite();
    let server = setup.start();
    let answer = server.send(&get("/openapi.json")).expect_status(200);
    answer.expect_json_type();
    let document = answer.json();
    let version = document["openapi"].as_str().unwrap_or_default();
    assert!(version.starts_with("3.1"), "{version}");
    for (path, method) in [
        ("/api/v1/auth/sign-up", "post"),
        ("/api/v1/auth/sign-in", "post"),
        ("/api/v1/auth/sign-out", "post"),
        ("/api/v1/auth/session", "get"),
        ("/api/v1/auth/password", "post"),
        ("/api/v1/api-keys", "get"),
        ("/api/v1/api-keys", "post"),
        ("/api/v1/api-keys/{id}", "get"),
        ("/api/v1/api-keys/{id}", "delete"),
        ("/api/v1/verify", "get"),
        ("/healthz", "get"),
        ("/readyz", "get"),
    ] {
        assert!(document["paths"][path][method].is_object(), "{method} {path} is not described");
    }
    let printed = server.setup.run(&["openapi"], "").expect_code(0);
    let printed: Value = serde_json::from_str(&printed.stdout).expect("openapi prints JSON");
    assert_eq!(printed, document);
}

fn healthcheck_succeeds_only_while_the_server_is_ready(setup: Setup) {
    let server = setup.start();
    let address = server.address.to_string();
    let check = |setup: Setup| {
        let setup = setup.with("LATCHKEY_LISTEN", &address);
        (setup.run(&["healthcheck"], ""), setup)
    };
    let mut command = server.setup.command(&["healthcheck"]);
    let status = command.env("LATCHKEY_LISTEN", &address).output().expect("it runs").status;
    assert_eq!(status.code(), Some(0));
    let (_, setup) = server.stop();
    let begin = Instant::now();
    check(setup).0.expect_code(1);
    assert!(begin.elapsed() < Duration::from_secs(20));
}
