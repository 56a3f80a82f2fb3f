//! Somebody with an account, and what they do most.

use std::net::SocketAddr;

use serde_json::{Value, json};

use crate::http::{Request, Response, delete, get, patch, post};
use crate::server::Server;

pub(crate) const KEYS: &str = "/api/v1/api-keys";
pub(crate) const VERIFY: &str = "/api/v1/verify";
pub(crate) const SESSION: &str = "/api/v1/auth/session";
pub(crate) const SIGN_IN: &str = "/api/v1/auth/sign-in";
pub(crate) const SIGN_OUT: &str = "/api/v1/auth/sign-out";
pub(crate) const SIGN_UP: &str = "/api/v1/auth/sign-up";
pub(crate) const PASSWORD: &str = "/api/v1/auth/password";

pub(crate) const SESSIONS: &str = "/api/v1/auth/sessions";
pub(crate) const END_OTHERS: &str = "/api/v1/auth/sessions/end-others";
pub(crate) const EMAIL: &str = "/api/v1/auth/email";
pub(crate) const ACCOUNT: &str = "/api/v1/auth/account";
pub(crate) const EXPORT: &str = "/api/v1/auth/export";
pub(crate) const CONFIRM: &str = "/api/v1/auth/confirm";

pub(crate) const ADA: &str = "ada@example.com";
pub(crate) const BOB: &str = "bob@example.com";
pub(crate) const ADAS_PASSWORD: &str = "correct horse battery";

/// A session, and where it is used.
#[derive(Debug, Clone)]
pub(crate) struct Person {
    pub(crate) address: SocketAddr,
    pub(crate) token: String,
}

/// What the answer to a creation says.
#[derive(Debug, Clone)]
pub(crate) struct Issued {
    pub(crate) id: String,
    pub(crate) key: String,
}

pub(crate) fn credentials(email: &str, password: &str) -> String {
    json!({ "email": email, "password": password }).to_string()
}

/// The value of the session cookie that an answer sets.
#[track_caller]
pub(crate) fn token_of(response: &Response) -> String {
    let line = response.set_cookie();
    let (pair, _) = line.split_once(';').unwrap_or((line, ""));
    pair.split_once('=').unwrap_or_else(|| panic!("no cookie in {line}")).1.to_owned()
}

pub(crate) fn key_path(id: &str) -> String {
    format!("{KEYS}/{id}")
}

pub(crate) fn rotate_path(id: &str) -> String {
    format!("{KEYS}/{id}/rotate")
}

impl Server {
    pub(crate) fn sign_up(&self, email: &str) -> Person {
        let request = post(SIGN_UP).json(credentials(email, ADAS_PASSWORD));
        let answer = self.send(&request).expect_status(201);
        Person { address: self.address, token: token_of(&answer) }
    }

    pub(crate) fn sign_in(&self, email: &str, password: &str) -> Response {
        self.send(&post(SIGN_IN).json(credentials(email, password)))
    }

    /// Signs in somebody whose account is as [`Server::sign_up`] made it.
    pub(crate) fn sign_in_again(&self, email: &str) -> Person {
        let answer = self.sign_in(email, ADAS_PASSWORD).expect_status(200);
        Person { address: self.address, token: token_of(&answer) }
    }

    pub(crate) fn verify(&self, key: &str) -> Response {
        self.send(&get(VERIFY).header("x-api-key", key))
    }
}

impl Person {
    /// The same session, asked elsewhere: after a restart, or at another instance.
    pub(crate) fn at(&self, server: &Server) -> Self {
        Self { address: server.address, token: self.token.clone() }
    }

    pub(crate) fn cookie(&self) -> String {
        format!("session={}", self.token)
    }

    /// Adds the session cookie.
    pub(crate) fn sign(&self, request: Request) -> Request {
        request.header("Cookie", self.cookie())
    }

    pub(crate) fn send(&self, request: Request) -> Response {
        self.sign(request).send(self.address)
    }

    pub(crate) fn get(&self, path: &str) -> Response {
        self.send(get(path))
    }

    pub(crate) fn post(&self, path: &str, body: impl AsRef<[u8]>) -> Response {
        self.send(post(path).json(body))
    }

    pub(crate) fn create(&self, body: impl AsRef<[u8]>) -> Response {
        self.post(KEYS, body)
    }

    pub(crate) fn create_key(&self, name: &str) -> Issued {
        self.create_key_with(&json!({ "name": name }))
    }

    pub(crate) fn create_key_with(&self, body: &Value) -> Issued {
        Issued::from(&self.create(body.to_string()).expect_status(201))
    }

    /// The names of all keys, as listed.
    pub(crate) fn names(&self) -> Vec<String> {
        self.list().iter().map(|item| text(item, "name")).collect()
    }

    pub(crate) fn list(&self) -> Vec<Value> {
        let list = self.get(KEYS).expect_status(200).json();
        list.as_array().unwrap_or_else(|| panic!("not an array: {list}")).clone()
    }

    pub(crate) fn item(&self, id: &str) -> Value {
        self.get(&key_path(id)).expect_status(200).json()
    }

    pub(crate) fn change(&self, id: &str, body: &Value) -> Response {
        self.send(patch(&key_path(id)).json(body.to_string()))
    }

    pub(crate) fn rotate(&self, id: &str, overlap_seconds: u32) -> Response {
        self.post(&rotate_path(id), json!({ "overlapSeconds": overlap_seconds }).to_string())
    }

    pub(crate) fn revoke(&self, id: &str) -> Response {
        self.send(delete(&key_path(id)))
    }

    pub(crate) fn is_signed_in(&self) -> bool {
        let status = self.get(SESSION).status;
        assert!(status == 200 || status == 401, "{status}");
        status == 200
    }
}

impl From<&Response> for Issued {
    fn from(response: &Response) -> Self {
        let body = response.json();
        Self { id: text(&body, "id"), key: text(&body, "key") }
    }
}

/// A member that must be a string.
#[track_caller]
pub(crate) fn text(value: &Value, member: &str) -> String {
    let found = value[member].as_str();
    found.unwrap_or_else(|| panic!("{member} is no string in {value}")).to_owned()
}
