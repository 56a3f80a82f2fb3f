//! HTTP/1.1 with stamps: when a request was sent, and when its answer was there.

use std::io;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::TcpStream;
use tokio::time::timeout;

use crate::instance::Instance;

/// Talks to one instance, on one connection as long as that lasts.
#[derive(Debug)]
pub(crate) struct Client {
    pub(crate) instance: Arc<Instance>,
    connection: Option<BufReader<TcpStream>>,
}

#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) head: String,
    pub(crate) body: String,
    /// Before the first byte of the request was written.
    pub(crate) sent: Instant,
    /// After the last byte of the answer was read.
    pub(crate) received: Instant,
}

impl Client {
    pub(crate) fn of(instance: &Arc<Instance>) -> Self {
        Self { instance: Arc::clone(instance), connection: None }
    }

    /// Sends a request, given by its first line and what follows the host, and reads the answer.
    /// An error says that there was none in time; the request may have been obeyed.
    pub(crate) async fn ask(
        &mut self,
        line: &str,
        rest: &str,
        patience: Duration,
    ) -> io::Result<Answer> {
        let address = self.instance.address();
        let request = format!("{line} HTTP/1.1\r\nHost: {address}\r\n{rest}");
        let kept = self.connection.take();
        let exchange = async {
            let mut connection = match kept {
                Some(connection) => connection,
                None => open(self.instance.address()).await?,
            };
            let sent = Instant::now();
            connection.get_mut().write_all(request.as_bytes()).await?;
            let answer = read(&mut connection, sent).await?;
            io::Result::Ok((answer, connection))
        };
        let (answer, connection) = timeout(patience, exchange).await.map_err(late)??;
        self.connection = Some(connection);
        Ok(answer)
    }

    pub(crate) async fn verify(&mut self, key: &str, patience: Duration) -> io::Result<Answer> {
        self.ask("GET /api/v1/verify", &format!("x-api-key: {key}\r\n\r\n"), patience).await
    }
}

fn late(elapsed: tokio::time::error::Elapsed) -> io::Error {
    io::Error::new(io::ErrorKind::TimedOut, elapsed)
}

async fn open(address: std::net::SocketAddr) -> io::Result<BufReader<TcpStream>> {
    let stream = TcpStream::connect(address).await?;
    stream.set_nodelay(true)?;
    Ok(BufReader::new(stream))
}

async fn read(connection: &mut BufReader<TcpStream>, sent: Instant) -> io::Result<Answer> {
    let mut head = String::new();
    while !head.ends_with("\r\n\r\n") {
        if connection.read_line(&mut head).await? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
    }
    let status = head.split(' ').nth(1).and_then(|status| status.parse().ok());
    let length = header(&head, "content-length").and_then(|length| length.parse().ok());
    let (Some(status), Some(length)) = (status, length) else {
        return Err(io::Error::other(format!("no status or length in {head:?}")));
    };
    let mut body = vec![0; length];
    connection.read_exact(&mut body).await?;
    let received = Instant::now();
    let body = String::from_utf8(body).map_err(io::Error::other)?;
    Ok(Answer { status, head, body, sent, received })
}

pub(crate) fn header<'a>(head: &'a str, name: &str) -> Option<&'a str> {
    let headers = head.lines().filter_map(|line| line.split_once(':'));
    let mut named = headers.filter(|(found, _)| found.eq_ignore_ascii_case(name));
    named.next().map(|(_, value)| value.trim())
}
