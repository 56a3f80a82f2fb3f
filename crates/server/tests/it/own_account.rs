//! Care of the own account: contract, section 13.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use crate::audit::exported;
use crate::http::{Request, Response, delete, get, members, patch, post};
use crate::person::{
    ACCOUNT, ADA, ADAS_PASSWORD, BOB, CONFIRM, EMAIL, END_OTHERS, EXPORT, KEYS, PASSWORD, Person,
    SESSION, SESSIONS, SIGN_IN, credentials, key_path, rotate_path, text, token_of,
};
use crate::server::Setup;
use crate::verify::INVALID;

const WRONG: &str = "a wrong password";
const LOVELACE: &str = "lovelace@example.com";
const REAUTH: &str = "LATCHKEY_REAUTH_AFTER";

on_both_databases![
    of_sessions_that_end_each_other_one_is_left,
    a_session_of_the_release_before_is_listed_and_ends_by_its_id,
    a_deleted_account_is_gone_with_its_keys_and_what_is_personal,
    an_export_holds_all_that_is_kept_and_nothing_secret,
];

on_sqlite![
    sessions_are_listed_with_where_they_began_the_newest_first,
    a_session_is_ended_by_its_id_and_no_other_persons,
    all_other_sessions_end_and_are_counted,
    another_address_takes_the_place_of_the_old_one_and_sessions_go_on,
    keys_are_made_rotated_and_revoked_only_by_a_session_that_is_fresh,
];

fn sessions(person: &Person) -> Vec<Value> {
    let list = person.get(SESSIONS).expect_status(200).json();
    list.as_array().unwrap_or_else(|| panic!("not an array: {list}")).clone()
}

fn session_path(session: &Value) -> String {
    format!("{SESSIONS}/{}", text(session, "id"))
}

fn proof(password: &str) -> String {
    json!({ "password": password }).to_string()
}

fn change_email(person: &Person, email: &str, password: &str) -> Response {
    person.post(EMAIL, credentials(email, password))
}

fn sessions_are_listed_with_where_they_began_the_newest_first(setup: Setup) {
    let server = setup.start();
    let ada = server.sign_up(ADA);
    let sign_in = post(SIGN_IN).json(credentials(ADA, ADAS_PASSWORD));
    let answer = server.send(&sign_in.header("User-Agent", format!("A\u{e9}{}", "x".repeat(300))));
    let phone = Person { address: server.address, token: token_of(&answer.expect_status(200)) };
    server.sign_up(BOB);
    let listed = sessions(&ada);
    let [second, first] = &listed[..] else { panic!("{listed:?}") };
    let want = ["address", "createdAt", "current", "id", "lastSeenAt", "userAgent"];
    for session in [second, first] {
        assert_eq!(members(session), want);
        assert_eq!(session["address"], "127.0.0.1");
        assert!(text(session, "createdAt") <= text(session, "lastSeenAt"));
    }
    assert_eq!((&second["current"], &first["current"]), (&json!(false), &json!(true)));
    assert_eq!(first["userAgent"], Value::Null);
    let agent = text(second, "userAgent");
    assert!(agent.starts_with('A') && agent.ends_with('x') && agent.len() == 256, "{agent}");
    let theirs = sessions(&phone);
    assert_eq!(theirs[0]["id"], second["id"]);
    assert_eq!((&theirs[0]["current"], &theirs[1]["current"]), (&json!(true), &json!(false)));
    assert!(!ada.get(SESSIONS).text().contains(&ada.token));
}

fn a_session_is_ended_by_its_id_and_no_other_persons(setup: Setup) {
    let server = setup.start();
    let (ada, bob) = (server.sign_up(ADA), server.sign_up(BOB));
    let phone = server.sign_in_again(ADA);
    let [of_phone, of_ada] = <[Value; 2]>::try_from(sessions(&ada)).expect("two sessions");
    let unknown = "01919b4e-7b3c-7def-8123-456789abcdef";
    for id in [unknown, "x", "..", &text(&of_phone, "id").to_uppercase()] {
        ada.send(delete(&format!("{SESSIONS}/{id}"))).expect_error(404);
    }
    bob.send(delete(&session_path(&of_phone))).expect_refusal(404, "not_found");
    assert!(phone.is_signed_in());
    let ended = ada.send(delete(&session_path(&of_phone))).expect_status(200);
    assert_eq!(ended.expect_body(r#"{"success":true}"#).header("set-cookie"), None);
    phone.get(SESSION).expect_error(401);
    assert!(ada.is_signed_in());
    ada.send(delete(&session_path(&of_phone))).expect_refusal(404, "not_found");
    let own = ada.send(delete(&session_path(&of_ada))).expect_status(200);
    assert_eq!(own.header("set-cookie"), None);
    ada.get(SESSION).expect_error(401);
    let actions = server.sign_in_again(ADA).actions();
    assert_eq!(actions[2..4], ["session.ended"; 2]);
}

fn all_other_sessions_end_and_are_counted(setup: Setup) {
    let server = setup.start();
    let (ada, bob) = (server.sign_up(ADA), server.sign_up(BOB));
    let others = [server.sign_in_again(ADA), server.sign_in_again(ADA)];
    for want in [2, 0] {
        let ended = ada.send(post(END_OTHERS)).expect_status(200);
        ended.expect_body(&format!(r#"{{"ended":{want}}}"#));
    }
    assert!(others.iter().all(|other| !other.is_signed_in()));
    assert!(ada.is_signed_in() && bob.is_signed_in());
    assert_eq!(sessions(&ada).len(), 1);
    let ended = ada.actions().into_iter().filter(|action| action == "session.ended");
    assert_eq!(ended.count(), 1);
}

#[test]
fn a_session_that_is_over_is_not_listed_and_not_counted() {
    let server = Setup::on_sqlite().start();
    let ada = server.sign_up(ADA);
    server.sign_in_again(ADA);
    let (_, setup) = server.stop();
    setup.execute("update sessions set last_seen_at = 0 where created_at = (select max(created_at) from sessions)");
    let server = setup.start();
    let ada = ada.at(&server);
    assert_eq!(sessions(&ada).len(), 1);
    ada.send(post(END_OTHERS)).expect_status(200).expect_body(r#"{"ended":0}"#);
}

fn of_sessions_that_end_each_other_one_is_left(setup: Setup) {
    let server = setup.start();
    server.sign_up(ADA);
    for _round in 0..8 {
        let people: Vec<_> = (0..4).map(|_| server.sign_in_again(ADA)).collect();
        std::thread::scope(|scope| {
            for person in &people {
                scope.spawn(|| person.send(post(END_OTHERS)));
            }
        });
        assert_eq!(people.iter().filter(|person| person.is_signed_in()).count(), 1);
    }
}

fn a_session_of_the_release_before_is_listed_and_ends_by_its_id(setup: Setup) {
    let server = setup.start();
    let (ada, phone) = (server.sign_up(ADA), server.sign_in_again(ADA));
    let (_, setup) = server.stop();
    setup.execute(
        "update sessions set id = null, address = null, user_agent = null, confirmed_at = null",
    );
    let server = setup.start();
    let (ada, phone) = (ada.at(&server), phone.at(&server));
    let listed = sessions(&ada);
    assert_eq!(listed.len(), 2);
    assert_ne!(listed[0]["id"], listed[1]["id"]);
    let other = listed.iter().find(|one| one["current"] == json!(false)).expect("the other one");
    assert_eq!((&other["address"], &other["userAgent"]), (&Value::Null, &Value::Null));
    ada.send(delete(&session_path(other))).expect_status(200);
    assert!(!phone.is_signed_in() && ada.is_signed_in());
    ada.create_key("a");
}

fn another_address_takes_the_place_of_the_old_one_and_sessions_go_on(setup: Setup) {
    let server = setup.start();
    let (ada, phone) = (server.sign_up(ADA), server.sign_in_again(ADA));
    server.sign_up(BOB);
    let before = ada.get(SESSION).json();
    change_email(&ada, LOVELACE, WRONG).expect_refusal(400, "wrong_password");
    change_email(&ada, "Bob@Example.com", ADAS_PASSWORD).expect_refusal(409, "address_taken");
    for malformed in ["ada", "a\u{202e}da@example.com", ""] {
        change_email(&ada, malformed, ADAS_PASSWORD).expect_refusal(400, "invalid_request");
    }
    server.sign_in(ADA, ADAS_PASSWORD).expect_status(200);

    let after = change_email(&ada, "Lovelace@Example.com", ADAS_PASSWORD).expect_status(200);
    assert_eq!(after.header("set-cookie"), None);
    let after = after.json();
    assert_eq!(members(&after), ["createdAt", "email", "id"]);
    assert_eq!((&after["id"], &after["createdAt"]), (&before["id"], &before["createdAt"]));
    assert_eq!(after["email"], LOVELACE);
    assert_eq!(phone.get(SESSION).expect_status(200).json(), after);
    server.sign_in(ADA, ADAS_PASSWORD).expect_error(401);
    server.sign_in(LOVELACE, ADAS_PASSWORD).expect_status(200);
    // The one it has already changes nothing, and the old one is free.
    change_email(&ada, LOVELACE, ADAS_PASSWORD).expect_status(200);
    server.sign_up(ADA);
    let events = exported(&server.setup);
    let changed = events.iter().filter(|event| event["action"] == "email.changed");
    assert_eq!(changed.count(), 1);
    assert!(!json!(events).to_string().contains("example.com"), "{events:?}");
}

fn a_deleted_account_is_gone_with_its_keys_and_what_is_personal(setup: Setup) {
    let server = setup.start();
    let (ada, phone, bob) = (server.sign_up(ADA), server.sign_in_again(ADA), server.sign_up(BOB));
    let (key, bobs) = (ada.create_key("Ada's laptop"), bob.create_key("Bob's"));
    let owner = text(&server.verify(&key.key).expect_status(200).json(), "ownerId");
    let go = |password: &str| ada.send(delete(ACCOUNT).json(proof(password)));
    go(WRONG).expect_refusal(400, "wrong_password");
    server.verify(&key.key).expect_status(200);
    let gone = go(ADAS_PASSWORD).expect_status(200).expect_body(r#"{"success":true}"#);
    let cookie = gone.set_cookie();
    assert!(cookie.starts_with("session=;") && cookie.contains("Max-Age=0"), "{cookie}");
    server.verify(&key.key).expect_error(401).expect_body(INVALID);
    assert!(!ada.is_signed_in() && !phone.is_signed_in() && bob.is_signed_in());
    server.sign_in(ADA, ADAS_PASSWORD).expect_error(401);
    server.verify(&bobs.key).expect_status(200);

    let events = exported(&server.setup);
    let hers: Vec<_> = events.iter().filter(|event| event["owner"] == owner.as_str()).collect();
    let last: Vec<_> = hers.iter().rev().take(2).map(|event| text(event, "action")).collect();
    assert_eq!(last, ["account.deleted", "account.disabled"]);
    for event in hers {
        assert_eq!(text(event, "actor"), owner);
        for member in ["address", "userAgent", "keyName", "changes"] {
            assert!(event[member].is_null(), "{member} of {event}");
        }
    }
    assert_eq!(server.sign_up(ADA).list().len(), 0);
}

fn an_export_holds_all_that_is_kept_and_nothing_secret(setup: Setup) {
    let server = setup.with("LATCHKEY_SIGN_IN_ATTEMPTS_PER_MINUTE", "1000").start();
    let (ada, bob) = (server.sign_up(ADA), server.sign_up(BOB));
    bob.create_key("Bob's");
    let (kept, dead) = (ada.create_key("kept"), ada.create_key("dead"));
    ada.revoke(&dead.id).expect_status(200);
    for number in 0..520 {
        ada.change(&kept.id, &json!({ "name": format!("kept {number}") })).expect_status(200);
    }
    let answer = ada.get(EXPORT).expect_status(200);
    answer.expect_json_type();
    assert!(answer.header("content-disposition").is_some_and(|it| it.starts_with("attachment")));
    let export = answer.json();
    assert_eq!(members(&export), ["account", "auditEvents", "keys"]);
    let (account, session) = (&export["account"], ada.get(SESSION).json());
    for member in ["id", "email", "createdAt"] {
        assert_eq!(account[member], session[member]);
    }
    assert_eq!(account["sessions"], json!(sessions(&ada)));
    assert_eq!(account["knownNetworks"][0]["network"], "127.0.0.1");
    let keys = export["keys"].as_array().expect("an array");
    let told: Vec<_> =
        keys.iter().map(|key| (text(key, "id"), key["revokedAt"].is_null())).collect();
    assert_eq!(told, [(kept.id.clone(), true), (dead.id.clone(), false)]);
    let mut item = keys[0].clone();
    item.as_object_mut().expect("an object").remove("revokedAt");
    assert_eq!(item, ada.item(&kept.id));
    let events = export["auditEvents"].as_array().expect("an array");
    let ids: BTreeSet<_> = events.iter().map(|event| text(event, "id")).collect();
    assert_eq!((events.len(), ids.len()), (1 + 2 + 1 + 520, 524));
    let newest = ada.get("/api/v1/audit-events?limit=200").json();
    assert_eq!(newest.as_array().expect("an array")[..], events[..200]);
    let text = answer.text();
    for secret in ["argon2", &*ada.token, &kept.key, &dead.key, "Bob", BOB, "digest"] {
        assert!(!text.contains(secret), "{secret}");
    }
}

fn keys_are_made_rotated_and_revoked_only_by_a_session_that_is_fresh(setup: Setup) {
    let server = setup.with(REAUTH, "1h").start();
    let (ada, phone) = (server.sign_up(ADA), server.sign_in_again(ADA));
    let (one, other) = (ada.create_key("one"), ada.create_key("other"));
    let (_, setup) = server.stop();
    let two_hours = if setup.is_sqlite() { "7200000" } else { "interval '2 hours'" };
    setup.execute(&format!("update sessions set confirmed_at = confirmed_at - {two_hours}"));
    let server = setup.start();
    let (ada, phone) = (ada.at(&server), phone.at(&server));
    let calls = || -> [Request; 3] {
        [
            post(KEYS).json(r#"{"name":"new"}"#),
            post(&rotate_path(&one.id)).json("{}"),
            delete(&key_path(&other.id)),
        ]
    };
    for call in calls() {
        ada.send(call).expect_refusal(403, "reauthentication_required");
    }
    // Before the body is read, and after it is clear who calls.
    ada.post(KEYS, "{").expect_refusal(403, "reauthentication_required");
    server.send(&post(KEYS).json("{")).expect_refusal(401, "session_required");
    ada.send(patch(&key_path(&one.id)).json(r#"{"name":"two"}"#)).expect_status(200);
    assert_eq!(ada.list().len(), 2);
    ada.post(CONFIRM, proof(WRONG)).expect_refusal(400, "wrong_password");
    ada.send(calls()[0].clone()).expect_refusal(403, "reauthentication_required");
    ada.post(CONFIRM, proof(ADAS_PASSWORD)).expect_status(200).expect_body(r#"{"success":true}"#);
    for (call, status) in calls().into_iter().zip([201, 201, 200]) {
        ada.send(call).expect_status(status);
    }
    // It is about the session, and a sign-in counts as well.
    phone.create(r#"{"name":"new"}"#).expect_refusal(403, "reauthentication_required");
    server.sign_in_again(ADA).create_key("new");
}

#[test]
fn passwords_that_are_given_wrong_count_together_whatever_they_are_given_for() {
    let server = Setup::on_sqlite().with("LATCHKEY_SIGN_IN_ATTEMPTS_PER_MINUTE", "4").start();
    let ada = server.sign_up(ADA);
    let passwords = json!({ "currentPassword": WRONG, "newPassword": "another long password" });
    let calls = |password: &str| {
        [
            post(EMAIL).json(credentials(LOVELACE, password)),
            delete(ACCOUNT).json(proof(password)),
            post(CONFIRM).json(proof(password)),
        ]
    };
    for call in calls(WRONG) {
        ada.send(call).expect_refusal(400, "wrong_password");
    }
    ada.post(PASSWORD, passwords.to_string()).expect_refusal(400, "wrong_password");
    for call in calls(ADAS_PASSWORD) {
        ada.send(call).expect_refusal(429, "too_many_attempts");
    }
    assert_eq!(ada.get(SESSION).json()["email"], ADA);
    assert_eq!(ada.actions()[1..], ["password.refused"; 4]);
}

#[test]
fn nothing_of_it_is_done_without_a_session_or_for_another_site() {
    let server = Setup::on_sqlite().start();
    let ada = server.sign_up(ADA);
    let calls = || {
        [
            post(EMAIL).json(credentials(LOVELACE, ADAS_PASSWORD)),
            delete(ACCOUNT).json(proof(ADAS_PASSWORD)),
            post(CONFIRM).json(proof(ADAS_PASSWORD)),
            post(END_OTHERS),
            delete(&session_path(&sessions(&ada)[0])),
        ]
    };
    for call in calls() {
        server.send(&call).expect_refusal(401, "session_required");
        let foreign = call.header("Origin", "https://evil.example");
        ada.send(foreign).expect_refusal(403, "cross_site");
    }
    for path in [SESSIONS, EXPORT] {
        server.send(&get(path)).expect_refusal(401, "session_required");
    }
    for (path, body) in [(EMAIL, "{}"), (CONFIRM, "[]"), (EMAIL, r#"{"email":"a@b","x":1}"#)] {
        ada.post(path, body).expect_refusal(400, "invalid_request");
    }
    ada.send(delete(ACCOUNT)).expect_error(415);
    assert_eq!(ada.get(SESSION).json()["email"], ADA);
}
