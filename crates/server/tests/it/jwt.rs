//! Sessions of another system: JWTs in the cookie and as bearers.

use std::time::Duration;

use latchkey_testkit::issuer::{Issuer, jwks, sign_by_secret, unsigned};
use serde_json::{Value, json};

use crate::http::{Request, Response, delete, get, post, request};
use crate::issuer::{FAR, ISSUER, JwksServer, claims, claims_of, expecting_tokens, trusting};
use crate::person::{
    ACCOUNT, ADA, ADAS_PASSWORD, CONFIRM, EMAIL, END_OTHERS, EXPORT, KEYS, PASSWORD, SESSION,
    SESSIONS, SIGN_IN, SIGN_OUT, SIGN_UP,
};
use crate::person::{credentials, key_path, text};
use crate::server::{Server, eventually};

const NAME: &str = r#"{"name":"Production"}"#;
const TRUSTED: &str = "https://app.example.com";
const EVIL: &str = "https://evil.example";

fn bearer(request: Request, token: &str) -> Request {
    request.header("Authorization", format!("Bearer {token}"))
}

fn cookie(request: Request, token: &str) -> Request {
    request.header("Cookie", format!("session={token}"))
}

#[track_caller]
fn expect_stranger(response: Response) -> Response {
    let body = r#"{"error":"Authentication required"}"#;
    response.expect_refusal(401, "session_required").expect_body(body)
}

/// A server whose one issuer signs by the key `a`.
fn world() -> (Issuer, JwksServer, Server) {
    let issuer = Issuer::p256("a");
    let published = JwksServer::publishing(&[&issuer]);
    let server = trusting(&published.url()).with("LATCHKEY_TRUSTED_ORIGINS", TRUSTED).start();
    (issuer, published, server)
}

#[test]
fn a_jwt_is_a_session_in_the_cookie_and_as_a_bearer() {
    let (issuer, _published, server) = world();
    let token = issuer.token(&claims());
    let made = server.send(&bearer(post(KEYS).json(NAME), &token)).expect_status(201).json();
    let listed = server.send(&cookie(get(KEYS), &token)).expect_status(200);
    assert_eq!(listed.header("x-latchkey-account"), Some("o1"));
    assert_eq!(text(&listed.json()[0], "id"), text(&made, "id"));
    let verified = server.verify(&text(&made, "key")).expect_status(200).json();
    assert_eq!(text(&verified, "ownerId"), "o1");
    let bob = issuer.token(&claims_of("bob", "o1"));
    let revoke = cookie(delete(&key_path(&text(&made, "id"))), &bob);
    server.send(&revoke).expect_status(200);
    server.verify(&text(&made, "key")).expect_status(401);
    let trail = server.send(&bearer(get("/api/v1/audit-events"), &bob)).expect_status(200).json();
    let told = |at: usize| (text(&trail[at], "action"), text(&trail[at], "actor"));
    assert_eq!(told(0), ("key.revoked".into(), "bob".into()));
    assert_eq!(told(1), ("key.created".into(), "ada".into()));
}

#[test]
fn one_owner_sees_nothing_of_another() {
    let (issuer, _published, server) = world();
    let [ada, eve] = ["o1", "o2"].map(|owner| issuer.token(&claims_of("ada", owner)));
    let made = server.send(&bearer(post(KEYS).json(NAME), &ada)).expect_status(201).json();
    let path = key_path(&text(&made, "id"));
    assert_eq!(server.send(&bearer(get(KEYS), &eve)).expect_status(200).json(), json!([]));
    server.send(&bearer(get(&path), &eve)).expect_refusal(404, "key_not_found");
    server.send(&bearer(delete(&path), &eve)).expect_refusal(404, "key_not_found");
    let account = server.sign_up(ADA);
    account.get(&path).expect_refusal(404, "key_not_found");
    server.verify(&text(&made, "key")).expect_status(200);
}

#[test]
fn a_session_tells_what_the_token_says_and_a_sign_out_clears_the_cookie_alone() {
    let (issuer, _published, server) = world();
    let mut claims = claims();
    let body = |claims: &Value| {
        server.send(&cookie(get(SESSION), &issuer.token(claims))).expect_status(200).json()
    };
    assert_eq!(body(&claims), json!({ "id": "o1", "email": null, "createdAt": null }));
    claims["email"] = "ada@example.com".into();
    let token = issuer.token(&claims);
    assert_eq!(body(&claims), json!({ "id": "o1", "email": "ada@example.com", "createdAt": null }));
    let out = server.send(&cookie(post(SIGN_OUT), &token)).expect_status(200);
    assert!(out.set_cookie().starts_with("session=; "), "{out:?}");
    assert_eq!(out.json(), json!({ "success": true }));
    server.send(&cookie(get(SESSION), &token)).expect_status(200);
    server.send(&bearer(post(SIGN_OUT), &token)).expect_status(200);
    let passwords = json!({ "currentPassword": "x", "newPassword": "y" }).to_string();
    server.send(&cookie(post(PASSWORD).json(passwords), &token)).expect_refusal(409, "conflict");
}

/// The calls about an account, which a session of another system has not.
fn own_account_calls() -> [Request; 7] {
    let proof = json!({ "password": ADAS_PASSWORD }).to_string();
    [
        get(SESSIONS),
        delete(&format!("{SESSIONS}/x")),
        post(END_OTHERS),
        post(EMAIL).json(credentials(ADA, ADAS_PASSWORD)),
        delete(ACCOUNT).json(&proof),
        get(EXPORT),
        post(CONFIRM).json(&proof),
    ]
}

#[test]
fn a_session_of_another_system_has_no_account_here_and_is_always_fresh() {
    let issuer = Issuer::p256("a");
    let published = JwksServer::publishing(&[&issuer]);
    let server = trusting(&published.url()).with("LATCHKEY_REAUTH_AFTER", "1s").start();
    let token = issuer.token(&claims());
    for request in own_account_calls() {
        server.send(&bearer(request.clone(), &token)).expect_refusal(409, "conflict");
        server.send(&cookie(request, &token)).expect_refusal(409, "conflict");
    }
    std::thread::sleep(Duration::from_millis(1_050));
    let made = server.send(&cookie(post(KEYS).json(NAME), &token)).expect_status(201).json();
    let revoke = delete(&key_path(&text(&made, "id")));
    server.send(&cookie(revoke, &token)).expect_status(200);
}

#[test]
fn a_page_of_another_owner_is_told_that_the_session_changed() {
    let (issuer, _published, server) = world();
    let token = issuer.token(&claims());
    let from = |owner: &str| bearer(get(KEYS), &token).header("X-Latchkey-Account", owner);
    server.send(&from("o1")).expect_status(200);
    server.send(&from("o2")).expect_refusal(409, "conflict");
}

#[test]
fn any_session_cookie_beside_a_bearer_is_refused() {
    let (issuer, _published, server) = world();
    let token = issuer.token(&claims());
    let account = server.sign_up(ADA);
    for value in [&*token, &*account.token, "x", ""] {
        expect_stranger(server.send(&cookie(bearer(get(KEYS), &token), value)));
    }
    let other = bearer(get(KEYS), &token).header("Cookie", "theme=dark");
    server.send(&other).expect_status(200);
    for line in ["Basic eDp5", "Bearer x", &format!("Bearer {token}")] {
        expect_stranger(server.send(&bearer(get(KEYS), &token).header("Authorization", line)));
    }
    // What is no JWT is nothing to the calls of a session.
    account.send(get(KEYS).header("Authorization", "Bearer sk_live_x")).expect_status(200);
    expect_stranger(server.send(&bearer(get(KEYS), &account.token)));
}

#[test]
fn of_several_cookies_the_one_that_is_a_session_counts_if_it_is_the_only_one() {
    let (issuer, _published, server) = world();
    let account = server.sign_up(ADA);
    let (good, bad) = (issuer.token(&claims()), Issuer::p256("b").token(&claims()));
    let ask = |values: &[&str]| {
        let line = values.iter().map(|value| format!("session={value}")).collect::<Vec<_>>();
        server.send(&get(SESSION).header("Cookie", line.join("; ")))
    };
    let id = |answer: Response| text(&answer.expect_status(200).json(), "id");
    assert_eq!(id(ask(&[&bad, "x", &good])), "o1");
    assert_ne!(id(ask(&[&bad, &account.token])), "o1");
    expect_stranger(ask(&[&good, &account.token]));
    expect_stranger(ask(&[&good, &good]));
    expect_stranger(ask(&[&bad, &bad]));
    let refused = expect_stranger(ask(&[&bad]));
    assert_eq!(refused.header("set-cookie"), None, "the cookie is the other system's");
}

#[test]
fn the_cross_site_rule_holds_for_the_cookie_and_cors_is_for_trusted_origins() {
    let (issuer, _published, server) = world();
    let token = issuer.token(&claims());
    let foreign = |origin: &str| {
        post(KEYS).json(NAME).header("Origin", origin).header("Sec-Fetch-Site", "cross-site")
    };
    server.send(&cookie(foreign(EVIL), &token)).expect_refusal(403, "cross_site");
    server.send(&cookie(foreign(TRUSTED), &token)).expect_status(201);
    let evil = server.send(&bearer(foreign(EVIL), &token)).expect_status(201);
    assert_eq!(evil.header("access-control-allow-origin"), None);
    let trusted = server.send(&bearer(foreign(TRUSTED), &token)).expect_status(201);
    assert_eq!(trusted.header("access-control-allow-origin"), Some(TRUSTED));
    let preflight = |origin: &str| {
        let request = request("OPTIONS", KEYS).header("Origin", origin);
        server.send(&request.header("Access-Control-Request-Method", "POST"))
    };
    let allowed = preflight(TRUSTED).expect_status(204);
    let headers = allowed.header("access-control-allow-headers").unwrap_or_default();
    assert!(headers.split(", ").any(|name| name == "authorization"), "{headers}");
    let refused = preflight(EVIL).expect_status(405);
    assert_eq!(refused.header("access-control-allow-headers"), None);
}

#[test]
fn what_is_not_exactly_such_a_token_is_refused() {
    let (issuer, _published, server) = world();
    let mallory = Issuer::p256("a");
    let header = issuer.header().to_string();
    let with = |name: &str, value: Value| {
        let mut claims = claims();
        claims[name] = value;
        issuer.token(&claims)
    };
    let hs256 = json!({ "alg": "HS256", "kid": "a" }).to_string();
    let none = json!({ "alg": "none" }).to_string();
    let mut of_jwk = mallory.header();
    of_jwk["jwk"] = mallory.jwk();
    let good = claims().to_string();
    for (what, token) in [
        ("a key of the same name", mallory.token(&claims())),
        ("no signature", unsigned(&none, &good)),
        ("the public key as a secret", sign_by_secret(issuer.public(), &hs256, &good)),
        ("a key of its own", mallory.sign(&of_jwk.to_string(), &good)),
        ("another issuer", with("iss", json!("https://evil.example"))),
        ("another audience", with("aud", json!("other"))),
        ("expired", with("exp", json!(1))),
        ("no end", with("exp", json!(null))),
        ("not yet", with("nbf", json!(FAR - 1))),
        ("no owner", with("org", json!("o1"))),
        ("an owner of another form", with("org", json!({ "id": "o 1" }))),
        ("an actor of another form", with("sub", json!("ad\u{e1}"))),
        ("a member twice", issuer.sign(&header, &good.replacen('{', "{\"sub\":\"root\",", 1))),
        ("too long", with("pad", json!("x".repeat(7_900)))),
        ("no token", "a.b.c".to_owned()),
        ("empty parts", "..".to_owned()),
    ] {
        for request in [bearer(get(KEYS), &token), cookie(get(KEYS), &token)] {
            let answer = server.send(&request);
            // Before the session, the head itself may be too long.
            if what == "too long" && answer.status == 431 {
                continue;
            }
            assert_eq!(answer.status, 401, "{what}");
            expect_stranger(answer);
        }
    }
}

#[test]
fn keys_that_the_issuer_replaces_count_from_the_next_unknown_one_on() {
    let [old, new, never] = ["old", "new", "never"].map(Issuer::ed25519);
    let published = JwksServer::publishing(&[&old]);
    let server = trusting(&published.url()).start();
    let ask = |issuer: &Issuer| server.send(&bearer(get(KEYS), &issuer.token(&claims()))).status;
    expect_stranger(server.send(&get(KEYS)));
    assert_eq!(published.asked(), 0, "no token needed keys");
    assert_eq!((ask(&old), ask(&old), published.asked()), (200, 200, 1));
    published.publish(&[&new]);
    assert_eq!((ask(&new), ask(&old), published.asked()), (200, 401, 2));
    for _ in 0..5 {
        assert_eq!((ask(&never), ask(&new)), (401, 200));
    }
    assert_eq!(published.asked(), 2, "unknown keys cause one fetch in 30 s");
}

#[test]
fn without_any_key_nobody_can_tell_until_the_issuer_answers() {
    let issuer = Issuer::ed25519("a");
    let published = JwksServer::start();
    let server = trusting(&published.url()).start();
    let token = issuer.token(&claims());
    let ask = || server.send(&bearer(get(KEYS), &token));
    let account = server.sign_up(ADA);
    let jwks = jwks([&issuer]);
    let elsewhere = format!("Location: {}\r\n", JwksServer::publishing(&[&issuer]).url());
    let too_long = format!("{}{jwks}", " ".repeat(1024 * 1024));
    let mut asked = 0;
    for (status, headers, body) in [
        ("500 Internal Server Error", "", "{}"),
        ("302 Found", elsewhere.as_str(), ""),
        ("200 OK", "", "<html>"),
        ("200 OK", "", "{\"keys\":[]}"),
        ("200 OK", "", too_long.as_str()),
    ] {
        published.answer(status, headers, body);
        eventually(Duration::from_secs(10), "the next try", || {
            ask().expect_refusal(503, "unavailable");
            published.asked() > asked
        });
        asked = published.asked();
        account.get(KEYS).expect_status(200);
    }
    published.publish(&[&issuer]);
    eventually(Duration::from_secs(10), "the next try", || ask().status == 200);
    published.answer("500 Internal Server Error", "", "");
    ask().expect_status(200);
    let log = server.log();
    assert!(log.contains("could not fetch the keys of the issuer of JWTs"), "{log}");
    assert!(log.contains("LATCHKEY_JWT_KEYS: the address answered 500"), "{log}");
}

#[test]
fn keys_come_from_a_file_or_are_a_secret_too() {
    let issuer = Issuer::ed25519("a");
    let setup = expecting_tokens();
    let file = setup.directory().join("jwks.json");
    std::fs::write(&file, jwks([&issuer])).expect("a file can be written");
    let server = setup.with("LATCHKEY_JWT_KEYS", file.to_str().expect("UTF-8")).start();
    server.send(&bearer(get(KEYS), &issuer.token(&claims()))).expect_status(200);
    expect_stranger(server.send(&bearer(get(KEYS), &Issuer::ed25519("a").token(&claims()))));
    drop(server);

    let secret = "a secret that two services share";
    let setup = expecting_tokens();
    let file = setup.directory().join("secret");
    std::fs::write(&file, format!("{secret}\n")).expect("a file can be written");
    let setup = setup.with("LATCHKEY_JWT_SECRET_FILE", file.to_str().expect("UTF-8"));
    let shown = setup.run(&["check-config"], "").expect_code(0).text;
    assert!(shown.contains("LATCHKEY_JWT_SECRET=[redacted]"), "{shown}");
    assert!(shown.contains("LATCHKEY_JWT_OWNER_CLAIM=org.id"), "{shown}");
    assert!(!shown.contains(secret), "{shown}");
    let server = setup.start();
    let token = sign_by_secret(secret.as_bytes(), r#"{"alg":"HS256"}"#, &claims().to_string());
    server.send(&bearer(get(KEYS), &token)).expect_status(200);
    assert!(!server.log().contains(secret));
}

#[test]
fn where_no_other_system_is_named_a_jwt_is_nothing() {
    let issuer = Issuer::ed25519("a");
    let server = crate::server::Setup::on_sqlite().start();
    let token = issuer.token(&claims());
    expect_stranger(server.send(&bearer(get(KEYS), &token)));
    expect_stranger(server.send(&cookie(get(KEYS), &token)));
}

#[test]
fn the_pages_show_the_session_of_another_system() {
    let (issuer, _published, server) = world();
    let token = issuer.token(&claims());
    server.send(&bearer(post(KEYS).json(NAME), &token)).expect_status(201);
    let page = |path: &str| server.send(&cookie(get(path), &token)).expect_status(200).text();
    let profile = page("/account/profile");
    assert!(profile.contains(ISSUER) && profile.contains(">o1<"), "{profile}");
    assert!(!profile.contains("<form"), "{profile}");
    assert!(page("/account/api-keys").contains("Production"));
    let activity = page("/account/activity");
    assert!(activity.contains("You") && activity.contains("data-account=\"o1\""), "{activity}");
    let entry = server.send(&cookie(get("/sign-in"), &token)).expect_status(303);
    assert_eq!(entry.header("location"), Some("/account/api-keys"));
}

#[test]
fn visitors_are_sent_to_the_sign_in_of_the_other_system_and_told_where_to_return() {
    let issuer = Issuer::ed25519("a");
    let published = JwksServer::publishing(&[&issuer]);
    let setup = trusting(&published.url())
        .with("LATCHKEY_SIGN_IN_URL", "https://www.example.com/in?lang=de")
        .with("LATCHKEY_PUBLIC_URL", "https://keys.example.com");
    let server = setup.start();
    let answer = server.send(&get("/account/activity?key=1&before=2")).expect_status(303);
    let page = "https%3A%2F%2Fkeys.example.com%2Faccount%2Factivity%3Fkey%3D1%26before%3D2";
    let place = format!("https://www.example.com/in?lang=de&return={page}");
    assert_eq!(answer.header("location"), Some(place.as_str()));
    let keys = server.send(&cookie(get("/account/api-keys"), &issuer.token(&claims())));
    let keys = keys.expect_status(200).text();
    for attribute in ["data-sign-in", "sign-in-url"] {
        let attribute = format!("{attribute}=\"https://www.example.com/in?lang=de\"");
        assert!(keys.contains(&attribute), "{keys}");
    }
    server.send(&get("/sign-in")).expect_status(200);
}

#[test]
fn without_accounts_their_calls_and_pages_are_not_there() {
    let issuer = Issuer::ed25519("a");
    let published = JwksServer::publishing(&[&issuer]);
    let with_accounts = trusting(&published.url()).start();
    let account = with_accounts.sign_up(ADA);
    let (_finished, setup) = with_accounts.stop();
    let server = setup.with("LATCHKEY_ACCOUNTS", "off").start();
    let token = issuer.token(&claims());
    for path in [SIGN_UP, SIGN_IN, PASSWORD] {
        let request = post(path).json(credentials(ADA, ADAS_PASSWORD));
        server.send(&request).expect_refusal(404, "not_found");
        server.send(&cookie(request, &token)).expect_refusal(404, "not_found");
    }
    for request in own_account_calls() {
        server.send(&cookie(request, &token)).expect_refusal(404, "not_found");
    }
    for path in ["/sign-in", "/sign-up"] {
        server.send(&get(path)).expect_refusal(404, "not_found");
    }
    expect_stranger(account.at(&server).get(KEYS));
    expect_stranger(server.send(&get(SESSION)));
    server.send(&cookie(get(SESSION), &token)).expect_status(200);
    server.send(&cookie(post(SIGN_OUT), &token)).expect_status(200);
    server.send(&cookie(get("/account/api-keys"), &token)).expect_status(200);
    for accept in ["text/html", "*/*"] {
        let answer = server.send(&get("/account/api-keys").header("Accept", accept));
        let answer = answer.expect_status(401);
        let kind = answer.header("content-type").unwrap_or_default();
        assert!(kind.starts_with("text/html"), "{answer:?}");
        assert_eq!(answer.error_code(), "session_required");
        assert!(answer.header("www-authenticate").is_some(), "{answer:?}");
    }
}
