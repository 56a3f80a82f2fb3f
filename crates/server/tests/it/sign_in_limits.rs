//! Sign-ins, sign-ups, guesses of passwords and changes of keys are limited, and none of it lets a
//! stranger keep an owner out.

use serde_json::json;

use crate::http::{Request, Response, delete, patch, post};
use crate::person::{
    ADA, ADAS_PASSWORD, BOB, KEYS, PASSWORD, Person, SIGN_IN, SIGN_UP, credentials, key_path,
    rotate_path, text, token_of,
};
use crate::server::{Server, Setup};

const LIMIT: &str = "LATCHKEY_SIGN_IN_ATTEMPTS_PER_MINUTE";
const WRONG: &str = "a wrong password";

on_both_databases![a_known_network_is_one_of_64_bits_and_outlives_a_restart,];

on_sqlite![strangers_cannot_keep_an_owner_out_of_a_network_that_is_known,];

const PROXIES: &str = "LATCHKEY_TRUSTED_PROXIES";
const HOME: &str = "198.51.100.7";

fn from(request: Request, address: &str) -> Request {
    request.header("X-Forwarded-For", address)
}

/// 429, with the seconds to wait.
#[track_caller]
fn expect_too_many(answer: Response) {
    let answer = answer.expect_error(429);
    assert_eq!(answer.header("x-error-code"), Some("too_many_attempts"));
    let wait = answer.header("retry-after").expect("a 429 has Retry-After");
    let wait: u32 = wait.parse().expect("in seconds");
    assert!((1..=60).contains(&wait), "{wait}");
}

fn sign_in_from(server: &Server, address: &str, email: &str, password: &str) -> Response {
    server.send(&from(post(SIGN_IN).json(credentials(email, password)), address))
}

#[test]
fn too_many_failures_are_429_with_retry_after() {
    let server = Setup::on_sqlite().with(LIMIT, "3").start();
    let ada = server.sign_up(ADA);
    for _ in 0..3 {
        server.sign_in(ADA, WRONG).expect_error(401);
    }
    // The right password too, or the limit would not slow a guesser down.
    for password in [WRONG, ADAS_PASSWORD] {
        expect_too_many(server.sign_in(ADA, password));
    }
    assert!(ada.is_signed_in());
}

#[test]
fn the_limit_of_an_address_holds_for_every_account() {
    let server = Setup::on_sqlite().with(LIMIT, "3").start();
    server.sign_up(BOB);
    for number in 0..3 {
        server.sign_in(&format!("nobody{number}@example.com"), WRONG).expect_error(401);
    }
    server.sign_in(BOB, ADAS_PASSWORD).expect_error(429);
}

#[test]
fn the_limit_of_an_account_holds_for_every_address() {
    let server = Setup::on_sqlite().with(LIMIT, "3").with(PROXIES, "127.0.0.1/32").start();
    server.sign_up(ADA);
    server.sign_up(BOB);
    for number in 1..=3 {
        let address = format!("203.0.113.{number}");
        sign_in_from(&server, &address, ADA, WRONG).expect_error(401);
    }
    sign_in_from(&server, "203.0.113.9", "ADA@example.com", WRONG).expect_error(429);
    sign_in_from(&server, "203.0.113.9", BOB, ADAS_PASSWORD).expect_status(200);
}

#[test]
fn a_forwarded_address_is_believed_only_from_a_trusted_proxy() {
    let server = Setup::on_sqlite().with(LIMIT, "3").start();
    server.sign_up(BOB);
    for number in 1..=3 {
        let (address, email) = (format!("203.0.113.{number}"), format!("n{number}@example.com"));
        sign_in_from(&server, &address, &email, WRONG).expect_error(401);
    }
    sign_in_from(&server, "203.0.113.9", BOB, ADAS_PASSWORD).expect_error(429);
}

#[test]
fn successes_are_not_counted_as_failures() {
    let server = Setup::on_sqlite().with(LIMIT, "2").start();
    server.sign_up(ADA);
    for _ in 0..4 {
        server.sign_in(ADA, ADAS_PASSWORD).expect_status(200);
    }
}

/// An account that signed up at home, and the server, which believes what is forwarded to it.
fn ada_at_home(setup: Setup, limit: &str) -> (Server, Person) {
    let server = setup.with(LIMIT, limit).with(PROXIES, "127.0.0.1/32").start();
    let request = post(SIGN_UP).json(credentials(ADA, ADAS_PASSWORD));
    let answer = server.send(&from(request, HOME)).expect_status(201);
    let ada = Person { address: server.address, token: token_of(&answer) };
    (server, ada)
}

fn strangers_cannot_keep_an_owner_out_of_a_network_that_is_known(setup: Setup) {
    let (server, _ada) = ada_at_home(setup, "3");
    for email in [ADA, "nobody@example.com"] {
        for number in 1..=3 {
            sign_in_from(&server, &format!("203.0.113.{number}"), email, WRONG).expect_error(401);
        }
        // To strangers it is the same whether there is such an account, and with which password.
        for password in [WRONG, ADAS_PASSWORD] {
            expect_too_many(sign_in_from(&server, "203.0.113.9", email, password));
        }
    }
    for _again in 0..4 {
        sign_in_from(&server, HOME, ADA, ADAS_PASSWORD).expect_status(200);
    }
}

#[test]
fn wrong_passwords_from_a_known_network_are_limited_there() {
    let (server, _ada) = ada_at_home(Setup::on_sqlite(), "3");
    for _again in 0..3 {
        sign_in_from(&server, HOME, ADA, WRONG).expect_error(401);
    }
    expect_too_many(sign_in_from(&server, HOME, ADA, ADAS_PASSWORD));
    // They are none of the strangers'.
    sign_in_from(&server, "203.0.113.9", ADA, ADAS_PASSWORD).expect_status(200);
}

fn a_known_network_is_one_of_64_bits_and_outlives_a_restart(setup: Setup) {
    let (server, _ada) = ada_at_home(setup, "2");
    sign_in_from(&server, "2001:db8:1:2::3", ADA, ADAS_PASSWORD).expect_status(200);
    let server = server.restart();
    for number in 1..=2 {
        sign_in_from(&server, &format!("203.0.113.{number}"), ADA, WRONG).expect_error(401);
    }
    sign_in_from(&server, "2001:db8:1:2:ffff::1", ADA, ADAS_PASSWORD).expect_status(200);
    sign_in_from(&server, HOME, ADA, ADAS_PASSWORD).expect_status(200);
    expect_too_many(sign_in_from(&server, "2001:db8:1:3::3", ADA, ADAS_PASSWORD));
}

#[test]
fn good_sign_ins_of_an_account_are_limited() {
    let server = Setup::on_sqlite().with(LIMIT, "1").start();
    server.sign_up(ADA);
    server.sign_up(BOB);
    for _again in 0..6 {
        server.sign_in(ADA, ADAS_PASSWORD).expect_status(200);
    }
    expect_too_many(server.sign_in(ADA, ADAS_PASSWORD));
    server.sign_in(BOB, ADAS_PASSWORD).expect_status(200);
}

#[test]
fn sign_ups_from_an_address_are_limited() {
    let server = Setup::on_sqlite().with(LIMIT, "1").with(PROXIES, "127.0.0.1/32").start();
    let sign_up = |address: &str, email: &str| {
        server.send(&from(post(SIGN_UP).json(credentials(email, ADAS_PASSWORD)), address))
    };
    for number in 0..5 {
        sign_up(HOME, &format!("ada{number}@example.com")).expect_status(201);
    }
    // A refused one is one too; a malformed one costs nothing and is none.
    sign_up(HOME, "ada0@example.com").expect_error(409);
    sign_up(HOME, "ada").expect_error(400);
    expect_too_many(sign_up(HOME, "ada6@example.com"));
    sign_up("203.0.113.9", "ada6@example.com").expect_status(201);
}

fn change_password(ada: &Person, address: &str, current: &str) -> Response {
    let body = format!(r#"{{"currentPassword":"{current}","newPassword":"{ADAS_PASSWORD}"}}"#);
    ada.send(from(post(PASSWORD).json(body), address))
}

#[test]
fn a_wrong_current_password_is_limited_and_in_the_trail() {
    let (server, ada) = ada_at_home(Setup::on_sqlite(), "3");
    for _again in 0..3 {
        change_password(&ada, HOME, WRONG).expect_error(400);
    }
    for password in [WRONG, ADAS_PASSWORD] {
        expect_too_many(change_password(&ada, HOME, password));
    }
    let events = ada.get("/api/v1/audit-events").expect_status(200).json();
    let events = events.as_array().expect("an array");
    let refused = events.iter().filter(|event| event["action"] == "password.refused");
    let refused: Vec<_> = refused.map(|event| text(event, "address")).collect();
    assert_eq!(refused, [HOME; 3]);
    // Guessing has a limit of its own.
    sign_in_from(&server, HOME, ADA, ADAS_PASSWORD).expect_status(200);
}

#[test]
fn guesses_elsewhere_do_not_keep_an_owner_from_changing_the_password() {
    let (_server, ada) = ada_at_home(Setup::on_sqlite(), "3");
    for number in 1..=3 {
        change_password(&ada, &format!("203.0.113.{number}"), WRONG).expect_error(400);
    }
    expect_too_many(change_password(&ada, "203.0.113.9", ADAS_PASSWORD));
    change_password(&ada, HOME, ADAS_PASSWORD).expect_status(200);
}

#[test]
fn changes_of_keys_by_one_account_are_limited() {
    let server = Setup::on_sqlite().with(LIMIT, "1").start();
    let (ada, bob) = (server.sign_up(ADA), server.sign_up(BOB));
    let key = ada.create_key("a");
    for number in 0..59 {
        ada.change(&key.id, &json!({ "name": format!("a{number}") })).expect_status(200);
    }
    for request in [
        post(KEYS).json(r#"{"name":"b"}"#),
        patch(&key_path(&key.id)).json(r#"{"name":"b"}"#),
        post(&rotate_path(&key.id)).json("{}"),
        delete(&key_path(&key.id)),
    ] {
        expect_too_many(ada.send(request));
    }
    assert_eq!(ada.names(), ["a58"]);
    server.verify(&key.key).expect_status(200);
    bob.create_key("b");
}

#[test]
fn a_forwarded_address_from_nobody_trusted_is_warned_of_once() {
    let server = Setup::on_sqlite().start();
    for number in 1..=3 {
        sign_in_from(&server, &format!("203.0.113.{number}"), ADA, WRONG).expect_error(401);
    }
    assert_eq!(server.log().matches(PROXIES).count(), 1, "{}", server.log());
}
