//! Heads and bodies that do not come, rows 20 and 26: 408. All of them wait at the same time.

use std::time::{Duration, Instant};

use crate::http::{Connection, Request, Response, post};
use crate::person::{ADA, KEYS, SIGN_IN};
use crate::server::Setup;

/// Ten seconds, as exactly as a busy machine keeps them. Were they counted from the last part on, the body
/// of nine parts would have eighteen.
const LIMIT: std::ops::Range<Duration> = Duration::from_millis(9_800)..Duration::from_secs(18);

on_sqlite![
    rows_20_and_26_a_body_has_ten_seconds_in_all_and_then_gets_408,
    a_head_that_does_not_end_gets_408,
];

/// What comes of sending `parts`, with a second between each and the next.
fn stalled(head: &[u8], mut connection: Connection, parts: &[&[u8]]) -> (Response, Duration) {
    let begin = Instant::now();
    connection.write(head);
    let mut writer = connection.second_hand();
    std::thread::scope(|scope| {
        scope.spawn(move || {
            for part in parts {
                writer.write(part);
                std::thread::sleep(Duration::from_secs(1));
            }
        });
        let answer = connection.read(false);
        (answer, begin.elapsed())
    })
}

fn rows_20_and_26_a_body_has_ten_seconds_in_all_and_then_gets_408(setup: Setup) {
    let server = setup.start();
    let ada = server.sign_up(ADA);
    let declared = |request: Request| request.header("Content-Length", "40");
    let chunked = |request: Request| request.header("Transfer-Encoding", "chunked");
    let typed = |path| post(path).header("Content-Type", "application/json");
    let cases: [(Request, &[&[u8]]); 4] = [
        (ada.sign(declared(typed(KEYS))), &[b"{\"name\":"]),
        (
            ada.sign(declared(typed(KEYS))),
            &[b"{", b"\"", b"n", b"a", b"m", b"e", b"\"", b":", b"\""],
        ),
        (ada.sign(chunked(typed(KEYS))), &[b"c\r\n{\"name\":\"a\"}\r\n"]),
        (declared(typed(SIGN_IN)), &[b"{"]),
    ];
    std::thread::scope(|scope| {
        for (request, parts) in cases {
            let address = server.address;
            scope.spawn(move || {
                let head = request.bytes(address);
                let (answer, took) = stalled(&head, Connection::open(address), parts);
                answer.expect_error(408);
                assert!(LIMIT.contains(&took), "{took:?}");
            });
        }
    });
    assert_eq!(ada.list().len(), 0);
}

fn a_head_that_does_not_end_gets_408(setup: Setup) {
    let server = setup.start();
    let mut connection = Connection::open(server.address);
    connection.write(b"GET /healthz HTTP/1.1\r\nHost: a\r\n");
    connection.read(false).expect_error(408);
    assert!(connection.is_closed());
}
