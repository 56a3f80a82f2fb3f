//! What `/metrics` tells, and that those who watch by it ask for nothing else.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use crate::http::{get, post, request};
use crate::person::{ADA, KEYS, VERIFY, key_path};
use crate::secret::UNKNOWN;
use crate::server::{Server, Setup};

const ALERTS: &str = include_str!("../../../../deploy/alerts.yml");
const DASHBOARD: &str = include_str!("../../../../deploy/grafana.json");
const DOCUMENT: &str = include_str!("../../../../docs/operations/watching.md");

/// The whole page.
pub(crate) fn metrics(server: &Server) -> String {
    server.send(&get("/metrics")).expect_status(200).text()
}

/// One number of it.
#[track_caller]
pub(crate) fn metric(server: &Server, series: &str) -> f64 {
    let text = metrics(server);
    let line = text.lines().find_map(|line| line.strip_prefix(series)?.strip_prefix(' '));
    line.and_then(|value| value.parse().ok()).unwrap_or_else(|| panic!("no {series} in {text}"))
}

/// The same of what is counted.
#[track_caller]
fn count(server: &Server, series: &str) -> u64 {
    let number = metric(server, series);
    number.to_string().parse().unwrap_or_else(|_| panic!("{series} is {number}"))
}

/// Every kind of call once.
fn use_it(server: &Server) {
    let ada = server.sign_up(ADA);
    let key = ada.create_key("a");
    server.verify(&key.key).expect_status(200);
    server.verify(UNKNOWN).expect_error(401);
    ada.revoke(&key.id).expect_status(200);
    server.verify(&key.key).expect_error(401);
}

/// What a text calls a metric, without what histograms add to a name.
fn named_in(text: &str) -> BTreeSet<String> {
    let pattern =
        regex_lite::Regex::new(r"\b(?:latchkey|process)_[a-z0-9_]+\b").expect("a pattern");
    let whole = |name: &str| {
        let ends = ["_bucket", "_sum", "_count"];
        ends.iter().find_map(|end| name.strip_suffix(end)).unwrap_or(name).to_owned()
    };
    pattern.find_iter(text).map(|it| whole(it.as_str())).collect()
}

#[test]
fn alerts_dashboard_and_documentation_name_the_metrics_that_there_are() {
    let server = Setup::on_postgres().start();
    use_it(&server);
    let printed = metrics(&server);
    let kinds = printed.lines().filter_map(|line| line.strip_prefix("# TYPE "));
    let there: BTreeSet<String> =
        kinds.filter_map(|line| Some(line.split_once(' ')?.0.to_owned())).collect();
    for (place, text) in [("alerts", ALERTS), ("dashboard", DASHBOARD)] {
        let named = named_in(text);
        assert!(!named.is_empty(), "{place}");
        let missing: Vec<_> = named.difference(&there).collect();
        assert!(missing.is_empty(), "{place}: {missing:?} is not in {there:?}");
    }
    let described = named_in(DOCUMENT);
    assert_eq!(described.difference(&there).collect::<Vec<_>>(), Vec::<&String>::new());
    assert_eq!(there.difference(&described).collect::<Vec<_>>(), Vec::<&String>::new());
}

on_both_databases![what_keeps_verification_strict_can_be_seen,];

#[test]
fn calls_are_counted_by_their_route() {
    let server = Setup::on_sqlite().start();
    let ada = server.sign_up(ADA);
    let key = ada.create_key("a");
    server.send(&ada.sign(get(&key_path(&key.id)))).expect_status(200);
    server.send(&post(KEYS).json(r#"{"name":"b"}"#)).expect_error(401);
    server.send(&get("/nowhere/sk_live_x")).expect_error(404);
    server.send(&request("BREW", KEYS)).expect_error(405);
    server.verify(&key.key).expect_status(200);
    for (labels, expected) in [
        (r#"route="/api/v1/auth/sign-up",method="POST",status="201""#, 1),
        (r#"route="/api/v1/api-keys",method="POST",status="201""#, 1),
        (r#"route="/api/v1/api-keys",method="POST",status="401""#, 1),
        (r#"route="/api/v1/api-keys",method="other",status="405""#, 1),
        (r#"route="/api/v1/api-keys/{id}",method="GET",status="200""#, 1),
        (r#"route="unknown",method="GET",status="404""#, 1),
    ] {
        let series = format!("latchkey_http_requests_total{{{labels}}}");
        assert_eq!(count(&server, &series), expected, "{series}");
    }
    let of = r#"{route="/api/v1/api-keys",method="POST"}"#;
    assert_eq!(count(&server, &format!("latchkey_http_request_duration_seconds_count{of}")), 2);
    assert!(metric(&server, &format!("latchkey_http_request_duration_seconds_sum{of}")) > 0.0);
    let all = metrics(&server);
    for text in ["sk_live", "BREW", &key.id, "/api/v1/verify"] {
        assert!(!all.contains(text), "{text} is in {all}");
    }
}

fn what_keeps_verification_strict_can_be_seen(setup: Setup) {
    let server = setup.start();
    eventually("a heartbeat", || {
        metric(&server, r#"latchkey_heartbeats_total{result="ok"}"#) > 1.0
    });
    assert_eq!(count(&server, "latchkey_instances"), 1);
    assert_eq!(count(&server, "latchkey_registrations_total"), 1);
    assert!(metric(&server, "latchkey_heartbeat_duration_seconds_sum") > 0.0);
    let before = metric(&server, "latchkey_change_number");
    use_it(&server);
    assert!(metric(&server, "latchkey_change_number") > before);
    assert!(metric(&server, "latchkey_barrier_duration_seconds_count") >= 1.0);
    let reason = |name: &str| {
        count(&server, &format!("latchkey_verify_cache_miss_reasons_total{{reason=\"{name}\"}}"))
    };
    // The key and the unknown one, then the key again after its revoke.
    assert_eq!((reason("not_seen"), reason("changed")), (2, 1));
}

#[test]
fn a_listener_for_metrics_verifies_no_key() {
    let server = Setup::on_sqlite().with("LATCHKEY_METRICS_LISTEN", "127.0.0.1:0").start();
    let key = server.sign_up(ADA).create_key("a").key;
    let address = server.listener_for("/metrics");
    server.verify(&key).expect_status(200);
    for path in [VERIFY, KEYS, "/", "/healthz"] {
        get(path).header("x-api-key", &key).send(address).expect_status(404);
    }
}

#[test]
fn the_process_tells_of_itself() {
    let server = Setup::on_sqlite().start();
    assert_eq!(count(&server, "latchkey_ready"), 1);
    let version = format!("latchkey_build_info{{version=\"{}\"}}", env!("CARGO_PKG_VERSION"));
    assert_eq!(count(&server, &version), 1);
    assert!(metric(&server, "process_resident_memory_bytes") > 1e6);
    assert!(metric(&server, "process_cpu_seconds_total") > 0.0);
    assert!(metric(&server, "process_start_time_seconds") > 1.7e9);
    let open = metric(&server, "process_open_fds");
    assert!(open > 3.0 && open < metric(&server, "process_max_fds"), "{open}");
}

#[track_caller]
fn eventually(what: &str, is_so: impl Fn() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(10);
    while !is_so() {
        assert!(Instant::now() < deadline, "never: {what}");
        std::thread::sleep(Duration::from_millis(20));
    }
}
