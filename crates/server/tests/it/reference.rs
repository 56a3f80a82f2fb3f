//! The API reference as a page.

use std::collections::BTreeSet;

use regex_lite::Regex;

use crate::http::{Response, get};
use crate::person::ADA;
use crate::server::{Server, Setup};

fn find_all(page: &str, pattern: &str) -> Vec<String> {
    let pattern = Regex::new(pattern).expect("a pattern");
    pattern.captures_iter(page).map(|found| found[1].to_owned()).collect()
}

fn reference(setup: Setup) -> (Server, Response) {
    let server = setup.start();
    let page = server.send(&get("/docs")).expect_status(200);
    assert_eq!(page.header("content-type"), Some("text/html; charset=utf-8"));
    (server, page)
}

/// The calls of the document: id, method, path.
fn calls_of(server: &Server) -> BTreeSet<(String, String, String)> {
    let document = server.send(&get("/openapi.json")).json();
    let mut calls = BTreeSet::new();
    for (path, methods) in document["paths"].as_object().expect("paths") {
        for (method, call) in methods.as_object().expect("methods") {
            let id = call["operationId"].as_str().expect("an operationId");
            calls.insert((id.to_owned(), method.to_uppercase(), path.clone()));
        }
    }
    calls
}

#[test]
fn every_call_of_the_document_has_a_section() {
    let (server, page) = reference(Setup::on_sqlite());
    let calls = calls_of(&server);
    assert!(!calls.is_empty());
    let section = Regex::new(
        r#"(?s)<section class="call" id="(\w+)">.{0,300}?>([A-Z]+)</span> <code>([^<]+)</code>"#,
    );
    let text = page.text();
    let found = section.expect("a pattern");
    let found = found.captures_iter(&text);
    let found = found.map(|it| (it[1].to_owned(), it[2].to_owned(), it[3].to_owned()));
    assert_eq!(found.collect::<BTreeSet<_>>(), calls);
}

#[test]
fn the_reference_is_the_same_for_everybody() {
    let (server, page) = reference(Setup::on_sqlite());
    let ada = server.sign_up(ADA);
    assert_eq!(ada.get("/docs").expect_status(200).text(), page.text());
    assert!(ada.is_signed_in());
}

#[test]
fn the_reference_loads_nothing_but_files_of_this_server_and_has_nothing_inline() {
    let (server, page) = reference(Setup::on_sqlite());
    let policy = page.header("content-security-policy").unwrap_or_default();
    assert!(policy.starts_with("default-src 'none';") && !policy.contains("unsafe"), "{policy}");
    let text = page.text();
    let files = find_all(&text, r#"(?:<link|<script)[^>]*(?:href|src)="([^"]*)""#);
    assert!(files.iter().any(|file| file.ends_with("/reference.css")), "{files:?}");
    for file in files {
        assert!(file.starts_with("/assets/"), "{file}");
        server.send(&get(&file)).expect_status(200);
    }
    for inline in [r"(<script>)", r"(<style)", r#"( style=")"#, r#"( on[a-z]+=")"#] {
        assert!(find_all(&text, inline).is_empty(), "{inline}");
    }
}

#[test]
fn links_within_the_reference_lead_somewhere() {
    let (server, page) = reference(Setup::on_sqlite());
    let text = page.text();
    let anchors = find_all(&text, r#" id="([^"]+)""#);
    assert_eq!(anchors.iter().collect::<BTreeSet<_>>().len(), anchors.len(), "{anchors:?}");
    for link in find_all(&text, r##"href="#([^"]*)""##) {
        assert!(anchors.contains(&link), "#{link} is nowhere");
    }
    for link in find_all(&text, r#"<a [^>]*href="(/[^"]*)""#) {
        let status = server.send(&get(&link)).status;
        assert!(status == 200 || status == 303, "{link}: {status}");
    }
}

#[test]
fn examples_call_this_server() {
    let (server, page) = reference(Setup::on_sqlite());
    let own = format!("http://{}", server.address);
    let commands = find_all(&page.text(), r#"<code>curl [^"]*"(http[^"]*)""#);
    assert!(commands.len() >= calls_of(&server).len(), "{commands:?}");
    assert!(commands.iter().all(|url| url.starts_with(&own)), "{commands:?}");
    let public = server.stop().1.with("LATCHKEY_PUBLIC_URL", "https://keys.example.com").start();
    let text = public.send(&get("/docs")).expect_status(200).text();
    assert!(text.contains("curl \"https://keys.example.com/api/v1/api-keys\""), "{text}");
    assert!(!text.contains(&format!("http://{}", public.address)), "{text}");
}
