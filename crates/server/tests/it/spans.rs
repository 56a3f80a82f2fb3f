//! A collector of OpenTelemetry gets a span for each sampled request.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread;
use std::time::{Duration, Instant};

use crate::http::{Request, get};
use crate::person::{ADA, VERIFY};
use crate::server::{Server, Setup};

const PATIENCE: Duration = Duration::from_secs(20);
const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";

#[test]
fn a_sampled_verification_is_told_as_part_of_its_callers_trace() {
    let (server, told) = start(Setup::on_sqlite());
    let key = server.sign_up(ADA).create_key("a").key;
    for _miss_and_hit in 0..2 {
        server.send(&verify(&key, "01")).expect_status(200);
    }
    server.send(&verify("sk_live_nonsense", "01")).expect_error(401);
    let spans = told_until(&told, |spans| count(spans, &trace_bytes()) == 3);
    assert_eq!(count(&spans, b"GET /api/v1/verify"), 3);
    assert_eq!(count(&spans, b"invalid_key"), 1, "{}", String::from_utf8_lossy(&spans));
    assert_eq!(count(&spans, key.as_bytes()), 0);
}

#[test]
fn a_request_that_is_not_sampled_is_not_told() {
    let (server, told) =
        start(Setup::on_sqlite().with("OTEL_TRACES_SAMPLER", "parentbased_always_off"));
    let key = server.sign_up(ADA).create_key("a").key;
    server.verify(&key).expect_status(200);
    server.send(&verify(&key, "00")).expect_status(200);
    server.send(&verify(&key, "01")).expect_status(200);
    // A clean stop sends what waits.
    let (finished, _setup) = server.stop();
    finished.expect_code(0);
    let spans: Vec<u8> = told.try_iter().flatten().collect();
    assert_eq!(count(&spans, &trace_bytes()), 1);
    assert_eq!(count(&spans, b"GET /api/v1/verify"), 1);
    assert_eq!(count(&spans, b"POST"), 0, "signing up is no part of a sampled trace");
}

#[test]
fn a_collector_that_is_away_keeps_nothing_from_being_answered() {
    let setup = Setup::on_sqlite();
    let nobody = TcpListener::bind("127.0.0.1:0").and_then(|it| it.local_addr());
    let nobody = format!("http://{}", nobody.expect("a free port"));
    let setup =
        setup.with("OTEL_EXPORTER_OTLP_ENDPOINT", &nobody).with("OTEL_BSP_SCHEDULE_DELAY", "50");
    let server = setup.start();
    let key = server.sign_up(ADA).create_key("a").key;
    for _call in 0..10 {
        server.verify(&key).expect_status(200);
    }
    let (finished, _setup) = server.stop();
    finished.expect_code(0);
}

fn start(setup: Setup) -> (Server, Receiver<Vec<u8>>) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = listener.local_addr().expect("it is bound");
    let (tell, told) = channel();
    thread::spawn(move || {
        for stream in listener.incoming().map_while(Result::ok) {
            let tell = tell.clone();
            thread::spawn(move || collect(&stream, &tell));
        }
    });
    let setup = setup
        .with("OTEL_EXPORTER_OTLP_ENDPOINT", &format!("http://{address}"))
        .with("OTEL_BSP_SCHEDULE_DELAY", "50");
    (setup.start(), told)
}

/// Answers what is posted on a connection, and tells the bodies.
fn collect(stream: &TcpStream, tell: &Sender<Vec<u8>>) -> Option<()> {
    let mut reader = BufReader::new(stream);
    let mut writer = stream;
    loop {
        let mut length = 0;
        loop {
            let mut line = String::new();
            reader.read_line(&mut line).ok().filter(|count| *count > 0)?;
            if line == "\r\n" {
                break;
            }
            let (name, value) = line.split_once(':').unwrap_or_default();
            if name.eq_ignore_ascii_case("content-length") {
                length = value.trim().parse().ok()?;
            }
        }
        let mut body = vec![0; length];
        reader.read_exact(&mut body).ok()?;
        tell.send(body).ok()?;
        writer.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n").ok()?;
    }
}

/// All that was told, when it is enough.
fn told_until(told: &Receiver<Vec<u8>>, is_enough: impl Fn(&[u8]) -> bool) -> Vec<u8> {
    let deadline = Instant::now() + PATIENCE;
    let mut all = Vec::new();
    while !is_enough(&all) {
        let left = deadline.saturating_duration_since(Instant::now());
        let body = told.recv_timeout(left);
        all.extend(
            body.unwrap_or_else(|_| panic!("not enough: {}", String::from_utf8_lossy(&all))),
        );
    }
    all
}

fn verify(key: &str, flags: &str) -> Request {
    let parent = format!("00-{TRACE}-00f067aa0ba902b7-{flags}");
    get(VERIFY).header("x-api-key", key).header("traceparent", parent)
}

/// How it looks in what is sent.
fn trace_bytes() -> Vec<u8> {
    TRACE
        .as_bytes()
        .chunks(2)
        .map(|hex| str::from_utf8(hex).ok().and_then(|hex| u8::from_str_radix(hex, 16).ok()))
        .collect::<Option<_>>()
        .expect("hexadecimal digits")
}

fn count(all: &[u8], part: &[u8]) -> usize {
    all.windows(part.len()).filter(|window| *window == part).count()
}
