//! Bodies of `PATCH /api/v1/api-keys/{id}` and `POST …/rotate`: what the catalogue says of creation,
//! as far as it is not the same code.

use serde_json::{Value, json};

use crate::api_keys::in_seconds;
use crate::http::{Connection, patch, post};
use crate::person::{ADA, Issued, Person, key_path, rotate_path};
use crate::server::{Server, Setup};

/// A server with somebody's key on it.
fn with_key(setup: Setup) -> (Server, Person, Issued) {
    let server = setup.start();
    let ada = server.sign_up(ADA);
    let key = ada.create_key("a");
    (server, ada, key)
}

/// Sends each change, which must be refused as malformed and change nothing.
#[track_caller]
fn refused<B: AsRef<[u8]>>(setup: Setup, bodies: impl IntoIterator<Item = B>) {
    let (_server, ada, key) = with_key(setup);
    let before = ada.item(&key.id);
    for body in bodies {
        let shown = String::from_utf8_lossy(body.as_ref()).into_owned();
        let answer = ada.send(patch(&key_path(&key.id)).json(body));
        assert_eq!(answer.status, 400, "{shown}: {answer:#?}");
        answer.expect_error(400);
    }
    assert_eq!(ada.item(&key.id), before);
}

#[test]
fn a_change_without_a_member_or_with_an_unknown_one_is_refused() {
    let mut bodies: Vec<Vec<u8>> =
        ["", " ", "{}", "null", "[]", r#"["b"]"#, r#"[{"name":"b"}]"#, "{"]
            .map(|text| text.as_bytes().to_vec())
            .into();
    for member in [
        "x",
        "Name",
        "id",
        "environment",
        "revokedAt",
        "replacedBy",
        "key",
        "owner",
        "createdBy",
        "metadata",
        "",
    ] {
        bodies.push(json!({ "name": "b", member: "b" }).to_string().into_bytes());
    }
    bodies.push(br#"{"name":"b","name":"c"}"#.to_vec());
    bodies.push(br#"{"enabled":false,"enabled":true}"#.to_vec());
    bodies.push(b"{\"name\":\"\xff\"}".to_vec());
    refused(Setup::on_sqlite(), bodies);
}

#[test]
fn a_member_of_the_wrong_kind_is_refused() {
    let names = [json!(1), json!(true), json!([]), json!({}), json!(["b"])];
    let switches = [json!(0), json!(1), json!("true"), json!([]), json!({})];
    let times = [json!(4_070_908_800_i64), json!(true), json!([]), json!({})];
    let with = |member: &str, values: &[Value]| -> Vec<String> {
        values.iter().map(|value| json!({ member: value }).to_string()).collect()
    };
    let bodies = [with("name", &names), with("enabled", &switches), with("expiresAt", &times)];
    refused(Setup::on_sqlite(), bodies.concat());
}

#[test]
fn null_is_an_expiry_only() {
    refused(
        Setup::on_sqlite(),
        [
            r#"{"name":null}"#,
            r#"{"enabled":null}"#,
            r#"{"name":null,"expiresAt":null}"#,
            r#"{"enabled":null,"name":"b"}"#,
        ],
    );
}

#[test]
fn a_new_name_is_held_to_the_rules_of_names_whatever_the_setting() {
    let names = ["", " ", "\u{200B}", "a\0b", "a\nb", "\u{202E}b", "\u{FEFF}b", &"a".repeat(101)];
    let bodies = names.map(|name| json!({ "name": name }).to_string());
    refused(Setup::on_sqlite().with("LATCHKEY_KEY_NAMES", "optional"), bodies);
}

#[test]
fn an_expiry_that_is_past_or_no_time_is_refused() {
    let times = [
        in_seconds(-1),
        in_seconds(-86_400),
        "1970-01-01T00:00:00Z".to_owned(),
        String::new(),
        "tomorrow".to_owned(),
        "2099-01-01".to_owned(),
        "2099-01-01T00:00:00".to_owned(),
        "2099-13-01T00:00:00Z".to_owned(),
    ];
    refused(
        Setup::on_sqlite(),
        times.map(|at| json!({ "name": "b", "expiresAt": at }).to_string()),
    );
}

#[test]
fn an_overlap_that_is_no_whole_number_in_range_is_refused() {
    let (_server, ada, key) = with_key(Setup::on_sqlite());
    for overlap in ["-1", "2592001", "4294967296", "1e400", "0.5", "null", "\"60\"", "[]", "true"] {
        let body = format!(r#"{{"overlapSeconds":{overlap}}}"#);
        let answer = ada.post(&rotate_path(&key.id), body);
        assert_eq!(answer.status, 400, "{overlap}: {answer:#?}");
        answer.expect_error(400);
    }
    assert_eq!(ada.list().len(), 1);
    ada.rotate(&key.id, 2_592_000).expect_status(201);
}

#[test]
fn the_body_of_a_rotation_is_held_to_the_rules_of_bodies() {
    let (server, ada, key) = with_key(Setup::on_sqlite());
    let path = rotate_path(&key.id);
    for bad in [" ", "null", "[]", "[60]", "60", "{", r#"{"overlap":60}"#, r#"{"name":"b"}"#] {
        ada.post(&path, bad).expect_error(400);
    }
    ada.post(&path, r#"{"overlapSeconds":1,"overlapSeconds":1}"#).expect_error(400);
    for kind in ["text/plain", "application/json; charset=utf-16", "application/vnd.x+json"] {
        ada.send(post(&path).header("Content-Type", kind).body("{}")).expect_error(415);
    }
    ada.send(post(&path).json("{}").header("Content-Encoding", "gzip")).expect_error(415);
    ada.post(&path, " ".repeat(16 * 1024 + 1)).expect_error(413);
    assert_eq!(ada.list().len(), 1);

    // Chunked, a body may turn out to have no bytes.
    let chunked = ada.sign(post(&path).header("Transfer-Encoding", "chunked"));
    let mut connection = Connection::open(server.address);
    connection.write(&chunked.bytes(server.address));
    connection.write(b"0\r\n\r\n");
    connection.read(false).expect_status(201);
}

#[test]
fn what_is_below_a_rotation_or_beside_it_is_404() {
    let (_server, ada, key) = with_key(Setup::on_sqlite());
    let path = rotate_path(&key.id);
    for odd in [
        format!("{path}/"),
        format!("{path}/x"),
        path.replace("/rotate", "//rotate"),
        path.replace("rotate", "Rotate"),
        path.replace("rotate", "%72otate"),
        path.replace("/api-keys/", "/api-keys//"),
        rotate_path(""),
        rotate_path("a%2Fb"),
        rotate_path("%2e%2e"),
        rotate_path("%ff"),
        rotate_path(&key.id.to_uppercase()),
    ] {
        let answer = ada.send(post(&odd));
        assert_eq!(answer.status, 404, "{odd}: {answer:#?}");
        answer.expect_error(404);
    }
    assert_eq!(ada.list().len(), 1);
}
