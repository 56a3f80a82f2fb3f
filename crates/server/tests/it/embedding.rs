//! What a page of another origin needs, to hold the panel of API keys.

use crate::http::{get, post, request};
use crate::person::{ADA, KEYS, key_path, rotate_path};
use crate::server::{Server, Setup};

const PAGE: &str = "https://app.example.com";
const MODULE: &str = "/embed/api-keys-panel.js";

/// The address of the module that the stable address imports.
fn imported(server: &Server) -> String {
    let text = server.send(&get(MODULE)).expect_status(200).text();
    let path = text.split('\'').nth(1).and_then(|path| path.strip_prefix(".."));
    path.expect("an import relative to /embed/").to_owned()
}

#[test]
fn any_page_may_load_the_panel() {
    let server = Setup::on_sqlite().start();
    let styles = imported(&server).replace("api-keys-panel.js", "panel.css");
    for (path, media_type) in [
        (MODULE, "text/javascript; charset=utf-8"),
        (&imported(&server), "text/javascript; charset=utf-8"),
        (&styles, "text/css; charset=utf-8"),
    ] {
        let foreign = get(path).header("Origin", "https://anybody.example");
        let answer = server.send(&foreign.header("Sec-Fetch-Site", "cross-site"));
        let answer = answer.expect_status(200);
        assert_eq!(answer.header("content-type"), Some(media_type));
        assert_eq!(answer.header("access-control-allow-origin"), Some("*"), "{answer:#?}");
        assert_eq!(answer.header("access-control-allow-credentials"), None, "{answer:#?}");
        let policy = answer.header("cross-origin-resource-policy");
        assert_eq!(policy, Some("cross-origin"), "{answer:#?}");
    }
}

#[test]
fn the_address_of_the_panel_stays_and_what_it_loads_is_kept_for_ever() {
    let server = Setup::on_sqlite().start();
    let stable = server.send(&get(MODULE));
    assert_eq!(stable.header("cache-control"), Some("no-cache"));
    let module = imported(&server);
    let kept = server.send(&get(&module)).expect_status(200);
    assert_eq!(kept.header("cache-control"), Some("public, max-age=31536000, immutable"));
    let version = module.split('/').nth(2).expect("/assets/{version}/{name}");
    let other = module.replace(version, "0000000000000000");
    server.send(&get(&other)).expect_error(404);
}

#[test]
fn a_trusted_page_may_ask_about_every_call_of_the_panel() {
    let server = Setup::on_sqlite().with("LATCHKEY_TRUSTED_ORIGINS", PAGE).start();
    let key = key_path("a");
    for (method, path) in
        [("GET", KEYS), ("POST", KEYS), ("GET", &key), ("PATCH", &key), ("DELETE", &key)]
            .into_iter()
            .chain([("POST", rotate_path("a").as_str()), ("GET", "/api/v1/audit-events")])
    {
        let preflight = request("OPTIONS", path)
            .header("Origin", PAGE)
            .header("Access-Control-Request-Method", method)
            .header("Access-Control-Request-Headers", "content-type")
            .header("Sec-Fetch-Site", "same-site");
        let answer = server.send(&preflight).expect_status(204);
        assert_eq!(answer.header("access-control-allow-origin"), Some(PAGE), "{answer:#?}");
        assert_eq!(answer.header("access-control-allow-credentials"), Some("true"), "{answer:#?}");
        assert_eq!(answer.header("access-control-max-age"), Some("600"), "{answer:#?}");
        let methods = answer.header("access-control-allow-methods").unwrap_or_default();
        assert!(methods.split(", ").any(|it| it == method), "{method} {path}: {methods}");
        let headers = answer.header("access-control-allow-headers").unwrap_or_default();
        for header in ["content-type", "x-latchkey-account"] {
            assert!(headers.split(", ").any(|it| it == header), "{header}: {headers}");
        }
    }
}

#[test]
fn a_trusted_page_may_read_what_the_panel_needs_of_an_answer() {
    let server = Setup::on_sqlite().with("LATCHKEY_TRUSTED_ORIGINS", PAGE).start();
    let ada = server.sign_up(ADA);
    let from_page = |request: crate::http::Request| {
        ada.send(request.header("Origin", PAGE).header("Sec-Fetch-Site", "same-site"))
    };
    for answer in [
        from_page(get(KEYS)).expect_status(200),
        from_page(post(KEYS).json("{}")).expect_error(400),
        server.send(&get(KEYS).header("Origin", PAGE)).expect_error(401),
    ] {
        assert_eq!(answer.header("access-control-allow-origin"), Some(PAGE), "{answer:#?}");
        let exposed = answer.header("access-control-expose-headers").unwrap_or_default();
        let exposed: Vec<_> = exposed.split(", ").collect();
        for header in
            ["x-request-id", "retry-after", "x-error-code", "x-latchkey-account", "x-latchkey-time"]
        {
            assert!(exposed.contains(&header), "{header}: {exposed:?}");
        }
    }
}

#[test]
fn an_untrusted_page_is_told_nothing() {
    let server = Setup::on_sqlite().with("LATCHKEY_TRUSTED_ORIGINS", PAGE).start();
    let ada = server.sign_up(ADA);
    let answer = ada.send(get(KEYS).header("Origin", "https://other.example.com"));
    let cors = answer.headers.iter().filter(|(name, _)| name.starts_with("access-control-"));
    assert_eq!(cors.count(), 0, "{answer:#?}");
}
