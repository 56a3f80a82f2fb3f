//! How much keys were used, and why calls with them were refused: contract, section 12.

use std::collections::BTreeMap;
use std::thread;
use std::time::Duration;

use serde_json::{Value, json};

use crate::http::{Request, Response, get};
use crate::management::{key_of, keys_of};
use crate::person::{ADA, BOB, Issued, KEYS, Person, VERIFY, key_path, text};
use crate::server::{Server, Setup, eventually};
use crate::strict::three;

const USAGE: &str = "/api/v1/usage";
/// What is written lags behind by at most a minute.
const SOON: Duration = Duration::from_secs(70);

on_both_databases_concurrently![
    calls_their_cost_and_refusals_are_counted_by_hour_and_day,
    a_refused_call_is_found_by_the_id_that_it_was_answered_with,
    the_list_tells_of_each_key_how_much_it_was_used,
    an_operator_prints_how_much_each_key_was_used,
    a_killed_server_loses_what_it_had_not_written_and_counts_nothing_twice,
];

on_sqlite![
    a_backend_reads_usage_by_a_right_of_its_own,
    a_period_that_makes_no_sense_is_refused,
    nobody_reads_the_usage_of_others,
];

fn used_by(key: &Issued, query: &str) -> Request {
    get(&format!("{VERIFY}{query}")).header("x-api-key", &key.key)
}

fn use_key(server: &Server, key: &Issued, query: &str) -> Response {
    server.send(&used_by(key, query))
}

fn usage_path(key: &Issued) -> String {
    format!("{}/usage", key_path(&key.id))
}

/// All that was counted: the accepted calls, their cost, and the refused ones by reason.
type Counted = (u64, u64, BTreeMap<String, u64>);

fn sum(usage: &Value) -> Counted {
    let mut sum = Counted::default();
    for item in usage["items"].as_array().expect("items") {
        sum.0 += item["accepted"].as_u64().expect("a number");
        sum.1 += item["cost"].as_u64().expect("a number");
        for (reason, calls) in item["refused"].as_object().expect("an object") {
            *sum.2.entry(reason.clone()).or_default() += calls.as_u64().expect("a number");
        }
    }
    sum
}

fn counted(accepted: u64, cost: u64, refused: &[(&str, u64)]) -> Counted {
    let refused = refused.iter().map(|(reason, calls)| ((*reason).to_owned(), *calls));
    (accepted, cost, refused.collect())
}

fn usage_at(person: &Person, path: &str) -> Counted {
    sum(&person.get(path).expect_status(200).json())
}

fn calls_their_cost_and_refusals_are_counted_by_hour_and_day(setup: Setup) {
    let server = setup.start();
    let ada = server.sign_up(ADA);
    let key = ada.create_key_with(&json!({ "name": "a", "credits": 9, "scopes": ["docs:read"] }));
    let other = ada.create_key("b");
    assert_eq!(usage_at(&ada, &usage_path(&key)), Counted::default());

    for query in ["", "?cost=7", "?cost=0"] {
        use_key(&server, &key, query).expect_status(200);
    }
    use_key(&server, &key, "?cost=2").expect_refusal(429, "no_credits");
    for _ in 0..2 {
        use_key(&server, &key, "?scope=docs:write").expect_refusal(403, "insufficient_scope");
    }
    // Where the call itself is wrong it says nothing about the key.
    use_key(&server, &key, "?cost=x").expect_status(400);
    ada.change(&key.id, &json!({ "allowedNetworks": ["192.0.2.0/24"] })).expect_status(200);
    use_key(&server, &key, "").expect_refusal(403, "address_not_allowed");
    ada.change(&key.id, &json!({ "allowedNetworks": null, "enabled": false })).expect_status(200);
    use_key(&server, &key, "").expect_status(401);
    ada.revoke(&key.id).expect_status(200);
    use_key(&server, &key, "").expect_status(401);
    use_key(&server, &other, "").expect_status(200);

    let server = server.restart();
    let ada = ada.at(&server);
    let reasons = [("credits", 1), ("disabled", 1), ("network", 1), ("revoked", 1), ("scope", 2)];
    let of_key = counted(3, 8, &reasons);
    let path = usage_path(&key);
    assert_eq!(usage_at(&ada, &path), of_key, "a revoked key keeps its usage");
    assert_eq!(usage_at(&ada, &format!("{path}?by=hour")), of_key);
    assert_eq!(usage_at(&ada, USAGE), counted(4, 9, &reasons));

    let by_day = ada.get(&format!("{path}?by=day")).expect_status(200).json();
    assert_eq!(by_day["by"], "day");
    let start = text(by_day["items"].as_array().and_then(|it| it.last()).expect("today"), "start");
    assert!(start.ends_with("T00:00:00.000Z"), "{start}");
    let until_then = format!("{path}?to={}", start.replace("T00:00:00.000Z", "T23:59:59Z"));
    assert_eq!(usage_at(&ada, &until_then), of_key);
    assert_eq!(
        usage_at(&ada, &format!("{path}?from=2026-01-01T00:00:00Z&to=2026-02-01T00:00:00Z")),
        Counted::default()
    );
    assert_eq!(ada.get(&format!("{path}?by=hour")).json()["by"], "hour");
}

fn a_refused_call_is_found_by_the_id_that_it_was_answered_with(setup: Setup) {
    let server = setup.start();
    let ada = server.sign_up(ADA);
    let key = ada.create_key_with(&json!({ "name": "a", "scopes": ["docs:read"], "limits": [{ "limit": 1, "every": "day" }] }));
    let refusals = format!("{}/refusals", key_path(&key.id));
    assert_eq!(ada.get(&refusals).expect_status(200).json(), json!([]));

    let id_of = |answer: Response| answer.header("x-request-id").expect("an id").to_owned();
    let scope = use_key(&server, &key, "?scope=docs:write").expect_status(403);
    let scope = id_of(scope);
    use_key(&server, &key, "").expect_status(200);
    thread::sleep(Duration::from_millis(5));
    let rate = server.send(&used_by(&key, "").header("x-request-id", "of-a-gateway"));
    let rate = id_of(rate.expect_status(429));

    let server = server.restart();
    let kept = ada.at(&server).get(&refusals).expect_status(200).json();
    let kept: Vec<_> = kept.as_array().expect("a list").iter().collect();
    let [of_rate, of_scope] = kept[..] else { panic!("two refusals: {kept:#?}") };
    assert_eq!([text(of_rate, "reason"), text(of_rate, "requestId")], ["rate".to_owned(), rate]);
    assert_eq!(of_rate["required"], Value::Null);
    assert_eq!(
        [text(of_scope, "reason"), text(of_scope, "requestId")],
        ["scope".to_owned(), scope]
    );
    assert_eq!(text(of_scope, "required"), "docs:write");
    assert_eq!(text(of_scope, "address"), "127.0.0.1");
    assert!(text(of_scope, "at") < text(of_rate, "at"), "newest first");
}

fn the_list_tells_of_each_key_how_much_it_was_used(setup: Setup) {
    let server = setup.start();
    let ada = server.sign_up(ADA);
    let (used, unused) = (ada.create_key("used"), ada.create_key("unused"));
    let list = |ada: &Person, query: &str| -> BTreeMap<String, Value> {
        let list = ada.get(&format!("{KEYS}{query}")).expect_status(200).json();
        let items = list.as_array().expect("a list").iter();
        items.map(|item| (text(item, "id"), item["usage"].clone())).collect()
    };
    assert_eq!(list(&ada, "")[&used.id], Value::Null);

    use_key(&server, &used, "").expect_status(200);
    // A first use is written within seconds.
    eventually(SOON, "the first use", || {
        list(&ada, "?include=usage")[&used.id].to_string().contains('1')
    });
    use_key(&server, &used, "?cost=5").expect_status(200);
    let server = server.restart();
    let ada = ada.at(&server);
    let days = list(&ada, "?include=usage");
    let of_used = days[&used.id].as_array().expect("a list");
    assert_eq!(of_used.len(), 30);
    // The test may see midnight.
    let calls: u64 = of_used[28..].iter().filter_map(Value::as_u64).sum();
    assert_eq!(calls, 2, "calls, and not their cost: {of_used:?}");
    assert!(of_used[..28].iter().all(|day| *day == 0), "{of_used:?}");
    assert_eq!(days[&unused.id], json!(vec![0; 30]));
    ada.revoke(&used.id).expect_status(200);
    let revoked = list(&ada, "?status=revoked&include=usage");
    assert_eq!(revoked[&used.id].as_array(), Some(of_used));
}

fn an_operator_prints_how_much_each_key_was_used(setup: Setup) {
    let server = setup.start();
    let ada = server.sign_up(ADA);
    let key = ada.create_key("=a, \"b\"");
    let gone = ada.create_key("gone");
    server.sign_up(BOB).create_key("c");
    for _ in 0..3 {
        use_key(&server, &key, "?cost=2").expect_status(200);
    }
    use_key(&server, &gone, "").expect_status(200);
    ada.revoke(&gone.id).expect_status(200);
    use_key(&server, &gone, "").expect_status(401);
    let server = server.restart();
    let printed = |arguments: &[&str]| {
        let lines = server.setup.run(arguments, "").expect_code(0).stdout;
        lines.lines().map(ToOwned::to_owned).collect::<Vec<_>>()
    };

    let owner = text(&ada.at(&server).get("/api/v1/auth/session").json(), "id");
    let lines = printed(&["usage"]);
    assert_eq!(lines.len(), 4, "{lines:#?}");
    assert!(lines[0].starts_with("ID\tOWNER\tPREFIX\tSTATE\tACCEPTED\tCOST\tREFUSED\t"));
    let of = |id: &str| lines.iter().find(|line| line.starts_with(id)).expect("its line");
    assert!(of(&key.id).contains("\tactive\t3\t6\t0\t"), "{}", of(&key.id));
    assert!(of(&gone.id).contains("\trevoked\t1\t1\trevoked=1\t"), "{}", of(&gone.id));

    let lines = printed(&["usage", "--owner", &owner, "--csv"]);
    let [head, of_key, of_gone] = &lines[..] else { panic!("{lines:#?}") };
    assert_eq!(
        head,
        "key_id,owner,key_prefix,state,accepted,cost,refused_disabled,refused_expired,refused_revoked,\
         refused_suspended,refused_network,refused_scope,refused_rate,refused_credits,last_used_at,name"
    );
    assert!(of_key.starts_with(&format!("{},\"{owner}\",", key.id)), "{of_key}");
    assert!(of_key.contains(",active,3,6,0,0,0,0,0,0,0,0,"), "{of_key}");
    assert!(of_key.ends_with(",\"'=a, \"\"b\"\"\""), "{of_key}");
    assert!(of_gone.contains(",revoked,1,1,0,0,1,0,0,0,0,0,"), "{of_gone}");
}

fn a_killed_server_loses_what_it_had_not_written_and_counts_nothing_twice(setup: Setup) {
    let server = setup.start();
    let ada = server.sign_up(ADA);
    let key = ada.create_key("a");
    let path = usage_path(&key);
    use_key(&server, &key, "").expect_status(200);
    eventually(SOON, "the first use", || usage_at(&ada, &path).0 == 1);
    for _ in 0..9 {
        use_key(&server, &key, "").expect_status(200);
    }
    let (_, setup) = server.kill();
    let server = setup.start().restart();
    let accepted = usage_at(&ada.at(&server), &path).0;
    assert!((1..=10).contains(&accepted), "{accepted}");
}

#[test]
fn usage_of_three_instances_adds_up_to_the_last_call() {
    const CALLS: u64 = 400;
    let (_database, servers) = three();
    let ada = servers[0].sign_up(ADA);
    let keys = [ada.create_key("a"), ada.create_key("b")];
    thread::scope(|scope| {
        for server in &servers {
            scope.spawn(|| {
                for key in &keys {
                    for _ in 0..CALLS {
                        use_key(server, key, "?cost=3").expect_status(200);
                    }
                    use_key(server, key, "?scope=a").expect_status(200);
                }
            });
        }
    });
    let mut left = servers;
    let last = left.pop().expect("three");
    for server in left {
        server.stop().0.expect_code(0);
    }
    let last = last.restart();
    let accepted = 3 * (CALLS + 1);
    let of_key = counted(accepted, 3 * (3 * CALLS + 1), &[]);
    for key in &keys {
        assert_eq!(usage_at(&ada.at(&last), &usage_path(key)), of_key);
    }
    assert_eq!(usage_at(&ada.at(&last), USAGE).0, 2 * accepted);
}

fn a_backend_reads_usage_by_a_right_of_its_own(setup: Setup) {
    let server = setup.start();
    let backend = server.backend("keys:write,usage:read", "user_*");
    let key = backend.create_key("user_1", &json!({ "name": "a" }));
    use_key(&server, &key, "").expect_status(200);
    let server = server.restart();
    let backend = backend.at(server.address);
    let of_key = key_of("user_1", &key.id);
    let paths = [format!("{of_key}/usage"), "/api/v1/admin/owners/user_1/usage".to_owned()];
    for path in &paths {
        assert_eq!(sum(&backend.get(path).expect_status(200).json()), counted(1, 1, &[]), "{path}");
    }
    let refusals = format!("{of_key}/refusals");
    assert_eq!(backend.get(&refusals).expect_status(200).json(), json!([]));
    let with_usage = format!("{}?include=usage", keys_of("user_1"));
    let listed = backend.get(&with_usage).expect_status(200).json();
    assert_eq!(listed[0]["usage"].as_array().map(Vec::len), Some(30));

    let only_keys = server.backend("keys:write", "*");
    for path in paths.iter().chain([&refusals, &with_usage]) {
        only_keys.get(path).expect_refusal(403, "missing_right");
    }
    let only_usage = server.backend("usage:read", "*");
    only_usage.get(&with_usage).expect_refusal(403, "missing_right");
    only_usage.get(&paths[0]).expect_status(200);
    let of_others = server.backend("usage:read", "org_*");
    of_others.get(&paths[0]).expect_refusal(403, "owner_not_allowed");
    let elsewhere = format!("{}/usage", key_of("user_2", &key.id));
    backend.get(&elsewhere).expect_refusal(404, "key_not_found");
}

fn a_period_that_makes_no_sense_is_refused(setup: Setup) {
    let server = setup.start();
    let ada = server.sign_up(ADA);
    let path = usage_path(&ada.create_key("a"));
    for query in [
        "by=week",
        "by=",
        "from=yesterday",
        "to=2026-13-01T00:00:00Z",
        "from=2026-02-02T00:00:00Z&to=2026-02-01T00:00:00Z",
        "from=2020-01-01T00:00:00Z&to=2026-01-01T00:00:00Z",
        "by=hour&from=2026-01-01T00:00:00Z&to=2026-03-01T00:00:00Z",
        "by=hour&by=day",
        "until=2026-01-01T00:00:00Z",
    ] {
        for path in [path.as_str(), USAGE] {
            ada.get(&format!("{path}?{query}")).expect_refusal(400, "invalid_request");
        }
    }
    ada.get(&format!("{path}?by=day&from=2023-06-01T00:00:00Z&to=2026-02-24T23:59:59Z"))
        .expect_status(200);
    for query in ["include=everything", "include=", "include=usage&include=usage"] {
        ada.get(&format!("{KEYS}?{query}")).expect_refusal(400, "invalid_request");
    }
}

fn nobody_reads_the_usage_of_others(setup: Setup) {
    let server = setup.start();
    let key = server.sign_up(ADA).create_key("a");
    use_key(&server, &key, "").expect_status(200);
    let server = server.restart();
    let bob = server.sign_up(BOB);
    assert_eq!(usage_at(&bob, USAGE), Counted::default());
    for call in ["usage", "refusals"] {
        let path = format!("{}/{call}", key_path(&key.id));
        bob.get(&path).expect_refusal(404, "key_not_found");
        get(&path).send(server.address).expect_refusal(401, "session_required");
    }
    get(USAGE).send(server.address).expect_refusal(401, "session_required");
    bob.get(&format!("{KEYS}/nothing/usage")).expect_refusal(404, "key_not_found");
}
