//! After a run that used every kind of secret, none is found in the logs or in any file.

use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use serde_json::json;

use crate::database::{Database, written_files_of};
use crate::http::{get, post, request};
use crate::management::{Backend, key_of, keys_of};
use crate::person::{
    ADA, BOB, Issued, KEYS, PASSWORD, Person, SESSION, SIGN_IN, SIGN_OUT, SIGN_UP, VERIFY,
    credentials, key_path, rotate_path, token_of,
};
use crate::server::{Server, Setup};

const FIRST: &str = "canary password one 5b0e";
const SECOND: &str = "canary password two 91cc";
const THIRD: &str = "canary password three 4d7a";
const WRONG: &str = "canary password wrong c33f";
/// No secret: it has to be found, or the search looks in the wrong place.
const NAME: &str = "canary name 77e1";
const RING: &str = "1:Y2FuYXJ5IHBlcHBlciBvZiB0aGlydHktdHdvIGJ5dGU=";

#[test]
fn on_sqlite_no_secret_is_left_anywhere_even_with_every_log_line() {
    nothing_is_left(Setup::on_sqlite().with("LATCHKEY_LOG", "trace"));
}

#[test]
fn on_sqlite_no_secret_is_left_anywhere() {
    nothing_is_left(Setup::on_sqlite());
}

#[test]
fn on_postgres_no_secret_is_left_anywhere_even_with_every_log_line() {
    let setup = Setup::on(Database::private_postgres());
    nothing_is_left(setup.with("LATCHKEY_PEPPERS", RING).with("LATCHKEY_LOG", "trace"));
}

#[cfg(target_os = "linux")]
#[test]
fn no_core_file_is_written_whatever_the_limit_was() {
    let server = Setup::on_sqlite().start();
    let limits =
        std::fs::read_to_string(format!("/proc/{}/limits", server.process_id())).expect("limits");
    let core = limits.lines().find(|line| line.starts_with("Max core file size"));
    let core: Vec<_> = core.expect("it is listed").split_whitespace().collect();
    assert_eq!(core[4..6], ["0", "0"], "{limits}");
}

#[derive(Debug, Default)]
struct Needles(Vec<(String, Vec<u8>)>);

impl Needles {
    fn add(&mut self, what: &str, bytes: impl AsRef<[u8]>) {
        self.0.push((what.to_owned(), bytes.as_ref().to_vec()));
    }

    fn add_key(&mut self, key: &str) {
        self.add("a key", key);
        self.add("the random part of a key", &key[12..44]);
    }

    fn add_token(&mut self, token: &str) {
        self.add("a session token", token);
        self.add("the bytes of a session token", URL_SAFE_NO_PAD.decode(token).expect("base64url"));
    }

    fn add_management_token(&mut self, token: &str) {
        self.add("a management token", token);
        self.add("the random part of a management token", &token[13..41]);
    }

    fn add_pepper(&mut self, ring: &str) {
        let (_, text) = ring.trim().split_once(':').expect("an id and a secret");
        let bytes = STANDARD.decode(text).expect("base64");
        let hex = bytes.iter().fold(String::new(), |hex, byte| hex + &format!("{byte:02x}"));
        self.add("the pepper in base64", text);
        self.add("the pepper in base64url", URL_SAFE_NO_PAD.encode(&bytes));
        self.add("the pepper in hex", hex.to_uppercase());
        self.add("the pepper in hex", hex);
        self.add("the bytes of the pepper", bytes);
    }

    /// What of these is in `hay`. One pass over it, which tells the few places where any of them
    /// may begin by their first two bytes: the files are large and tests are not optimised.
    fn found_in(&self, hay: &[u8]) -> Vec<&str> {
        let pair = |bytes: &[u8]| usize::from(bytes[0]) << 8 | usize::from(bytes[1]);
        let mut begins = vec![false; 1 << 16];
        self.0.iter().for_each(|(_, needle)| begins[pair(needle)] = true);
        let places = hay.windows(2).enumerate().filter(|(_, two)| begins[pair(two)]);
        let found = places.flat_map(|(at, _)| {
            self.0.iter().filter(move |(_, needle)| hay[at..].starts_with(needle))
        });
        found.map(|(what, _)| &**what).collect()
    }
}

fn nothing_is_left(setup: Setup) {
    let mut needles = Needles::default();
    for password in [FIRST, SECOND, THIRD, WRONG] {
        needles.add("a password", password);
    }
    let server = setup.start();
    let mut printed = use_everything(&server, &mut needles);
    let ring = std::fs::read_to_string(server.setup.data_directory().join("peppers"));
    needles.add_pepper(&ring.unwrap_or_else(|_no_file| RING.to_owned()));

    // A killed server leaves its write-ahead log as it is.
    let (log, setup) = server.kill();
    printed += &log;
    let files = setup.database.url().map(|url| written_files_of(&url));
    let mut names_found = 0;
    for folder in files.into_iter().chain([setup.data_directory()]) {
        search(&folder, &mut |file, bytes| {
            assert_eq!(needles.found_in(bytes), [""; 0], "{}", file.display());
            let mut name = Needles::default();
            name.add("the name", NAME);
            names_found += name.found_in(bytes).len();
        });
    }
    assert!(names_found > 0, "the search does not see the database");
    assert!(printed.contains("listening on"), "the search does not see the log");
    assert_eq!(needles.found_in(printed.as_bytes()), [""; 0], "{printed}");
}

fn search(folder: &Path, look: &mut impl FnMut(&Path, &[u8])) {
    let Ok(entries) = std::fs::read_dir(folder) else { return };
    for entry in entries {
        let path = entry.expect("readable").path();
        if path.is_dir() {
            search(&path, look);
        } else if path.is_file() && path.file_name().is_some_and(|name| name != "peppers") {
            look(&path, &std::fs::read(&path).expect("readable"));
        }
    }
}

/// Uses every secret where it belongs and where it does not; gives what the commands printed.
fn use_everything(server: &Server, needles: &mut Needles) -> String {
    let answer = server.send(&post(SIGN_UP).json(credentials(ADA, FIRST))).expect_status(201);
    let ada = Person { address: server.address, token: token_of(&answer) };
    needles.add_token(&ada.token);
    server.sign_in(ADA, WRONG).expect_status(401);
    server.sign_in("nobody@example.com", WRONG).expect_status(401);
    server.send(&post(SIGN_IN).json(format!(r#"{{"email":"{ADA}","password":"{FIRST}"#)));
    server.send(&post(SIGN_IN).json(json!({ "email": ADA, FIRST: SECOND }).to_string()));
    server.send(&post(SIGN_IN).body(credentials(ADA, FIRST)));
    let again = server.sign_in(ADA, FIRST).expect_status(200);
    needles.add_token(&token_of(&again));
    let passwords = json!({ "currentPassword": FIRST, "newPassword": SECOND });
    ada.post(PASSWORD, passwords.to_string()).expect_status(200);

    for body in [json!({ "name": NAME }), json!({ "name": NAME, "environment": "test" })] {
        let key = ada.create_key_with(&body);
        needles.add_key(&key.key);
        misuse_key(server, &ada, &key.key);
        if body["environment"] == "test" {
            server.report(&key.key).expect_status(200);
            server.verify(&key.key).expect_status(401);
        } else {
            let new = Issued::from(&ada.rotate(&key.id, 60).expect_status(201));
            needles.add_key(&new.key);
            misuse_key(server, &ada, &new.key);
        }
    }
    misuse_token(server, &ada.token);
    let backend = server.backend("keys:write,audit:read", "*");
    needles.add_management_token(&backend.token);
    misuse_management_token(server, &ada, &backend);
    let mut printed = String::new();
    for (arguments, input) in [
        (&["account", "create", BOB][..], THIRD),
        (&["account", "reset-password", ADA], THIRD),
        (&["account", "reset-password", "nobody@example.com"], THIRD),
        (&["keys", "list"], ""),
        (&["token", "list"], ""),
        (&["pepper", "status"], ""),
        (&["audit", "export"], ""),
        (&["check-config"], ""),
    ] {
        printed += &server.setup.run(arguments, input).text;
    }
    let answer = server.sign_in(ADA, THIRD).expect_status(200);
    let ada = Person { address: server.address, token: token_of(&answer) };
    needles.add_token(&ada.token);
    ada.send(post(SIGN_OUT)).expect_status(200);
    printed
}

fn misuse_key(server: &Server, ada: &Person, key: &str) {
    server.verify(key).expect_status(200);
    let bearer = get(VERIFY).header("Authorization", format!("Bearer {key}"));
    server.send(&bearer).expect_status(200);
    server.verify(&format!("{key}x"));
    server.send(&get(&format!("{VERIFY}?api_key={key}")));
    server.send(&get(&format!("{VERIFY}/{key}")));
    server.send(&get(&format!("/{key}")));
    server.send(&get(SESSION).header("Cookie", format!("session={key}")));
    server.send(&get("/healthz").header("x-api-key", key));
    server.send(&request("PUT", &key_path(key)));
    ada.revoke(key);
    ada.get(&key_path(key));
    ada.get(&format!("{KEYS}?key={key}"));
    ada.post(&rotate_path(key), json!({ key: 1 }).to_string());
    ada.change(key, &json!({ "name": "a" }));
    ada.create(json!({ key: "a" }).to_string());
    ada.send(post(KEYS).json(r#"{"name":"a"}"#).header("User-Agent", format!("a/{key}")));
    ada.send(post(KEYS).json(r#"{"name":"a"}"#).header("X-Request-Id", key));
    // One more character would be the key, which a report revokes.
    server.report(&key[..key.len() - 1]);
    server.send(&post("/api/v1/leaks").json(json!({ "key": [key] }).to_string()));
    server.send(&post("/api/v1/leaks").json(json!({ key: key }).to_string()));
    ada.create(json!({ "name": "a", "environment": key }).to_string());
    ada.create(json!({ "name": "a", "expiresAt": key }).to_string());
}

fn misuse_token(server: &Server, token: &str) {
    server.verify(token);
    server.send(&get(&format!("{SESSION}?session={token}")));
    server.send(&get(&format!("/{token}")));
    server.send(&get(SESSION).header("Cookie", format!("session={token}; session={token}")));
    server.send(&get(SESSION).header("Authorization", format!("Bearer {token}")));
}

fn misuse_management_token(server: &Server, ada: &Person, backend: &Backend) {
    let token = &backend.token;
    backend.post(&keys_of("ada"), &json!({ "name": "a" })).expect_status(201);
    backend.get(&key_of("ada", token)).expect_status(404);
    backend.get(&format!("/api/v1/admin/api-keys?q={token}")).expect_status(200);
    backend.get(&format!("/api/v1/admin/api-keys?{token}=1")).expect_status(400);
    backend.post(&keys_of("ada"), &json!({ token: 1 })).expect_status(400);
    let named = backend.post(&keys_of("ada"), &json!({ "name": token }));
    named.expect_status(400);
    server.verify(token).expect_status(401);
    server.send(&get(&format!("/{token}")));
    server.send(&get(SESSION).header("Cookie", format!("session={token}")));
    server.send(&get("/healthz").header("X-Request-Id", token));
    ada.create(json!({ "name": token }).to_string());
    ada.send(post(KEYS).json(r#"{"name":"a"}"#).header("User-Agent", format!("a/{token}")));
    let cut = Backend { token: token[..46].to_owned(), ..backend.clone() };
    cut.get(&keys_of("ada")).expect_status(401);
}

#[test]
fn the_search_finds_what_there_is() {
    let mut needles = Needles::default();
    needles.add("one", "abc");
    needles.add("two", "cab");
    assert_eq!(needles.found_in(b"xxabcabxx"), ["one", "two"]);
    assert_eq!(needles.found_in(b"xxabxx"), [""; 0]);
    assert_eq!(needles.found_in(b""), [""; 0]);
}
