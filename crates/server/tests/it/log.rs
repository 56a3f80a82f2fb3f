//! The log and the greeting are for show: whatever becomes of them, answers and the stop go on.

use std::fs::OpenOptions;
use std::io;
use std::process::Stdio;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::database::Database;
use crate::http::{get, post};
use crate::person::{ADA, ADAS_PASSWORD, KEYS, VERIFY, rotate_path};
use crate::server::{Server, Setup};

#[test]
fn the_trace_of_a_request_is_in_its_line() {
    let server = Setup::on_sqlite().start();
    let trace = "4bf92f3577b34da6a3ce929d0e0e4736";
    let traced = |parent: String| post(KEYS).json(r#"{"name":"a"}"#).header("traceparent", parent);
    server.send(&traced(format!("00-{trace}-00f067aa0ba902b7-01"))).expect_error(401);
    server.send(&traced(format!("00-{trace}-0000000000000000-01"))).expect_error(401);
    let (finished, _) = server.stop();
    let lines: Vec<_> = lines_of(&finished.text, "request");
    let told: Vec<_> = lines.iter().map(|line| line.get("trace_id")).collect();
    assert_eq!(told, [Some(&json!(trace)), None], "{lines:?}");
}

#[test]
fn an_outage_is_a_few_lines_that_count_every_failure_and_tell_the_cause() {
    let database = Database::private_postgres();
    let Database::Private(cluster) = &database else { panic!("{database:?}") };
    let server = Setup::on(database.clone()).start();
    let ada = server.sign_up(ADA);
    let key = ada.create_key("a");
    cluster.stop_immediately();
    let failed = AtomicU64::new(0);
    let deadline = Instant::now() + Duration::from_secs(20);
    std::thread::scope(|scope| {
        for _ in 0..24 {
            scope.spawn(|| {
                while failed.load(Ordering::Relaxed) < 2_000 && Instant::now() < deadline {
                    for call in [get(VERIFY).header("x-api-key", &key.key), ada.sign(get(KEYS))] {
                        let answer = server.send(&call);
                        failed.fetch_add(u64::from(answer.status == 503), Ordering::Relaxed);
                    }
                }
            });
        }
    });
    let (finished, _) = server.stop();
    let failed = failed.into_inner();
    assert!(failed > 100, "only {failed} failed");

    let errors: Vec<_> =
        finished.text.lines().filter(|it| it.contains(r#""level":"ERROR""#)).collect();
    assert!(errors.len() <= 50, "{} lines for {failed} failures: {errors:#?}", errors.len());
    let first = lines_of(&finished.text, "request failed");
    let late = lines_of(&finished.text, "no answer in time");
    let more = lines_of(&finished.text, "more requests failed");
    let others = lines_of(&finished.text, "more requests failed, of other causes");
    let counted: u64 = more.iter().chain(&others).filter_map(|line| line["count"].as_u64()).sum();
    let logged = u64::try_from(first.len() + late.len()).expect("a few");
    assert_eq!(counted + logged, failed, "{errors:#?}");
    for line in first {
        let cause = line["cause"].as_str().expect("a cause");
        assert!(cause.starts_with("the store failed: "), "{cause}");
    }
    for line in
        lines_of(&finished.text, "heartbeat failed: the cache stops answering when the lease ends")
    {
        let cause = line["error"].as_str().expect("a cause");
        assert!(cause.starts_with("the store failed: "), "{cause}");
    }
}

/// The lines of a log with this message.
fn lines_of(log: &str, message: &str) -> Vec<Value> {
    log.lines()
        .filter_map(|line| serde_json::from_str::<Value>(line).ok())
        .filter(|line| line["message"] == message)
        .collect()
}

#[test]
fn a_log_whose_reader_died_loses_no_answer_and_no_stop() {
    let (reader, writer) = io::pipe().expect("a pipe");
    let server = Setup::on_sqlite().start_printing_to(Stdio::piped(), writer.into());
    drop(reader);
    everything_is_answered(&server);
    assert!(lost_lines(&server) > 0);
    server.stop().0.expect_code(0);
}

#[test]
fn a_log_and_a_greeting_that_cannot_be_written_keep_nothing_from_starting() {
    let full = || Stdio::from(OpenOptions::new().write(true).open("/dev/full").expect("it opens"));
    let server = Setup::on_sqlite().start_printing_to(full(), full());
    everything_is_answered(&server);
    assert!(lost_lines(&server) > 0);
    server.stop().0.expect_code(0);
}

#[test]
fn a_log_that_nobody_reads_holds_nothing_up() {
    let setup = Setup::on_sqlite();
    let (reader, writer) = io::pipe().expect("a pipe");
    let setup = setup.with("LATCHKEY_LOG", "trace");
    let server = setup.start_printing_to(Stdio::piped(), writer.into());
    // Far more lines than a pipe and the lines that may wait have room for.
    while lost_lines(&server) == 0 {
        for _ in 0..100 {
            server.send(&get("/nothing")).expect_error(404);
        }
    }
    everything_is_answered(&server);
    server.stop().0.expect_code(0);
    drop(reader);
}

/// Every kind of call that leaves a line in the log.
fn everything_is_answered(server: &Server) {
    let ada = server.sign_up(ADA);
    server.sign_in(ADA, "a wrong password").expect_error(401);
    server.sign_in(ADA, ADAS_PASSWORD).expect_status(200);
    let old = ada.create_key("a");
    server.verify(&old.key).expect_status(200);
    let rotate = ada.sign(post(&rotate_path(&old.id)).json(r#"{"overlapSeconds":0}"#));
    let new = server.send(&rotate).expect_status(201).json();
    let new = new["key"].as_str().expect("a key");
    server.verify(&old.key).expect_error(401);
    server.verify(new).expect_status(200);
    server.send(&post("/api/v1/leaks").json(json!({ "key": new }).to_string())).expect_status(200);
    server.verify(new).expect_error(401);
}

fn lost_lines(server: &Server) -> u64 {
    let metrics = server.send(&get("/metrics")).expect_status(200).text();
    let line = metrics.lines().find_map(|it| it.strip_prefix("latchkey_log_lines_lost_total "));
    line.expect("the lost lines are counted").parse().expect("a number")
}
