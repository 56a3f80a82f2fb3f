//! Making, listing and revoking API keys: contract, section 3.

use std::collections::BTreeSet;

use serde_json::{Value, json};
use time::format_description::well_known::Rfc3339;
use time::{Duration, OffsetDateTime};

use crate::accounts::is_our_time;
use crate::http::{Request, Response, delete, get, members, patch, post};
use crate::person::{ADA, BOB, KEYS, Person, key_path, rotate_path, text};
use crate::secret::checksum;
use crate::server::Setup;

pub(crate) const ITEM: [&str; 15] = [
    "allowedNetworks",
    "createdAt",
    "createdBy",
    "credits",
    "enabled",
    "environment",
    "expiresAt",
    "id",
    "keyPrefix",
    "lastUsedAt",
    "limits",
    "metadata",
    "name",
    "replacedBy",
    "scopes",
];

on_both_databases![
    the_list_of_revoked_keys_has_the_last_revoked_first_and_says_when,
    metadata_is_given_back_byte_for_byte,
    the_list_is_newest_first_and_equal_times_by_id_descending,
    the_limit_on_keys_is_409_and_a_revoke_makes_room,
    row_28_parallel_creates_never_exceed_the_limit,
    row_38_of_fifty_parallel_revokes_exactly_one_succeeds,
];

on_sqlite![
    create_answers_201_with_exactly_the_documented_members,
    an_item_has_exactly_the_documented_members,
    a_key_is_read_by_itself_as_in_the_list,
    revoking_answers_success_and_the_key_is_gone,
    an_expiry_is_given_back_in_utc_truncated_to_milliseconds,
    someone_elses_key_answers_the_same_bytes_as_no_key,
    the_first_part_of_new_keys_is_a_setting_and_old_keys_still_work,
];

#[expect(clippy::disallowed_methods, reason = "the test stands outside, with the real clock")]
pub(crate) fn now() -> OffsetDateTime {
    OffsetDateTime::now_utc()
}

pub(crate) fn in_seconds(seconds: i64) -> String {
    (now() + Duration::seconds(seconds)).format(&Rfc3339).expect("a time of this century")
}

/// The time that a member holds.
#[track_caller]
pub(crate) fn time(value: &Value, member: &str) -> OffsetDateTime {
    OffsetDateTime::parse(&text(value, member), &Rfc3339).expect("a time")
}

fn create_answers_201_with_exactly_the_documented_members(setup: Setup) {
    let server = setup.start();
    let ada = server.sign_up(ADA);
    let answer = ada.create(r#"{"name":"Production"}"#).expect_status(201);
    answer.expect_json_type();
    let body = answer.json();
    let documented = ["createdAt", "environment", "expiresAt", "id", "key", "keyPrefix", "name"];
    assert_eq!(members(&body), documented);
    assert_eq!(body["name"], "Production");
    assert_eq!(body["environment"], "live");
    assert_eq!(body["expiresAt"], Value::Null);
    assert!(is_our_time(&text(&body, "createdAt")), "{body}");
}

#[test]
fn a_new_key_has_the_documented_form() {
    let server = Setup::on_sqlite().start();
    let body = server.sign_up(ADA).create(r#"{"name":"Production"}"#).json();
    let key = text(&body, "key");
    assert!(key.starts_with("sk_live_") && key.len() == 46, "{key}");
    assert!(key[8..].bytes().all(|b| b.is_ascii_alphanumeric()), "{key}");
    assert_eq!(checksum(&key[..40]), key[40..]);
    assert_eq!(text(&body, "keyPrefix"), key[..12]);
}

#[test]
fn the_environment_is_live_or_test() {
    let server = Setup::on_sqlite().start();
    let ada = server.sign_up(ADA);
    for environment in ["live", "test"] {
        let answer = ada.create(json!({ "name": "a", "environment": environment }).to_string());
        let body = answer.expect_status(201).json();
        assert_eq!(body["environment"], environment);
        assert!(text(&body, "key").starts_with(&format!("sk_{environment}_")), "{body}");
        assert_eq!(ada.item(&text(&body, "id"))["environment"], environment);
    }
    for bad in [json!("staging"), json!("LIVE"), json!(""), json!(null), json!(1), json!(["live"])]
    {
        ada.create(json!({ "name": "a", "environment": bad }).to_string()).expect_error(400);
    }
    assert_eq!(ada.list().len(), 2);
}

fn an_item_has_exactly_the_documented_members(setup: Setup) {
    let server = setup.start();
    let ada = server.sign_up(ADA);
    let made = ada.create(r#"{"name":"Production"}"#).expect_status(201).json();
    let list = ada.get(KEYS).expect_status(200);
    list.expect_json_type();
    assert!(!list.text().contains(&text(&made, "key")), "{}", list.text());
    let item = &list.json()[0];
    assert_eq!(members(item), ITEM);
    for same in ["id", "name", "keyPrefix", "createdAt", "environment", "expiresAt"] {
        assert_eq!(item[same], made[same], "{same}");
    }
    assert_eq!(item["enabled"], true);
    assert_eq!(item["lastUsedAt"], Value::Null);
    assert_eq!(item["replacedBy"], Value::Null);
    assert_eq!(item["createdBy"], ada.get("/api/v1/auth/session").json()["id"]);
    assert_eq!(item["metadata"], json!({}));
}

fn metadata_is_given_back_byte_for_byte(setup: Setup) {
    const KEPT: &str = r#"{"z":1.50,"a":[1e400,"\u00e9"],"a":12345678901234567890}"#;
    let server = setup.start();
    let ada = server.sign_up(ADA);
    let key = ada.create_key("a");
    ada.change(&key.id, &json!({ "name": "b" })).expect_status(200);
    // Nobody sets it by session.
    let (_, setup) = server.stop();
    setup.execute(&format!("update api_keys set metadata = '{KEPT}'"));
    let changes = format!(r#"{{"metadata":[{{}},{KEPT}]}}"#);
    let changes =
        format!("update audit_events set changes = '{changes}' where changes is not null");
    setup.execute(&changes);
    let server = setup.start();
    let ada = ada.at(&server);
    for (answer, shown) in [
        (ada.get(&key_path(&key.id)), format!("\"metadata\":{KEPT}")),
        (ada.get(KEYS), format!("\"metadata\":{KEPT}")),
        (server.verify(&key.key), format!("\"metadata\":{KEPT}")),
        (ada.get("/api/v1/audit-events"), format!(r#""changes":{{"metadata":[{{}},{KEPT}]}}"#)),
    ] {
        let text = answer.expect_status(200).text();
        assert!(text.contains(&shown), "{text}");
    }
    let new = ada.rotate(&key.id, 60).expect_status(201);
    let new = server.verify(&text(&new.json(), "key")).expect_status(200);
    assert!(new.text().contains(KEPT), "{}", new.text());
}

fn a_key_is_read_by_itself_as_in_the_list(setup: Setup) {
    let server = setup.start();
    let ada = server.sign_up(ADA);
    let key = ada.create_key_with(&json!({ "name": "x", "expiresAt": in_seconds(3600) }));
    ada.create_key("another");
    let listed = ada.list();
    assert_eq!(ada.item(&key.id), listed[1]);
    assert_eq!(listed.len(), 2);
}

fn revoking_answers_success_and_the_key_is_gone(setup: Setup) {
    let server = setup.start();
    let ada = server.sign_up(ADA);
    let key = ada.create_key("Production");
    server.verify(&key.key).expect_status(200);
    let answer = ada.revoke(&key.id).expect_status(200);
    answer.expect_json_type();
    answer.expect_body(r#"{"success":true}"#);
    server.verify(&key.key).expect_error(401);
    assert_eq!(ada.list().len(), 0);
    ada.get(&key_path(&key.id)).expect_error(404);
    ada.revoke(&key.id).expect_error(404).expect_body(r#"{"error":"API key not found"}"#);
}

fn an_expiry_is_given_back_in_utc_truncated_to_milliseconds(setup: Setup) {
    let server = setup.start();
    let ada = server.sign_up(ADA);
    for (sent, kept) in [
        ("2099-01-01T00:00:00Z", "2099-01-01T00:00:00.000Z"),
        ("2099-01-01T00:00:00.123999Z", "2099-01-01T00:00:00.123Z"),
        ("2099-01-01T00:30:00.5+02:00", "2098-12-31T22:30:00.500Z"),
        ("2098-12-31T18:30:00-05:30", "2099-01-01T00:00:00.000Z"),
    ] {
        let answer = ada.create(json!({ "name": "a", "expiresAt": sent }).to_string());
        let body = answer.expect_status(201).json();
        assert_eq!(body["expiresAt"], kept, "{sent}");
        assert_eq!(ada.item(&text(&body, "id"))["expiresAt"], kept, "{sent}");
    }
    let never = ada.create(r#"{"name":"a","expiresAt":null}"#).expect_status(201).json();
    assert_eq!(never["expiresAt"], Value::Null);
}

#[test]
fn an_expiry_that_is_past_or_no_time_is_400() {
    let server = Setup::on_sqlite().start();
    let ada = server.sign_up(ADA);
    let past = [in_seconds(-1), in_seconds(-86_400), "1970-01-01T00:00:00Z".to_owned()];
    let no_times = ["", "tomorrow", "2099-01-01", "2099-01-01T00:00:00", "2099-13-01T00:00:00Z"];
    let strings = past.iter().map(|time| json!(time)).chain(no_times.map(|text| json!(text)));
    for bad in strings.chain([json!(4_070_908_800_i64), json!(true), json!({}), json!([])]) {
        ada.create(json!({ "name": "a", "expiresAt": bad }).to_string()).expect_error(400);
    }
    assert_eq!(ada.list().len(), 0);
}

fn the_list_is_newest_first_and_equal_times_by_id_descending(setup: Setup) {
    let server = setup.start();
    let ada = server.sign_up(ADA);
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| (0..10).for_each(|_| drop(ada.create_key("one of many"))));
        }
    });
    let listed: Vec<_> =
        ada.list().iter().map(|item| (text(item, "createdAt"), text(item, "id"))).collect();
    let mut sorted = listed.clone();
    sorted.sort();
    sorted.reverse();
    assert_eq!(listed, sorted);
    assert_eq!(listed.len(), 40);
}

#[test]
fn ids_are_version_7_uuids_that_only_grow() {
    let server = Setup::on_sqlite().start();
    let ada = server.sign_up(ADA);
    let ids: Vec<_> = (0..10).map(|_| ada.create_key("a").id).collect();
    assert!(ids.is_sorted(), "{ids:?}");
    for id in ids {
        let dashes = [8, 13, 18, 23].iter().all(|&at| id.as_bytes()[at] == b'-');
        assert!(id.len() == 36 && dashes && id.as_bytes()[14] == b'7', "{id}");
    }
}

#[test]
fn a_new_owner_has_an_empty_list() {
    let server = Setup::on_sqlite().start();
    server.sign_up(ADA).create_key("a");
    server.sign_up(BOB).get(KEYS).expect_status(200).expect_body("[]");
}

/// All of an answer that may not differ; the order of headers is random.
fn visible(response: &Response) -> (u16, Vec<(String, String)>, Vec<u8>) {
    let varying = ["date", "x-request-id", "x-latchkey-time"];
    let varies = |name: &str| varying.contains(&&*name.to_ascii_lowercase());
    let mut headers: Vec<_> =
        response.headers.iter().filter(|(name, _)| !varies(name)).cloned().collect();
    headers.sort();
    (response.status, headers, response.body.clone())
}

fn someone_elses_key_answers_the_same_bytes_as_no_key(setup: Setup) {
    let server = setup.start();
    let ada = server.sign_up(ADA);
    let bob = server.sign_up(BOB);
    let adas = ada.create_key("Ada's");
    let revoked = bob.create_key("Bob's");
    bob.revoke(&revoked.id).expect_status(200);
    let calls: [fn(&str) -> Request; 4] = [
        |id| get(&key_path(id)),
        |id| delete(&key_path(id)),
        |id| patch(&key_path(id)).json(r#"{"name":"b"}"#),
        |id| post(&rotate_path(id)),
    ];
    for call in calls {
        let answers = [&adas.id, &revoked.id, "01919b4e-7b3c-7def-8123-456789abcdef", "x", "%41"]
            .map(|id| bob.send(call(id)).expect_error(404));
        for answer in &answers {
            assert_eq!(visible(answer), visible(&answers[0]));
            assert_eq!(answer.text(), r#"{"error":"API key not found"}"#);
        }
    }
    server.verify(&adas.key).expect_status(200);
    assert_eq!(ada.names(), ["Ada's"]);
    assert_eq!(bob.names(), [""; 0]);
}

#[test]
fn the_owner_never_comes_from_the_request() {
    let server = Setup::on_sqlite().start();
    let ada = server.sign_up(ADA);
    let bob = server.sign_up(BOB);
    let owner = text(&server.verify(&ada.create_key("a").key).json(), "ownerId");
    for member in ["owner", "ownerId", "userId", "accountId"] {
        bob.create(json!({ "name": "b", member: owner }).to_string()).expect_error(400);
    }
    bob.get(&format!("{KEYS}?ownerId={owner}")).expect_error(400);
    let with_header = post(KEYS).json(r#"{"name":"b"}"#).header("X-Api-Key-Owner", &owner);
    bob.send(with_header).expect_status(201);
    assert_eq!(ada.names(), ["a"]);
}

#[test]
fn every_route_needs_a_session() {
    let server = Setup::on_sqlite().start();
    let ada = server.sign_up(ADA);
    let key = ada.create_key("Production");
    let item = key_path(&key.id);
    for request in [
        get(KEYS),
        post(KEYS).json(r#"{"name":"a"}"#),
        get(&item),
        patch(&item).json(r#"{"name":"a"}"#),
        post(&rotate_path(&key.id)),
        delete(&item),
    ] {
        let bearer = format!("Bearer {}", key.key);
        for request in [
            request.clone(),
            request.clone().header("x-api-key", &key.key),
            request.clone().header("Authorization", bearer),
            request.clone().header("Cookie", "session=unknown"),
        ] {
            let answer = server.send(&request).expect_error(401);
            assert!(answer.header("www-authenticate").is_some(), "{answer:#?}");
            answer.expect_body(r#"{"error":"Authentication required"}"#);
        }
    }
    assert_eq!(ada.names(), ["Production"]);
}

#[test]
fn a_name_may_be_left_out_only_where_the_setting_says_so() {
    let setup = Setup::on_sqlite();
    let server = setup.start();
    let ada = server.sign_up(ADA);
    ada.create("{}").expect_error(400);
    let (_, setup) = server.stop();

    let server = setup.with("LATCHKEY_KEY_NAMES", "optional").start();
    let ada = ada.at(&server);
    let body = ada.create("{}").expect_status(201).json();
    assert_eq!(body["name"], "Untitled key");
    ada.create(r#"{"environment":"test"}"#).expect_status(201);
    for bad in [r#"{"name":null}"#, r#"{"name":""}"#] {
        ada.create(bad).expect_error(400);
    }
    assert_eq!(ada.names(), ["Untitled key"; 2]);
}

fn the_first_part_of_new_keys_is_a_setting_and_old_keys_still_work(setup: Setup) {
    let server = setup.with("LATCHKEY_KEY_PREFIX", "acme2").start();
    let ada = server.sign_up(ADA);
    let body = ada.create(r#"{"name":"a"}"#).expect_status(201).json();
    let key = text(&body, "key");
    assert!(key.starts_with("acme2_live_") && key.len() == 49, "{key}");
    assert_eq!(text(&body, "keyPrefix"), key[..15]);
    let (_, setup) = server.stop();

    let server = setup.without("LATCHKEY_KEY_PREFIX").start();
    server.verify(&key).expect_status(200);
    assert!(ada.at(&server).create_key("b").key.starts_with("sk_live_"));
}

fn the_limit_on_keys_is_409_and_a_revoke_makes_room(setup: Setup) {
    let server = setup.with("LATCHKEY_MAX_KEYS_PER_OWNER", "3").start();
    let ada = server.sign_up(ADA);
    let keys = ["a", "b", "c"].map(|name| ada.create_key(name));
    ada.create(r#"{"name":"d"}"#).expect_error(409);
    server.sign_up(BOB).create_key("Bob has room");
    ada.revoke(&keys[1].id).expect_status(200);
    ada.create_key("d");
    ada.create(r#"{"name":"e"}"#).expect_error(409);
    assert_eq!(ada.names(), ["d", "c", "a"]);
}

/// What `count` calls at once, from twenty clients, answer.
pub(crate) fn concurrently(count: usize, call: impl Fn() -> u16 + Sync) -> Vec<u16> {
    let client = || (0..count / 20).map(|_| call()).collect::<Vec<_>>();
    std::thread::scope(|scope| {
        let clients: Vec<_> = (0..20).map(|_| scope.spawn(client)).collect();
        clients.into_iter().flat_map(|client| client.join().expect("no panic")).collect()
    })
}

fn row_28_parallel_creates_never_exceed_the_limit(setup: Setup) {
    let server = setup.with("LATCHKEY_MAX_KEYS_PER_OWNER", "7").start();
    let ada = server.sign_up(ADA);
    let statuses = concurrently(200, || ada.create(r#"{"name":"a"}"#).status);
    assert_eq!(statuses.iter().filter(|&&status| status == 201).count(), 7, "{statuses:?}");
    assert!(statuses.iter().all(|status| [201, 409].contains(status)), "{statuses:?}");
    assert_eq!(ada.list().len(), 7);
}

fn row_38_of_fifty_parallel_revokes_exactly_one_succeeds(setup: Setup) {
    let server = setup.start();
    let ada: Person = server.sign_up(ADA);
    let key = ada.create_key("a");
    let statuses = concurrently(60, || ada.revoke(&key.id).status);
    assert_eq!(statuses.iter().filter(|&&status| status == 200).count(), 1, "{statuses:?}");
    assert!(statuses.iter().all(|status| [200, 404].contains(status)), "{statuses:?}");
    ada.revoke(&key.id).expect_error(404);
}

fn the_list_of_revoked_keys_has_the_last_revoked_first_and_says_when(setup: Setup) {
    let revoked = format!("{KEYS}?status=revoked");
    let server = setup.start();
    let (ada, bob) = (server.sign_up(ADA), server.sign_up(BOB));
    ada.get(&revoked).expect_status(200).expect_body("[]");
    let [first, second, rotated, kept] = ["a", "b", "c", "d"].map(|name| ada.create_key(name));
    let tick = || std::thread::sleep(std::time::Duration::from_millis(2));
    ada.revoke(&second.id).expect_status(200);
    tick();
    ada.revoke(&first.id).expect_status(200);
    tick();
    ada.rotate(&rotated.id, 0).expect_status(201);

    let list = ada.get(&revoked).expect_status(200).json();
    let items = list.as_array().expect("an array");
    let ids: Vec<_> = items.iter().map(|item| text(item, "id")).collect();
    assert_eq!(ids, [rotated.id, first.id, second.id]);
    for item in items {
        let documented: BTreeSet<_> = ITEM.into_iter().chain(["revokedAt"]).collect();
        assert!(members(item).iter().map(String::as_str).eq(documented), "{item}");
        assert!(is_our_time(&text(item, "revokedAt")) && item["enabled"] == false, "{item}");
    }
    assert!(!ids.contains(&kept.id));
    bob.get(&revoked).expect_status(200).expect_body("[]");
    server.send(&get(&revoked)).expect_refusal(401, "session_required");
    // Every other list of keys is without them, and without the member.
    assert!(ada.list().iter().all(|item| item.get("revokedAt").is_none()));
}
