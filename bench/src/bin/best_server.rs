//! The best server that answers as Latchkey does to a verification: bare actix-web, one HMAC, one
//! look-up in a map, the same headers and the same bytes in the body. No checksum, no lease, no
//! clock, no metrics, no limits, no logs.
//!
//! `best_server LISTEN KEYS [POSTGRES]`. KEYS is a file with a line for each key: the digest in
//! hexadecimal, id, owner, name and prefix, separated by tabs. With POSTGRES, the address of a
//! database that has the keys, each request asks it instead of the map.

use std::cell::Cell;
use std::collections::HashMap;
use std::fs::File;
use std::hash::{BuildHasherDefault, Hasher};
use std::io::{BufRead as _, BufReader};
use std::sync::Arc;

use actix_web::http::header::{CACHE_CONTROL, HeaderName, HeaderValue, X_CONTENT_TYPE_OPTIONS};
use actix_web::web::{self, Data};
use actix_web::{App, HttpRequest, HttpResponse, HttpServer};
use hmac::{Hmac, KeyInit as _, Mac as _};
use serde::Serialize;
use sha2::Sha256;
use tokio_postgres::{Client, NoTls, Statement};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Latchkey has it from its pepper ring; `bench/http/keys.py` has the same.
const PEPPER: [u8; 32] = [b'k'; 32];
/// Connections to the database for each worker.
const CONNECTIONS: usize = 4;
const X_API_KEY: HeaderName = HeaderName::from_static("x-api-key");
const X_API_KEY_ID: HeaderName = HeaderName::from_static("x-api-key-id");
const X_API_KEY_OWNER: HeaderName = HeaderName::from_static("x-api-key-owner");
const X_API_KEY_ENVIRONMENT: HeaderName = HeaderName::from_static("x-api-key-environment");
const X_REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
const SELECT: &str = "select id::text as key, owner, name, prefix, environment, digest, pepper_id, \
     created_at, expires_at, disabled_at, revoked_at, replaced_by, version \
     from api_keys where digest = $1";

type Failure = Box<dyn std::error::Error + Send + Sync>;
type Keys = HashMap<[u8; 32], Key, BuildHasherDefault<FirstBytes>>;

/// Texts in one piece, as a thrifty server would keep them.
struct Key {
    text: Box<str>,
    ends: [u8; 3],
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Body<'a> {
    key_id: &'a str,
    owner_id: &'a str,
    name: &'a str,
    key_prefix: &'a str,
    environment: &'static str,
    expires_at: Option<&'a str>,
}

/// A digest needs no second hash.
#[derive(Default)]
struct FirstBytes(u64);

impl Hasher for FirstBytes {
    fn write(&mut self, bytes: &[u8]) {
        if let Some(first) = bytes.first_chunk() {
            self.0 = u64::from_le_bytes(*first);
        }
    }

    fn finish(&self) -> u64 {
        self.0
    }
}

/// What the requests of a worker have in common.
struct Worker {
    signing: Hmac<Sha256>,
    keys: Arc<Keys>,
    database: Vec<(Client, Statement)>,
    turn: Cell<usize>,
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Failure> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let (listen, keys, postgres) = match arguments.as_slice() {
        [listen, keys] => (listen, keys, None),
        [listen, keys, postgres] => (listen, keys, Some(postgres.clone())),
        _ => return Err("best_server LISTEN KEYS [POSTGRES]".into()),
    };
    let keys = Arc::new(read(keys)?);
    HttpServer::new(move || {
        let (keys, postgres) = (Arc::clone(&keys), postgres.clone());
        App::new()
            .data_factory(move || Worker::new(Arc::clone(&keys), postgres.clone()))
            .service(web::resource("/api/v1/verify").to(verify))
    })
    .bind(listen)?
    .run()
    .await?;
    Ok(())
}

async fn verify(req: HttpRequest, worker: Data<Worker>) -> HttpResponse {
    let Some(text) = req.headers().get(X_API_KEY) else { return refused() };
    let mut signing = worker.signing.clone();
    signing.update(text.as_bytes());
    let digest: [u8; 32] = signing.finalize().into_bytes().into();
    if worker.database.is_empty() {
        worker.keys.get(&digest).map_or_else(refused, |key| {
            let [id, owner, name, prefix] = key.parts();
            good(id, owner, name, prefix)
        })
    } else {
        worker.ask(&digest).await
    }
}

fn good(id: &str, owner: &str, name: &str, prefix: &str) -> HttpResponse {
    HttpResponse::Ok()
        .insert_header((X_API_KEY_ID, id))
        .insert_header((X_API_KEY_OWNER, owner))
        .insert_header((X_API_KEY_ENVIRONMENT, HeaderValue::from_static("live")))
        .insert_header((X_REQUEST_ID, HeaderValue::from_static("0123456789abcdef-01234")))
        .insert_header((X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")))
        .insert_header((CACHE_CONTROL, HeaderValue::from_static("no-store")))
        .json(Body {
            key_id: id,
            owner_id: owner,
            name,
            key_prefix: prefix,
            environment: "live",
            expires_at: None,
        })
}

fn refused() -> HttpResponse {
    HttpResponse::Unauthorized().finish()
}

impl Worker {
    async fn new(keys: Arc<Keys>, postgres: Option<String>) -> Result<Self, Failure> {
        let mut database = Vec::new();
        if let Some(url) = postgres {
            for _connection in 0..CONNECTIONS {
                let (client, connection) = tokio_postgres::connect(&url, NoTls).await?;
                actix_web::rt::spawn(connection);
                let select = client.prepare(SELECT).await?;
                database.push((client, select));
            }
        }
        Ok(Self { signing: Hmac::new_from_slice(&PEPPER)?, keys, database, turn: Cell::new(0) })
    }

    async fn ask(&self, digest: &[u8; 32]) -> HttpResponse {
        let turn = self.turn.replace(self.turn.get() + 1) % self.database.len();
        let Some((client, select)) = self.database.get(turn) else { return refused() };
        match client.query_opt(select, &[&digest.as_slice()]).await {
            Ok(Some(row)) => good(row.get(0), row.get(1), row.get(2), row.get(3)),
            Ok(None) => refused(),
            Err(_) => HttpResponse::ServiceUnavailable().finish(),
        }
    }
}

impl Key {
    fn parts(&self) -> [&str; 4] {
        let [id, owner, name] = self.ends.map(usize::from);
        let part = |from, to| self.text.get(from..to).unwrap_or_default();
        [part(0, id), part(id, owner), part(owner, name), part(name, self.text.len())]
    }
}

fn read(path: &str) -> Result<Keys, Failure> {
    let mut keys = Keys::default();
    for line in BufReader::new(File::open(path)?).lines() {
        let line = line?;
        let columns: Vec<&str> = line.split('\t').collect();
        let [digest, id, owner, name, prefix] = columns.as_slice() else {
            return Err(format!("five columns expected: {line}").into());
        };
        let mut bytes = [0; 32];
        for (index, byte) in bytes.iter_mut().enumerate() {
            let digits = digest.get(index * 2..index * 2 + 2).ok_or("64 digits expected")?;
            *byte = u8::from_str_radix(digits, 16)?;
        }
        let lengths = [id.len(), id.len() + owner.len(), id.len() + owner.len() + name.len()];
        let ends = lengths.map(|end| u8::try_from(end).unwrap_or(u8::MAX));
        keys.insert(
            bytes,
            Key { text: [id, owner, name, prefix].map(|it| *it).concat().into(), ends },
        );
    }
    Ok(keys)
}
