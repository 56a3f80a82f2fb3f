//! The service as its README shows it, on both databases.

#![expect(clippy::indexing_slicing, reason = "a test fails by panicking")]

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::process::{Child, Command};
use std::thread::sleep;
use std::time::{Duration, Instant};

use latchkey_testkit::postgres::empty_database;
use serde_json::Value;
use tempfile::TempDir;

const PEPPERS: &str = "1:a2tra2tra2tra2tra2tra2tra2tra2tra2tra2tra2s=";

/// A running service. It is killed when dropped.
struct Service {
    process: Child,
    address: SocketAddr,
    _folder: TempDir,
}

impl Service {
    fn start(database_url: Option<&str>) -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let free = TcpListener::bind("127.0.0.1:0").and_then(|it| it.local_addr());
        let address = free.expect("there is a free port");
        let mut command = Command::new(env!("CARGO_BIN_EXE_own-service"));
        command.current_dir(folder.path()).env_remove("DATABASE_URL");
        command.env("LATCHKEY_PEPPERS", PEPPERS).env("LISTEN", address.to_string());
        command.envs(database_url.map(|url| ("DATABASE_URL", url)));
        let process = command.spawn().expect("the service starts");
        let this = Self { process, address, _folder: folder };
        let deadline = Instant::now() + Duration::from_secs(20);
        while TcpStream::connect(address).is_err() {
            assert!(Instant::now() < deadline, "the service does not listen");
            sleep(Duration::from_millis(10));
        }
        this
    }

    /// The status, and the JSON of the body or null.
    fn ask(&self, request: &str, header: &str, body: &str) -> (u16, Value) {
        let mut stream = TcpStream::connect(self.address).expect("the service listens");
        let length = body.len();
        write!(
            stream,
            "{request} HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Type: application/json\r\n\
             {header}\r\nContent-Length: {length}\r\n\r\n{body}"
        )
        .expect("the service reads");
        let mut answer = String::new();
        stream.read_to_string(&mut answer).expect("the service answers");
        let (head, body) = answer.split_once("\r\n\r\n").expect("a head and a body");
        let status = head.split(' ').nth(1).and_then(|status| status.parse().ok());
        (status.expect("a status"), serde_json::from_str(body).unwrap_or_default())
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        // It may have ended.
        drop(self.process.kill());
        drop(self.process.wait());
    }
}

fn keys_are_issued_listed_verified_and_revoked(service: &Service) {
    let (status, issued) = service.ask("POST /keys", "x-user: ada", "\"Production\"");
    assert_eq!(status, 200, "{issued}");
    let (id, key) = (issued["id"].as_str().expect("an id"), issued["key"].as_str().expect("a key"));
    let (_, listed) = service.ask("GET /keys", "x-user: ada", "");
    assert_eq!((&listed[0][0], &listed[0][1]), (&id.into(), &"Production".into()));
    assert!(listed[0][2].as_str().is_some_and(|at| at.ends_with('Z')), "{listed}");
    assert!(listed[1].is_null(), "{listed}");
    assert_eq!(service.ask("GET /keys", "x-user: bob", "").1, serde_json::json!([]));

    let with_key = format!("x-api-key: {key}");
    let greeted = service.ask("GET /greeting", &with_key, "");
    assert_eq!(greeted, (200, serde_json::json!({ "hello": "ada" })));
    assert_eq!(service.ask("GET /greeting", "x-api-key: own_live_none", "").0, 401);
    assert_eq!(service.ask("GET /greeting", "x-user: ada", "").0, 401);

    let revoke = format!("DELETE /keys/{id}");
    assert_eq!(service.ask(&revoke, "x-user: bob", "").0, 404);
    assert_eq!(service.ask(&revoke, "x-user: ada", "").0, 200);
    assert_eq!(service.ask("GET /greeting", &with_key, "").0, 401);
    assert_eq!(service.ask(&revoke, "x-user: ada", "").0, 404);
}

#[test]
fn on_a_file_of_its_own_keys_are_issued_listed_verified_and_revoked() {
    keys_are_issued_listed_verified_and_revoked(&Service::start(None));
}

#[tokio::test(flavor = "multi_thread")]
async fn on_postgres_keys_are_issued_listed_verified_and_revoked() {
    let database = empty_database().await;
    keys_are_issued_listed_verified_and_revoked(&Service::start(Some(database.url())));
}
