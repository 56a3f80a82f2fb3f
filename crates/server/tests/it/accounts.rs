//! Accounts and sessions: contract, section 2.

use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::json;

use crate::http::{get, members, post};
use crate::person::{
    ADA, ADAS_PASSWORD, BOB, KEYS, PASSWORD, SESSION, SIGN_IN, SIGN_OUT, SIGN_UP, VERIFY,
    credentials, text, token_of,
};
use crate::server::Setup;

const OTHER_PASSWORD: &str = "another long password";
const HTTPS: &str = "https://keys.example.com";

on_both_databases![
    an_address_that_is_taken_is_409_in_any_letter_case,
    sign_out_kills_the_session_on_the_server,
    changing_the_password_ends_the_other_sessions_and_not_this_one,
];

on_sqlite![
    sign_up_answers_201_with_the_account_and_a_session,
    of_several_cookies_the_one_that_is_a_session_counts,
    sign_in_answers_200_with_the_same_body_and_a_new_session,
    an_unknown_address_and_a_wrong_password_get_the_same_401,
    signing_in_from_a_session_gives_a_new_token_and_ends_the_old,
    a_planted_token_is_never_adopted,
    a_session_ends_when_it_is_idle_and_not_before,
    a_session_ends_at_its_absolute_limit_however_much_it_is_used,
];

fn sign_up_answers_201_with_the_account_and_a_session(setup: Setup) {
    let server = setup.start();
    let answer = server.send(&post(SIGN_UP).json(credentials(ADA, ADAS_PASSWORD)));
    let answer = answer.expect_status(201);
    answer.expect_json_type();
    let body = answer.json();
    assert_eq!(members(&body), ["createdAt", "email", "id"]);
    assert_eq!(body["email"], ADA);
    let created = text(&body, "createdAt");
    assert!(is_our_time(&created), "{created}");

    let cookie = format!("session={}", token_of(&answer));
    let session = server.send(&get(SESSION).header("Cookie", cookie)).expect_status(200);
    assert_eq!(session.json(), body);
}

/// `2026-03-24T15:30:00.000Z`: digits in the places of digits, and nothing else.
pub(crate) fn is_our_time(text: &str) -> bool {
    let form = "0000-00-00T00:00:00.000Z";
    let digit_as_zero = |c: char| if c.is_ascii_digit() { '0' } else { c };
    text.chars().map(digit_as_zero).eq(form.chars())
}

fn attributes(line: &str) -> Vec<String> {
    let mut attributes: Vec<_> = line.split("; ").skip(1).map(str::to_owned).collect();
    attributes.sort();
    attributes
}

#[test]
fn the_cookie_over_http_has_exactly_the_documented_attributes() {
    let server = Setup::on_sqlite().start();
    let answer = server.send(&post(SIGN_UP).json(credentials(ADA, ADAS_PASSWORD)));
    let line = answer.set_cookie();
    let token = token_of(&answer);
    assert!(line.starts_with(&format!("session={token}; ")), "{line}");
    assert_eq!(URL_SAFE_NO_PAD.decode(&token).expect("base64url").len(), 32, "{line}");
    let attributes = attributes(line);
    let [http_only, age, path, same_site] = &*attributes else { panic!("{line}") };
    assert_eq!([&**http_only, path, same_site], ["HttpOnly", "Path=/", "SameSite=Lax"], "{line}");
    let age: u32 = age.strip_prefix("Max-Age=").expect("an age").parse().expect("in seconds");
    assert!((1..=7 * 24 * 3600).contains(&age), "{line}");
}

#[test]
fn the_cookie_is_secure_when_the_public_url_is_https() {
    let server = Setup::on_sqlite()
        .with("LATCHKEY_PUBLIC_URL", HTTPS)
        .with("LATCHKEY_SIGN_UP", "open")
        .start();
    let answer = server.send(&post(SIGN_UP).json(credentials(ADA, ADAS_PASSWORD)));
    let line = answer.set_cookie();
    let attributes = attributes(line);
    let [http_only, age, path, same_site, secure] = &*attributes else { panic!("{line}") };
    assert!(line.starts_with("session=") && age.starts_with("Max-Age="), "{line}");
    assert_eq!([&**http_only, path, same_site], ["HttpOnly", "Path=/", "SameSite=Lax"], "{line}");
    assert_eq!(secure, "Secure", "{line}");
}

#[test]
fn the_name_of_the_cookie_is_a_setting() {
    let server = Setup::on_sqlite()
        .with("LATCHKEY_PUBLIC_URL", HTTPS)
        .with("LATCHKEY_SIGN_UP", "open")
        .with("LATCHKEY_SESSION_COOKIE", "__Host-session")
        .start();
    let ada = server.sign_up(ADA);
    let answer = server.sign_in(ADA, ADAS_PASSWORD).expect_status(200);
    assert!(answer.set_cookie().starts_with("__Host-session="), "{answer:#?}");
    let host_cookie = format!("__Host-{}", ada.cookie());
    server.send(&get(SESSION).header("Cookie", host_cookie)).expect_status(200);
    ada.get(SESSION).expect_error(401);
}

/// A cookie of our form that is no session here.
fn foreign(n: u8) -> String {
    let letter = char::from(b'B' + n);
    format!("session={}A", letter.to_string().repeat(42))
}

fn of_several_cookies_the_one_that_is_a_session_counts(setup: Setup) {
    let server = setup.start();
    let ada = server.sign_up(ADA);
    let cookie = ada.cookie();
    let flask = "session=eyJ1c2VyIjoxfQ.ZzZzZz.c2lnbmF0dXJl";
    for others in
        [flask.to_owned(), "session=".to_owned(), foreign(0), format!("{}; {flask}", foreign(1))]
    {
        for both in [format!("{cookie}; {others}"), format!("{others}; {cookie}")] {
            for path in [SESSION, KEYS] {
                server.send(&get(path).header("Cookie", &both)).expect_status(200);
            }
            let page = server.send(&get("/account/api-keys").header("Cookie", &both));
            page.expect_status(200);
        }
    }
    let two_lines = get(SESSION).header("Cookie", flask).header("Cookie", &cookie);
    server.send(&two_lines).expect_status(200);
    let create = post(KEYS).json(r#"{"name":"a"}"#);
    server.send(&create.header("Cookie", format!("{flask}; {cookie}"))).expect_status(201);
    let out = post(SIGN_OUT).header("Cookie", format!("{flask}; {cookie}"));
    server.send(&out).expect_status(200);
    ada.get(SESSION).expect_error(401);
}

#[test]
fn several_sessions_or_none_among_several_cookies_are_401_and_a_warning_names_the_setting() {
    let server = Setup::on_sqlite().start();
    let (ada, again) = (server.sign_up(ADA), server.sign_in_again(ADA));
    let many: Vec<_> = (0..4).map(foreign).collect();
    for cookies in [
        format!("{}; {}", ada.cookie(), again.cookie()),
        format!("{}; {}", ada.cookie(), ada.cookie()),
        format!("{}; session=x", foreign(0)),
        format!("{}; {}", many.join("; "), ada.cookie()),
    ] {
        let answer = server.send(&get(SESSION).header("Cookie", cookies));
        answer.expect_refusal(401, "session_required");
    }
    assert!(ada.is_signed_in() && again.is_signed_in());
    let (finished, _) = server.stop();
    let warnings = finished.text.matches("LATCHKEY_SESSION_COOKIE").count();
    assert_eq!(warnings, 1, "{}", finished.text);
}

#[test]
fn a_sign_in_beside_foreign_cookies_holds() {
    let server = Setup::on_sqlite().start();
    let (ada, again) = (server.sign_up(ADA), server.sign_in_again(ADA));
    let sign_in = |cookies: &str| {
        let credentials = credentials(ADA, ADAS_PASSWORD);
        server.send(&post(SIGN_IN).json(credentials).header("Cookie", cookies))
    };
    // Two sessions at once, of which nobody could say which is meant, are over after it.
    let cookies = format!("{}; {}; {}", foreign(0), ada.cookie(), again.cookie());
    let token = token_of(&sign_in(&cookies).expect_status(200));
    let now = format!("{}; session={token}; {}", foreign(0), again.cookie());
    server.send(&get(SESSION).header("Cookie", now)).expect_status(200);
    assert!(!ada.is_signed_in() && !again.is_signed_in());
    // It says so where it can't hold.
    let many: Vec<_> = (0..5).map(foreign).collect();
    let answer = sign_in(&many.join("; ")).expect_refusal(409, "conflict");
    assert!(answer.text().contains("cookies named session"), "{answer:#?}");
}

#[test]
fn a_cookie_of_a_neighbour_is_not_cleared() {
    let server = Setup::on_sqlite().start();
    let answer = server.send(&get(SESSION).header("Cookie", "session=of-a-neighbour"));
    assert_eq!(answer.expect_error(401).header("set-cookie"), None);
    let answer = server.send(&get(SESSION).header("Cookie", foreign(0)));
    assert!(answer.expect_error(401).set_cookie().contains("Max-Age=0"));
}

#[test]
fn closed_sign_up_is_403() {
    let server = Setup::on_sqlite().with("LATCHKEY_SIGN_UP", "closed").start();
    let answer = server.send(&post(SIGN_UP).json(credentials(ADA, ADAS_PASSWORD)));
    assert!(answer.expect_error(403).header("set-cookie").is_none());
    server.sign_in(ADA, ADAS_PASSWORD).expect_error(401);
}

#[test]
fn sign_up_is_closed_by_default_where_the_public_url_is_not_loopback() {
    let server = Setup::on_sqlite().with("LATCHKEY_PUBLIC_URL", HTTPS).start();
    server.send(&post(SIGN_UP).json(credentials(ADA, ADAS_PASSWORD))).expect_error(403);
}

fn an_address_that_is_taken_is_409_in_any_letter_case(setup: Setup) {
    let server = setup.start();
    let ada = server.sign_up(ADA);
    for address in [ADA, "Ada@Example.COM"] {
        let answer = server.send(&post(SIGN_UP).json(credentials(address, OTHER_PASSWORD)));
        assert!(answer.expect_error(409).header("set-cookie").is_none());
    }
    server.sign_in(ADA, OTHER_PASSWORD).expect_error(401);
    assert!(ada.is_signed_in());
}

fn sign_in_answers_200_with_the_same_body_and_a_new_session(setup: Setup) {
    let server = setup.start();
    let ada = server.sign_up(ADA);
    let known = ada.get(SESSION).expect_status(200).json();
    let first = server.sign_in(ADA, ADAS_PASSWORD).expect_status(200);
    let second = server.sign_in("ADA@example.com", ADAS_PASSWORD).expect_status(200);
    assert_eq!(first.json(), known);
    assert_eq!(second.json(), known);
    assert_ne!(token_of(&first), token_of(&second));
    assert_ne!(token_of(&first), ada.token);
}

fn an_unknown_address_and_a_wrong_password_get_the_same_401(setup: Setup) {
    let server = setup.start();
    server.sign_up(ADA);
    for (address, password) in [(ADA, OTHER_PASSWORD), (BOB, ADAS_PASSWORD), ("nobody", "x")] {
        let answer = server.sign_in(address, password).expect_error(401);
        assert!(answer.header("www-authenticate").is_some(), "{answer:#?}");
        assert!(answer.header("set-cookie").is_none(), "{answer:#?}");
        answer.expect_body(r#"{"error":"Invalid email or password"}"#);
    }
}

#[test]
fn sign_in_has_no_lower_bound_for_passwords() {
    let server = Setup::on_sqlite().start();
    server.sign_up(ADA);
    for short in ["", "x", "eleven char"] {
        let answer = server.sign_in(ADA, short).expect_error(401);
        answer.expect_body(r#"{"error":"Invalid email or password"}"#);
    }
}

#[test]
fn a_new_password_has_12_to_128_characters() {
    let server = Setup::on_sqlite().start();
    let text = |length| "żółw śpi pod miedzą; ".chars().cycle().take(length).collect::<String>();
    for length in [0, 11, 129] {
        let body = credentials(ADA, &text(length));
        server.send(&post(SIGN_UP).json(body)).expect_error(400);
    }
    for (address, length) in [(ADA, 12), (BOB, 128)] {
        let body = credentials(address, &text(length));
        server.send(&post(SIGN_UP).json(&body)).expect_status(201);
        server.send(&post(SIGN_IN).json(&body)).expect_status(200);
    }
}

#[test]
fn a_new_password_is_no_common_one_and_holds_neither_address_nor_product() {
    let setup = Setup::on_sqlite();
    let server = setup.start();
    let weak = ["password12345", "aaaaaaaaaaaa", "123456789012", "latchkeylatchkey", ADA];
    for password in weak {
        let answer = server.send(&post(SIGN_UP).json(credentials(ADA, password))).expect_error(400);
        assert_eq!(answer.header("x-error-code"), Some("weak_password"), "{password}");
    }
    let ada = server.sign_up(ADA);
    for password in weak {
        let change = json!({ "currentPassword": ADAS_PASSWORD, "newPassword": password });
        let answer = ada.post(PASSWORD, change.to_string()).expect_error(400);
        assert_eq!(answer.header("x-error-code"), Some("weak_password"), "{password}");
        server.setup.run(&["account", "reset-password", ADA], password).expect_code(1);
    }
    assert!(ada.is_signed_in());
    // What is presented is judged by nothing but the account.
    server.sign_in(ADA, "aaaaaaaaaaaa").expect_error(401);
}

#[test]
fn a_password_is_the_same_on_every_keyboard() {
    let server = Setup::on_sqlite().start();
    let (composed, decomposed) =
        ("r\u{e9}sum\u{e9} of a\u{a0}horse", "re\u{301}sume\u{301} of a horse");
    server.send(&post(SIGN_UP).json(credentials(ADA, composed))).expect_status(201);
    server.send(&post(SIGN_UP).json(credentials(BOB, decomposed))).expect_status(201);
    for address in [ADA, BOB] {
        for password in [composed, decomposed] {
            server.sign_in(address, password).expect_status(200);
        }
        server.sign_in(address, "resume of a horse").expect_error(401);
    }
}

#[test]
fn an_address_is_one_however_it_is_spelled_and_hides_nothing() {
    let server = Setup::on_sqlite().start();
    for (address, other) in [
        ("ren\u{e9}@example.com", "rene\u{301}@example.com"),
        ("ada@xn--mller-kva.example", "ada@M\u{dc}LLER.example"),
    ] {
        let sign_up =
            |address| server.send(&post(SIGN_UP).json(credentials(address, ADAS_PASSWORD)));
        let first = sign_up(address).expect_status(201).json();
        sign_up(other).expect_error(409);
        let session = server.sign_in(other, ADAS_PASSWORD).expect_status(200).json();
        assert_eq!(session["id"], first["id"], "{other}");
    }
    for hidden in ["a\u{202e}da@example.com", "a\u{200b}da@example.com", "a\u{ad}da@example.com"] {
        let body = credentials(hidden, ADAS_PASSWORD);
        server.send(&post(SIGN_UP).json(body)).expect_error(400);
    }
}

#[test]
fn what_is_no_address_or_no_object_is_400() {
    let server = Setup::on_sqlite().start();
    for address in ["", "ada", "@", "ada@", "@example.com", "a b@c", "a@b@c", "ada@example.com\n"] {
        let body = credentials(address, ADAS_PASSWORD);
        server.send(&post(SIGN_UP).json(body)).expect_error(400);
    }
    for body in [
        "{}".to_owned(),
        json!({ "email": ADA }).to_string(),
        json!({ "password": ADAS_PASSWORD }).to_string(),
        json!([ADA, ADAS_PASSWORD]).to_string(),
        json!({ "email": ADA, "password": ADAS_PASSWORD, "id": "1" }).to_string(),
        json!({ "email": ADA, "password": null }).to_string(),
        format!(r#"{{"email":"{ADA}","email":"{BOB}","password":"{ADAS_PASSWORD}"}}"#),
    ] {
        for path in [SIGN_UP, SIGN_IN] {
            server.send(&post(path).json(&body)).expect_error(400);
        }
    }
}

fn sign_out_kills_the_session_on_the_server(setup: Setup) {
    let server = setup.start();
    let ada = server.sign_up(ADA);
    let elsewhere = server.sign_in_again(ADA);
    let answer = ada.send(post(SIGN_OUT)).expect_status(200).expect_body(r#"{"success":true}"#);
    let line = answer.set_cookie();
    assert!(line.starts_with("session=;") && line.contains("Max-Age=0"), "{line}");
    ada.get(SESSION).expect_error(401);
    ada.get(KEYS).expect_error(401);
    assert!(elsewhere.is_signed_in());
}

fn signing_in_from_a_session_gives_a_new_token_and_ends_the_old(setup: Setup) {
    let server = setup.start();
    let ada = server.sign_up(ADA);
    let answer = ada.post(SIGN_IN, credentials(ADA, ADAS_PASSWORD)).expect_status(200);
    assert_ne!(token_of(&answer), ada.token);
    assert!(!ada.is_signed_in());
}

fn a_planted_token_is_never_adopted(setup: Setup) {
    let server = setup.start();
    server.sign_up(ADA);
    let planted = "A".repeat(43);
    let request = post(SIGN_IN).json(credentials(ADA, ADAS_PASSWORD));
    let answer = server.send(&request.header("Cookie", format!("session={planted}")));
    assert_ne!(token_of(&answer.expect_status(200)), planted);
    let with_planted = get(SESSION).header("Cookie", format!("session={planted}"));
    server.send(&with_planted).expect_error(401);
}

fn changing_the_password_ends_the_other_sessions_and_not_this_one(setup: Setup) {
    let server = setup.start();
    let ada = server.sign_up(ADA);
    let bob = server.sign_up(BOB);
    let elsewhere = server.sign_in_again(ADA);
    let body = json!({ "currentPassword": ADAS_PASSWORD, "newPassword": OTHER_PASSWORD });
    let answer = ada.post(PASSWORD, body.to_string()).expect_status(200);
    answer.expect_body(r#"{"success":true}"#);
    assert!(ada.is_signed_in() && bob.is_signed_in());
    elsewhere.get(SESSION).expect_error(401);
    server.sign_in(ADA, ADAS_PASSWORD).expect_error(401);
    server.sign_in(ADA, OTHER_PASSWORD).expect_status(200);
}

#[test]
fn a_password_is_not_changed_without_the_current_one() {
    let server = Setup::on_sqlite().start();
    let ada = server.sign_up(ADA);
    let elsewhere = server.sign_in_again(ADA);
    for (current, new) in [(OTHER_PASSWORD, OTHER_PASSWORD), (ADAS_PASSWORD, "too short")] {
        let body = json!({ "currentPassword": current, "newPassword": new }).to_string();
        ada.post(PASSWORD, body).expect_error(400);
    }
    let body = json!({ "currentPassword": ADAS_PASSWORD, "newPassword": OTHER_PASSWORD });
    server.send(&post(PASSWORD).json(body.to_string())).expect_error(401);
    assert!(elsewhere.is_signed_in());
    server.sign_in(ADA, ADAS_PASSWORD).expect_status(200);
}

#[test]
fn no_session_is_401() {
    let server = Setup::on_sqlite().start();
    let answer = server.send(&get(SESSION)).expect_error(401);
    assert!(answer.header("www-authenticate").is_some(), "{answer:#?}");
}

#[test]
fn a_key_is_no_session_and_a_session_is_no_key() {
    let server = Setup::on_sqlite().start();
    let ada = server.sign_up(ADA);
    let key = ada.create_key("Production").key;
    for path in [SESSION, KEYS] {
        server.send(&get(path).header("x-api-key", &key)).expect_error(401);
        server.send(&get(path).header("Authorization", format!("Bearer {key}"))).expect_error(401);
        server.send(&get(path).header("Cookie", format!("session={key}"))).expect_error(401);
    }
    ada.get(VERIFY).expect_error(401);
    server.verify(&ada.token).expect_error(401);
    let bearer = format!("Bearer {}", ada.token);
    server.send(&get(VERIFY).header("Authorization", bearer)).expect_error(401);
}

fn a_session_ends_when_it_is_idle_and_not_before(setup: Setup) {
    let server = setup.with("LATCHKEY_SESSION_IDLE", "3s").start();
    let ada = server.sign_up(ADA);
    for _ in 0..4 {
        std::thread::sleep(Duration::from_secs(1));
        assert!(ada.is_signed_in());
    }
    std::thread::sleep(Duration::from_millis(3_050));
    ada.get(SESSION).expect_error(401);
}

fn a_session_ends_at_its_absolute_limit_however_much_it_is_used(setup: Setup) {
    let server =
        setup.with("LATCHKEY_SESSION_IDLE", "2s").with("LATCHKEY_SESSION_ABSOLUTE", "2s").start();
    let begun = Instant::now();
    let ada = server.sign_up(ADA);
    for _ in 0..4 {
        let ended = !ada.is_signed_in();
        assert!(!ended || begun.elapsed() >= Duration::from_secs(2), "it ended too early");
        std::thread::sleep(Duration::from_millis(510));
    }
    ada.get(SESSION).expect_error(401);
}

#[test]
fn the_token_is_only_in_the_cookie() {
    let server = Setup::on_sqlite().start();
    let answer = server.send(&post(SIGN_UP).json(credentials(ADA, ADAS_PASSWORD)));
    let token = token_of(&answer);
    assert!(!answer.text().contains(&token), "{answer:#?}");
    let holding = answer.headers.iter().filter(|(_, value)| value.contains(&token));
    assert_eq!(holding.count(), 1, "{answer:#?}");
    assert!(answer.set_cookie().len() < 4096);
}
