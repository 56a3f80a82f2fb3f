//! The log and the greeting are for show: whatever becomes of them, answers and the stop go on.

use std::fs::OpenOptions;
use std::io;
use std::process::Stdio;

use serde_json::json;

use crate::http::{get, post};
use crate::person::{ADA, ADAS_PASSWORD, rotate_path};
use crate::server::{Server, Setup};

on_both_databases![
    a_log_whose_reader_died_loses_no_answer_and_no_stop,
    a_log_and_a_greeting_that_cannot_be_written_keep_nothing_from_starting,
    a_log_that_nobody_reads_holds_nothing_up,
];

fn a_log_whose_reader_died_loses_no_answer_and_no_stop(setup: Setup) {
    let (reader, writer) = io::pipe().expect("a pipe");
    let server = setup.start_printing_to(Stdio::piped(), writer.into());
    drop(reader);
    everything_is_answered(&server);
    assert!(lost_lines(&server) > 0);
    server.stop().0.expect_code(0);
}

fn a_log_and_a_greeting_that_cannot_be_written_keep_nothing_from_starting(setup: Setup) {
    let full = || Stdio::from(OpenOptions::new().write(true).open("/dev/full").expect("it opens"));
    let server = setup.start_printing_to(full(), full());
    everything_is_answered(&server);
    assert!(lost_lines(&server) > 0);
    server.stop().0.expect_code(0);
}

fn a_log_that_nobody_reads_holds_nothing_up(setup: Setup) {
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
