//! What pages load, and what other people's pages do.

use std::collections::BTreeSet;

use regex_lite::Regex;

use super::{assets_of, every_page};
use crate::http::get;
use crate::server::Setup;

const PANEL: &str = "/embed/api-keys-panel.js";

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
fn every_module_that_is_imported_is_there_and_no_asset_names_another_host() {
    let server = Setup::on_sqlite().start();
    let import = Regex::new(r"(?:from|import)\s*'\./([^']+)'").expect("a pattern");
    let url = Regex::new(r#"https?://[^\s'"`]+"#).expect("a pattern");
    let mut wanted: Vec<_> = every_page(&server).iter().flat_map(|html| assets_of(html)).collect();
    let mut seen = BTreeSet::new();
    while let Some(path) = wanted.pop() {
        if !seen.insert(path.clone()) {
            continue;
        }
        let text = server.send(&get(&path)).expect_status(200).text();
        for host in url.find_iter(&text) {
            assert!(host.as_str().starts_with("http://www.w3.org/"), "{path}: {}", host.as_str());
        }
        let (directory, _) = path.rsplit_once('/').expect("a path");
        wanted
            .extend(import.captures_iter(&text).map(|found| format!("{directory}/{}", &found[1])));
    }
    assert!(seen.iter().any(|path| path.ends_with("/dom.js")), "{seen:?}");
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
