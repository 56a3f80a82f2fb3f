//! What verifications charge to limits and credits: contract, section 11.

use std::time::Duration;

use serde_json::{Value, json};

use crate::http::{Request, Response, get, post, request};
use crate::person::{ADA, Issued, Person, VERIFY, key_path, text};
use crate::server::{Server, Setup, eventually};

on_both_databases_with_and_without_cache![credits_pay_for_calls_until_none_is_left];

on_both_databases_concurrently![
    a_limit_refuses_calls_and_says_until_when,
    all_budgets_of_key_and_owner_must_have_room,
    a_key_and_the_one_that_it_replaced_share_one_budget,
    a_clean_stop_loses_no_credits,
    what_a_killed_server_held_counts_as_spent_and_is_told,
];

/// Longer than a server that is gone stays on the list.
const SOON: Duration = Duration::from_secs(30);

fn paying(query: &str, key: &Issued) -> Request {
    get(&format!("{VERIFY}{query}")).header("x-api-key", &key.key)
}

fn pay(server: &Server, query: &str, key: &Issued) -> Response {
    server.send(&paying(query, key))
}

fn expect_no_credits(answer: Response, status: u16) {
    let answer = answer.expect_refusal(status, "no_credits");
    assert_eq!(answer.header("x-api-key-refusal"), Some("credits"));
    assert_eq!(answer.header("retry-after"), None);
    answer.expect_body(r#"{"error":"No credits left"}"#);
}

fn expect_over_limit(answer: Response, status: u16, most_seconds: u64) {
    let answer = answer.expect_refusal(status, "rate_limited");
    assert_eq!(answer.header("x-api-key-refusal"), Some("rate"));
    let wait = answer.header("retry-after").and_then(|wait| wait.parse().ok());
    assert!(wait.is_some_and(|wait: u64| wait <= most_seconds), "{answer:#?}");
    answer.expect_body(r#"{"error":"Rate limit exceeded"}"#);
}

fn add(person: &Person, key: &Issued, number: i64) {
    let path = format!("{}/credits", key_path(&key.id));
    person.post(&path, json!({ "add": number }).to_string()).expect_status(200);
}

fn credits_pay_for_calls_until_none_is_left(setup: Setup) {
    let server = setup.start();
    let ada = server.sign_up(ADA);
    let key = ada.create_key_with(&json!({ "name": "a", "credits": 10 }));
    for (query, credits) in [("", 9), ("?cost=3", 6), ("?cost=0", 6), ("?cost=6", 0)] {
        let answer = pay(&server, query, &key).expect_status(200);
        assert_eq!(answer.header("ratelimit"), None, "credits are no limit");
        assert_eq!(ada.item(&key.id)["credits"], json!(credits), "{query}");
    }
    for query in ["", "?cost=0"] {
        expect_no_credits(pay(&server, query, &key), 429);
    }
    expect_no_credits(pay(&server, "?refusals=403", &key), 403);
    // What a client of a gateway wrote behind the path changes nothing.
    for query in ["/a?cost=0", "/a?refusals=403"] {
        expect_no_credits(pay(&server, query, &key), 429);
    }
    add(&ada, &key, 5);
    eventually(SOON, "the credits that came", || pay(&server, "", &key).status == 200);
    expect_no_credits(pay(&server, "?cost=5", &key), 429);
    assert_eq!(ada.item(&key.id)["credits"], json!(4), "a refused call costs nothing");
    let raised = paying("?cost=1", &key).header("x-latchkey-cost", "4");
    server.send(&raised).expect_status(200);
    assert_eq!(ada.item(&key.id)["credits"], json!(0));
}

fn a_limit_refuses_calls_and_says_until_when(setup: Setup) {
    let server = setup.start();
    let ada = server.sign_up(ADA);
    let limits = json!([{ "limit": 3, "every": "month" }, { "limit": 100, "every": "day" }]);
    let key = ada.create_key_with(&json!({ "name": "a", "limits": limits }));
    for left in (0..3).rev() {
        let answer = pay(&server, "", &key).expect_status(200);
        let policy = answer.header("ratelimit-policy").unwrap_or_default();
        let (day, month) = policy.split_once(", ").expect("two limits");
        assert_eq!(day, r#""day";q=100;w=86400"#);
        let month = month.strip_prefix(r#""month";q=3;w="#).and_then(|w| w.parse::<u64>().ok());
        assert!(month.is_some_and(|w| (28..=31).any(|days| w == days * 86_400)), "{policy}");
        let state = answer.header("ratelimit").unwrap_or_default();
        assert!(state.contains(&format!(r#""month";r={left};t="#)), "{state}");
    }
    let a_month = 31 * 86_400;
    expect_over_limit(pay(&server, "", &key), 429, a_month);
    expect_over_limit(pay(&server, "?refusals=403", &key), 403, a_month);
    // Room that comes is seen; what was used stays used.
    let more = json!([{ "limit": 5, "every": "month" }]);
    ada.change(&key.id, &json!({ "limits": more })).expect_status(200);
    eventually(SOON, "the limit that rose", || pay(&server, "", &key).status == 200);
    pay(&server, "", &key).expect_status(200);
    expect_over_limit(pay(&server, "", &key), 429, a_month);
    ada.change(&key.id, &json!({ "limits": null })).expect_status(200);
    let free = pay(&server, "", &key).expect_status(200);
    assert_eq!((free.header("ratelimit"), free.header("ratelimit-policy")), (None, None));
}

fn all_budgets_of_key_and_owner_must_have_room(setup: Setup) {
    let server = setup.start();
    let backend = server.backend("keys:write,owners:write", "*");
    let limits = json!([{ "limit": 4, "every": "month" }]);
    let owner = "/api/v1/admin/owners/org_1";
    let settings = json!({ "maxKeys": null, "suspended": false, "limits": limits });
    backend.send(request("PUT", owner).json(settings.to_string())).expect_status(200);
    let credits = json!({ "add": 3 }).to_string();
    let one = backend.create_key("org_1", &json!({ "name": "a", "createdBy": "u" }));
    let other =
        backend.create_key("org_1", &json!({ "name": "b", "createdBy": "u", "credits": 1 }));
    backend.send(post(&format!("{owner}/credits")).json(credits)).expect_status(200);
    let answer = pay(&server, "", &other).expect_status(200);
    let state = answer.header("ratelimit").unwrap_or_default();
    assert!(state.starts_with(r#""owner-month";r=3;t="#), "{state}");
    // The key's own credits are used up, and the others are not charged.
    expect_no_credits(pay(&server, "", &other), 429);
    let left = || backend.get(owner).expect_status(200).json()["credits"].clone();
    assert_eq!(left(), json!(2));
    for _ in 0..2 {
        pay(&server, "", &one).expect_status(200);
    }
    expect_no_credits(pay(&server, "", &one), 429);
    let more = post(&format!("{owner}/credits")).json(r#"{"add":5}"#);
    backend.send(more).expect_status(200);
    eventually(SOON, "the owner's credits", || pay(&server, "", &one).status == 200);
    expect_over_limit(pay(&server, "", &one), 429, 31 * 86_400);
    assert_eq!(left(), json!(4));
}

fn a_key_and_the_one_that_it_replaced_share_one_budget(setup: Setup) {
    let server = setup.start();
    let ada = server.sign_up(ADA);
    let old = ada.create_key_with(&json!({ "name": "a", "credits": 4 }));
    pay(&server, "", &old).expect_status(200);
    let new = ada.rotate(&old.id, 3600).expect_status(201).json();
    let new = Issued { id: text(&new, "id"), key: text(&new, "key") };
    for key in [&new, &old, &new] {
        pay(&server, "", key).expect_status(200);
    }
    for key in [&old, &new] {
        expect_no_credits(pay(&server, "", key), 429);
    }
}

fn a_clean_stop_loses_no_credits(setup: Setup) {
    let server = setup.start();
    let ada = server.sign_up(ADA);
    let key = ada.create_key_with(&json!({ "name": "a", "credits": 100_000 }));
    let used = busy(&server, &ada, &key);
    let server = server.restart();
    let ada = ada.at(&server);
    assert_eq!(ada.item(&key.id)["credits"], json!(100_000 - used));
    assert!(stranded(&ada).is_empty());
}

fn what_a_killed_server_held_counts_as_spent_and_is_told(setup: Setup) {
    let server = setup.start();
    let ada = server.sign_up(ADA);
    let key = ada.create_key_with(&json!({ "name": "a", "credits": 100_000 }));
    let used = busy(&server, &ada, &key);
    let (_, setup) = server.kill();
    let server = setup.start();
    let ada = ada.at(&server);
    let left = ada.item(&key.id)["credits"].as_u64().expect("they are counted");
    assert!(left < 100_000 - used, "{left} of {used} used");
    eventually(SOON, "what is stranded", || !stranded(&ada).is_empty());
    let [event] = stranded(&ada).try_into().expect("one share");
    assert_eq!((text(&event, "keyId"), text(&event, "actor")), (key.id, "recovery".to_owned()));
    let told = event["changes"]["stranded"].as_u64().expect("a number");
    assert!(told >= 100_000 - used - left, "{told} of {left} left");
}

/// Uses the key until the server holds more than it spends. Returns how much was used.
fn busy(server: &Server, ada: &Person, key: &Issued) -> u64 {
    let mut used = 0;
    eventually(SOON, "a slice", || {
        for _ in 0..20 {
            pay(server, "", key).expect_status(200);
            used += 1;
        }
        ada.item(&key.id)["credits"].as_u64().is_some_and(|left| left + used < 100_000)
    });
    used
}

fn stranded(ada: &Person) -> Vec<Value> {
    let events = ada.get("/api/v1/audit-events").expect_status(200).json();
    let events = events.as_array().expect("a list").iter();
    events.filter(|event| text(event, "action") == "credits.stranded").cloned().collect()
}

#[test]
fn what_a_call_costs_is_a_number_that_is_said_once() {
    let server = Setup::on_sqlite().start();
    let ada = server.sign_up(ADA);
    let key = ada.create_key_with(&json!({ "name": "a", "credits": 5 }));
    for query in
        ["?cost=", "?cost=-1", "?cost=1.5", "?cost=1000001", "?cost=1&cost=1", "?refusals=429"]
    {
        pay(&server, query, &key).expect_refusal(400, "invalid_request");
    }
    for header in ["", "x", "-1", "1000001"] {
        let asked = paying("", &key).header("x-latchkey-cost", header);
        server.send(&asked).expect_refusal(400, "invalid_request");
    }
    assert_eq!(ada.item(&key.id)["credits"], json!(5));
    // Nobody else learns what is wrong with the cost.
    let unknown = Issued { id: String::new(), key: crate::secret::UNKNOWN.to_owned() };
    pay(&server, "?cost=x", &unknown).expect_refusal(401, "invalid_key");
}

#[test]
fn a_limit_for_each_second_holds_on_one_server() {
    let server = Setup::on_sqlite().start();
    let ada = server.sign_up(ADA);
    let limits = json!([{ "limit": 5, "every": "second" }]);
    let key = ada.create_key_with(&json!({ "name": "a", "limits": limits }));
    let mut refused = 0;
    for _ in 0..40 {
        let answer = pay(&server, "", &key);
        if answer.status != 200 {
            expect_over_limit(answer, 429, 1);
            refused += 1;
        }
    }
    assert!(refused > 0, "forty calls took eight seconds");
    eventually(SOON, "the next second", || pay(&server, "", &key).status == 200);
}

#[test]
fn the_headers_about_limits_can_be_left_out() {
    let server = Setup::on_sqlite().with("LATCHKEY_RATELIMIT_HEADERS", "off").start();
    let ada = server.sign_up(ADA);
    let limits = json!([{ "limit": 1, "every": "month" }]);
    let key = ada.create_key_with(&json!({ "name": "a", "limits": limits }));
    let answer = pay(&server, "", &key).expect_status(200);
    assert_eq!((answer.header("ratelimit"), answer.header("ratelimit-policy")), (None, None));
    expect_over_limit(pay(&server, "", &key), 429, 31 * 86_400);
}
