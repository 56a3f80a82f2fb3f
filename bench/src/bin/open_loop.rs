//! Verifications at a fixed rate, however long earlier ones take to be answered.
//!
//! `open_loop ADDRESS KEYS RATE SECONDS CONNECTIONS`. KEYS is a file with a key on each line. A
//! latency counts from the instant at which the request was due, so a server that stalls is charged
//! for all that had to wait.

use std::error::Error;
use std::io::{self, BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::time::{Duration, Instant};
use std::{env, fs, thread};

type Failure = Box<dyn Error + Send + Sync>;

/// A sleeping thread wakes up late by about this long; it waits that long awake.
const WAKING: Duration = Duration::from_micros(150);

/// Latency, and whether the key was accepted.
type Answer = (Duration, bool);

// A thread for each connection, since Tokio's timers are only good to a millisecond.
fn main() -> Result<(), Failure> {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let [address, keys, rate, seconds, connections] = arguments.as_slice() else {
        return Err("open_loop ADDRESS KEYS RATE SECONDS CONNECTIONS".into());
    };
    let (rate, seconds, connections) =
        (rate.parse::<u32>()?, seconds.parse::<u32>()?, connections.parse()?);
    let requests: Vec<String> = fs::read_to_string(keys)?.lines().map(request).collect();
    let start = Instant::now() + Duration::from_millis(100);
    let schedule = || {
        let due = (0..rate * seconds).map(|turn| start + Duration::from_secs(turn.into()) / rate);
        due.zip(requests.iter().cycle())
    };
    let answers: io::Result<Vec<Vec<Answer>>> = thread::scope(|scope| {
        let threads: Vec<_> = (0..connections)
            .map(|first| {
                scope.spawn(move || ask(address, schedule().skip(first).step_by(connections)))
            })
            .collect();
        threads.into_iter().map(|thread| thread.join().expect("it does not panic")).collect()
    });
    let answers = answers?.concat();
    let mut latencies: Vec<Duration> =
        answers.iter().map(|(latency, _accepted)| *latency).collect();
    latencies.sort_unstable();
    let part = |percent: usize| {
        let latency = latencies.get(latencies.len().saturating_sub(1) * percent / 100);
        latency.map_or(f64::NAN, |latency| latency.as_secs_f64() * 1e3)
    };
    let refused = answers.iter().filter(|(_latency, accepted)| !accepted).count();
    writeln!(
        io::stdout(),
        r#"{{"p50": {:.3}, "p99": {:.3}, "max": {:.3}, "answers": {}, "refused": {refused}}}"#,
        part(50),
        part(99),
        part(100),
        answers.len(),
    )?;
    Ok(())
}

fn request(key: &str) -> String {
    format!("GET /api/v1/verify HTTP/1.1\r\nHost: localhost\r\nx-api-key: {key}\r\n\r\n")
}

fn ask(
    address: &str,
    schedule: impl Iterator<Item = (Instant, impl AsRef<[u8]>)>,
) -> io::Result<Vec<Answer>> {
    let mut stream = BufReader::new(TcpStream::connect(address)?);
    stream.get_ref().set_nodelay(true)?;
    schedule
        .map(|(due, request)| {
            wait_until(due);
            stream.get_mut().write_all(request.as_ref())?;
            let accepted = read_answer(&mut stream)?;
            Ok((due.elapsed(), accepted))
        })
        .collect()
}

fn wait_until(due: Instant) {
    thread::sleep(due.saturating_duration_since(Instant::now()).saturating_sub(WAKING));
    while Instant::now() < due {
        thread::yield_now();
    }
}

fn read_answer(stream: &mut BufReader<TcpStream>) -> io::Result<bool> {
    let mut line = String::new();
    stream.read_line(&mut line)?;
    let accepted = line.starts_with("HTTP/1.1 200 ");
    let mut length = 0;
    loop {
        line.clear();
        stream.read_line(&mut line)?;
        match line.trim_end().split_once(": ") {
            Some((name, value)) if name.eq_ignore_ascii_case("content-length") => {
                length = value.parse().map_err(io::Error::other)?;
            }
            Some(_other_header) => {}
            None if line.is_empty() => return Err(io::ErrorKind::UnexpectedEof.into()),
            None => break,
        }
    }
    io::copy(&mut stream.by_ref().take(length), &mut io::sink())?;
    Ok(accepted)
}
