//! Presented keys: `/api/v1/verify`, rows 51 to 60.

use crate::http::{Connection, get, post};
use crate::person::{ADA, VERIFY};
use crate::secret::{UNKNOWN, with_beginning};
use crate::server::{Server, Setup};
use crate::verify::INVALID;

/// A server, and the text of a good key on it.
fn with_key(setup: Setup) -> (Server, String) {
    let server = setup.start();
    let key = server.sign_up(ADA).create_key("a").key;
    (server, key)
}

#[test]
fn row_51_no_key_or_a_blank_one_is_401() {
    let (server, _) = with_key(Setup::on_sqlite());
    server.send(&get(VERIFY)).expect_error(401);
    for blank in ["", " ", "    ", "\t"] {
        server.verify(blank).expect_refusal(401, "key_required");
    }
    for other in ["", "Bearer", "Bearer ", "Basic eDp5"] {
        let answer = server.send(&get(VERIFY).header("Authorization", other));
        answer.expect_refusal(401, "key_required");
    }
    let answer = server.send(&get(VERIFY).header("Authorization", "bogus"));
    answer.expect_refusal(401, "invalid_key");
}

#[test]
fn row_52_two_keys_are_401() {
    let (server, key) = with_key(Setup::on_sqlite());
    for other in [&*key, UNKNOWN, ""] {
        let both = get(VERIFY).header("x-api-key", &key).header("X-API-Key", other);
        server.send(&both).expect_error(401);
        server.verify(&format!("{key}, {other}")).expect_error(401);
        server.verify(&format!("{key},{other}")).expect_error(401);
    }
    server.verify(&key).expect_status(200);
}

#[test]
fn row_53_a_key_anywhere_else_is_401_and_is_not_logged() {
    let (server, key) = with_key(Setup::on_sqlite().with("LATCHKEY_LOG", "trace"));
    for request in [
        get(&format!("{VERIFY}?api_key={key}")),
        get(&format!("{VERIFY}?x-api-key={key}&key={key}")),
        get(&format!("{VERIFY}/{key}")),
        get(VERIFY).header("Cookie", format!("x-api-key={key}; session={key}")),
        post(VERIFY).json(format!(r#"{{"x-api-key":"{key}","key":"{key}"}}"#)),
        get(VERIFY).header("x-apikey", &key),
        get(VERIFY).header("Authorization", &key),
        get(VERIFY).header("Authorization", format!("Basic {key}")),
    ] {
        server.send(&request).expect_error(401);
    }
    let (finished, _) = server.stop();
    assert!(!finished.text.contains(&key[12..]), "{}", finished.text);
}

#[test]
fn row_54_blanks_around_a_key_are_not_part_of_it() {
    let (server, key) = with_key(Setup::on_sqlite());
    for around in [format!("   {key}"), format!("{key}   "), format!("\t {key}\t ")] {
        server.verify(&around).expect_status(200);
    }
}

#[test]
fn row_55_whatever_is_added_to_a_key_makes_it_another() {
    let (server, key) = with_key(Setup::on_sqlite());
    for changed in [
        format!("\"{key}\""),
        format!("'{key}'"),
        format!("<{key}>"),
        format!("Bearer {key}"),
        format!("{key}\\n"),
        format!("{key}%0A"),
        key.replace('_', "%5F"),
        key.replacen('s', "%73", 1),
        key.to_uppercase(),
        key.replacen("sk", "SK", 1),
        format!("{key}\u{A0}"),
        format!("\u{A0}{key}"),
        // Cyrillic small letter dze, which looks like an s.
        key.replacen('s', "\u{455}", 1),
        format!("{key}{key}"),
        key[1..].to_owned(),
        key[..45].to_owned(),
    ] {
        server.verify(&changed).expect_error(401).expect_body(INVALID);
    }
    server.verify(&key).expect_status(200);
}

#[test]
fn row_56_one_changed_character_is_401() {
    let (server, key) = with_key(Setup::on_sqlite());
    let mut connection = Connection::open(server.address);
    for at in 0..key.len() {
        for other in ["0", "A", "z", "_"].into_iter().filter(|other| **other != key[at..=at]) {
            let changed = format!("{}{other}{}", &key[..at], &key[at + 1..]);
            let request = get(VERIFY).keep_alive().header("x-api-key", &changed);
            connection.write(&request.bytes(server.address));
            connection.read(false).expect_error(401).expect_body(INVALID);
        }
    }
}

#[test]
fn row_57_the_right_checksum_is_not_enough() {
    let (server, key) = with_key(Setup::on_sqlite());
    server.verify(UNKNOWN).expect_error(401).expect_body(INVALID);
    assert_eq!(with_beginning(&key, "sk_live_"), key);
}

#[test]
fn row_58_odd_bytes_are_refused() {
    let (server, key) = with_key(Setup::on_sqlite());
    let with = |bytes: &[u8]| [key.as_bytes(), bytes].concat();
    for odd in [with(b"\xff"), with("é".as_bytes()), with(b"\xc3"), vec![0x80; 46]] {
        server.send(&get(VERIFY).header("x-api-key", odd)).expect_error(401);
    }
    // Bytes that no header may hold: the framing is refused, or the key is.
    for forbidden in [with(b"\0"), with(b"\r\n folded")] {
        server.send(&get(VERIFY).header("x-api-key", forbidden)).expect_status(400);
    }
    let deleted = server.send(&get(VERIFY).header("x-api-key", with(b"\x7f")));
    assert!([400, 401].contains(&deleted.status), "{deleted:#?}");
}

#[test]
fn row_59_long_keys_are_401_and_endless_ones_431() {
    let (server, key) = with_key(Setup::on_sqlite());
    for size in [257, 7_900] {
        server.verify(&"a".repeat(size)).expect_error(401).expect_body(INVALID);
        server.verify(&format!("{key}{}", "a".repeat(size))).expect_error(401);
    }
    for size in [100_000, 200_000] {
        server.verify(&"a".repeat(size)).expect_status(431);
    }
    server.verify(&key).expect_status(200);
}

#[test]
fn row_60_a_key_does_not_work_under_another_beginning() {
    let (server, key) = with_key(Setup::on_sqlite());
    for beginning in ["sk_test_", "pk_live_", "acme_live_", "k_live_"] {
        server.verify(&with_beginning(&key, beginning)).expect_error(401).expect_body(INVALID);
    }
    server.verify(&key).expect_status(200);
}
