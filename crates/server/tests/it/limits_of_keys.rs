//! How limits and credits are set, stored, shown and told: contract, section 11. What verifications make of them is
//! another file's.

use serde_json::{Value, json};

use crate::http::{Response, patch, post, request};
use crate::management::{Backend, key_of, keys_of};
use crate::person::{ADA, BOB, Person, key_path, text};
use crate::server::Setup;

on_both_databases_concurrently![
    limits_and_credits_are_shown_kept_changed_and_inherited,
    credits_are_added_taken_refused_and_uncounted,
    a_backend_sets_limits_and_credits_of_its_owners_and_their_keys,
    the_trail_tells_what_was_allowed_before_and_after,
];

fn credits_path(id: &str) -> String {
    format!("{}/credits", key_path(id))
}

fn owner_path(owner: &str) -> String {
    format!("/api/v1/admin/owners/{owner}")
}

fn add(person: &Person, id: &str, number: &Value) -> Response {
    person.post(&credits_path(id), json!({ "add": number }).to_string())
}

/// What an item says of limits and credits.
fn shown(item: &Value) -> (Value, Value) {
    (item["limits"].clone(), item["credits"].clone())
}

impl Backend {
    pub(crate) fn put(&self, owner: &str, body: &Value) -> Response {
        self.send(request("PUT", &owner_path(owner)).json(body.to_string()))
    }
}

fn limits_and_credits_are_shown_kept_changed_and_inherited(setup: Setup) {
    let server = setup.start();
    let ada = server.sign_up(ADA);
    let plain = ada.create_key("plain");
    assert_eq!(shown(&ada.item(&plain.id)), (Value::Null, Value::Null));
    // The shortest window comes first.
    let sent = json!([{ "limit": 1000, "every": "day" }, { "limit": 5, "every": "second" }]);
    let limits = json!([{ "limit": 5, "every": "second" }, { "limit": 1000, "every": "day" }]);
    let key = ada.create_key_with(&json!({ "name": "a", "limits": sent, "credits": 20 }));
    assert_eq!(shown(&ada.item(&key.id)), (limits.clone(), json!(20)));
    let listed = ada.list();
    let listed = listed.iter().find(|item| text(item, "id") == key.id).expect("it is listed");
    assert_eq!(shown(listed), (limits.clone(), json!(20)));

    ada.change(&key.id, &json!({ "name": "b" })).expect_status(200);
    let successor = ada.rotate(&key.id, 3600).expect_status(201).json();
    let successor = text(&successor, "id");
    assert_eq!(shown(&ada.item(&successor)), (limits, json!(20)));

    // Both keys share them.
    let month = json!([{ "limit": 1_000_000_000, "every": "month" }]);
    let changed = ada.change(&successor, &json!({ "limits": month })).expect_status(200).json();
    assert_eq!(shown(&changed), (month.clone(), json!(20)));
    add(&ada, &key.id, &json!(-5)).expect_status(200);
    for id in [&key.id, &successor] {
        assert_eq!(shown(&ada.item(id)), (month.clone(), json!(15)));
    }
    ada.change(&key.id, &json!({ "limits": null })).expect_status(200);
    assert_eq!(shown(&ada.item(&successor)), (Value::Null, json!(15)));
    ada.change(&plain.id, &json!({ "limits": [] })).expect_status(200);
    assert_eq!(shown(&ada.item(&plain.id)), (Value::Null, Value::Null));
    ada.revoke(&successor).expect_status(200);
    let revoked = ada.get("/api/v1/api-keys?status=revoked").expect_status(200).json();
    assert_eq!(shown(&revoked[0]), (Value::Null, json!(15)));
}

fn credits_are_added_taken_refused_and_uncounted(setup: Setup) {
    let server = setup.start();
    let (ada, bob) = (server.sign_up(ADA), server.sign_up(BOB));
    let key = ada.create_key("a");
    for (number, left) in
        [(5, 5), (7, 12), (-12, 0), (1_000_000_000_000_i64, 1_000_000_000_000_i64)]
    {
        let item = add(&ada, &key.id, &json!(number)).expect_status(200).json();
        assert_eq!((item["credits"].clone(), text(&item, "id")), (json!(left), key.id.clone()));
    }
    let beyond = add(&ada, &key.id, &json!(1)).expect_refusal(409, "conflict");
    assert!(beyond.text().contains("at most 1000000000000 credits"), "{}", beyond.text());
    add(&ada, &key.id, &json!(-999_999_999_990_i64)).expect_status(200);
    let below = add(&ada, &key.id, &json!(-11)).expect_refusal(409, "conflict");
    assert!(below.text().contains("Only 10 credits are left"), "{}", below.text());
    assert_eq!(ada.item(&key.id)["credits"], json!(10));
    let item = add(&ada, &key.id, &Value::Null).expect_status(200).json();
    assert_eq!(item["credits"], Value::Null);
    add(&ada, &key.id, &Value::Null).expect_status(200);
    add(&ada, &key.id, &json!(-1)).expect_refusal(409, "conflict");
    let again = add(&ada, &key.id, &json!(3)).expect_status(200).json();
    assert_eq!(again["credits"], json!(3));

    add(&bob, &key.id, &json!(1)).expect_refusal(404, "key_not_found");
    add(&ada, "x", &json!(1)).expect_refusal(404, "key_not_found");
    server.send(&post(&credits_path(&key.id)).json(r#"{"add":1}"#)).expect_error(401);
    ada.revoke(&key.id).expect_status(200);
    add(&ada, &key.id, &json!(1)).expect_refusal(404, "key_not_found");
}

fn a_backend_sets_limits_and_credits_of_its_owners_and_their_keys(setup: Setup) {
    let server = setup.start();
    let backend = server.backend("keys:write,owners:write", "org_*");
    let daily = json!([{ "limit": 7, "every": "day" }]);
    let body = json!({ "name": "a", "limits": daily, "credits": 0 });
    let key = backend.create_key("org_1", &body);
    let item = || backend.get(&key_of("org_1", &key.id)).expect_status(200).json();
    assert_eq!(shown(&item()), (daily.clone(), json!(0)));
    let credits = format!("{}/credits", key_of("org_1", &key.id));
    let added = backend.post(&credits, &json!({ "add": 9 })).expect_status(200).json();
    assert_eq!(shown(&added), (daily.clone(), json!(9)));
    let hourly = json!([{ "limit": 2, "every": "hour" }]);
    let change = patch(&key_of("org_1", &key.id)).json(json!({ "limits": hourly }).to_string());
    assert_eq!(backend.send(change).expect_status(200).json()["limits"], hourly);
    let all = backend.get("/api/v1/admin/api-keys").expect_status(200).json();
    assert_eq!(shown(&all["items"][0]), (hourly, json!(9)));

    let settings = json!({ "maxKeys": null, "suspended": false, "limits": daily });
    let owner = backend.put("org_1", &settings).expect_status(200).json();
    assert_eq!(shown(&owner), (daily.clone(), Value::Null));
    // Left out, they stay; null takes them away.
    let settings = json!({ "maxKeys": 5, "suspended": false });
    let owner = backend.put("org_1", &settings).expect_status(200).json();
    assert_eq!(shown(&owner), (daily, Value::Null));
    let of_owner = format!("{}/credits", owner_path("org_1"));
    let owner = backend.post(&of_owner, &json!({ "add": 4 })).expect_status(200).json();
    assert_eq!((owner["credits"].clone(), text(&owner, "owner")), (json!(4), "org_1".to_owned()));
    backend.post(&of_owner, &json!({ "add": -5 })).expect_refusal(409, "conflict");
    let settings = json!({ "maxKeys": 5, "suspended": false, "limits": null });
    let owner = backend.put("org_1", &settings).expect_status(200).json();
    assert_eq!(shown(&owner), (Value::Null, json!(4)));
    assert_eq!(backend.get(&owner_path("org_1")).expect_status(200).json(), owner);
    assert_eq!(item()["credits"], json!(9));

    let unknown = format!("{}/credits", owner_path("org_new"));
    let owner = backend.post(&unknown, &json!({ "add": 1 })).expect_status(200).json();
    assert_eq!((owner["keys"].clone(), owner["credits"].clone()), (json!(0), json!(1)));
    let elsewhere = format!("{}/credits", owner_path("ada"));
    backend.post(&elsewhere, &json!({ "add": 1 })).expect_refusal(403, "owner_not_allowed");
    let of_keys = server.backend("keys:write", "*");
    of_keys.post(&of_owner, &json!({ "add": 1 })).expect_refusal(403, "missing_right");
    of_keys.post(&credits, &json!({ "add": 1 })).expect_status(200);
    let of_owners = server.backend("owners:write", "*");
    of_owners.post(&credits, &json!({ "add": 1 })).expect_refusal(403, "missing_right");
    let others = format!("{}/credits", key_of("org_2", &key.id));
    backend.post(&others, &json!({ "add": 1 })).expect_refusal(404, "key_not_found");
}

fn the_trail_tells_what_was_allowed_before_and_after(setup: Setup) {
    let server = setup.start();
    let ada = server.sign_up(ADA);
    let key = ada.create_key_with(&json!({ "name": "a", "credits": 1 }));
    let daily = json!([{ "limit": 7, "every": "day" }]);
    ada.change(&key.id, &json!({ "limits": daily })).expect_status(200);
    ada.change(&key.id, &json!({ "limits": daily })).expect_status(200);
    ada.change(&key.id, &json!({ "limits": null })).expect_status(200);
    add(&ada, &key.id, &json!(4)).expect_status(200);
    add(&ada, &key.id, &json!(-9)).expect_error(409);
    add(&ada, &key.id, &Value::Null).expect_status(200);
    add(&ada, &key.id, &Value::Null).expect_status(200);
    let trail = format!("/api/v1/audit-events?keyId={}", key.id);
    let events = ada.get(&trail).expect_status(200).json();
    let told: Vec<_> = events
        .as_array()
        .expect("a list")
        .iter()
        .map(|event| {
            assert_eq!(text(event, "keyName"), "a");
            (text(event, "action"), event["changes"].clone())
        })
        .collect();
    let want = [
        ("credits.added", json!({ "credits": [5, null] })),
        ("credits.added", json!({ "credits": [1, 5] })),
        ("key.changed", json!({ "limits": [daily, null] })),
        ("key.changed", json!({ "limits": [null, daily] })),
        ("key.created", Value::Null),
    ];
    assert_eq!(told, want.map(|(action, changes)| (action.to_owned(), changes)));

    let backend = server.backend("owners:write,audit:read", "*");
    let settings = json!({ "maxKeys": null, "suspended": false, "limits": daily });
    backend.put("org_1", &settings).expect_status(200);
    let of_owner = format!("{}/credits", owner_path("org_1"));
    backend.post(&of_owner, &json!({ "add": 4 })).expect_status(200);
    let trail = "/api/v1/admin/audit-events?owner=org_1";
    let events = backend.get(trail).expect_status(200).json();
    assert_eq!(text(&events[0], "action"), "credits.added");
    assert_eq!((&events[0]["keyId"], &events[0]["keyName"]), (&Value::Null, &Value::Null));
    assert_eq!(events[0]["changes"], json!({ "credits": [null, 4] }));
    assert_eq!(events[1]["changes"], json!({ "limits": [null, daily] }));
    assert_eq!(events.as_array().map(Vec::len), Some(2));
}

#[test]
fn limits_and_credits_that_are_none_are_refused_and_change_nothing() {
    let server = Setup::on_sqlite().start();
    let ada = server.sign_up(ADA);
    let backend = server.backend("keys:write,owners:write", "*");
    let key = ada.create_key("a");
    let limit = |limit: Value| json!([{ "limit": limit, "every": "day" }]);
    for (limits, said) in [
        (
            json!([{ "limit": 1, "every": "day" }, { "limit": 2, "every": "day" }]),
            "at most one entry for each day",
        ),
        (limit(json!(0)), "limits: the limit of entry 1 must be 1 to 1000000000"),
        (limit(json!(1_000_000_001)), "limits: the limit of entry 1 must be 1 to 1000000000"),
        (limit(json!(-1)), "limits: the limit of entry 1 must be 1 to 1000000000"),
        (limit(json!(1.5)), "limits[0].limit must be a whole number"),
        (limit(json!("1")), "limits[0].limit must be a whole number"),
        (limit(Value::Null), "limits[0].limit must be a whole number"),
        (json!([{ "limit": 1, "every": "week" }]), "limits[0].every must be"),
        (json!([{ "limit": 1 }]), "every is required"),
        (json!([{ "limit": 1, "every": "day", "x": 1 }]), "x is not known here"),
        (json!({}), "limits must be"),
        (json!([1]), "limits[0] must be"),
    ] {
        let answer = ada.change(&key.id, &json!({ "limits": limits }));
        let answer = answer.expect_refusal(400, "invalid_request");
        assert!(answer.text().contains(said), "{limits}: {}", answer.text());
        let new = json!({ "name": "b", "limits": limits });
        ada.create(new.to_string()).expect_refusal(400, "invalid_request");
        backend.post(&keys_of("b"), &new).expect_refusal(400, "invalid_request");
        let settings = json!({ "maxKeys": null, "suspended": false, "limits": limits });
        backend.put("b", &settings).expect_refusal(400, "invalid_request");
    }
    for credits in [json!(-1), json!(1_000_000_000_001_i64), json!(1.5), json!("1"), json!([])] {
        let new = json!({ "name": "b", "credits": credits });
        ada.create(new.to_string()).expect_refusal(400, "invalid_request");
        backend.post(&keys_of("b"), &new).expect_refusal(400, "invalid_request");
    }
    // They are added, not set.
    ada.change(&key.id, &json!({ "credits": 1 })).expect_refusal(400, "invalid_request");
    for number in
        [json!(0), json!(1_000_000_000_001_i64), json!(-1_000_000_000_001_i64), json!("1")]
    {
        add(&ada, &key.id, &number).expect_refusal(400, "invalid_request");
    }
    for body in ["{}", r#"{"add":1,"x":1}"#, "[1]", r#"{"add":1e0}"#] {
        ada.post(&credits_path(&key.id), body).expect_refusal(400, "invalid_request");
    }
    assert_eq!(ada.list().len(), 1);
    assert_eq!(shown(&ada.item(&key.id)), (Value::Null, Value::Null));
    assert!(backend.list("b").is_empty());
}

#[test]
fn concurrent_additions_by_several_clients_all_count() {
    let server = Setup::on_postgres().start();
    let ada = server.sign_up(ADA);
    let key = ada.create_key("a");
    std::thread::scope(|scope| {
        for _client in 0..8 {
            scope.spawn(|| {
                for _call in 0..10 {
                    add(&ada, &key.id, &json!(3)).expect_status(200);
                }
            });
        }
    });
    assert_eq!(ada.item(&key.id)["credits"], json!(240));
}
