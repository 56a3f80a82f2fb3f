//! The pages of the dashboard and what they load, as a browser gets them.

mod assets;
mod content;

use regex_lite::Regex;

use crate::database::Database;
use crate::http::{Response, get, post, request};
use crate::person::{ADA, ADAS_PASSWORD, Person};
use crate::server::{Server, Setup};

const KEYS_PAGE: &str = "/account/api-keys";
const ACTIVITY: &str = "/account/activity";
const USAGE: &str = "/account/usage";
const ACCOUNT_PAGES: [&str; 4] = ["/account/profile", KEYS_PAGE, USAGE, ACTIVITY];
const STRANGERS_PAGES: [&str; 2] = ["/sign-in", "/sign-up"];
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; font-src 'self'; \
     img-src 'self'; connect-src 'self'; base-uri 'none'; form-action 'none'; \
     frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types 'none'";

impl Person {
    fn page(&self, path: &str) -> String {
        self.get(path).expect_status(200).expect_page().text()
    }
}

impl Response {
    fn expect_page(self) -> Self {
        assert_eq!(self.header("content-type"), Some("text/html; charset=utf-8"));
        self
    }

    #[track_caller]
    fn expect_redirect(self, to: &str) -> Self {
        let this = self.expect_status(303);
        assert_eq!(this.header("location"), Some(to));
        assert_eq!(this.header("cache-control"), Some("no-store"));
        this
    }
}

/// Every page there is, in every state that the server renders differently.
fn every_page(server: &Server) -> Vec<String> {
    let ada = server.sign_up(ADA);
    let empty = ACCOUNT_PAGES.map(|path| ada.page(path));
    let key = ada.create_key("a");
    ada.rotate(&key.id, 60).expect_status(201);
    server.sign_in(ADA, "a wrong password").expect_error(401);
    for n in 0..50 {
        ada.create_key(&n.to_string());
    }
    let full = ACCOUNT_PAGES.map(|path| ada.page(path));
    let of_key = ada.page(&format!("{ACTIVITY}?key={}", key.id));
    let strangers =
        STRANGERS_PAGES.map(|path| server.send(&get(path)).expect_status(200).expect_page().text());
    empty.into_iter().chain(full).chain([of_key]).chain(strangers).collect()
}

/// The addresses under `/assets/` that a page names.
fn assets_of(page: &str) -> Vec<String> {
    let address = Regex::new(r#""(/assets/[^"]+)""#).expect("a pattern");
    address.captures_iter(page).map(|found| found[1].to_owned()).collect()
}

#[test]
fn without_a_session_a_page_sends_to_the_sign_in_and_says_where_to_return() {
    let server = Setup::on_sqlite().start();
    let ada = server.sign_up(ADA);
    ada.send(post("/api/v1/auth/sign-out")).expect_status(200);
    for (path, back) in [
        ("/account/profile", "%2Faccount%2Fprofile"),
        (KEYS_PAGE, "%2Faccount%2Fapi-keys"),
        ("/account/activity?before=a&key=b", "%2Faccount%2Factivity%3Fbefore%3Da%26key%3Db"),
    ] {
        let sign_in = format!("/sign-in?next={back}");
        server.send(&get(path)).expect_redirect(&sign_in);
        server.send(&request("HEAD", path)).expect_redirect(&sign_in);
        // A session that is over, and two of which nobody can say which is meant.
        ada.get(path).expect_redirect(&sign_in);
        let two = get(path).header("Cookie", format!("{}; session=other", ada.cookie()));
        server.send(&two).expect_redirect(&sign_in);
        server.send(&get(path).header("x-api-key", "sk_live_x")).expect_redirect(&sign_in);
    }
    server.send(&get("/")).expect_redirect(KEYS_PAGE);
    server.send(&get("/account")).expect_redirect("/account/profile");
}

#[test]
fn of_two_session_cookies_the_good_one_opens_a_page_and_two_good_ones_open_none() {
    let server = Setup::on_sqlite().start();
    let ada = server.sign_up(ADA);
    ada.page(KEYS_PAGE);
    for cookie in
        [format!("session=; {}", ada.cookie()), format!("{}; session=other", ada.cookie())]
    {
        server.send(&get(KEYS_PAGE).header("Cookie", &cookie)).expect_status(200).expect_page();
    }
    for cookie in [
        format!("{}; {}", ada.cookie(), ada.cookie()),
        format!("{}; {}", ada.cookie(), server.sign_in_again(ADA).cookie()),
    ] {
        let answer = server.send(&get(KEYS_PAGE).header("Cookie", &cookie));
        answer.expect_redirect("/sign-in?next=%2Faccount%2Fapi-keys");
        server.send(&get("/sign-in").header("Cookie", &cookie)).expect_status(200).expect_page();
    }
}

#[test]
fn a_sign_in_returns_to_the_page_that_was_asked_for_and_to_no_other_place() {
    let server = Setup::on_sqlite().start();
    let ada = server.sign_up(ADA);
    for (next, leads_to) in [
        ("?next=%2Faccount%2Factivity%3Fkey%3Da%26before%3Db", "/account/activity?key=a&before=b"),
        ("?next=/account/profile", "/account/profile"),
        ("", KEYS_PAGE),
        ("?next=", KEYS_PAGE),
        ("?next=%2F%2Fevil.example%2Faccount", KEYS_PAGE),
        ("?next=/account/%5Cevil.example", KEYS_PAGE),
        ("?next=%2F%5Cevil.example", KEYS_PAGE),
        ("?next=https://evil.example/account", KEYS_PAGE),
        ("?next=javascript:alert(1)", KEYS_PAGE),
        ("?next=/account%0d%0aSet-Cookie:a=b", KEYS_PAGE),
        ("?next=/account/%22%3E%3Cscript%3E", "/account/\"><script>"),
    ] {
        let escaped = leads_to.replace('&', "&#38;").replace('"', "&#34;");
        let escaped = escaped.replace('<', "&#60;").replace('>', "&#62;");
        for (page, other) in [("/sign-in", "/sign-up"), ("/sign-up", "/sign-in")] {
            let path = format!("{page}{next}");
            let html = server.send(&get(&path)).expect_status(200).text();
            assert!(html.contains(&format!("data-next=\"{escaped}\"")), "{path}: {html}");
            assert!(html.contains(&format!("href=\"{other}?next=/account")), "{path}: {html}");
            assert!(!html.contains("evil.example"), "{path}: {html}");
            ada.get(&path).expect_redirect(leads_to);
        }
    }
}

#[test]
fn a_page_may_be_kept_nowhere_and_allows_itself_nothing_but_its_own_origin() {
    let server = Setup::on_sqlite().start();
    let ada = server.sign_up(ADA);
    let strangers = STRANGERS_PAGES.map(|path| server.send(&get(path)));
    for answer in ACCOUNT_PAGES.map(|path| ada.get(path)).into_iter().chain(strangers) {
        let answer = answer.expect_status(200).expect_page();
        let policies: Vec<_> = answer.headers_named("content-security-policy").collect();
        assert_eq!(policies, [POLICY]);
        for (name, value) in [
            ("cache-control", "no-store"),
            ("cross-origin-opener-policy", "same-origin"),
            (
                "permissions-policy",
                "camera=(), display-capture=(), geolocation=(), microphone=(), payment=(), \
                 publickey-credentials-get=(), serial=(), usb=()",
            ),
            ("cross-origin-resource-policy", "same-origin"),
            ("referrer-policy", "no-referrer"),
            ("x-content-type-options", "nosniff"),
        ] {
            assert_eq!(answer.headers_named(name).collect::<Vec<_>>(), [value], "{name}");
        }
        assert_eq!(answer.header("access-control-allow-origin"), None);
    }
}

#[test]
fn pages_and_assets_answer_get_and_head_and_refuse_the_rest() {
    let server = Setup::on_sqlite().start();
    let ada = server.sign_up(ADA);
    let asset = assets_of(&ada.page(KEYS_PAGE)).remove(0);
    let mut paths =
        vec!["/", "/account", "/favicon.ico", "/robots.txt", "/embed/api-keys-panel.js"];
    paths.push(&asset);
    paths.extend(ACCOUNT_PAGES);
    paths.extend(STRANGERS_PAGES);
    for path in paths {
        let got = ada.get(path);
        let head = ada.send(request("HEAD", path)).expect_status(got.status);
        assert!(head.body.is_empty(), "{path}");
        assert_eq!(head.header("content-type"), got.header("content-type"), "{path}");
        for method in ["POST", "PUT", "DELETE"] {
            let refused = ada.send(request(method, path)).expect_error(405);
            assert_eq!(refused.header("allow"), Some("GET, HEAD"), "{path}");
        }
    }
    for absent in ["/account/", "/account/x", "/Account", "/sign-in/", "/assets"] {
        ada.get(absent).expect_error(404);
    }
}

/// What browsers send when somebody follows a link.
const BROWSER: &str = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8";

#[test]
fn people_get_errors_as_pages_and_programs_as_json() {
    let server = Setup::on_sqlite().start();
    let long = "a".repeat(9_000);
    for (status, code, title, request) in [
        (404, "not_found", "Page not found", get("/nowhere")),
        (404, "not_found", "Page not found", get("/account/%61")),
        (404, "not_found", "Page not found", post("/nowhere")),
        (431, "too_large", "Too many cookies", get(KEYS_PAGE).header("Cookie", &long)),
    ] {
        let answer = server.send(&request.clone().header("Accept", BROWSER)).expect_status(status);
        assert_eq!(answer.error_code(), code, "{answer:#?}");
        let (answer, html) = (answer.clone().expect_page(), answer.text());
        assert!(html.contains(title), "{html}");
        let id = answer.header("x-request-id").expect("it has one");
        assert!(html.contains(id), "{id} is not in {html}");
        assert!(!html.contains("style=") && !html.contains("<script>"), "{html}");
        for program in ["*/*", "application/json", "application/json, text/html", ""] {
            server.send(&request.clone().header("Accept", program)).expect_refusal(status, code);
        }
        server.send(&request).expect_refusal(status, code);
    }
    for api in ["/api/v1/nowhere", "/api/v1/api-keys", "/api/v1/verify", "/api/v1/api-keys/x"] {
        let answer = server.send(&get(api).header("Accept", BROWSER));
        let status = answer.status;
        answer.expect_error(status);
    }
    server.send(&post(KEYS_PAGE).header("Accept", BROWSER)).expect_error(405);
}

#[test]
fn where_sign_up_is_closed_its_page_says_so_and_what_to_do() {
    let server = Setup::on_sqlite().with("LATCHKEY_SIGN_UP", "closed").start();
    let html = server.send(&get("/sign-up")).expect_status(200).text();
    assert!(html.contains("Ask the operator of this service") && !html.contains("<form"), "{html}");
    let html = server.send(&get("/sign-in")).expect_status(200).text();
    assert!(html.contains("<form") && !html.contains("/sign-up"), "{html}");
    assert!(html.contains("The operator of this service creates the accounts."), "{html}");
}

#[test]
fn a_password_can_not_get_into_an_address_where_scripts_fail() {
    let server = Setup::on_sqlite().start();
    let form = Regex::new("<form[^>]*>").expect("a pattern");
    for html in every_page(&server) {
        for form in form.find_iter(&html) {
            assert!(form.as_str().contains("method=\"post\""), "{}", form.as_str());
        }
    }
    let body = format!("email={ADA}&password={ADAS_PASSWORD}");
    server.send(&post("/sign-in").body(body)).expect_error(405);
}

#[test]
fn without_postgres_pages_with_a_session_are_503_and_nobody_is_sent_to_sign_in() {
    let database = Database::private_postgres();
    let Database::Private(cluster) = &database else { panic!("{database:?}") };
    let server = Setup::on(database.clone()).start();
    let ada = server.sign_up(ADA);
    cluster.stop_immediately();
    for path in ACCOUNT_PAGES.into_iter().chain(STRANGERS_PAGES) {
        let answer = ada.get(path).expect_error(503);
        assert!(answer.header("retry-after").is_some(), "{path}");
        let page = ada.send(get(path).header("Accept", BROWSER)).expect_status(503);
        assert!(page.header("retry-after").is_some() && page.error_code() == "unavailable");
        assert!(page.expect_page().text().contains("Temporarily unavailable"), "{path}");
    }
    // A visitor without a session is told so without the database.
    server.send(&get("/sign-in")).expect_status(200).expect_page();
    server.send(&get(KEYS_PAGE)).expect_status(303);
    cluster.start_again();
}
