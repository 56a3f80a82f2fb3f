mod answer;
mod unix;

use std::io;
use std::path::PathBuf;
use std::time::Duration;

use async_trait::async_trait;
use http::{HeaderValue, Request, Response, StatusCode, Uri};
use http_body_util::{BodyExt as _, Empty, Limited};
use hyper::body::{Bytes, Incoming};
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::client::legacy::{Builder, Client, Error as SendError};
use hyper_util::rt::{TokioExecutor, TokioTimer};
use latchkey_domain::{Cost, Secret};
use thiserror::Error;
use tokio::time::error::Elapsed;
use tokio::time::timeout;

use crate::hops::X_FORWARDED_FOR;
use crate::{Hops, NotVerified, Principal, Refusal, Unavailable, Verify};

const VERIFY: &str = "/api/v1/verify";
/// The most bytes that are read of an answer's head, and of its body. Latchkey's own are far smaller.
const MAX_ANSWER: usize = 16 * 1024;
/// Shorter than Latchkey and most proxies keep theirs, so that they rarely close one in use.
const KEEP_IDLE: Duration = Duration::from_secs(30);

#[cfg(not(feature = "https"))]
type Connector = HttpConnector;
#[cfg(feature = "https")]
type Connector = hyper_rustls::HttpsConnector<HttpConnector>;

/// A Latchkey elsewhere, for [`Guard::remote`](crate::Guard::remote): where it is, and how long to
/// wait for it.
#[derive(Debug, Clone)]
pub struct Remote {
    verify_url: Uri,
    time_limit: Duration,
    way: Way,
}

/// How a Latchkey is reached.
#[derive(Debug, Clone)]
enum Way {
    Network(Connector),
    /// By the file of its Unix socket.
    Unix(PathBuf),
}

/// Why a [`Remote`] was not made.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum RemoteError {
    /// The text is not the address of a Latchkey.
    #[error(
        "must be like http://host:port, without user, query or fragment, or like unix:/absolute/path"
    )]
    Address,
    /// `https://` needs the cargo feature `https` of this crate.
    #[error("https is not compiled in: enable the guard's feature https")]
    NoHttps,
    /// The operating system's certificate authorities can't be read.
    #[error("can't read the certificate authorities")]
    Authorities(#[from] io::Error),
}

impl Remote {
    /// How long a verification may take unless told otherwise.
    pub const TIME_LIMIT: Duration = Duration::from_secs(2);

    /// The Latchkey at `url`, such as `http://127.0.0.1:8080`; it may have a path. `unix:/run/latchkey/latchkey.sock` is one
    /// on the same machine, by its Unix socket.
    ///
    /// Keys travel to it as they are, so over a network that is not your own use `https://`. No
    /// proxy settings are read and no redirect is followed.
    pub fn new(url: &str) -> Result<Self, RemoteError> {
        if let Some(path) = url.strip_prefix(unix::SCHEME) {
            let (path, verify_url) = (PathBuf::from(path), verify_url(unix::HOST));
            let verify_url = verify_url.filter(|_| path.is_absolute());
            let verify_url = verify_url.ok_or(RemoteError::Address)?;
            return Ok(Self { verify_url, time_limit: Self::TIME_LIMIT, way: Way::Unix(path) });
        }
        let verify_url = verify_url(url).ok_or(RemoteError::Address)?;
        if verify_url.scheme_str() == Some("https") && !cfg!(feature = "https") {
            return Err(RemoteError::NoHttps);
        }
        let way = Way::Network(connector()?);
        Ok(Self { verify_url, time_limit: Self::TIME_LIMIT, way })
    }

    /// The same with another limit on the time that one verification may take, connecting included.
    /// After it the key counts as not verified.
    #[must_use]
    pub fn time_limit(self, time_limit: Duration) -> Self {
        Self { time_limit, ..self }
    }

    pub(crate) fn client(&self) -> RemoteClient {
        let http = match &self.way {
            Way::Network(connector) => Http::Network(kept().build(connector.clone())),
            Way::Unix(path) => Http::Unix(kept().build(unix::Connector::new(path))),
        };
        RemoteClient { verify_url: self.verify_url.clone(), time_limit: self.time_limit, http }
    }
}

/// Of connections that are kept.
fn kept() -> Builder {
    let mut builder = Client::builder(TokioExecutor::new());
    builder
        .pool_timer(TokioTimer::new())
        .pool_idle_timeout(KEEP_IDLE)
        .http1_max_buf_size(MAX_ANSWER);
    builder
}

/// Where to ask: below the path of `url`, if it has one.
fn verify_url(url: &str) -> Option<Uri> {
    let base: Uri = url.parse().ok().filter(|_| !url.contains('#'))?;
    let is_http = matches!(base.scheme_str(), Some("http" | "https"));
    let is_plain = base.query().is_none() && !base.authority()?.as_str().contains('@');
    let below = format!("{}{VERIFY}", url.trim_end_matches('/'));
    below.parse().ok().filter(|_| is_http && is_plain)
}

fn tcp() -> HttpConnector {
    let mut connector = HttpConnector::new();
    connector.set_nodelay(true);
    connector
}

#[cfg(not(feature = "https"))]
#[expect(clippy::unnecessary_wraps, reason = "with https it can fail")]
fn connector() -> io::Result<Connector> {
    Ok(tcp())
}

#[cfg(feature = "https")]
fn connector() -> io::Result<Connector> {
    let mut tcp = tcp();
    tcp.enforce_http(false);
    Ok(hyper_rustls::HttpsConnectorBuilder::new()
        .with_provider_and_native_roots(rustls::crypto::ring::default_provider())?
        .https_or_http()
        .enable_http1()
        .wrap_connector(tcp))
}

/// What a guard holds of a [`Remote`]: the same with connections.
#[derive(Debug)]
pub(crate) struct RemoteClient {
    verify_url: Uri,
    time_limit: Duration,
    http: Http,
}

#[derive(Debug)]
enum Http {
    Network(Client<Connector, Empty<Bytes>>),
    Unix(Client<unix::Connector, Empty<Bytes>>),
}

/// Why an answer says nothing about the key that was asked about.
#[derive(Debug, Error)]
enum AskError {
    #[error("Latchkey did not answer in time")]
    Late(#[from] Elapsed),
    #[error("Latchkey can't be asked")]
    Send(#[from] SendError),
    #[error("Latchkey's answer broke off or is too long")]
    Body(#[source] Box<dyn std::error::Error + Send + Sync>),
    #[error("answered {0}, which is not what Latchkey says of a key")]
    Status(StatusCode),
    /// The parser's own words may repeat what was sent, so only the place is told.
    #[error("the answer is not one of Latchkey's, at line {line} column {column}")]
    Unreadable { line: usize, column: usize },
    #[error("the answer has a member with a wrong value: {0}")]
    Value(&'static str),
    #[error("the answer is about another key")]
    OtherKey,
    #[error("the answer repeats the key")]
    RepeatsKey,
}

#[async_trait]
impl Verify for RemoteClient {
    async fn verify(
        &self,
        secret: &Secret,
        hops: &Hops,
        cost: Cost,
    ) -> Result<Principal, NotVerified> {
        let question = self.question(secret, hops, cost);
        let answer = match timeout(self.time_limit, self.ask(&question, secret)).await {
            Ok(answer) => answer,
            Err(elapsed) => Err(AskError::Late(elapsed)),
        };
        Ok(answer.map_err(Unavailable::new)??)
    }
}

impl RemoteClient {
    async fn ask(
        &self,
        question: &Request<Empty<Bytes>>,
        secret: &Secret,
    ) -> Result<Result<Principal, Refusal>, AskError> {
        let sent = match self.send(question.clone()).await {
            // A connection that was kept may be closed in the moment it is used, so Latchkey is asked once more. If
            // it had charged the key already and its answer was lost, the key is charged twice.
            Err(error) if !error.is_connect() => self.send(question.clone()).await,
            sent => sent,
        };
        let (head, body) = sent?.into_parts();
        let body = Limited::new(body, MAX_ANSWER).collect().await.map_err(AskError::Body)?;
        answer::read(&head, &body.to_bytes(), secret)
    }

    fn question(&self, secret: &Secret, hops: &Hops, cost: Cost) -> Request<Empty<Bytes>> {
        let mut key = HeaderValue::from_str(secret.expose()).expect("a secret is visible ASCII");
        key.set_sensitive(true);
        let mut request = Request::new(Empty::new());
        *request.uri_mut() = match cost {
            Cost::ONE => self.verify_url.clone(),
            other => {
                let costly = format!("{}?cost={}", self.verify_url, other.get());
                costly.parse().expect("the address of a Latchkey takes a query")
            }
        };
        request.headers_mut().insert("x-api-key", key);
        request.headers_mut().insert(X_FORWARDED_FOR, hops.as_header().clone());
        request
    }

    async fn send(&self, request: Request<Empty<Bytes>>) -> Result<Response<Incoming>, SendError> {
        match &self.http {
            Http::Network(http) => http.request(request).await,
            Http::Unix(http) => http.request(request).await,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_latchkey_is_addressed_by_an_http_url_that_may_have_a_path() {
        for (url, asked) in [
            ("http://127.0.0.1:8080", "http://127.0.0.1:8080/api/v1/verify"),
            ("http://keys.internal/", "http://keys.internal/api/v1/verify"),
            ("http://[::1]:8080/latchkey/", "http://[::1]:8080/latchkey/api/v1/verify"),
        ] {
            let remote = Remote::new(url).expect(url);
            assert_eq!(remote.verify_url.to_string(), asked);
            assert_eq!(remote.time_limit, Duration::from_secs(2));
        }
        let remote = Remote::new("unix:/run/latchkey.sock").expect("a socket");
        assert_eq!(remote.verify_url.to_string(), "http://localhost/api/v1/verify");
    }

    #[test]
    fn other_addresses_are_refused() {
        for url in [
            "",
            "127.0.0.1:8080",
            "localhost",
            "/api",
            "ftp://127.0.0.1",
            "http://",
            "http://user:password@127.0.0.1",
            "http://127.0.0.1/?a=b",
            "http://127.0.0.1/#a",
            "unix:",
            "unix:latchkey.sock",
            "unix:@latchkey",
        ] {
            assert!(matches!(Remote::new(url), Err(RemoteError::Address)), "{url}");
        }
    }
}
