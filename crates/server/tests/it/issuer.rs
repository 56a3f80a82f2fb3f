//! An issuer of JWTs on this machine: the address of its JWKS, and what comes from there.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpListener};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use latchkey_testkit::issuer::{Issuer, jwks};
use serde_json::{Value, json};

use crate::server::Setup;

pub(crate) const ISSUER: &str = "https://id.example.com";
pub(crate) const AUDIENCE: &str = "latchkey";
/// The first second of the year 2100.
pub(crate) const FAR: i64 = 4_102_444_800;

/// The server of a JWKS.
#[derive(Debug)]
pub(crate) struct JwksServer {
    address: SocketAddr,
    answer: Arc<Mutex<String>>,
    asked: Arc<AtomicUsize>,
}

impl JwksServer {
    /// Publishes the keys of these issuers.
    pub(crate) fn publishing(issuers: &[&Issuer]) -> Self {
        let this = Self::start();
        this.publish(issuers);
        this
    }

    /// A server that answers each request with 500.
    pub(crate) fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("there is a free port");
        let address = listener.local_addr().expect("it listens");
        let answer = Arc::new(Mutex::new(String::new()));
        let asked = Arc::new(AtomicUsize::new(0));
        let (answers, count) = (Arc::clone(&answer), Arc::clone(&asked));
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let Ok(mut stream) = stream else { continue };
                drop(stream.set_read_timeout(Some(Duration::from_secs(5))));
                let mut head = [0; 4_096];
                let read = stream.read(&mut head).unwrap_or_default();
                if read > 0 {
                    count.fetch_add(1, Ordering::SeqCst);
                    let answer = answers.lock().expect("no panic").clone();
                    drop(stream.write_all(answer.as_bytes()));
                }
            }
        });
        let this = Self { address, answer, asked };
        this.answer("500 Internal Server Error", "", "");
        this
    }

    pub(crate) fn publish(&self, issuers: &[&Issuer]) {
        self.answer("200 OK", "", &jwks(issuers.iter().copied()));
    }

    /// Gives this answer to every request; `headers` end in line breaks.
    pub(crate) fn answer(&self, status: &str, headers: &str, body: &str) {
        let length = body.len();
        let answer = format!(
            "HTTP/1.1 {status}\r\nContent-Length: {length}\r\nConnection: close\r\n{headers}\r\n{body}"
        );
        *self.answer.lock().expect("no panic") = answer;
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}/jwks.json", self.address)
    }

    /// How often it was asked.
    pub(crate) fn asked(&self) -> usize {
        self.asked.load(Ordering::SeqCst)
    }
}

/// On `SQLite`, with sessions of [`ISSUER`] whose keys are at `keys`.
pub(crate) fn trusting(keys: &str) -> Setup {
    expecting_tokens().with("LATCHKEY_JWT_KEYS", keys)
}

/// The same without keys.
pub(crate) fn expecting_tokens() -> Setup {
    Setup::on_sqlite()
        .with("LATCHKEY_JWT_ISSUER", ISSUER)
        .with("LATCHKEY_JWT_AUDIENCE", AUDIENCE)
        .with("LATCHKEY_JWT_OWNER_CLAIM", "org.id")
}

/// Ada acts for the organisation o1, until the year 2100.
pub(crate) fn claims() -> Value {
    claims_of("ada", "o1")
}

pub(crate) fn claims_of(person: &str, owner: &str) -> Value {
    json!({ "iss": ISSUER, "aud": AUDIENCE, "sub": person, "org": { "id": owner }, "exp": FAR })
}
