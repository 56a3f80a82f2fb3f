//! A small HTTP/1.1 client that says when it sent and when it was answered.

use std::io;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::timeout;

use super::instance::Instance;

/// What each verification requires.
const SCOPE: &str = "chaos:read";
/// Longer than an instance is stopped and then may take for a verification; what it doesn't answer
/// in this time is as good as cut off.
const PATIENCE: Duration = Duration::from_secs(12);

/// A keep-alive connection to one instance, made when it is needed.
#[derive(Debug)]
pub(crate) struct Client {
    pub(crate) instance: Arc<Instance>,
    connection: Option<TcpStream>,
}

#[derive(Debug)]
pub(crate) struct Answer {
    /// Before the first byte was written.
    pub(crate) sent: Instant,
    /// After the last byte was read.
    pub(crate) received: Instant,
    pub(crate) status: u16,
    pub(crate) head: String,
    pub(crate) body: Vec<u8>,
}

impl Answer {
    /// Whether it says neither yes nor no, as it may when something is in trouble.
    pub(crate) fn is_unavailable(&self) -> bool {
        self.status == 503
    }
}

impl Client {
    pub(crate) fn new(instance: &Arc<Instance>) -> Self {
        Self { instance: Arc::clone(instance), connection: None }
    }

    /// Asks for [`SCOPE`] too, which keys that are not narrowed may have.
    pub(crate) async fn verify(&mut self, secret: &str) -> io::Result<Answer> {
        let path = format!("/api/v1/verify?scope={SCOPE}");
        self.send("GET", &path, &format!("x-api-key: {secret}\r\n"), "").await
    }

    /// Sends a request; `headers` end in a line break each.
    pub(crate) async fn send(
        &mut self,
        method: &str,
        path: &str,
        headers: &str,
        body: &str,
    ) -> io::Result<Answer> {
        let length = body.len();
        let request = format!(
            "{method} {path} HTTP/1.1\r\nHost: {}\r\n{headers}Content-Length: {length}\r\n\r\n{body}",
            self.instance.address()
        );
        match timeout(PATIENCE, self.exchange(request.as_bytes())).await {
            Ok(answer) => answer,
            Err(elapsed) => Err(io::Error::new(io::ErrorKind::TimedOut, elapsed)),
        }
    }

    async fn exchange(&mut self, request: &[u8]) -> io::Result<Answer> {
        // Taken out, so that one on which anything fails, or that is given up, is used no more.
        let mut connection = match self.connection.take() {
            Some(open) => open,
            None => self.connect().await?,
        };
        let sent = Instant::now();
        connection.write_all(request).await?;
        let answer = read(&mut connection, sent).await?;
        if !answer.head.to_ascii_lowercase().contains("\r\nconnection: close") {
            self.connection = Some(connection);
        }
        Ok(answer)
    }

    async fn connect(&self) -> io::Result<TcpStream> {
        let connection = TcpStream::connect(self.instance.address()).await?;
        connection.set_nodelay(true)?;
        Ok(connection)
    }
}

async fn read(connection: &mut TcpStream, sent: Instant) -> io::Result<Answer> {
    let mut bytes = Vec::with_capacity(1024);
    let head = loop {
        if let Some(head) = head_of_whole_answer(&bytes)? {
            break head;
        }
        if connection.read_buf(&mut bytes).await? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
    };
    let received = Instant::now();
    let body = bytes.split_off(head);
    let head = String::from_utf8(bytes).map_err(io::Error::other)?;
    let status = head.split(' ').nth(1).and_then(|status| status.parse().ok());
    let status = status.ok_or_else(|| io::Error::other(format!("no status in {head:?}")))?;
    Ok(Answer { sent, received, status, head, body })
}

/// How long the head is, its empty line included, once the whole answer is there.
fn head_of_whole_answer(bytes: &[u8]) -> io::Result<Option<usize>> {
    let Some(at) = bytes.windows(4).position(|window| window == b"\r\n\r\n") else {
        return Ok(None);
    };
    let head = str::from_utf8(&bytes[..at]).map_err(io::Error::other)?;
    let length = head.lines().find_map(|line| {
        let (name, value) = line.split_once(':')?;
        name.eq_ignore_ascii_case("content-length").then(|| value.trim().parse::<usize>())
    });
    let length = length.ok_or_else(|| io::Error::other(format!("no length in {head:?}")))?;
    let length = length.map_err(io::Error::other)?;
    Ok((bytes.len() >= at + 4 + length).then_some(at + 4))
}
