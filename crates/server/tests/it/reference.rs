//! The API reference as a page.

use std::collections::BTreeSet;
use std::process::Command;

use regex_lite::Regex;

use crate::http::{Response, get};
use crate::person::{ADA, ADAS_PASSWORD};
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

/// What people read on a page.
fn text_of(html: &str) -> String {
    let text = Regex::new("<[^>]*>").expect("a pattern").replace_all(html, "").into_owned();
    [("&#34;", "\""), ("&#39;", "'"), ("&#60;", "<"), ("&#62;", ">"), ("&#38;", "&")]
        .iter()
        .fold(text, |text, (entity, character)| text.replace(entity, character))
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
    let commands = find_all(&text_of(&page.text()), r#"curl [^"]*"(http[^"]*)""#);
    assert!(commands.len() >= calls_of(&server).len(), "{commands:?}");
    assert!(commands.iter().all(|url| url.starts_with(&own)), "{commands:?}");
    let public = server.stop().1.with("LATCHKEY_PUBLIC_URL", "https://keys.example.com").start();
    let text = text_of(&public.send(&get("/docs")).expect_status(200).text());
    assert!(text.contains("curl \"https://keys.example.com/api/v1/api-keys\""), "{text}");
    assert!(!text.contains(&format!("http://{}", public.address)), "{text}");
}

#[test]
fn programs_read_the_reference_as_markdown() {
    let (server, page) = reference(Setup::on_sqlite());
    let answer = server.send(&get("/llms.txt")).expect_status(200);
    assert_eq!(answer.header("content-type"), Some("text/plain; charset=utf-8"));
    let text = answer.text();
    assert!(text.starts_with("# Latchkey API reference\n\n> "), "{text}");
    for (_, method, path) in calls_of(&server) {
        assert!(text.contains(&format!("\n`{method} {path}`\n")), "{method} {path}");
    }
    assert!(text.contains(&format!("http://{}/api/v1/verify", server.address)), "{text}");
    for answer in [&answer, &page] {
        assert_eq!(answer.header("x-robots-tag"), Some("noindex, nofollow"));
    }
}

#[test]
fn where_it_is_switched_off_there_is_no_reference_and_no_link_to_it() {
    let linked = |server: &Server| {
        let ada = server.sign_up(ADA);
        ["/account/profile", "/account/api-keys", "/account/activity"]
            .map(|path| ada.get(path).expect_status(200).text().contains("href=\"/docs\""))
    };
    let server = Setup::on_sqlite().start();
    assert_eq!(linked(&server), [true; 3]);
    let server = Setup::on_sqlite().with("LATCHKEY_DOCS", "off").start();
    for path in ["/docs", "/llms.txt", "/openapi.json"] {
        server.send(&get(path)).expect_error(404);
    }
    assert_eq!(linked(&server), [false; 3]);
    server.send(&get("/api/v1/verify")).expect_error(401);
}

#[test]
fn examples_name_the_session_as_the_service_does() {
    let (_, page) = reference(Setup::on_sqlite().with("LATCHKEY_SESSION_COOKIE", "keys"));
    let text = text_of(&page.text());
    assert!(text.contains("--cookie \"keys=your_session_cookie\""), "{text}");
    assert!(!text.contains("\"session=your"), "{text}");
}

/// The commands of the quickstart, as somebody copies them from the page.
fn quickstart(page: &Response) -> Vec<String> {
    let text = page.text();
    let (_, section) = text.split_once(" id=\"quickstart\"").expect("a quickstart");
    let (section, _) = section.split_once("</section>").expect("its end");
    let blocks = find_all(section, r"(?s)<pre[^>]*>(.*?)</pre>");
    blocks.iter().map(|it| text_of(it)).collect()
}

/// What a shell prints that gets these commands in an empty folder, with `set -e`.
fn in_a_shell(commands: &[String]) -> String {
    let folder = tempfile::tempdir().expect("a folder");
    let line = commands.join("\n");
    let mut shell = Command::new("bash");
    shell.args(["-e", "-u", "-o", "pipefail", "-c", &line]).current_dir(folder.path());
    let output = shell.output().expect("bash and curl are there");
    let [said, complaints] = [&output.stdout, &output.stderr].map(|it| String::from_utf8_lossy(it));
    assert!(output.status.success(), "{line}\n{said}\n{complaints}");
    said.into_owned()
}

#[test]
fn the_quickstart_does_what_it_says() {
    let (server, page) = reference(Setup::on_sqlite());
    let commands = quickstart(&page);
    assert_eq!(commands.len(), 3, "{commands:?}");
    let said = in_a_shell(&commands);
    let key = Regex::new("sk_live_[0-9A-Za-z]{38}").expect("a pattern");
    let key = key.find(&said).unwrap_or_else(|| panic!("{said}")).as_str();
    assert!(said.contains("\"email\":\"you@example.com\""), "{said}");
    assert!(said.contains(&format!("\"keyPrefix\":\"{}\"", &key[..12])), "{said}");
    server.verify(key).expect_status(200);
}

#[test]
fn where_sign_up_is_closed_the_quickstart_signs_in() {
    let server = Setup::on_sqlite().start();
    server.sign_up(ADA);
    let server = server.stop().1.with("LATCHKEY_SIGN_UP", "closed").start();
    let page = server.send(&get("/docs")).expect_status(200);
    let account = |command: &String| {
        command.replace("you@example.com", ADA).replace("your password", ADAS_PASSWORD)
    };
    let commands: Vec<_> = quickstart(&page).iter().map(account).collect();
    let said = in_a_shell(&commands);
    assert!(said.contains("\"keyId\":"), "{said}");
}
