//! The real binary, on its embedded database.

use std::io::{BufRead as _, BufReader, Read as _};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use serde_json::{Value, json};
use tempfile::TempDir;

use super::http::{Response, get, send};

const PATH: &str = "LATCHKEY_BINARY";

/// A running Latchkey with one person signed in. It is killed when dropped.
#[derive(Debug)]
pub(crate) struct Latchkey {
    process: Child,
    pub(crate) address: SocketAddr,
    directory: TempDir,
    cookie: String,
    owner: String,
}

#[derive(Debug)]
pub(crate) struct IssuedKey {
    pub(crate) id: String,
    pub(crate) text: String,
    pub(crate) body: Value,
}

impl Latchkey {
    pub(crate) fn start() -> Self {
        let directory = tempfile::Builder::new().prefix("latchkey-guard-").tempdir();
        let directory = directory.expect("a temporary directory can be made");
        let (process, address) = spawn(directory.path(), "127.0.0.1:0");
        let mut this =
            Self { process, address, directory, cookie: String::new(), owner: String::new() };
        let person = r#"{"email":"ada@example.com","password":"correct horse battery"}"#;
        let signed_up = this.call("POST", "auth/sign-up", person).expect_status(201);
        let cookie = signed_up.header("set-cookie").expect("a session");
        this.cookie = cookie.split(';').take(1).collect();
        signed_up.json()["id"].as_str().expect("an account").clone_into(&mut this.owner);
        this
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Whose its keys are.
    pub(crate) fn owner(&self) -> &str {
        &self.owner
    }

    /// Its address by its Unix socket.
    pub(crate) fn socket(&self) -> String {
        socket_in(self.directory.path())
    }

    pub(crate) fn create_key(&self, body: &Value) -> IssuedKey {
        let body = self.call("POST", "api-keys", &body.to_string()).expect_status(201).json();
        let text = |member: &str| body[member].as_str().expect("text").to_owned();
        IssuedKey { id: text("id"), text: text("key"), body }
    }

    pub(crate) fn key(&self) -> IssuedKey {
        self.create_key(&json!({ "name": "a" }))
    }

    pub(crate) fn revoke(&self, key: &IssuedKey) {
        self.call("DELETE", &format!("api-keys/{}", key.id), "").expect_status(200);
    }

    pub(crate) fn disable(&self, key: &IssuedKey) {
        self.call("PATCH", &format!("api-keys/{}", key.id), r#"{"enabled":false}"#)
            .expect_status(200);
    }

    pub(crate) fn verify(&self, key: &str) -> Response {
        get(self.address, "/api/v1/verify", &[("x-api-key", key)])
    }

    /// Its clock.
    pub(crate) fn now(&self) -> String {
        let answer = self.call("GET", "api-keys", "");
        answer.header("x-latchkey-time").expect("each answer has it").to_owned()
    }

    pub(crate) fn kill(&mut self) {
        self.process.kill().expect("it is ours to kill");
        self.process.wait().expect("it is ours to wait for");
    }

    /// Starts it again on the same data, at the same address.
    pub(crate) fn start_again(&mut self) {
        (self.process, _) = spawn(self.directory.path(), &self.address.to_string());
    }

    fn call(&self, method: &str, path: &str, body: &str) -> Response {
        let headers = [("Content-Type", "application/json"), ("Cookie", &*self.cookie)];
        send(self.address, method, &format!("/api/v1/{path}"), &headers, body)
    }
}

impl Drop for Latchkey {
    fn drop(&mut self) {
        // It may be dead already.
        drop(self.process.kill());
        drop(self.process.wait());
    }
}

fn spawn(directory: &Path, listen: &str) -> (Child, SocketAddr) {
    let mut process = Command::new(binary())
        .env_clear()
        .env("LATCHKEY_LISTEN", format!("{listen},{}", socket_in(directory)))
        .env("LATCHKEY_TRUSTED_PROXIES", "127.0.0.1")
        .env("LATCHKEY_DATA_DIR", directory.join("data"))
        .current_dir(directory)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .expect("the binary starts");
    let mut output = BufReader::new(process.stdout.take().expect("piped"));
    let address = output.by_ref().lines().find_map(|line| {
        let line = line.ok()?;
        let told = line.strip_prefix("Latchkey is listening on http://")?;
        told.split(' ').next()?.parse().ok()
    });
    // It has more to say, and would fail if nobody could read it.
    process.stdout = Some(output.into_inner());
    (process, address.expect("it says where it listens"))
}

fn socket_in(directory: &Path) -> String {
    format!("unix:{}", directory.join("socket").display())
}

/// The binary that `LATCHKEY_BINARY` names, or else the one that was built beside this test:
/// `cargo test --workspace` builds both.
fn binary() -> PathBuf {
    let named = std::env::var_os(PATH).map(PathBuf::from);
    let beside = || {
        let test = std::env::current_exe().expect("a test has a path");
        let profile = test.ancestors().nth(2).expect("it lies in target/<profile>/deps");
        profile.join("latchkey")
    };
    let binary = named.unwrap_or_else(beside);
    let hint = "run `cargo build -p latchkey-server` first, or name the binary in";
    assert!(binary.is_file(), "there is no {}: {hint} {PATH}", binary.display());
    binary
}
