//! What pages load, and what other people's pages do.

use std::io::Read as _;

use brotli_decompressor::Decompressor;
use flate2::read::GzDecoder;
use regex_lite::Regex;

use super::{KEYS_PAGE, assets_of, every_page};
use crate::http::{Response, get, request};
use crate::person::ADA;
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
fn a_page_loads_one_script_for_all_its_modules_and_no_asset_names_another_host() {
    let server = Setup::on_sqlite().start();
    let script = Regex::new(r#"<script type="module" src="([^"]+)">"#).expect("a pattern");
    let url = Regex::new(r#"https?://[^\s'"`]+"#).expect("a pattern");
    for html in every_page(&server) {
        let scripts: Vec<_> =
            script.captures_iter(&html).map(|found| found[1].to_owned()).collect();
        let [script] = scripts.as_slice() else { panic!("{scripts:?}") };
        for path in assets_of(&html) {
            let text = server.send(&get(&path)).expect_status(200).text();
            for host in url.find_iter(&text) {
                let host = host.as_str();
                // A namespace, and the example in a complaint about a wrong set-up.
                let is_name = host.starts_with("http://www.w3.org/");
                assert!(is_name || host == "https://keys.example.com", "{path}: {host}");
            }
            let has_imports = text
                .lines()
                .any(|line| line.starts_with("import {") || line.starts_with("import '"));
            assert!(!has_imports, "{path} asks for another file");
            assert!(path != *script || text.contains("\n// dom.js\n"), "{path}");
        }
    }
}

#[test]
fn an_asset_comes_in_the_coding_that_the_browser_takes() {
    let server = Setup::on_sqlite().start();
    let html = server.send(&get("/sign-in")).text();
    for path in assets_of(&html) {
        let plain = server.send(&get(&path)).expect_status(200);
        assert_eq!(plain.header("content-encoding"), None, "{path}");
        for (accepted, coding) in [
            ("gzip, deflate, br, zstd", Some("br")),
            ("br", Some("br")),
            ("gzip", Some("gzip")),
            ("GZIP", Some("gzip")),
            ("gzip;q=1.0, br;q=0.5", Some("gzip")),
            ("br;q=0, gzip;q=0.1", Some("gzip")),
            ("br;q=0, gzip;q=0", None),
            ("identity, gzip;q=0.5", None),
            ("identity;q=0, br", Some("br")),
            // Nobody is refused.
            ("identity;q=0", None),
            ("*;q=0", None),
            ("*", None),
            ("zstd, deflate", None),
            ("", None),
            ("br;q=x", None),
            ("\u{e9}", None),
        ] {
            let asked = get(&path).header("Accept-Encoding", accepted);
            let answer = server.send(&asked).expect_status(200);
            assert_eq!(answer.header("content-encoding"), coding, "{accepted} for {path}");
            assert_eq!(answer.header("vary"), Some("accept-encoding"), "{path}");
            for same in ["content-type", "cache-control", "access-control-allow-origin"] {
                assert_eq!(answer.header(same), plain.header(same), "{same} of {path}");
            }
            assert_eq!(decoded(&answer), plain.body, "{accepted} for {path}");
            let asked = request("HEAD", &path).header("Accept-Encoding", accepted);
            let head = server.send(&asked).expect_status(200);
            assert!(head.body.is_empty(), "{path}");
            for same in ["content-encoding", "content-length", "vary", "content-type"] {
                assert_eq!(head.header(same), answer.header(same), "{same} of {path}");
            }
        }
    }
}

#[test]
fn typefaces_are_not_compressed_twice_and_an_asset_comes_whole() {
    let server = Setup::on_sqlite().start();
    let html = server.send(&get("/sign-in")).text();
    let (folder, _) =
        assets_of(&html)[0].rsplit_once('/').map(|(a, b)| (a.to_owned(), b)).expect("a path");
    let font = get(&format!("{folder}/inter.woff2")).header("Accept-Encoding", "br, gzip");
    let font = server.send(&font).expect_status(200);
    assert_eq!(font.header("content-encoding"), None);
    assert!(font.body.starts_with(b"wOF2"));
    let part = get(&format!("{folder}/page.css")).header("Range", "bytes=0-9");
    let whole = server.send(&part).expect_status(200);
    assert_eq!(whole.header("content-range"), None);
    assert!(whole.body.len() > 1_000);
}

#[test]
fn what_is_private_is_not_compressed() {
    let server = Setup::on_sqlite().start();
    let ada = server.sign_up(ADA);
    for path in [KEYS_PAGE, "/account/profile", "/api/v1/api-keys", "/api/v1/auth/session"] {
        let asked = get(path).header("Accept-Encoding", "br, gzip");
        let answer = ada.send(asked).expect_status(200);
        assert_eq!(answer.header("content-encoding"), None, "{path}");
    }
}

fn decoded(answer: &Response) -> Vec<u8> {
    let mut whole = Vec::new();
    let read = match answer.header("content-encoding") {
        Some("br") => Decompressor::new(&*answer.body, 4096).read_to_end(&mut whole),
        Some("gzip") => GzDecoder::new(&*answer.body).read_to_end(&mut whole),
        Some(other) => panic!("{other}"),
        None => return answer.body.clone(),
    };
    read.expect("it is well-formed");
    assert!(answer.body.len() < whole.len(), "compressed");
    whole
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
