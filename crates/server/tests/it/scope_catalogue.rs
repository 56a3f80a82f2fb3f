//! The scopes that keys may be given, from a file: contract, section 10.

use std::fs;
use std::time::Duration;

use serde_json::{Value, json};

use crate::http::{get, patch};
use crate::management::{key_of, keys_of};
use crate::person::{ADA, Person, SESSION, text};
use crate::server::{Server, Setup, eventually};

const SCOPES: &str = "/api/v1/scopes";
const FOR_TOKENS: &str = "/api/v1/admin/scopes";
const DOCS: &str = "[[scope]]\nname = \"docs:read\"\ndescription = \"Read documents\"\n\
                    group = \"Documents\"\n";
const WRITE: &str = "[[scope]]\nname = \"docs:write\"\ndescription = \"Change documents\"\n";
const PAY: &str = "[[scope]]\nname = \"billing:pay\"\ndescription = \"Pay\"\nrestricted = true\n";

fn with_catalogue(scopes: &[&str]) -> Setup {
    let setup = Setup::on_sqlite();
    let path = setup.directory().join("scopes.toml");
    fs::write(&path, scopes.join("\n")).expect("the file can be written");
    setup.with("LATCHKEY_SCOPES_FILE", &path.display().to_string())
}

impl Person {
    /// The scopes of a new key for which these were given, or nothing was said.
    fn scopes_of_new(&self, scopes: Option<Value>) -> Value {
        let mut body = json!({ "name": "a" });
        if let Some(scopes) = scopes {
            body["scopes"] = scopes;
        }
        self.item(&self.create_key_with(&body).id)["scopes"].clone()
    }

    fn expect_no_key(&self, scopes: &Value, message: &str) {
        let answer = self.create(json!({ "name": "a", "scopes": scopes }).to_string());
        let answer = answer.expect_refusal(400, "invalid_request");
        assert_eq!(answer.json(), json!({ "error": message }));
    }
}

fn names(server: &Server, ada: &Person) -> Vec<String> {
    let answer = ada.get(SCOPES).expect_status(200).json();
    assert_eq!(server.backend("audit:read", "x*").get(FOR_TOKENS).json(), answer);
    answer.as_array().expect("a list").iter().map(|scope| text(scope, "name")).collect()
}

#[test]
fn the_catalogue_is_shown_to_sessions_and_to_every_token() {
    let server = with_catalogue(&[DOCS, PAY]).start();
    let ada = server.sign_up(ADA);
    let expected = json!([
        {
            "name": "docs:read", "description": "Read documents", "group": "Documents",
            "default": false, "restricted": false,
        },
        {
            "name": "billing:pay", "description": "Pay", "group": null,
            "default": false, "restricted": true,
        },
    ]);
    assert_eq!(ada.get(SCOPES).expect_status(200).json(), expected);
    let backend = server.backend("audit:read", "x*");
    assert_eq!(backend.get(FOR_TOKENS).expect_status(200).json(), expected);
    server.send(&get(SCOPES)).expect_refusal(401, "session_required");
    server.send(&get(FOR_TOKENS)).expect_refusal(401, "token_required");
}

#[test]
fn without_a_catalogue_the_list_is_empty_and_every_scope_may_be_given() {
    let server = Setup::on_sqlite().start();
    let ada = server.sign_up(ADA);
    assert_eq!(names(&server, &ada), Vec::<String>::new());
    assert_eq!(ada.scopes_of_new(None), Value::Null);
    assert_eq!(ada.scopes_of_new(Some(json!(["x:y"]))), json!(["x:y"]));
}

#[test]
fn a_scope_outside_the_catalogue_is_refused_by_name() {
    let server = with_catalogue(&[DOCS, WRITE]).start();
    let ada = server.sign_up(ADA);
    for good in [json!(["docs:read"]), json!(["docs:*"]), json!(["*"]), json!([]), Value::Null] {
        assert_eq!(ada.scopes_of_new(Some(good.clone())), good);
    }
    assert_eq!(ada.scopes_of_new(None), Value::Null);
    for bad in ["docs", "docs:delete", "org:*", "docs:read:*"] {
        let message = format!("There is no scope {bad} here");
        ada.expect_no_key(&json!(["docs:read", bad]), &message);
        let key = ada.create_key("a");
        ada.change(&key.id, &json!({ "scopes": [bad] })).expect_refusal(400, "invalid_request");
        let backend = server.backend("keys:write", "*");
        let create = json!({ "name": "a", "scopes": [bad] });
        backend.post(&keys_of("bob"), &create).expect_refusal(400, "invalid_request");
    }
}

#[test]
fn a_restricted_scope_is_given_by_tokens_alone_and_handed_on_by_a_rotation() {
    let server = with_catalogue(&[DOCS, PAY]).start();
    let ada = server.sign_up(ADA);
    for bad in ["billing:pay", "billing:*", "*"] {
        let message = format!("scopes must not have {bad}: only a management token may give that");
        ada.expect_no_key(&json!([bad]), &message);
    }
    let everything = "scopes must be a list: some scopes are given by management tokens only";
    ada.expect_no_key(&Value::Null, everything);
    assert_eq!(ada.scopes_of_new(None), json!([]));
    let key = ada.create_key_with(&json!({ "name": "a", "scopes": ["docs:read"] }));
    for bad in [json!(["billing:pay"]), json!(["docs:read", "*"]), Value::Null] {
        ada.change(&key.id, &json!({ "scopes": bad })).expect_refusal(400, "invalid_request");
    }
    let backend = server.backend("keys:write", "*");
    let given = json!(["billing:*", "docs:read"]);
    let owner = text(&ada.get(SESSION).json(), "id");
    backend
        .send(patch(&key_of(&owner, &key.id)).json(json!({ "scopes": given }).to_string()))
        .expect_status(200);
    ada.change(&key.id, &json!({ "name": "b" })).expect_status(200);
    let rotated = ada.rotate(&key.id, 0).expect_status(201).json();
    let successor = text(&rotated, "id");
    assert_eq!(ada.item(&successor)["scopes"], given);
    // What the key has may stay, and what was given up is gone.
    ada.change(&successor, &json!({ "scopes": ["billing:*"] })).expect_status(200);
    ada.change(&successor, &json!({ "scopes": [] })).expect_status(200);
    let again = ada.change(&successor, &json!({ "scopes": ["billing:*"] }));
    again.expect_refusal(400, "invalid_request");
    for all in [Value::Null, json!(["*"])] {
        let create = json!({ "name": "a", "scopes": all });
        backend.post(&keys_of("bob"), &create).expect_status(201);
    }
}

#[test]
fn a_key_for_which_no_scopes_are_given_gets_the_defaults() {
    let default = |scope: &str| format!("{scope}default = true\n");
    let server = with_catalogue(&[DOCS, &default(WRITE), &default(PAY)]).start();
    let ada = server.sign_up(ADA);
    assert_eq!(ada.scopes_of_new(None), json!(["docs:write"]));
    let backend = server.backend("keys:write", "*");
    let issued = backend.post(&keys_of("bob"), &json!({ "name": "a" })).expect_status(201).json();
    let item = backend.get(&key_of("bob", &text(&issued, "id"))).expect_status(200).json();
    assert_eq!(item["scopes"], json!(["docs:write", "billing:pay"]));
}

#[test]
fn a_file_that_is_no_catalogue_stops_the_start_with_its_line() {
    for (text, expected) in [
        (DOCS.replace("group", "colour"), "scopes.toml: line 4: unknown field `colour`"),
        (format!("{DOCS}{DOCS}"), "scopes.toml: line 6: the name is in the catalogue already"),
        (DOCS.replace("docs:read", "docs:*"), "scopes.toml: line 2: a name has 1 to 64"),
    ] {
        let setup = with_catalogue(&[&text]);
        setup.run(&["check-config"], "").expect_code(2);
        let refused = setup.run_refused().expect_code(2).text;
        assert!(
            refused.contains("LATCHKEY_SCOPES_FILE: ") && refused.contains(expected),
            "{refused}"
        );
    }
    let setup = Setup::on_sqlite().with("LATCHKEY_SCOPES_FILE", "/nowhere/scopes.toml");
    let refused = setup.run_refused().text;
    assert!(refused.contains("LATCHKEY_SCOPES_FILE: /nowhere/scopes.toml: "), "{refused}");
}

#[test]
fn a_hang_up_reads_the_file_again_and_one_that_is_wrong_changes_nothing() {
    let server = with_catalogue(&[DOCS]).start();
    let ada = server.sign_up(ADA);
    let path = server.setup.directory().join("scopes.toml");
    let write = |text: &str| fs::write(&path, text).expect("the file can be written");
    let key = ada.create_key_with(&json!({ "name": "a", "scopes": ["docs:read"] }));
    write("[[scope]]\nname = \"docs:read\"\n");
    server.signal("HUP");
    let patience = Duration::from_secs(10);
    let refused = "did not read LATCHKEY_SCOPES_FILE again";
    eventually(patience, "the log tells that", || server.log().contains(refused));
    assert_eq!(names(&server, &ada), ["docs:read"]);
    write(&format!("{WRITE}{PAY}"));
    server.signal("HUP");
    let read = "\"scopes\":2";
    eventually(patience, "the log tells that too", || server.log().contains(read));
    assert_eq!(names(&server, &ada).len(), 2);
    ada.expect_no_key(&json!(["docs:read"]), "There is no scope docs:read here");
    assert_eq!(ada.item(&key.id)["scopes"], json!(["docs:read"]));
    server.verify(&key.key).expect_status(200);
}
