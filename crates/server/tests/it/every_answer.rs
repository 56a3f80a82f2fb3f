//! What every answer has, whichever part makes it: contract, section 1.

use std::collections::BTreeSet;

use serde_json::json;

use crate::http::{Connection, Request, delete, get, patch, post, request};
use crate::person::{
    ADA, ADAS_PASSWORD, BOB, KEYS, PASSWORD, Person, SESSION, SIGN_IN, SIGN_OUT, SIGN_UP, VERIFY,
    credentials, key_path, rotate_path,
};
use crate::secret::UNKNOWN;
use crate::server::Setup;

const CHANGE: &str = r#"{"name":"b"}"#;
const LEAKS: &str = "/api/v1/leaks";
const EVIL: &str = "https://evil.example";

fn passwords(current: &str, new: &str) -> String {
    json!({ "currentPassword": current, "newPassword": new }).to_string()
}

/// A request for every way to be refused, with the status and the code it gets.
#[expect(clippy::too_many_lines, reason = "a table")]
fn refusals(ada: &Person) -> Vec<(u16, &'static str, Request)> {
    let (item, rotate) = (key_path("x"), rotate_path("x"));
    let json = |path, body: &str| ada.sign(post(path).json(body));
    let long = " ".repeat(20_000);
    let disabled = ada.create_key("disabled").id;
    ada.send(patch(&key_path(&disabled)).json(r#"{"enabled":false}"#)).expect_status(200);
    vec![
        (404, "not_found", get("/nowhere")),
        (404, "not_found", get("/api/v1/nowhere")),
        (404, "not_found", post("/api/v2/api-keys").json("{}")),
        (404, "key_not_found", ada.sign(get(&item))),
        (404, "key_not_found", ada.sign(delete(&item))),
        (404, "key_not_found", ada.sign(patch(&item).json(CHANGE))),
        (404, "key_not_found", ada.sign(post(&rotate))),
        (405, "method_not_allowed", request("PUT", KEYS)),
        (405, "method_not_allowed", post(&item)),
        (405, "method_not_allowed", get(&rotate)),
        (405, "method_not_allowed", get(SIGN_IN)),
        (405, "method_not_allowed", get(SIGN_UP)),
        (405, "method_not_allowed", get(SIGN_OUT)),
        (405, "method_not_allowed", get(PASSWORD)),
        (405, "method_not_allowed", post(SESSION)),
        (405, "method_not_allowed", post("/healthz")),
        (405, "method_not_allowed", post("/readyz")),
        (405, "method_not_allowed", post("/openapi.json")),
        (403, "cross_site", json(KEYS, "{}").header("Origin", EVIL)),
        (403, "cross_site", post(SIGN_IN).json("{}").header("Origin", EVIL)),
        (401, "session_required", get(KEYS)),
        (401, "session_required", get(&item)),
        (401, "session_required", patch(&item).json(CHANGE)),
        (401, "session_required", post(&rotate)),
        (401, "session_required", get(SESSION)),
        (401, "session_required", post(PASSWORD).json("{}")),
        (401, "key_required", get(VERIFY)),
        (401, "invalid_key", get(VERIFY).header("x-api-key", UNKNOWN)),
        (401, "invalid_credentials", post(SIGN_IN).json(credentials(ADA, "a wrong password"))),
        (413, "too_large", json(KEYS, &long)),
        (413, "too_large", json(&rotate, &long)),
        (413, "too_large", post(SIGN_IN).json(&long)),
        (413, "too_large", post(SIGN_UP).json(&long)),
        (413, "too_large", json(PASSWORD, &long)),
        (415, "unsupported_media_type", ada.sign(post(KEYS).body("{}"))),
        (415, "unsupported_media_type", ada.sign(patch(&item).body(CHANGE))),
        (415, "unsupported_media_type", ada.sign(post(&rotate).body("{}"))),
        (415, "unsupported_media_type", post(SIGN_IN).body("{}")),
        (
            415,
            "unsupported_media_type",
            post(SIGN_UP).header("Content-Type", "text/plain").body("{}"),
        ),
        (415, "unsupported_media_type", ada.sign(post(PASSWORD).body("{}"))),
        (400, "invalid_request", json(KEYS, "{")),
        (400, "invalid_request", ada.sign(patch(&item).json("{}"))),
        (400, "invalid_request", json(&rotate, "[]")),
        (400, "invalid_request", post(SIGN_IN).json("{")),
        (400, "invalid_request", post(SIGN_UP).json("[]")),
        (400, "invalid_request", json(PASSWORD, "null")),
        (400, "weak_password", post(SIGN_UP).json(credentials(BOB, "too short"))),
        (400, "weak_password", json(PASSWORD, &passwords(ADAS_PASSWORD, "too short"))),
        (400, "wrong_password", json(PASSWORD, &passwords("a wrong password", ADAS_PASSWORD))),
        (400, "invalid_request", post(LEAKS).json("{}")),
        (409, "address_taken", post(SIGN_UP).json(credentials(ADA, ADAS_PASSWORD))),
        (409, "limit_reached", json(KEYS, CHANGE)),
        (409, "conflict", ada.sign(post(&rotate_path(&disabled)))),
        (414, "too_large", get(&format!("/{}", "a".repeat(9_000)))),
        (417, "invalid_request", post(SIGN_IN).header("Expect", "a miracle").json("{}")),
        (431, "too_large", get(KEYS).header("x-long", "a".repeat(9_000))),
        (431, "too_large", get(VERIFY).header("x-long", "a".repeat(9_000))),
    ]
}

/// Requests that are answered in every way there is, well or not.
fn requests(ada: &Person) -> Vec<Request> {
    let key = ada.create_key("a");
    let refused = refusals(ada).into_iter().map(|(_, _, request)| request);
    let item = key_path(&key.id);
    let paths = [KEYS, &item, SESSION, "/healthz", "/readyz", "/openapi.json"];
    let good = paths.map(|path| ada.sign(get(path)));
    let verify = get(VERIFY).header("x-api-key", &key.key);
    let sign_in = post(SIGN_IN).json(credentials(ADA, ADAS_PASSWORD));
    let create = ada.sign(post(KEYS).json(r#"{"name":"a"}"#));
    let change = ada.sign(patch(&item).json(CHANGE));
    let rotate = ada.sign(post(&rotate_path(&key.id)));
    let others = [create, change, rotate, verify, sign_in, ada.sign(post(SIGN_OUT))];
    refused.chain(good).chain(others).collect()
}

#[test]
fn every_refusal_is_json_with_the_one_member_error_and_its_code_in_a_header() {
    let server = Setup::on_sqlite().with("LATCHKEY_MAX_KEYS_PER_OWNER", "1").start();
    for (status, code, request) in refusals(&server.sign_up(ADA)) {
        let answer = server.send(&request);
        assert_eq!(answer.status, status, "{request:?}: {answer:#?}");
        let answer = answer.expect_refusal(status, code);
        assert_eq!(answer.header("allow").is_some(), status == 405, "{answer:#?}");
    }
}

#[test]
fn the_description_names_the_code_of_every_refusal() {
    let server = Setup::on_sqlite().with("LATCHKEY_MAX_KEYS_PER_OWNER", "1").start();
    let paths = server.send(&get("/openapi.json")).json()["paths"].clone();
    let is_of = |path: &str, target: &str| {
        let (path, target) = (path.split('/'), target.split('/'));
        path.clone().count() == target.clone().count()
            && path.zip(target).all(|(part, given)| part.starts_with('{') || part == given)
    };
    let mut compared = 0;
    for (status, code, request) in refusals(&server.sign_up(ADA)) {
        let paths = paths.as_object().expect("paths").iter();
        let described = paths.filter(|(path, _)| is_of(path, request.target()));
        for (_, calls) in described {
            let call = &calls[request.method().to_lowercase()];
            let header = &call["responses"][status.to_string()]["headers"]["X-Error-Code"];
            let Some(codes) = header["schema"]["enum"].as_array() else { continue };
            assert!(codes.contains(&json!(code)), "{request:?}: {code} is not among {codes:?}");
            compared += 1;
        }
    }
    assert!(compared > 30, "{compared}");
}

#[test]
fn what_is_no_refusal_has_no_error_code() {
    let server = Setup::on_sqlite().start();
    let ada = server.sign_up(ADA);
    let key = ada.create_key("a").key;
    for request in [
        ada.sign(get(KEYS)),
        ada.sign(get("/account/api-keys")),
        get("/account/api-keys"),
        get(VERIFY).header("x-api-key", key),
        get("/healthz"),
    ] {
        let answer = server.send(&request);
        assert!(answer.status < 400 && answer.header("x-error-code").is_none(), "{answer:#?}");
    }
}

#[test]
fn the_codes_of_sign_up_and_attempts_say_which_limit_was_met() {
    let closed = Setup::on_sqlite()
        .with("LATCHKEY_SIGN_UP", "closed")
        .with("LATCHKEY_SIGN_IN_ATTEMPTS_PER_MINUTE", "1")
        .start();
    let sign_up = post(SIGN_UP).json(credentials(ADA, ADAS_PASSWORD));
    closed.send(&sign_up).expect_refusal(403, "sign_up_closed");
    let sign_in = post(SIGN_IN).json(credentials(ADA, ADAS_PASSWORD));
    closed.send(&sign_in).expect_refusal(401, "invalid_credentials");
    closed.send(&sign_in).expect_refusal(429, "too_many_attempts");
}

#[test]
fn a_request_id_is_kept_if_it_is_plain_and_made_if_not() {
    let server = Setup::on_sqlite().start();
    let longest = "a".repeat(64);
    for path in ["/healthz", KEYS, VERIFY, "/nowhere"] {
        for plain in ["a", "0194.f-_Z", &longest] {
            let answer = server.send(&get(path).header("x-request-id", plain));
            assert_eq!(answer.header("x-request-id"), Some(plain), "{path}");
        }
        for odd in ["", "a b", "a\"b", "<script>", "a/b", "é", &"a".repeat(65)] {
            let answer = server.send(&get(path).header("x-request-id", odd));
            let made = answer.header("x-request-id").unwrap_or_default();
            assert!(is_plain(made) && made != odd, "{path}: {answer:#?}");
        }
    }
}

fn is_plain(id: &str) -> bool {
    let plain = |b: u8| b.is_ascii_alphanumeric() || b"._-".contains(&b);
    (1..=64).contains(&id.len()) && id.bytes().all(plain)
}

#[test]
fn every_answer_has_a_request_id_of_its_own() {
    let server = Setup::on_sqlite().start();
    let mut seen = BTreeSet::new();
    for request in requests(&server.sign_up(ADA)) {
        let answer = server.send(&request);
        let id = answer.header("x-request-id").unwrap_or_default().to_owned();
        assert!(is_plain(&id) && seen.insert(id), "{request:?}: {answer:#?}");
    }
}

#[test]
fn nothing_under_api_may_be_stored() {
    let server = Setup::on_sqlite().start();
    let requests = requests(&server.sign_up(ADA));
    for request in requests.iter().filter(|request| request.target().starts_with("/api/")) {
        let answer = server.send(request);
        assert_eq!(answer.header("cache-control"), Some("no-store"), "{request:?}: {answer:#?}");
    }
}

#[test]
fn security_headers_are_on_every_answer_but_those_of_verify() {
    let server = Setup::on_sqlite().start();
    for request in requests(&server.sign_up(ADA)) {
        let answer = server.send(&request);
        assert_eq!(answer.header("x-content-type-options"), Some("nosniff"), "{request:?}");
        let verify = request.target() == VERIFY;
        for name in ["referrer-policy", "content-security-policy", "cross-origin-resource-policy"] {
            assert_eq!(answer.header(name).is_none(), verify, "{request:?}: {answer:#?}");
        }
        assert_eq!(answer.header("strict-transport-security"), None, "{answer:#?}");
    }
}

#[test]
fn with_an_https_public_url_every_answer_but_verify_has_hsts() {
    let server = Setup::on_sqlite()
        .with("LATCHKEY_PUBLIC_URL", "https://keys.example.com")
        .with("LATCHKEY_SIGN_UP", "open")
        .start();
    for request in requests(&server.sign_up(ADA)) {
        let answer = server.send(&request);
        let hsts = answer.header("strict-transport-security").unwrap_or_default();
        let verify = request.target() == VERIFY;
        assert_eq!(hsts.contains("max-age="), !verify, "{request:?}: {answer:#?}");
    }
}

#[test]
fn every_401_says_how_to_authenticate() {
    let server = Setup::on_sqlite().start();
    for (status, _, request) in refusals(&server.sign_up(ADA)) {
        let answer = server.send(&request);
        let says = answer.header("www-authenticate").is_some();
        assert_eq!(says, status == 401, "{request:?}: {answer:#?}");
    }
}

#[test]
fn head_is_offered_wherever_get_is() {
    let server = Setup::on_sqlite().start();
    let ada = server.sign_up(ADA);
    let item = key_path(&ada.create_key("a").id);
    let mut connection = Connection::open(server.address);
    for path in [KEYS, &item, SESSION, "/healthz", "/readyz", "/openapi.json", VERIFY, "/nowhere"] {
        let got = ada.get(path);
        let head = ada.sign(request("HEAD", path).keep_alive());
        connection.write(&head.bytes(server.address));
        let head = connection.read(true);
        assert_eq!(head.status, got.status, "{path}");
        assert_eq!(head.header("content-type"), got.header("content-type"), "{path}");
        // Had the answer a body, this one's beginning would be found in its place.
        connection.write(&get("/healthz").keep_alive().bytes(server.address));
        connection.read(false).expect_status(200);
    }
}

fn oversized(method: &str, path: &str) -> Request {
    request(method, path).header("Content-Type", "text/plain").body("x".repeat(20_000))
}

#[test]
fn an_unknown_route_comes_before_everything() {
    let server = Setup::on_sqlite().start();
    for path in ["/nowhere", "/api/v1/nowhere", "/api/v1/api-keys/x/y"] {
        server.send(&oversized("POST", path).header("Origin", EVIL)).expect_error(404);
    }
}

#[test]
fn the_method_comes_before_the_origin() {
    let server = Setup::on_sqlite().start();
    for path in [KEYS, &key_path("x"), &rotate_path("x"), SESSION] {
        server.send(&oversized("PUT", path).header("Origin", EVIL)).expect_error(405);
    }
}

#[test]
fn the_origin_comes_before_the_session() {
    let server = Setup::on_sqlite().start();
    let no_session = "session=unknown";
    for foreign in [
        oversized("POST", KEYS).header("Cookie", no_session),
        delete(&key_path("x")).header("Cookie", no_session),
        oversized("PATCH", &key_path("x")).header("Cookie", no_session),
        oversized("POST", &rotate_path("x")).header("Cookie", no_session),
        oversized("POST", PASSWORD).header("Cookie", no_session),
        oversized("POST", SIGN_IN),
        oversized("POST", SIGN_UP),
    ] {
        server.send(&foreign.header("Origin", EVIL)).expect_error(403);
    }
}

/// Whatever has a body and needs a session.
fn with_body() -> [(&'static str, String); 4] {
    [
        ("POST", KEYS.to_owned()),
        ("POST", PASSWORD.to_owned()),
        ("PATCH", key_path("x")),
        ("POST", rotate_path("x")),
    ]
}

#[test]
fn the_session_comes_before_the_body() {
    let server = Setup::on_sqlite().start();
    for (method, path) in with_body() {
        server.send(&oversized(method, &path)).expect_error(401);
        server.send(&request(method, &path).body("{")).expect_error(401);
        server.send(&request(method, &path).json("{")).expect_error(401);
    }
}

#[test]
fn the_size_comes_before_the_type_and_the_type_before_the_content() {
    let server = Setup::on_sqlite().start();
    let ada = server.sign_up(ADA);
    let open = [SIGN_IN, SIGN_UP].map(|path| ("POST", path.to_owned()));
    for (method, path) in with_body().into_iter().chain(open) {
        let call = request(method, &path);
        ada.send(oversized(method, &path)).expect_error(413);
        ada.send(call.clone().header("Content-Type", "text/plain").body("{")).expect_error(415);
        ada.send(call.json("{")).expect_error(400);
    }
}

#[test]
fn the_content_comes_before_the_key() {
    let server = Setup::on_sqlite().start();
    let ada = server.sign_up(ADA);
    let revoked = ada.create_key("a").id;
    ada.revoke(&revoked).expect_status(200);
    for id in ["x", "01919b4e-7b3c-7def-8123-456789abcdef", &revoked] {
        for bad in ["{", "{}", r#"{"name":""}"#, r#"{"expiresAt":"2001-01-01T00:00:00Z"}"#] {
            ada.send(patch(&key_path(id)).json(bad)).expect_error(400);
        }
        for bad in ["{", r#"{"overlapSeconds":-1}"#, r#"{"overlapSeconds":2592001}"#] {
            ada.post(&rotate_path(id), bad).expect_error(400);
        }
    }
}
