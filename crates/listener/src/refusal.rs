//! What the framework answers by itself to a head that it can't read: a status without a body. Every
//! answer of this service says in a body and in a code what is wrong, so these do too.

use std::fmt;
use std::sync::Arc;

use actix_web::HttpResponse;
use actix_web::body::MessageBody as _;
use actix_web::http::StatusCode;
use actix_web::http::header::Date;

const START: &[u8] = b"HTTP/1.1 ";
const END: &[u8] = b"\r\n\r\n";
const NO_BODY: &[u8] = b"content-length: 0\r\n";

/// What to say to a head that can't be read.
#[derive(Clone)]
pub struct Refusals(Arc<dyn Fn(StatusCode) -> HttpResponse + Send + Sync>);

/// An answer of the framework's own, at the end of what it writes.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Bare<'o> {
    /// What it writes before.
    pub(crate) before: &'o [u8],
    status: StatusCode,
    /// The lines of the head that stay.
    head: [&'o [u8]; 2],
}

impl<'o> Bare<'o> {
    /// Each answer that a handler gave has a request id.
    pub(crate) fn at_the_end_of(output: &'o [u8]) -> Option<Self> {
        let lines = output.strip_suffix(END)?;
        let start = lines.windows(START.len()).rposition(|bytes| bytes == START)?;
        let (before, bare) = output.split_at_checked(start)?;
        let status = StatusCode::from_bytes(bare.get(START.len()..START.len() + 3)?).ok()?;
        let no_body = bare.windows(NO_BODY.len()).position(|bytes| bytes == NO_BODY)?;
        let (first, rest) = bare.split_at_checked(no_body)?;
        let rest = rest.strip_prefix(NO_BODY)?.strip_suffix(b"\r\n")?;
        let is_ours = bare.windows(13).any(|bytes| bytes.eq_ignore_ascii_case(b"x-request-id:"));
        let is_error = status.is_client_error() || status.is_server_error();
        (is_error && !is_ours).then_some(Self { before, status, head: [first, rest] })
    }
}

impl Refusals {
    /// `words` gives the body and the headers of an answer with a status.
    pub fn new(words: impl Fn(StatusCode) -> HttpResponse + Send + Sync + 'static) -> Self {
        Self(Arc::new(words))
    }

    /// The answer to a peer that did not send its head in time.
    pub(crate) fn late_head(&self) -> Vec<u8> {
        let status = StatusCode::REQUEST_TIMEOUT;
        let head = format!("HTTP/1.1 {status}\r\nconnection: close\r\ndate: {}\r\n", Date::now());
        self.complete(&Bare { before: b"", status, head: [head.as_bytes(), b""] })
    }

    /// The same answer with a body and the headers of every answer.
    pub(crate) fn complete(&self, bare: &Bare<'_>) -> Vec<u8> {
        let (words, body) = (self.0)(bare.status).into_parts();
        let body = body.try_into_bytes().unwrap_or_default();
        let mut answer = bare.head.concat();
        for (name, value) in words.headers() {
            answer.extend([name.as_str().as_bytes(), b": ", value.as_bytes(), b"\r\n"].concat());
        }
        answer.extend(format!("content-length: {}\r\n\r\n", body.len()).into_bytes());
        answer.extend(body);
        answer
    }
}

impl fmt::Debug for Refusals {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Refusals")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BARE: &[u8] =
        b"HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\nconnection: close\r\n\r\n";

    #[test]
    fn an_answer_without_a_body_gets_one_and_keeps_its_head() {
        let output = [b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}", BARE].concat();
        let bare = Bare::at_the_end_of(&output).expect("one");
        assert_eq!(bare.before.len(), output.len() - BARE.len());
        let refusals = Refusals::new(|status| HttpResponse::build(status).body("why"));
        assert_eq!(
            String::from_utf8(refusals.complete(&bare)).expect("text"),
            "HTTP/1.1 400 Bad Request\r\nconnection: close\r\ncontent-length: 3\r\n\r\nwhy"
        );
    }

    #[test]
    fn what_a_handler_answered_stays_as_it_is() {
        for own in [
            &b"HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\nX-Request-Id: a\r\n\r\n"[..],
            b"HTTP/1.1 304 Not Modified\r\ndate: now\r\n\r\n",
            b"HTTP/1.1 100 Continue\r\n\r\n",
            b"HTTP/1.1 400 Bad Request\r\ncontent-length: 4\r\n\r\n\r\n\r\n",
            b"{\"error\":\"no\"}",
            b"",
        ] {
            assert_eq!(Bare::at_the_end_of(own), None);
        }
    }
}
