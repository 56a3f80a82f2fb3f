//! Tabs share one cookie: a page of one account does nothing in the name of another, and can tell whose
//! answers it gets, and what time it is there.

use serde_json::json;

use crate::accounts::is_our_time;
use crate::http::{Request, Response, delete, get, patch, post};
use crate::person::{
    ADA, ADAS_PASSWORD, BOB, KEYS, PASSWORD, Person, SESSION, SIGN_OUT, VERIFY, key_path,
    rotate_path, text,
};
use crate::server::{Server, Setup};

const ACCOUNT: &str = "X-Latchkey-Account";
const TIME: &str = "X-Latchkey-Time";

fn id_of(person: &Person) -> String {
    text(&person.get(SESSION).expect_status(200).json(), "id")
}

/// Everything that a page asks for with a session.
fn calls(key: &str) -> Vec<Request> {
    let passwords =
        json!({ "currentPassword": ADAS_PASSWORD, "newPassword": "another long password" });
    vec![
        get(KEYS),
        get("/api/v1/audit-events"),
        get(SESSION),
        post(KEYS).json(r#"{"name":"Production"}"#),
        get(&key_path(key)),
        patch(&key_path(key)).json(r#"{"enabled":false}"#),
        post(&rotate_path(key)).json("{}"),
        delete(&key_path(key)),
        post(PASSWORD).json(passwords.to_string()),
        post(SIGN_OUT),
    ]
}

#[test]
fn every_answer_to_a_session_names_its_account() {
    let server = Setup::on_sqlite().start();
    let ada = server.sign_up(ADA);
    let id = id_of(&ada);
    let key = ada.create_key("Production").id;
    let statuses = calls(&key).into_iter().map(|call| {
        let answer = ada.send(call);
        assert_eq!(answer.header(ACCOUNT), Some(&*id), "{answer:#?}");
        answer.status
    });
    // An error names it too: the key was disabled before it was to be rotated.
    assert!(statuses.collect::<Vec<_>>().contains(&409));
}

#[test]
fn an_answer_without_a_session_names_no_account() {
    let server = Setup::on_sqlite().start();
    let ada = server.sign_up(ADA);
    let key = ada.create_key("Production");
    for answer in [
        server.send(&get(KEYS)).expect_error(401),
        server.send(&get("/api/v1/nothing")).expect_error(404),
        server.verify(&key.key).expect_status(200),
        ada.get(VERIFY).expect_error(401),
    ] {
        assert_eq!(answer.header(ACCOUNT), None, "{answer:#?}");
    }
}

#[test]
fn a_call_from_the_page_of_another_account_is_refused_and_nothing_is_done() {
    let server = Setup::on_sqlite().start();
    let (ada, bob) = (server.sign_up(ADA), server.sign_up(BOB));
    let key = bob.create_key("Production");
    let before = bob.list();
    for call in calls(&key.id) {
        let answer = bob.send(call.header(ACCOUNT, id_of(&ada))).expect_error(409);
        assert_eq!(answer.header(ACCOUNT), Some(&*id_of(&bob)), "{answer:#?}");
    }
    assert_eq!(bob.list(), before);
    server.verify(&key.key).expect_status(200);
    assert!(bob.is_signed_in());
    server.sign_in(BOB, ADAS_PASSWORD).expect_status(200);
}

#[test]
fn a_call_from_a_page_of_two_accounts_is_refused() {
    let server = Setup::on_sqlite().start();
    let (ada, bob) = (server.sign_up(ADA), server.sign_up(BOB));
    let call = post(KEYS).json(r#"{"name":"Production"}"#);
    let both = call.header(ACCOUNT, id_of(&bob)).header(ACCOUNT, id_of(&ada));
    bob.send(both).expect_error(409);
    assert!(bob.list().is_empty());
}

#[test]
fn a_call_from_the_page_of_the_same_account_is_carried_out() {
    let server = Setup::on_sqlite().start();
    let ada = server.sign_up(ADA);
    let call = post(KEYS).json(r#"{"name":"Production"}"#).header(ACCOUNT, id_of(&ada));
    ada.send(call).expect_status(201);
    assert_eq!(ada.names(), ["Production"]);
}

#[test]
fn every_answer_but_those_of_verify_says_what_time_it_is() {
    let server = Setup::on_sqlite().start();
    let ada = server.sign_up(ADA);
    let created = |name: &str| text(&ada.item(&ada.create_key(name).id), "createdAt");
    let before = created("Before");
    let answers = [
        ada.get(KEYS).expect_status(200),
        server.send(&get(KEYS)).expect_error(401),
        server.send(&get("/api/v1/nothing")).expect_error(404),
    ];
    let after = created("After");
    for answer in answers {
        let told = answer.header(TIME).unwrap_or_else(|| panic!("{answer:#?}"));
        assert!(is_our_time(told), "{told}");
        // Texts of this form are in the order of their times.
        assert!(*before <= *told && *told <= *after, "{before} {told} {after}");
    }
    for answer in [ada.get(VERIFY), verify_without_a_key(&server)] {
        assert_eq!(answer.header(TIME), None, "{answer:#?}");
    }
}

fn verify_without_a_key(server: &Server) -> Response {
    server.send(&get(VERIFY)).expect_error(401)
}
