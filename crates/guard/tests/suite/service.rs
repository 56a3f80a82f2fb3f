//! A service that is guarded, in a thread of its own.

use std::net::SocketAddr;
use std::sync::mpsc::{self, Sender};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use latchkey_guard::{Principal, Remote, Timestamp};
use serde_json::{Value, json};

use super::http::{Header, Response, get};
use super::logs;
use crate::host;

/// The limit of a service under test that is given none.
pub(crate) const TIME_LIMIT: Duration = Duration::from_millis(700);

/// Answers [`brief`], behind what asks for a key.
pub(crate) const BRIEF: &str = "/";
/// The same, below which are the [`COSTS`] of requests: `/costs/5`.
pub(crate) const COSTLY: &str = "/costs";
/// What requests of the table of all clients cost, where they don't cost 1.
pub(crate) const COSTS: [u32; 2] = [0, 5];
/// A handler that asks for nothing, in a scope that needs a key.
pub(crate) const SCOPED: &str = "/scoped/plain";
/// A handler that answers [`who`], in a scope that needs a key.
pub(crate) const SCOPED_WHO: &str = "/scoped/who";
/// A handler that answers [`who`], guarded by itself.
pub(crate) const WHO: &str = "/who";
/// The same in a scope whose guard is another one than the application's, inside a scope that has the
/// application's.
pub(crate) const INNER: &str = "/outer/inner/who";
/// A handler that asks for [`SCOPE`].
pub(crate) const WRITES: &str = "/writes";
/// What it asks of the key.
pub(crate) const SCOPE: &str = "docs:write|admin";
/// A handler that asks for nothing, behind what asks for [`SCOPE`].
pub(crate) const NARROW: &str = "/narrow/plain";
/// A handler that answers [`who`], without any guard.
pub(crate) const UNGUARDED: &str = "/open";
/// As [`NARROW`], without any guard.
pub(crate) const UNGUARDED_NARROW: &str = "/open/narrow";

/// Where a host listens, and how it is stopped.
pub(crate) type Started = (SocketAddr, Box<dyn Fn() + Send + Sync>);

pub(crate) struct Service {
    pub(crate) address: SocketAddr,
    stop: Box<dyn Fn() + Send + Sync>,
    thread: Option<JoinHandle<()>>,
}

impl Service {
    /// Guarded by the Latchkey at `url`.
    pub(crate) fn start(url: &str) -> Self {
        Self::start_with(url, url)
    }

    /// The same with another Latchkey for the inner scope.
    pub(crate) fn start_with(url: &str, inner: &str) -> Self {
        let remote = |url| Remote::new(url).expect("an address").time_limit(TIME_LIMIT);
        Self::guarded_by(remote(url), remote(inner))
    }

    /// With the settings that a guard has unless told otherwise.
    pub(crate) fn start_as_it_is(url: &str) -> Self {
        let remote = Remote::new(url).expect("an address");
        Self::guarded_by(remote.clone(), remote)
    }

    fn guarded_by(remote: Remote, inner: Remote) -> Self {
        logs::capture();
        let (told, hear): (Sender<Started>, _) = mpsc::channel();
        let thread = thread::spawn(move || host::run(&remote, &inner, &told));
        let (address, stop) = hear.recv().expect("the service starts");
        Self { address, stop, thread: Some(thread) }
    }

    pub(crate) fn get(&self, path: &str, headers: &[Header<'_>]) -> Response {
        get(self.address, path, headers)
    }

    pub(crate) fn with_key(&self, path: &str, key: &str) -> Response {
        self.get(path, &[("x-api-key", key)])
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        (self.stop)();
        // A test that failed already must not fail again here.
        drop(self.thread.take().map(JoinHandle::join));
    }
}

/// Everything that a handler learns.
pub(crate) fn who(caller: &Principal) -> Value {
    json!({
        "keyId": caller.key_id.to_string(),
        "ownerId": caller.owner_id.as_str(),
        "name": caller.name.as_str(),
        "keyPrefix": caller.key_prefix.as_str(),
        "environment": caller.environment.as_str(),
        "expiresAt": caller.expires_at.map(Timestamp::unix_millis),
        "metadata": caller.metadata.as_str(),
        "scopes": caller.scopes.joined(),
    })
}

/// What the service of `clients/README.md` answers.
pub(crate) fn brief(caller: &Principal) -> Value {
    json!({
        "keyId": caller.key_id.to_string(),
        "owner": caller.owner_id.as_str(),
        "name": caller.name.as_str(),
        "environment": caller.environment.as_str(),
    })
}
