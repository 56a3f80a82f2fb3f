//! Anybody who holds a key can have it revoked, and nobody learns anything else.

use std::time::{Duration, Instant};

use serde_json::json;

use crate::http::{Response, get, post};
use crate::person::{ADA, Issued, KEYS, text};
use crate::server::{Server, Setup};
use crate::strict::three;
use crate::verify::INVALID;

pub(crate) const LEAKS: &str = "/api/v1/leaks";
const SUCCESS: &str = r#"{"success":true}"#;
/// Well-formed, and of nobody.
const UNKNOWN: &str = "sk_live_0123456789ABCDEFGHIJKLMNOPQRSTUV28hqg7";

on_both_databases![
    a_reported_key_is_revoked_immediately_and_its_owner_sees_the_report,
    of_many_concurrent_reports_one_is_an_event,
];

on_sqlite![
    a_disabled_an_expired_and_a_replaced_key_are_revoked_too,
    the_answer_is_the_same_for_good_revoked_and_unknown_keys,
    as_many_keys_as_a_body_holds_are_revoked_by_one_report,
];

impl Server {
    pub(crate) fn report(&self, key: &str) -> Response {
        self.send(&post(LEAKS).json(json!({ "key": key }).to_string()))
    }
}

fn a_reported_key_is_revoked_immediately_and_its_owner_sees_the_report(setup: Setup) {
    let server = setup.start();
    let ada = server.sign_up(ADA);
    let (leaked, kept) = (ada.create_key("leaked"), ada.create_key("kept"));
    server.verify(&leaked.key).expect_status(200);
    server.report(&leaked.key).expect_status(200).expect_body(SUCCESS);
    server.verify(&leaked.key).expect_error(401).expect_body(INVALID);
    server.verify(&kept.key).expect_status(200);
    assert_eq!(ada.names(), ["kept"]);
    ada.revoke(&leaked.id).expect_error(404);

    let events = ada.events();
    assert_eq!(events.len(), 4);
    assert_eq!(text(&events[3], "action"), "key.leaked");
    assert_eq!(text(&events[3], "keyId"), leaked.id);
    assert_eq!(text(&events[3], "actor"), "leak-report");
    assert_eq!(text(&events[3], "address"), "127.0.0.1");
}

fn a_disabled_an_expired_and_a_replaced_key_are_revoked_too(setup: Setup) {
    let server = setup.start();
    let ada = server.sign_up(ADA);
    let (off, replaced) = (ada.create_key("off"), ada.create_key("replaced"));
    let soon = json!({ "name": "expired", "expiresAt": crate::api_keys::in_seconds(1) });
    let expired = ada.create_key_with(&soon);
    ada.change(&off.id, &json!({ "enabled": false })).expect_status(200);
    let new = Issued::from(&ada.rotate(&replaced.id, 60).expect_status(201));
    std::thread::sleep(Duration::from_millis(1_100));
    for key in [&off, &replaced, &expired] {
        server.report(&key.key).expect_status(200);
        ada.change(&key.id, &json!({ "enabled": true })).expect_error(404);
    }
    server.verify(&new.key).expect_status(200);
}

fn the_answer_is_the_same_for_good_revoked_and_unknown_keys(setup: Setup) {
    let server = setup.start();
    let ada = server.sign_up(ADA);
    let (good, revoked) = (ada.create_key("good"), ada.create_key("revoked"));
    ada.revoke(&revoked.id).expect_status(200);
    let before = ada.events().len();
    for key in [UNKNOWN, &revoked.key] {
        server.report(key).expect_status(200).expect_body(SUCCESS);
    }
    assert_eq!(ada.events().len(), before);
    server.report(&good.key).expect_status(200).expect_body(SUCCESS);
    server.report(&good.key).expect_status(200).expect_body(SUCCESS);
    assert_eq!(ada.events().len(), before + 1);
}

#[test]
fn every_key_in_a_text_is_revoked_whatever_stands_around_it() {
    let server = Setup::on_sqlite().start();
    let ada = server.sign_up(ADA);
    let keys: Vec<_> = (0..8).map(|_| ada.create_key("a")).collect();
    let (leaked, kept) = (&keys[..7], &keys[7]);
    let key = |number: usize| &leaked[number].key;
    for text in [
        format!("{}\n", key(0)),
        format!("\r\n  {}\t ", key(1)),
        format!("\"{}\"", key(2)),
        format!("Authorization: Bearer {}", key(3)),
        format!("# .env\nAPI_KEY={} # and\nOLD='{}'\r\n{UNKNOWN}\n", key(4), key(5)),
        format!("\u{FEFF}https://api.example.com/?key={}&x=1", key(6)),
    ] {
        server.report(&text).expect_status(200).expect_body(SUCCESS);
    }
    for key in leaked {
        server.verify(&key.key).expect_error(401).expect_body(INVALID);
    }
    server.verify(&kept.key).expect_status(200);
    let leaked = ada.actions().iter().filter(|action| *action == "key.leaked").count();
    assert_eq!(leaked, 7);
}

#[test]
fn a_text_without_a_key_is_refused_and_says_so() {
    let server = Setup::on_sqlite().start();
    let ada = server.sign_up(ADA);
    let good = ada.create_key("good");
    let before = ada.events().len();
    let wrong = if good.key.ends_with('x') { 'y' } else { 'x' };
    let with_wrong_checksum = format!("{}{wrong}", &good.key[..45]);
    let split = format!("{} {}", &good.key[..20], &good.key[20..]);
    let long = "x".repeat(10_000);
    for text in ["", " ", "\u{0}", "sk_live_", &with_wrong_checksum, &split, &good.id, &long] {
        let answer = server.report(text).expect_refusal(400, "invalid_request");
        answer.expect_body(r#"{"error":"No API key found in this text"}"#);
    }
    assert_eq!(ada.events().len(), before);
    server.verify(&good.key).expect_status(200);
}

fn as_many_keys_as_a_body_holds_are_revoked_by_one_report(setup: Setup) {
    let server = setup.start();
    let ada = server.sign_up(ADA);
    let (first, last) = (ada.create_key("first"), ada.create_key("last"));
    let between = format!("{UNKNOWN}\n").repeat(300);
    let text = format!("{}\n{between}{}", first.key, last.key);
    server.report(&text).expect_status(200).expect_body(SUCCESS);
    for key in [&first, &last] {
        server.verify(&key.key).expect_error(401);
    }
}

fn of_many_concurrent_reports_one_is_an_event(setup: Setup) {
    let server = setup.start();
    let ada = server.sign_up(ADA);
    let key = ada.create_key("a");
    std::thread::scope(|scope| {
        for _ in 0..20 {
            scope.spawn(|| server.report(&key.key).expect_status(200));
        }
    });
    assert_eq!(ada.actions(), ["account.created", "key.created", "key.leaked"]);
}

#[test]
fn a_bad_report_is_refused() {
    let server = Setup::on_sqlite().start();
    for (status, request) in [
        (400, post(LEAKS).json("{}")),
        (400, post(LEAKS).json("")),
        (400, post(LEAKS).json(r#"["sk"]"#)),
        (400, post(LEAKS).json(r#"{"key":null}"#)),
        (400, post(LEAKS).json(r#"{"key":1}"#)),
        (400, post(LEAKS).json(r#"{"key":["a"]}"#)),
        (400, post(LEAKS).json(r#"{"key":"a"}"#)),
        (400, post(LEAKS).json(r#"{"key":"a","key":"a"}"#)),
        (400, post(LEAKS).json(r#"{"key":"a","url":"b"}"#)),
        (400, post(LEAKS).json(r#"{"Key":"a"}"#)),
        (400, post(LEAKS).json("{\"key\":\"\\ud800\"}")),
        (413, post(LEAKS).json(format!(r#"{{"key":"{}"}}"#, "x".repeat(16 * 1024)))),
        (415, post(LEAKS).body(r#"{"key":"a"}"#)),
        (415, post(LEAKS).header("Content-Type", "text/plain").body(r#"{"key":"a"}"#)),
        (405, get(LEAKS)),
        (404, post(&format!("{LEAKS}/x")).json(r#"{"key":"a"}"#)),
    ] {
        let answer = server.send(&request).expect_error(status);
        assert_eq!(answer.header("allow"), (status == 405).then_some("POST"));
    }
}

#[test]
fn more_than_sixty_reports_a_minute_are_429_for_that_address_alone() {
    let server = Setup::on_sqlite().with("LATCHKEY_TRUSTED_PROXIES", "127.0.0.1").start();
    let ada = server.sign_up(ADA);
    let key = ada.create_key("a");
    let from = |address: &str, key: &str| {
        let report = post(LEAKS).json(json!({ "key": key }).to_string());
        server.send(&report.header("X-Forwarded-For", address))
    };
    for _ in 0..60 {
        from("198.51.100.1", "nonsense").expect_status(400);
    }
    let answer = from("198.51.100.1", &key.key).expect_error(429);
    let wait: u32 = answer.header("retry-after").and_then(|it| it.parse().ok()).expect("seconds");
    assert!((1..=60).contains(&wait), "{wait}");
    server.verify(&key.key).expect_status(200);
    from("198.51.100.2", &key.key).expect_status(200);
    server.verify(&key.key).expect_error(401);
}

/// It is proof enough to hold the key, and no page can send one for somebody: the body's type needs
/// a preflight, which is refused.
#[test]
fn a_report_takes_no_notice_of_cookies_and_of_where_it_comes_from() {
    let server = Setup::on_sqlite().start();
    let ada = server.sign_up(ADA);
    for (n, cookie) in [ada.cookie(), "session=x".to_owned()].into_iter().enumerate() {
        let key = ada.create_key("a");
        let report = post(LEAKS)
            .json(json!({ "key": key.key }).to_string())
            .header("Cookie", cookie)
            .header("Origin", "https://evil.example")
            .header("Sec-Fetch-Site", "cross-site");
        let answer = server.send(&report).expect_status(200);
        assert_eq!(answer.header("set-cookie"), None);
        assert_eq!(answer.header("access-control-allow-origin"), None);
        server.verify(&key.key).expect_error(401);
        assert_eq!(text(&ada.events()[2 * n + 2], "actor"), "leak-report");
    }
    assert!(ada.is_signed_in());
    let preflight = crate::http::request("OPTIONS", LEAKS)
        .header("Origin", "https://evil.example")
        .header("Access-Control-Request-Method", "POST");
    server.send(&preflight).expect_error(405);
    // A key in its header is not a report of it.
    let key = ada.create_key("a");
    server.send(&post(LEAKS).header("x-api-key", &key.key)).expect_error(415);
    ada.get(KEYS).expect_status(200);
    server.verify(&key.key).expect_status(200);
}

#[test]
fn a_report_answered_by_one_instance_holds_on_all_and_the_next_waits_as_the_first() {
    let (_database, servers) = three();
    let ada = servers[0].sign_up(ADA);
    for round in 0..10 {
        let key = ada.create_key("a");
        for server in &servers {
            server.verify(&key.key).expect_status(200);
        }
        servers[round % 3].report(&key.key).expect_status(200);
        for server in &servers {
            server.verify(&key.key).expect_error(401).expect_body(INVALID);
        }
    }
    let key = ada.create_key("a");
    servers[1].verify(&key.key).expect_status(200);
    servers[1].signal("STOP");
    let again = std::thread::scope(|scope| {
        let first = scope.spawn(|| servers[0].report(&key.key).expect_status(200));
        std::thread::sleep(Duration::from_millis(500));
        let asked = Instant::now();
        servers[2].report(&key.key).expect_status(200);
        first.join().expect("it is answered");
        asked.elapsed()
    });
    servers[1].signal("CONT");
    assert!(again >= Duration::from_millis(2_700), "it answered after {again:?}");
    servers[1].verify(&key.key).expect_error(401);
}

#[test]
fn a_scan_finds_keys_in_files_and_prints_no_more_than_their_beginning() {
    let setup = Setup::on_sqlite();
    let folder = setup.directory().join("tree");
    std::fs::create_dir_all(folder.join("deep")).expect("it can be made");
    let write = |name: &str, bytes: &[u8]| std::fs::write(folder.join(name), bytes).expect("so");
    let look_alike = UNKNOWN.replace("28hqg7", "28hqg8");
    write("a.env", format!("A=1\nKEY=\"{UNKNOWN}\"\n").as_bytes());
    write("deep/b.bin", &[b"\x00\xff", UNKNOWN.as_bytes(), b"\x00"].concat());
    let token = "lk_admin_0123456789ABCDEFGHIJKLMNOPQRSTUV0sTd4W";
    write("c.env", format!("TOKEN={token}\n").as_bytes());
    write("none.txt", format!("{look_alike}\nsk_live_\n").as_bytes());
    std::os::unix::fs::symlink(&folder, folder.join("deep/loop")).expect("it can be made");

    let found = setup.run(&["scan", "tree", "tree/none.txt"], "").expect_code(1);
    let want = "tree/a.env:2:6: sk_live_0123\ntree/c.env:1:7: lk_admin_0123\n\
                tree/deep/b.bin:1:3: sk_live_0123\n";
    assert_eq!(found.stdout, want);
    assert!(found.text.contains("3 keys found") && !found.text.contains(UNKNOWN), "{found:?}");
    assert_eq!(setup.run(&["scan", "tree/none.txt"], "").expect_code(0).text, "");

    // Whatever can't be read, the rest is; and a link that was named is meant.
    std::os::unix::fs::symlink("tree/a.env", setup.directory().join("link")).expect("so");
    let rest = setup.run(&["scan", "nowhere", "link"], "").expect_code(1);
    assert_eq!(rest.stdout, "link:2:6: sk_live_0123\n");
    assert!(rest.text.contains("nowhere: No such file"), "{rest:?}");
    assert!(rest.text.contains("1 key found, and 1 of the places not read"), "{rest:?}");
    setup.run(&["scan"], "").expect_code(2);
}
