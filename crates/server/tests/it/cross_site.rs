//! Which pages may call with a cookie. The numbers are the rows of the project's cross-site
//! matrix; the rows that need a browser are not here.

use crate::http::{Request, Response, delete, get, patch, post, request};
use crate::person::{
    ADA, ADAS_PASSWORD, BOB, KEYS, PASSWORD, Person, SESSION, SIGN_IN, SIGN_OUT, SIGN_UP,
    credentials, key_path, text,
};
use crate::server::{Server, Setup};

const EVIL: &str = "https://evil.example";
const FRIEND: &str = "https://app.example.com";
const PUBLIC: &str = "https://keys.example.com";
const BODY: &str = r#"{"name":"a"}"#;

fn create() -> Request {
    post(KEYS).json(BODY)
}

fn own_origin(server: &Server) -> String {
    format!("http://{}", server.address)
}

#[track_caller]
fn refused(person: &Person, request: Request) -> Response {
    let answer = person.send(request).expect_error(403);
    assert_eq!(answer.header("access-control-allow-origin"), None, "{answer:#?}");
    answer
}

#[test]
fn rows_1_to_6_and_10_callers_that_are_no_browser_pass() {
    let server = Setup::on_sqlite().start();
    let ada = server.sign_up(ADA);
    ada.get(KEYS).expect_status(200);
    let made = ada.send(create()).expect_status(201).json();
    ada.revoke(&text(&made, "id")).expect_status(200);
    // Node's fetch sends this header and neither of the two that decide.
    ada.send(create().header("Sec-Fetch-Mode", "cors")).expect_status(201);
}

#[test]
fn the_servers_own_pages_pass() {
    let server = Setup::on_sqlite().start();
    let ada = server.sign_up(ADA);
    let origin = own_origin(&server);
    ada.send(create().header("Sec-Fetch-Site", "same-origin")).expect_status(201);
    ada.send(create().header("Sec-Fetch-Site", "none")).expect_status(201);
    ada.send(create().header("Origin", &origin)).expect_status(201);
    let both = create().header("Sec-Fetch-Site", "same-origin").header("Origin", &origin);
    ada.send(both).expect_status(201);
}

#[test]
fn row_11_a_cross_site_form_is_refused() {
    let server = Setup::on_sqlite().start();
    let ada = server.sign_up(ADA);
    let form = post(KEYS)
        .header("Content-Type", "text/plain")
        .header("Sec-Fetch-Site", "cross-site")
        .header("Sec-Fetch-Mode", "navigate")
        .header("Origin", EVIL);
    refused(&ada, form.body(r#"{"name":"a","x":"="}"#));
    assert_eq!(ada.list().len(), 0);
}

#[test]
fn row_12_a_cross_site_fetch_without_cors_is_refused() {
    let server = Setup::on_sqlite().start();
    let ada = server.sign_up(ADA);
    let fetch = post(KEYS).header("Content-Type", "text/plain").body(BODY);
    let fetch = fetch.header("Sec-Fetch-Site", "cross-site").header("Sec-Fetch-Mode", "no-cors");
    refused(&ada, fetch.header("Origin", EVIL));
    assert_eq!(ada.list().len(), 0);
}

fn preflight(path: &str, method: &str, origin: &str) -> Request {
    request("OPTIONS", path)
        .header("Origin", origin)
        .header("Access-Control-Request-Method", method)
        .header("Access-Control-Request-Headers", "content-type")
        .header("Sec-Fetch-Site", "cross-site")
        .header("Sec-Fetch-Mode", "cors")
}

#[test]
fn row_13_a_cross_site_fetch_with_json_gets_no_preflight_and_no_answer() {
    let server = Setup::on_sqlite().start();
    let ada = server.sign_up(ADA);
    let answer = server.send(&preflight(KEYS, "POST", EVIL));
    assert_eq!(answer.header("access-control-allow-origin"), None, "{answer:#?}");
    assert_eq!(answer.header("access-control-allow-credentials"), None, "{answer:#?}");
    refused(&ada, create().header("Sec-Fetch-Site", "cross-site").header("Origin", EVIL));
    assert_eq!(ada.list().len(), 0);
}

#[test]
fn row_14_a_cross_site_delete_is_refused() {
    let server = Setup::on_sqlite().start();
    let ada = server.sign_up(ADA);
    let key = ada.create_key("a");
    let path = key_path(&key.id);
    let answer = server.send(&preflight(&path, "DELETE", EVIL));
    assert_eq!(answer.header("access-control-allow-origin"), None, "{answer:#?}");
    refused(&ada, delete(&path).header("Sec-Fetch-Site", "cross-site").header("Origin", EVIL));
    server.verify(&key.key).expect_status(200);
}

#[test]
fn row_15_a_sibling_of_the_same_site_is_refused_unless_trusted() {
    let server = Setup::on_sqlite().with("LATCHKEY_TRUSTED_ORIGINS", FRIEND).start();
    let ada = server.sign_up(ADA);
    let from_sibling = create().header("Sec-Fetch-Site", "same-site");
    refused(&ada, from_sibling.clone());
    refused(&ada, from_sibling.clone().header("Origin", "https://evil.example.com"));
    ada.send(from_sibling.header("Origin", FRIEND)).expect_status(201);
}

#[test]
fn row_16_a_foreign_origin_alone_is_refused() {
    let server = Setup::on_sqlite().start();
    refused(&server.sign_up(ADA), create().header("Origin", EVIL));
}

#[test]
fn row_17_a_null_origin_is_refused() {
    let server = Setup::on_sqlite().start();
    let ada = server.sign_up(ADA);
    refused(&ada, create().header("Origin", "null"));
    refused(&ada, create().header("Origin", "null").header("Sec-Fetch-Site", "cross-site"));
    refused(&ada, create().header("Origin", ""));
}

#[test]
fn row_18_an_origin_that_only_resembles_ours_is_refused() {
    let server = Setup::on_sqlite()
        .with("LATCHKEY_PUBLIC_URL", PUBLIC)
        .with("LATCHKEY_SIGN_UP", "open")
        .start();
    let ada = server.sign_up(ADA);
    for origin in [
        "https://keys.example.com:8443",
        "http://keys.example.com",
        "https://keys.example.com.",
        "https://user@keys.example.com",
        "https://keys.example.com.evil",
        "https://evilkeys.example.com",
        "https://example.com",
        "https://keys.example.com/",
        "keys.example.com",
        &own_origin(&server),
    ] {
        refused(&ada, create().header("Origin", origin));
    }
    for same in [PUBLIC, "https://KEYS.example.com"] {
        ada.send(create().header("Origin", same)).expect_status(201);
    }
}

#[test]
fn row_19_doubled_headers_are_refused() {
    let server = Setup::on_sqlite().start();
    let ada = server.sign_up(ADA);
    let origin = own_origin(&server);
    refused(&ada, create().header("Origin", &origin).header("Origin", EVIL));
    refused(&ada, create().header("Origin", &origin).header("Origin", &origin));
    let site = create().header("Sec-Fetch-Site", "same-origin");
    refused(&ada, site.clone().header("Sec-Fetch-Site", "cross-site"));
    refused(&ada, site.header("Sec-Fetch-Site", "same-origin"));
    refused(&ada, create().header("Sec-Fetch-Site", "same-origin, cross-site"));
}

#[test]
fn row_20_a_contradiction_is_refused() {
    let server = Setup::on_sqlite().start();
    let ada = server.sign_up(ADA);
    for site in ["same-origin", "none"] {
        refused(&ada, create().header("Sec-Fetch-Site", site).header("Origin", EVIL));
    }
    let origin = own_origin(&server);
    refused(&ada, create().header("Sec-Fetch-Site", "cross-site").header("Origin", &origin));
    refused(&ada, create().header("Sec-Fetch-Site", "unheard-of"));
}

#[test]
fn row_21_a_foreign_page_cannot_read_the_list() {
    let server = Setup::on_sqlite().start();
    let ada = server.sign_up(ADA);
    ada.create_key("a");
    let foreign = |request: Request| request.header("Sec-Fetch-Site", "cross-site");
    for request in [
        foreign(get(KEYS)).header("Sec-Fetch-Dest", "script"),
        foreign(get(KEYS)).header("Sec-Fetch-Mode", "cors").header("Origin", EVIL),
        foreign(get(&format!("{KEYS}?callback=steal"))).header("Sec-Fetch-Dest", "script"),
    ] {
        let answer = ada.send(request);
        assert_eq!(answer.header("access-control-allow-origin"), None, "{answer:#?}");
        assert_eq!(answer.header("cross-origin-resource-policy"), Some("same-origin"));
        assert_eq!(answer.header("cache-control"), Some("no-store"));
        assert!(!answer.text().contains("steal"), "{}", answer.text());
    }
}

#[test]
fn row_23_cross_site_sign_in_and_sign_up_are_refused() {
    let server = Setup::on_sqlite().start();
    server.sign_up(ADA);
    for (path, email) in [(SIGN_IN, ADA), (SIGN_UP, BOB)] {
        let call = post(path).json(credentials(email, ADAS_PASSWORD));
        for foreign in [
            call.clone().header("Sec-Fetch-Site", "cross-site").header("Origin", EVIL),
            call.clone().header("Origin", EVIL),
            call.header("Sec-Fetch-Site", "same-site"),
        ] {
            let answer = server.send(&foreign).expect_error(403);
            assert_eq!(answer.header("set-cookie"), None, "{answer:#?}");
        }
    }
    server.sign_in(BOB, ADAS_PASSWORD).expect_error(401);
}

#[test]
fn row_24_a_method_override_is_ignored() {
    let server = Setup::on_sqlite().start();
    let ada = server.sign_up(ADA);
    let path = key_path(&ada.create_key("a").id);
    ada.send(get(&path).header("X-HTTP-Method-Override", "DELETE")).expect_status(200);
    ada.get(&format!("{path}?_method=DELETE")).expect_status(200);
    let overridden = post(&path).header("X-HTTP-Method-Override", "DELETE");
    ada.send(overridden.json(r#"{"_method":"DELETE"}"#)).expect_error(405);
    assert_eq!(ada.names(), ["a"]);
}

#[test]
fn row_25_reading_methods_change_nothing() {
    let server = Setup::on_sqlite().start();
    let ada = server.sign_up(ADA);
    let path = key_path(&ada.create_key("a").id);
    for method in ["GET", "HEAD", "OPTIONS"] {
        for path in [KEYS, &path] {
            let answer = ada.send(request(method, path).json(r#"{"name":"b"}"#));
            assert!(answer.status < 300 || answer.status == 405, "{method}: {answer:#?}");
        }
    }
    assert_eq!(ada.names(), ["a"]);
}

#[test]
fn row_27_a_page_on_a_plain_http_name_is_judged_by_its_origin() {
    let server = Setup::on_sqlite()
        .with("LATCHKEY_PUBLIC_URL", "http://keys.lan:8080")
        .with("LATCHKEY_SIGN_UP", "open")
        .start();
    let ada = server.sign_up(ADA);
    ada.send(create().header("Origin", "http://keys.lan:8080")).expect_status(201);
    for other in ["http://keys.lan", "https://keys.lan:8080", "http://other.lan:8080"] {
        refused(&ada, create().header("Origin", other));
    }
}

#[test]
fn row_28_behind_a_proxy_the_public_url_decides() {
    let server = Setup::on_sqlite()
        .with("LATCHKEY_PUBLIC_URL", PUBLIC)
        .with("LATCHKEY_SIGN_UP", "open")
        .start();
    let ada = server.sign_up(ADA);
    // Every request here carries the inner address as its Host.
    ada.send(create().header("Origin", PUBLIC)).expect_status(201);
    let forwarded = create().header("Origin", EVIL).header("X-Forwarded-Host", "evil.example");
    refused(&ada, forwarded.header("X-Forwarded-Proto", "https"));
}

#[test]
fn row_30_two_cookies_that_are_sessions_are_401() {
    let server = Setup::on_sqlite().start();
    let ada = server.sign_up(ADA);
    let both = format!("{}; {}", ada.cookie(), server.sign_in_again(ADA).cookie());
    server.send(&create().header("Cookie", &both)).expect_error(401);
    server.send(&get(KEYS).header("Cookie", &both)).expect_error(401);
    assert_eq!(ada.list().len(), 0);
}

#[test]
fn row_31_a_session_that_is_none_is_401_and_its_cookie_is_cleared() {
    let other = Setup::on_sqlite().start();
    let server = Setup::on_sqlite().start();
    let ada = server.sign_up(ADA);
    let signed_out = server.sign_in_again(ADA);
    signed_out.send(post(SIGN_OUT)).expect_status(200);
    let tampered = |at: usize| {
        let swapped = if ada.token.as_bytes()[at] == b'A' { "Q" } else { "A" };
        format!("{}{swapped}{}", &ada.token[..at], &ada.token[at + 1..])
    };
    let others = other.sign_up(ADA).token;
    for token in [signed_out.token, tampered(0), tampered(42), others] {
        let cookie = format!("session={token}");
        let answer = server.send(&get(SESSION).header("Cookie", cookie)).expect_error(401);
        let line = answer.set_cookie();
        assert!(line.starts_with("session=;") && line.contains("Max-Age=0"), "{line}");
    }
    assert!(ada.is_signed_in());
}

#[test]
fn row_32_sessions_and_keys_do_not_stand_in_for_each_other() {
    let server = Setup::on_sqlite().start();
    let ada = server.sign_up(ADA);
    let key = ada.create_key("a").key;
    server.verify(&ada.token).expect_error(401);
    let as_session = create().header("Cookie", format!("session={key}"));
    server.send(&as_session).expect_error(401);
    assert_eq!(ada.list().len(), 1);
}

#[test]
fn a_trusted_origin_may_call_with_cookies_and_nobody_else() {
    let trusted = format!("{FRIEND},https://other.example");
    let server = Setup::on_sqlite().with("LATCHKEY_TRUSTED_ORIGINS", &trusted).start();
    let ada = server.sign_up(ADA);
    let path = key_path(&ada.create_key("a").id);
    let allowed = |answer: &Response| {
        assert_eq!(answer.header("access-control-allow-origin"), Some(FRIEND), "{answer:#?}");
        assert_eq!(answer.header("access-control-allow-credentials"), Some("true"), "{answer:#?}");
        assert!(answer.header("vary").is_some_and(|v| v.to_lowercase().contains("origin")));
    };
    let rotate = format!("{path}/rotate");
    for (path, method) in
        [(KEYS, "POST"), (&path, "DELETE"), (&path, "PATCH"), (&rotate, "POST"), (KEYS, "GET")]
    {
        let answer = server.send(&preflight(path, method, FRIEND));
        assert!((200..300).contains(&answer.status), "{answer:#?}");
        allowed(&answer);
        let methods = answer.header("access-control-allow-methods").unwrap_or_default();
        assert!(methods.contains(method), "{answer:#?}");
        let headers = answer.header("access-control-allow-headers").unwrap_or_default();
        assert!(headers.to_ascii_lowercase().contains("content-type"), "{answer:#?}");
    }
    let from_friend = |request: Request| {
        ada.send(request.header("Origin", FRIEND).header("Sec-Fetch-Site", "cross-site"))
    };
    allowed(&from_friend(get(KEYS)).expect_status(200));
    allowed(&from_friend(create()).expect_status(201));
    for stranger in [EVIL, "https://app.example.com.evil", "https://app.example.com:444"] {
        refused(&ada, create().header("Origin", stranger));
        let answer = ada.send(get(KEYS).header("Origin", stranger));
        assert_eq!(answer.header("access-control-allow-origin"), None, "{answer:#?}");
    }
}

#[test]
fn every_changing_call_with_a_cookie_is_guarded() {
    let server = Setup::on_sqlite().start();
    let ada = server.sign_up(ADA);
    let path = key_path(&ada.create_key("a").id);
    let (change, rotate) = (patch(&path).json(r#"{"name":"b"}"#), post(&format!("{path}/rotate")));
    let calls =
        [create(), change, rotate, delete(&path), post(SIGN_OUT), post(PASSWORD).json("{}")];
    for call in calls {
        refused(&ada, call.header("Sec-Fetch-Site", "cross-site"));
    }
    assert_eq!(ada.names(), ["a"]);
}
