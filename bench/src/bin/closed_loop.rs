//! Verifications one after the other on each of some connections that are kept, over TCP or by a Unix socket.
//!
//! `closed_loop ADDRESS KEYS SECONDS CONNECTIONS`. ADDRESS is like `127.0.0.1:8080` or `unix:/path`. KEYS is a file with
//! a key on each line.

use std::error::Error;
use std::io::{self, Write as _};
use std::time::{Duration, Instant};
use std::{env, fs};

use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::{TcpStream, UnixStream};

type Failure = Box<dyn Error + Send + Sync>;

const HEAD_END: &[u8] = b"\r\n\r\n";
const LENGTH: &[u8] = b"content-length: ";

/// What one connection did.
#[derive(Default)]
struct Done {
    latencies: Vec<Duration>,
    refused: usize,
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Failure> {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let [address, keys, seconds, connections] = arguments.as_slice() else {
        return Err("closed_loop ADDRESS KEYS SECONDS CONNECTIONS".into());
    };
    let (seconds, connections): (f64, usize) = (seconds.parse()?, connections.parse()?);
    let keys = fs::read_to_string(keys)?;
    let requests: &[String] = keys.lines().map(request).collect::<Vec<_>>().leak();
    let begin = Instant::now();
    let end = begin + Duration::from_secs_f64(seconds);
    let mut tasks = Vec::new();
    for first in 0..connections {
        // Each has keys of its own.
        let requests = requests.iter().cycle().skip(first * requests.len() / connections);
        let address = address.clone();
        tasks.push(tokio::spawn(async move {
            if let Some(path) = address.strip_prefix("unix:") {
                return ask(UnixStream::connect(path).await?, requests, end).await;
            }
            let stream = TcpStream::connect(&address).await?;
            stream.set_nodelay(true)?;
            ask(stream, requests, end).await
        }));
    }
    let mut all = Done::default();
    for task in tasks {
        let done = task.await??;
        all.latencies.extend(done.latencies);
        all.refused += done.refused;
    }
    let took = begin.elapsed().as_secs_f64();
    all.latencies.sort_unstable();
    let part = |percent: usize| {
        let latency = all.latencies.get(all.latencies.len().saturating_sub(1) * percent / 100);
        latency.map_or(f64::NAN, |latency| latency.as_secs_f64() * 1e3)
    };
    writeln!(
        io::stdout(),
        r#"{{"p50": {:.3}, "p99": {:.3}, "answers": {}, "refused": {}, "seconds": {took:.3}}}"#,
        part(50),
        part(99),
        all.latencies.len(),
        all.refused,
    )?;
    Ok(())
}

fn request(key: &str) -> String {
    format!("GET /api/v1/verify HTTP/1.1\r\nHost: localhost\r\nx-api-key: {key}\r\n\r\n")
}

async fn ask(
    mut stream: impl AsyncRead + AsyncWrite + Unpin,
    requests: impl Iterator<Item = &String>,
    end: Instant,
) -> io::Result<Done> {
    let (mut done, mut answer) = (Done::default(), Vec::with_capacity(4096));
    for request in requests {
        let sent = Instant::now();
        if sent >= end {
            break;
        }
        stream.write_all(request.as_bytes()).await?;
        answer.clear();
        while !is_whole(&answer)? {
            if stream.read_buf(&mut answer).await? == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
        }
        done.latencies.push(sent.elapsed());
        done.refused += usize::from(!answer.starts_with(b"HTTP/1.1 200 "));
    }
    Ok(done)
}

/// Whether an answer has come to its end.
fn is_whole(answer: &[u8]) -> io::Result<bool> {
    let Some(head) = position(answer, HEAD_END) else { return Ok(false) };
    let length = position(answer, LENGTH).and_then(|at| answer.get(at + LENGTH.len()..));
    let length = length.and_then(|rest| rest.split(|byte| *byte == b'\r').next());
    let length = length.and_then(|digits| str::from_utf8(digits).ok()?.parse::<usize>().ok());
    let length = length.ok_or_else(|| io::Error::other("an answer without a length"))?;
    Ok(answer.len() >= head + HEAD_END.len() + length)
}

fn position(bytes: &[u8], wanted: &[u8]) -> Option<usize> {
    bytes.windows(wanted.len()).position(|it| it == wanted)
}
