//! What is in a page.

use regex_lite::Regex;
use serde_json::json;

use super::{ACCOUNT_PAGES, ACTIVITY, KEYS_PAGE, every_page};
use crate::http::post;
use crate::leaks::LEAKS;
use crate::person::{ADA, BOB, Issued};
use crate::server::Setup;

on_both_databases![the_trail_is_in_the_page_and_read_page_by_page,];

on_sqlite![
    the_list_is_in_the_page_and_its_names_are_only_text,
    no_text_of_a_key_is_ever_in_a_page,
    the_trail_of_one_key_is_found_among_all,
    the_trail_says_what_was_changed_and_what_keys_were_called,
    a_page_shows_what_is_the_accounts_own,
];

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
        assert!(html.contains(&format!("\"id\":\"{}\"", key.id)), "{html}");
        ada.revoke(&key.id).expect_status(200);
        assert!(!ada.page(KEYS_PAGE).contains(&key.id));
        // Also what is gone has its name there.
        assert!(ada.page(ACTIVITY).contains(&format!("Revoked “<bdi>{escaped}</bdi>”")), "{name}");
    }
}

fn no_text_of_a_key_is_ever_in_a_page(setup: Setup) {
    let server = setup.start();
    let ada = server.sign_up(ADA);
    let key = ada.create_key("a");
    let new = Issued::from(&ada.rotate(&key.id, 60).expect_status(201));
    let old = &key.key[..12];
    for path in ACCOUNT_PAGES {
        let html = ada.page(path);
        for Issued { key, .. } in [&key, &new] {
            let (prefix, secret) = (&key[..12], &key[12..]);
            assert!(!html.contains(secret), "{path}");
            let may_show = path == KEYS_PAGE || (path == ACTIVITY && key.starts_with(old));
            assert_eq!(html.contains(prefix), may_show, "{path}");
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
    assert!(newest.contains("Failed sign-in"), "{newest}");
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
    for sentence in ["Created “<bdi>looked for</bdi>”", "Disabled “<bdi>looked for</bdi>”"]
    {
        assert!(html.contains(sentence), "{html}");
    }
    assert!(!html.contains("other"), "{html}");
    let bob = server.sign_up(BOB);
    let none = bob.page(&format!("{ACTIVITY}?key={}", key.id));
    assert!(!none.contains("<th scope=\"row\">") && !none.contains("looked for"), "{none}");
}

fn the_trail_says_what_was_changed_and_what_keys_were_called(setup: Setup) {
    let server = setup.start();
    let ada = server.sign_up(ADA);
    let (key, leaked) = (ada.create_key("A"), ada.create_key("L"));
    for change in [
        json!({ "name": "B" }),
        json!({ "enabled": false }),
        json!({ "enabled": true, "expiresAt": "2999-12-05T10:30:00Z" }),
        json!({ "expiresAt": "2999-12-06T10:30:00Z" }),
        json!({ "expiresAt": null }),
    ] {
        ada.change(&key.id, &change).expect_status(200);
    }
    let new = Issued::from(&ada.rotate(&key.id, 60).expect_status(201));
    ada.revoke(&key.id).expect_status(200);
    ada.change(&new.id, &json!({ "name": "C" })).expect_status(200);
    let report = post(LEAKS).json(json!({ "key": leaked.key }).to_string());
    server.send(&report).expect_status(200);

    let what = Regex::new(r#"(?s)<th scope="row">(.*?)</th>"#).expect("a pattern");
    let tag = Regex::new("<[^>]+>").expect("a pattern");
    let told = |path: &str| -> Vec<String> {
        let html = ada.page(path);
        what.captures_iter(&html).map(|it| tag.replace_all(&it[1], "").trim().to_owned()).collect()
    };
    assert_eq!(
        told(ACTIVITY),
        [
            "Leaked key revoked “L”",
            "Renamed “B” to “C”",
            "Revoked “B”",
            "Rotated “B”",
            "Expiry of “B” removed",
            "Expiry of “B” moved to 2999-12-06 10:30 UTC",
            "Enabled “B”Expiry of “B” set to 2999-12-05 10:30 UTC",
            "Disabled “B”",
            "Renamed “A” to “B”",
            "Created “L”",
            "Created “A”",
            "Account created",
        ],
    );
    let of_new = format!("{ACTIVITY}?key={}", new.id);
    assert_eq!(told(&of_new), ["Renamed “B” to “C”", "Issued in the place of “B”"]);
    assert!(ada.page(ACTIVITY).contains(&key.key[..12]));
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
fn no_page_has_a_script_a_style_or_a_handler_of_its_own_or_names_another_host() {
    let server = Setup::on_sqlite().start();
    let own_script = Regex::new(r"<script(?: [^>]*)?>").expect("a pattern");
    let tag = Regex::new(r#"<[a-zA-Z][^\s>/]*((?:\s+[^\s=>"]+(?:="[^"]*"|='[^']*')?)*)\s*/?>"#);
    let tag = tag.expect("a pattern");
    let attribute = Regex::new(r#"([^\s=>"]+)(?:="([^"]*)"|='[^']*')?"#).expect("a pattern");
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
