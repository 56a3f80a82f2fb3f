//! The pages of the dashboard and what they load, as a browser gets them.

use regex_lite::Regex;
use serde_json::json;

use crate::database::Database;
use crate::http::{Response, get, post, request};
use crate::person::{ADA, ADAS_PASSWORD, BOB, Issued, Person};
use crate::server::{Server, Setup};

const KEYS_PAGE: &str = "/account/api-keys";
const ACTIVITY: &str = "/account/activity";
const ACCOUNT_PAGES: [&str; 3] = ["/account/profile", KEYS_PAGE, ACTIVITY];
const STRANGERS_PAGES: [&str; 2] = ["/sign-in", "/sign-up"];
const PANEL: &str = "/embed/api-keys-panel.js";
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; \
     connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; \
     require-trusted-types-for 'script'; trusted-types 'none'";

on_both_databases![
    the_list_is_in_the_page_and_its_names_are_only_text,
    no_text_of_a_key_is_ever_in_a_page,
    the_trail_is_in_the_page_and_read_page_by_page,
    the_trail_of_one_key_is_found_among_all,
    a_page_shows_what_is_the_accounts_own,
];

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
fn two_session_cookies_open_no_page_even_if_one_is_good() {
    let server = Setup::on_sqlite().start();
    let ada = server.sign_up(ADA);
    ada.page(KEYS_PAGE);
    for cookie in [
        format!("{}; {}", ada.cookie(), ada.cookie()),
        format!("session=; {}", ada.cookie()),
        format!("{}; session=other", ada.cookie()),
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
        ("?next=/account%5Cevil.example", KEYS_PAGE),
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

fn the_list_is_in_the_page_and_its_names_are_only_text(setup: Setup) {
    let server = setup.start();
    let ada = server.sign_up(ADA);
    for (name, escaped) in [
        ("<script>alert(1)</script>", "&#60;script&#62;alert(1)&#60;/script&#62;"),
        ("</api-keys-panel><p>", "&#60;/api-keys-panel&#62;&#60;p&#62;"),
        ("\" onclick=\"x", "&#34; onclick=&#34;x"),
        ("' style='x", "&#39; style=&#39;x"),
        ("{{ 7 * 7 }} &amp;", "{{ 7 * 7 }} &#38;amp;"),
        ("شركة Ünïcödé 🔑", "شركة Ünïcödé 🔑"),
    ] {
        let key = ada.create_key(name);
        let html = ada.page(KEYS_PAGE);
        // In the table, and as JSON in the attribute.
        let (_, table) = html.split_once("<table").expect("a table");
        assert!(table.contains(escaped), "{name}: {html}");
        assert!(!html.contains(name) || name == escaped, "{name}: {html}");
        assert_eq!(html.matches("</api-keys-panel>").count(), 1, "{html}");
        assert!(html.contains(&format!("&#34;id&#34;:&#34;{}&#34;", key.id)), "{html}");
        assert!(ada.page(ACTIVITY).contains(escaped), "{name}");
        ada.revoke(&key.id).expect_status(200);
        assert!(!ada.page(KEYS_PAGE).contains(&key.id));
    }
}

fn no_text_of_a_key_is_ever_in_a_page(setup: Setup) {
    let server = setup.start();
    let ada = server.sign_up(ADA);
    let key = ada.create_key("a");
    let new = Issued::from(&ada.rotate(&key.id, 60).expect_status(201));
    for path in ACCOUNT_PAGES {
        let html = ada.page(path);
        for Issued { key, .. } in [&key, &new] {
            let (prefix, secret) = (&key[..12], &key[12..]);
            assert!(!html.contains(secret), "{path}");
            assert_eq!(html.contains(prefix), path == KEYS_PAGE, "{path}");
        }
    }
}

fn the_trail_is_in_the_page_and_read_page_by_page(setup: Setup) {
    let server = setup.start();
    let ada = server.sign_up(ADA);
    for n in 0..49 {
        ada.create_key(&format!("key {n}."));
    }
    let older = Regex::new(r#"href="([^"]+\?before=[^"]+)""#).expect("a pattern");
    let rows = |html: &str| html.matches("<th scope=\"row\">").count();
    let newest = ada.page(ACTIVITY);
    assert_eq!(rows(&newest), 50);
    assert!(older.captures(&newest).is_none(), "there are no more");

    server.sign_in(ADA, "a wrong password").expect_error(401);
    let newest = ada.page(ACTIVITY);
    assert_eq!(rows(&newest), 50);
    assert!(newest.contains("Sign-in refused"), "{newest}");
    let path = &older.captures(&newest).expect("there are more")[1];
    let oldest = ada.page(path);
    assert_eq!(rows(&oldest), 1);
    assert!(oldest.contains("Account created") && older.captures(&oldest).is_none());
    for bad in ["before=x", "key=", "key=%00", "before=01919B4E-7B3C-7DEF-8123-456789ABCDEF"] {
        ada.get(&format!("{ACTIVITY}?{bad}")).expect_error(400);
    }
}

fn the_trail_of_one_key_is_found_among_all(setup: Setup) {
    let server = setup.start();
    let ada = server.sign_up(ADA);
    let key = ada.create_key("looked for");
    ada.change(&key.id, &json!({ "enabled": false })).expect_status(200);
    let other = ada.create_key("other");
    for n in 0..210 {
        ada.change(&other.id, &json!({ "name": format!("other {n}") })).expect_status(200);
    }
    let html = ada.page(&format!("{ACTIVITY}?key={}", key.id));
    assert_eq!(html.matches("<th scope=\"row\">").count(), 2, "{html}");
    assert!(html.contains("Key created") && html.contains("Key changed"));
    assert!(html.contains("looked for") && !html.contains("other"));
    let bob = server.sign_up(BOB);
    let none = bob.page(&format!("{ACTIVITY}?key={}", key.id));
    assert!(!none.contains("<th scope=\"row\">") && !none.contains("looked for"), "{none}");
}

fn a_page_shows_what_is_the_accounts_own(setup: Setup) {
    let server = setup.start();
    let (ada, bob) = (server.sign_up(ADA), server.sign_up(BOB));
    ada.create_key("adas");
    for path in ACCOUNT_PAGES {
        assert!(ada.page(path).contains(ADA), "{path}");
        let bobs = bob.page(path);
        assert!(bobs.contains(BOB) && !bobs.contains(ADA) && !bobs.contains("adas"), "{path}");
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
fn no_page_has_a_script_a_style_or_a_handler_of_its_own_or_names_another_host() {
    let server = Setup::on_sqlite().start();
    let own_script = Regex::new(r"<script(?: [^>]*)?>").expect("a pattern");
    let tag = Regex::new(r#"<[a-zA-Z][^\s>/]*((?:\s+[^\s=>"]+(?:="[^"]*")?)*)\s*/?>"#);
    let tag = tag.expect("a pattern");
    let attribute = Regex::new(r#"([^\s=>"]+)(?:="([^"]*)")?"#).expect("a pattern");
    for html in every_page(&server) {
        for script in own_script.find_iter(&html) {
            assert!(script.as_str().contains(" src=\"/assets/"), "{}", script.as_str());
        }
        assert!(!html.contains("<style") && !html.contains("srcdoc"), "{html}");
        let tags = tag.captures_iter(&html).count();
        assert_eq!(tags, Regex::new("<[a-zA-Z]").expect("one").find_iter(&html).count(), "{html}");
        for attributes in tag.captures_iter(&html) {
            for found in attribute.captures_iter(&attributes[1]) {
                let name = found[1].to_lowercase();
                assert!(!name.starts_with("on") && name != "style", "{}", &attributes[0]);
                if ["src", "href", "action", "data-call"].contains(&&*name) {
                    let value = &found[2];
                    let is_local = value.starts_with('/') && !value.starts_with("//");
                    assert!(is_local || value == "#main", "{value}");
                }
            }
        }
    }
}

#[test]
fn what_a_page_loads_is_there_and_stays_under_its_version_for_ever() {
    let server = Setup::on_sqlite().start();
    for html in every_page(&server) {
        let assets = assets_of(&html);
        assert!(assets.len() >= 4, "{assets:?}");
        for path in assets {
            let answer = server.send(&get(&path)).expect_status(200);
            let year = Some("public, max-age=31536000, immutable");
            assert_eq!(answer.header("cache-control"), year, "{path}");
            assert_eq!(answer.header("access-control-allow-origin"), Some("*"), "{path}");
            assert_eq!(answer.header("cross-origin-resource-policy"), Some("cross-origin"));
            assert_eq!(answer.header("access-control-allow-credentials"), None, "{path}");
            let media_type = answer.header("content-type").unwrap_or_default();
            let expected = match path.rsplit_once('.').expect("an extension").1 {
                "js" => "text/javascript; charset=utf-8",
                "css" => "text/css; charset=utf-8",
                _ => "image/svg+xml",
            };
            assert_eq!(media_type, expected, "{path}");
        }
    }
}

#[test]
fn under_another_version_or_name_there_is_no_asset_and_nobody_remembers_that() {
    let server = Setup::on_sqlite().start();
    let html = server.send(&get("/sign-in")).text();
    let asset = assets_of(&html).remove(0);
    let (directory, name) = asset.rsplit_once('/').expect("a path");
    for absent in [
        format!("/assets/0000000000000000/{name}"),
        format!("{directory}/absent.js"),
        format!("{directory}/"),
        format!("{directory}/..%2F{name}"),
        format!("/assets/{name}"),
    ] {
        let answer = server.send(&get(&absent)).expect_error(404);
        assert!(
            !answer.header("cache-control").unwrap_or_default().contains("max-age"),
            "{absent}"
        );
    }
    let other = server.send(&get(&format!("/assets/0000000000000000/{name}")));
    assert_eq!(other.header("cache-control"), Some("no-store"));
}

#[test]
fn other_origins_may_load_the_panel_from_an_address_that_stays() {
    let server = Setup::on_sqlite().start();
    let answer = server.send(&get(PANEL).header("Origin", "https://elsewhere.example"));
    let answer = answer.expect_status(200);
    assert_eq!(answer.header("content-type"), Some("text/javascript; charset=utf-8"));
    assert_eq!(answer.header("cache-control"), Some("no-cache"));
    assert_eq!(answer.header("access-control-allow-origin"), Some("*"));
    assert_eq!(answer.header("cross-origin-resource-policy"), Some("cross-origin"));
    assert_eq!(answer.header("access-control-allow-credentials"), None);
    let import = Regex::new(r"^import '\.\.(/assets/[0-9a-f]{16}/api-keys-panel\.js)'\n$");
    let text = answer.text();
    let module = &import.expect("a pattern").captures(&text).expect("one import")[1];
    server.send(&get(module)).expect_status(200);
}

#[test]
fn pages_and_assets_answer_get_and_head_and_refuse_the_rest() {
    let server = Setup::on_sqlite().start();
    let ada = server.sign_up(ADA);
    let asset = assets_of(&ada.page(KEYS_PAGE)).remove(0);
    let mut paths = vec!["/", "/account", PANEL, &asset];
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
    for absent in ["/account/", "/account/x", "/Account", "/sign-in/", "/assets", "/favicon.ico"] {
        ada.get(absent).expect_error(404);
    }
}

#[test]
fn where_sign_up_is_closed_its_page_says_so_and_what_to_do() {
    let server = Setup::on_sqlite().with("LATCHKEY_SIGN_UP", "closed").start();
    let html = server.send(&get("/sign-up")).expect_status(200).text();
    assert!(html.contains("latchkey account create") && !html.contains("<form"), "{html}");
    let html = server.send(&get("/sign-in")).expect_status(200).text();
    assert!(html.contains("<form") && !html.contains("/sign-up"), "{html}");
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
    }
    // Whoever has no session needs no database to learn that.
    server.send(&get("/sign-in")).expect_status(200).expect_page();
    server.send(&get(KEYS_PAGE)).expect_status(303);
    cluster.start_again();
}
