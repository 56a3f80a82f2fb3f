//! A small HTTP/1.1 client: one request on a connection of its own.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use serde_json::Value;

/// Longer than any limit the guard promises, so that a test fails instead of hanging.
const PATIENCE: Duration = Duration::from_secs(20);

pub(crate) type Header<'a> = (&'a str, &'a str);

#[derive(Debug)]
pub(crate) struct Response {
    pub(crate) status: u16,
    head: String,
    pub(crate) body: String,
}

pub(crate) fn get(address: SocketAddr, path: &str, headers: &[Header<'_>]) -> Response {
    send(address, "GET", path, headers, "")
}

pub(crate) fn send(
    address: SocketAddr,
    method: &str,
    path: &str,
    headers: &[Header<'_>],
    body: &str,
) -> Response {
    let headers: String =
        headers.iter().flat_map(|(name, value)| [name, ": ", value, "\r\n"]).collect();
    let request = format!(
        "{method} {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n{headers}Content-Length: {}\r\n\r\n{body}",
        body.len()
    );
    exchange(address, request.as_bytes())
}

/// Sends a request as it is, and reads until the server closes.
pub(crate) fn exchange(address: SocketAddr, request: &[u8]) -> Response {
    let mut stream = TcpStream::connect(address).expect("the server accepts");
    stream.set_read_timeout(Some(PATIENCE)).expect("not zero");
    stream.write_all(request).expect("the server reads");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).expect("an answer in UTF-8 and in time");
    let (head, body) = answer.split_once("\r\n\r\n").expect("a whole head");
    let status = head.split(' ').nth(1).expect("a status").parse().expect("a number");
    Response { status, head: head.to_owned(), body: body.to_owned() }
}

impl Response {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.lines(name).first().copied()
    }

    /// The value of each header of that name.
    pub(crate) fn lines(&self, name: &str) -> Vec<&str> {
        let headers = self.head.split("\r\n").skip(1).filter_map(|line| line.split_once(": "));
        let named = headers.filter(|(found, _)| found.eq_ignore_ascii_case(name));
        named.map(|(_, value)| value).collect()
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|e| panic!("{e} in {self:?}"))
    }

    #[track_caller]
    pub(crate) fn expect_status(self, status: u16) -> Self {
        assert_eq!(self.status, status, "{self:?}");
        self
    }
}
