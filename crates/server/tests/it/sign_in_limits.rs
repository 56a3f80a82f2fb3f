//! Failed sign-ins are limited for each client address and for each account.

use crate::http::{Response, post};
use crate::person::{ADA, ADAS_PASSWORD, BOB, SIGN_IN, credentials};
use crate::server::{Server, Setup};

const LIMIT: &str = "LATCHKEY_SIGN_IN_ATTEMPTS_PER_MINUTE";
const WRONG: &str = "a wrong password";

on_both_databases![
    too_many_failures_are_429_with_retry_after,
    the_limit_of_an_address_holds_for_every_account,
    the_limit_of_an_account_holds_for_every_address,
    a_forwarded_address_is_believed_only_from_a_trusted_proxy,
    successes_are_not_counted,
];

fn sign_in_from(server: &Server, address: &str, email: &str, password: &str) -> Response {
    let request = post(SIGN_IN).json(credentials(email, password));
    server.send(&request.header("X-Forwarded-For", address))
}

fn too_many_failures_are_429_with_retry_after(setup: Setup) {
    let server = setup.with(LIMIT, "3").start();
    let ada = server.sign_up(ADA);
    for _ in 0..3 {
        server.sign_in(ADA, WRONG).expect_error(401);
    }
    // The right password too, or the limit would not slow a guesser down.
    for password in [WRONG, ADAS_PASSWORD] {
        let answer = server.sign_in(ADA, password).expect_error(429);
        let wait = answer.header("retry-after").expect("a 429 has Retry-After");
        let wait: u32 = wait.parse().expect("in seconds");
        assert!((1..=60).contains(&wait), "{wait}");
    }
    assert!(ada.is_signed_in());
}

fn the_limit_of_an_address_holds_for_every_account(setup: Setup) {
    let server = setup.with(LIMIT, "3").start();
    server.sign_up(BOB);
    for number in 0..3 {
        server.sign_in(&format!("nobody{number}@example.com"), WRONG).expect_error(401);
    }
    server.sign_in(BOB, ADAS_PASSWORD).expect_error(429);
}

fn the_limit_of_an_account_holds_for_every_address(setup: Setup) {
    let server = setup.with(LIMIT, "3").with("LATCHKEY_TRUSTED_PROXIES", "127.0.0.1/32").start();
    server.sign_up(ADA);
    server.sign_up(BOB);
    for number in 1..=3 {
        let address = format!("203.0.113.{number}");
        sign_in_from(&server, &address, ADA, WRONG).expect_error(401);
    }
    sign_in_from(&server, "203.0.113.9", "ADA@example.com", WRONG).expect_error(429);
    sign_in_from(&server, "203.0.113.9", BOB, ADAS_PASSWORD).expect_status(200);
}

fn a_forwarded_address_is_believed_only_from_a_trusted_proxy(setup: Setup) {
    let server = setup.with(LIMIT, "3").start();
    server.sign_up(BOB);
    for number in 1..=3 {
        let (address, email) = (format!("203.0.113.{number}"), format!("n{number}@example.com"));
        sign_in_from(&server, &address, &email, WRONG).expect_error(401);
    }
    sign_in_from(&server, "203.0.113.9", BOB, ADAS_PASSWORD).expect_error(429);
}

fn successes_are_not_counted(setup: Setup) {
    let server = setup.with(LIMIT, "2").start();
    server.sign_up(ADA);
    for _ in 0..4 {
        server.sign_in(ADA, ADAS_PASSWORD).expect_status(200);
    }
}
