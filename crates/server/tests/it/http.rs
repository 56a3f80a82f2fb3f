//! A small HTTP/1.1 client that sends exactly the bytes it is told to, well-formed or not.

use std::io::{self, ErrorKind, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, SocketAddrV4, TcpStream};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::thread::sleep;
use std::time::Duration;

use serde_json::Value;

/// Longer than any limit the server promises, so that a test fails instead of hanging.
const PATIENCE: Duration = Duration::from_secs(25);

/// What requests by a Unix socket name as their host.
pub(crate) const LOCAL: SocketAddr = SocketAddr::V4(SocketAddrV4::new(Ipv4Addr::LOCALHOST, 8080));

#[derive(Debug, Clone)]
pub(crate) struct Request {
    method: String,
    target: String,
    headers: Vec<(String, Vec<u8>)>,
    body: Option<Vec<u8>>,
    host: bool,
    close: bool,
}

pub(crate) fn request(method: &str, target: &str) -> Request {
    Request {
        method: method.to_owned(),
        target: target.to_owned(),
        headers: Vec::new(),
        body: None,
        host: true,
        close: true,
    }
}

pub(crate) fn get(target: &str) -> Request {
    request("GET", target)
}

pub(crate) fn post(target: &str) -> Request {
    request("POST", target)
}

pub(crate) fn patch(target: &str) -> Request {
    request("PATCH", target)
}

pub(crate) fn delete(target: &str) -> Request {
    request("DELETE", target)
}

impl Request {
    pub(crate) fn header(mut self, name: &str, value: impl AsRef<[u8]>) -> Self {
        self.headers.push((name.to_owned(), value.as_ref().to_vec()));
        self
    }

    /// A body with a JSON content type.
    pub(crate) fn json(self, body: impl AsRef<[u8]>) -> Self {
        self.header("Content-Type", "application/json").body(body)
    }

    /// A body with a length and no content type.
    pub(crate) fn body(mut self, body: impl AsRef<[u8]>) -> Self {
        self.body = Some(body.as_ref().to_vec());
        self
    }

    pub(crate) fn without_host(mut self) -> Self {
        self.host = false;
        self
    }

    pub(crate) fn keep_alive(mut self) -> Self {
        self.close = false;
        self
    }

    pub(crate) fn method(&self) -> &str {
        &self.method
    }

    pub(crate) fn target(&self) -> &str {
        &self.target
    }

    pub(crate) fn is_head(&self) -> bool {
        self.method == "HEAD"
    }

    pub(crate) fn bytes(&self, address: SocketAddr) -> Vec<u8> {
        let mut out = format!("{} {} HTTP/1.1\r\n", self.method, self.target).into_bytes();
        if self.host {
            out.extend(format!("Host: {address}\r\n").bytes());
        }
        if self.close {
            out.extend(b"Connection: close\r\n");
        }
        for (name, value) in &self.headers {
            out.extend(name.bytes());
            out.extend(b": ");
            out.extend(value);
            out.extend(b"\r\n");
        }
        if let Some(body) = &self.body {
            out.extend(format!("Content-Length: {}\r\n", body.len()).bytes());
        }
        out.extend(b"\r\n");
        out.extend(self.body.iter().flatten());
        out
    }

    /// Sends the request on a connection of its own.
    pub(crate) fn send(&self, address: SocketAddr) -> Response {
        self.try_send(address).unwrap_or_else(|e| panic!("no answer from {address}: {e}"))
    }

    /// Sends the request by a Unix socket, on a connection of its own.
    pub(crate) fn send_by(&self, path: &Path) -> Response {
        let mut connection = Connection::by(path);
        connection.write(&self.bytes(LOCAL));
        connection.read(self.is_head())
    }

    pub(crate) fn try_send(&self, address: SocketAddr) -> io::Result<Response> {
        let mut connection = Connection::try_open(address)?;
        connection.write(&self.bytes(address));
        connection.try_read(self.is_head())
    }
}

#[derive(Debug, Clone)]
pub(crate) struct Response {
    pub(crate) status: u16,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
}

impl Response {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers_named(name).next()
    }

    pub(crate) fn headers_named(&self, name: &str) -> impl Iterator<Item = &str> {
        self.headers.iter().filter(move |(n, _)| n.eq_ignore_ascii_case(name)).map(|(_, v)| &**v)
    }

    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|e| panic!("{e} in the body of {self:?}"))
    }

    #[track_caller]
    pub(crate) fn expect_status(self, status: u16) -> Self {
        assert_eq!(self.status, status, "{self:#?}\n{}", self.text());
        self
    }

    /// The one form every error has: JSON with the single member `error`, a sentence, and a code of
    /// the status in `X-Error-Code`.
    #[track_caller]
    pub(crate) fn expect_error(self, status: u16) -> Self {
        let this = self.expect_status(status);
        let code = this.error_code();
        assert!(codes_of(status).contains(&code), "{status} with {code:?}: {this:#?}");
        this.expect_json_type();
        let body = this.json();
        let members = members(&body);
        assert_eq!(members, ["error"], "{}", this.text());
        let sentence = body["error"].as_str().unwrap_or_default();
        assert!(!sentence.trim().is_empty(), "{}", this.text());
        this
    }

    /// The same for the status and the code of one reason.
    #[track_caller]
    pub(crate) fn expect_refusal(self, status: u16, code: &str) -> Self {
        let this = self.expect_error(status);
        assert_eq!(this.error_code(), code, "{this:#?}");
        this
    }

    /// What programs are told about an error; nothing where that is told twice.
    pub(crate) fn error_code(&self) -> &str {
        let mut codes = self.headers_named("x-error-code");
        codes.next().filter(|_| codes.next().is_none()).unwrap_or_default()
    }

    #[track_caller]
    pub(crate) fn expect_json_type(&self) {
        let found = self.header("content-type").unwrap_or_default();
        assert!(found.starts_with("application/json"), "{self:#?}");
    }

    #[track_caller]
    pub(crate) fn expect_body(self, body: &str) -> Self {
        assert_eq!(self.text(), body, "{self:#?}");
        self
    }

    /// The whole value of the cookie this answer sets, if it sets exactly one.
    #[track_caller]
    pub(crate) fn set_cookie(&self) -> &str {
        let lines: Vec<_> = self.headers_named("set-cookie").collect();
        assert_eq!(lines.len(), 1, "{self:#?}");
        lines[0]
    }
}

/// The codes that errors of a status have.
const fn codes_of(status: u16) -> &'static [&'static str] {
    match status {
        400 => &["invalid_request", "wrong_password", "weak_password"],
        401 => &[
            "invalid_credentials",
            "session_required",
            "token_required",
            "invalid_token",
            "key_required",
            "invalid_key",
        ],
        403 => &[
            "cross_site",
            "insufficient_scope",
            "address_not_allowed",
            "missing_right",
            "owner_not_allowed",
            "reauthentication_required",
            "sign_up_closed",
            "rate_limited",
            "no_credits",
        ],
        404 => &["not_found", "key_not_found"],
        405 => &["method_not_allowed"],
        408 => &["timeout"],
        409 => &["limit_reached", "address_taken", "owner_suspended", "conflict"],
        413 | 414 | 431 => &["too_large"],
        415 => &["unsupported_media_type"],
        417 => &["invalid_request"],
        429 => &["rate_limited", "no_credits", "too_many_attempts"],
        500 => &["internal"],
        503 => &["unavailable"],
        _ => &[],
    }
}

/// The names of an object's members, sorted.
pub(crate) fn members(value: &Value) -> Vec<String> {
    let object = value.as_object().unwrap_or_else(|| panic!("not an object: {value}"));
    let mut names: Vec<_> = object.keys().cloned().collect();
    names.sort();
    names
}

#[derive(Debug)]
pub(crate) struct Connection {
    stream: Stream,
    unread: Vec<u8>,
}

#[derive(Debug)]
enum Stream {
    Tcp(TcpStream),
    Unix(UnixStream),
}

impl Connection {
    /// By the file of a Unix socket.
    pub(crate) fn by(path: &Path) -> Self {
        Self::try_by(path).unwrap_or_else(|e| panic!("can't connect to {}: {e}", path.display()))
    }

    pub(crate) fn try_by(path: &Path) -> io::Result<Self> {
        let stream = UnixStream::connect(path)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        stream.set_write_timeout(Some(PATIENCE))?;
        Ok(Self { stream: Stream::Unix(stream), unread: Vec::new() })
    }

    pub(crate) fn open(address: SocketAddr) -> Self {
        Self::try_open(address).unwrap_or_else(|e| panic!("can't connect to {address}: {e}"))
    }

    pub(crate) fn try_open(address: SocketAddr) -> io::Result<Self> {
        let stream = TcpStream::connect_timeout(&address, PATIENCE)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        stream.set_write_timeout(Some(PATIENCE))?;
        stream.set_nodelay(true)?;
        Ok(Self { stream: Stream::Tcp(stream), unread: Vec::new() })
    }

    /// The same connection for another thread, which can write while this one reads.
    pub(crate) fn second_hand(&self) -> Self {
        let stream = match &self.stream {
            Stream::Tcp(stream) => stream.try_clone().map(Stream::Tcp),
            Stream::Unix(stream) => stream.try_clone().map(Stream::Unix),
        };
        let stream = stream.expect("a socket can be duplicated");
        Self { stream, unread: Vec::new() }
    }

    /// Sends a request but for the end of its body, and waits until the server asks for the body.
    /// Answers the end.
    pub(crate) fn begin(&mut self, request: &Request, address: SocketAddr) -> Vec<u8> {
        let bytes = request.clone().header("Expect", "100-continue").bytes(address);
        let (begin, end) = bytes.split_at(bytes.len() - 5);
        self.write(begin);
        let interim = self.read_one(false).expect("the server answers");
        assert_eq!(interim.status, 100, "{interim:#?}");
        end.to_vec()
    }

    /// A failing write is no fault: the server may have answered and closed already. What it
    /// answered, or that it did not, shows in the read that follows.
    pub(crate) fn write(&mut self, bytes: &[u8]) {
        drop(match &mut self.stream {
            Stream::Tcp(stream) => stream.write_all(bytes),
            Stream::Unix(stream) => stream.write_all(bytes),
        });
    }

    pub(crate) fn read(&mut self, to_head: bool) -> Response {
        self.try_read(to_head).unwrap_or_else(|e| panic!("no answer: {e}"))
    }

    /// Reads the final answer; interim ones (100 Continue) are skipped.
    pub(crate) fn try_read(&mut self, to_head: bool) -> io::Result<Response> {
        loop {
            let response = self.read_one(to_head)?;
            if response.status >= 200 {
                return Ok(response);
            }
        }
    }

    /// Reads one answer, interim or final.
    pub(crate) fn read_one(&mut self, to_head: bool) -> io::Result<Response> {
        let head = self.take_through(b"\r\n\r\n")?;
        let head = String::from_utf8_lossy(&head).into_owned();
        let mut lines = head.split("\r\n").filter(|line| !line.is_empty());
        let status = lines.next().and_then(|line| line.split(' ').nth(1)?.parse().ok());
        let status = status.ok_or_else(|| io::Error::other(format!("no status in {head:?}")))?;
        let headers: Vec<_> = lines
            .filter_map(|line| line.split_once(':'))
            .map(|(name, value)| (name.to_owned(), value.trim().to_owned()))
            .collect();
        let mut response = Response { status, headers, body: Vec::new() };
        if !to_head && status >= 200 && status != 204 && status != 304 {
            response.body = self.read_body(&response)?;
        }
        Ok(response)
    }

    fn read_body(&mut self, response: &Response) -> io::Result<Vec<u8>> {
        if response.header("transfer-encoding").is_some_and(|v| v.eq_ignore_ascii_case("chunked")) {
            return self.read_chunks();
        }
        if let Some(length) = response.header("content-length") {
            return self.take(length.parse().map_err(io::Error::other)?);
        }
        self.read_to_end()?;
        Ok(std::mem::take(&mut self.unread))
    }

    fn read_chunks(&mut self) -> io::Result<Vec<u8>> {
        let mut body = Vec::new();
        loop {
            let line = self.take_through(b"\r\n")?;
            let line = String::from_utf8_lossy(&line).into_owned();
            let size = line.trim().split(';').next().unwrap_or_default();
            let size = usize::from_str_radix(size, 16).map_err(io::Error::other)?;
            let chunk = self.take(size + 2)?;
            body.extend(&chunk[..size]);
            if size == 0 {
                return Ok(body);
            }
        }
    }

    fn take_through(&mut self, end: &[u8]) -> io::Result<Vec<u8>> {
        loop {
            if let Some(at) = self.unread.windows(end.len()).position(|window| window == end) {
                return Ok(self.unread.drain(..at + end.len()).collect());
            }
            if self.fill()? == 0 {
                return Err(ErrorKind::UnexpectedEof.into());
            }
        }
    }

    fn take(&mut self, count: usize) -> io::Result<Vec<u8>> {
        while self.unread.len() < count {
            if self.fill()? == 0 {
                return Err(ErrorKind::UnexpectedEof.into());
            }
        }
        Ok(self.unread.drain(..count).collect())
    }

    fn fill(&mut self) -> io::Result<usize> {
        let mut buffer = [0; 16 * 1024];
        let count = match &mut self.stream {
            Stream::Tcp(stream) => stream.read(&mut buffer)?,
            Stream::Unix(stream) => stream.read(&mut buffer)?,
        };
        self.unread.extend(&buffer[..count]);
        Ok(count)
    }

    fn read_to_end(&mut self) -> io::Result<()> {
        while self.fill()? > 0 {}
        Ok(())
    }

    /// Whether the server has closed the connection, waiting for it to do so.
    pub(crate) fn is_closed(&mut self) -> bool {
        match self.read_to_end() {
            Ok(()) => true,
            Err(e) => {
                matches!(e.kind(), ErrorKind::ConnectionReset | ErrorKind::BrokenPipe)
            }
        }
    }
}

/// Writes to a peer that does not block as much as the peer takes, and gives up where nothing more is taken.
pub(crate) fn write_what_is_taken(peer: &mut impl Write, bytes: &[u8]) {
    let (mut left, mut patience) = (bytes, 10);
    while !left.is_empty() && patience > 0 {
        match peer.write(left) {
            Ok(count) => left = &left[count..],
            Err(error) if error.kind() == ErrorKind::WouldBlock => {
                patience -= 1;
                sleep(Duration::from_millis(1));
            }
            Err(error) => panic!("the server does not close before it is time: {error}"),
        }
    }
}
