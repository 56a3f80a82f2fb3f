//! A service that is guarded, in a thread of its own.

use std::net::SocketAddr;
use std::sync::mpsc;
use std::thread::{self, JoinHandle};
use std::time::Duration;

use actix_web::dev::ServerHandle;
use actix_web::middleware::from_fn;
use actix_web::{App, HttpResponse, HttpServer, rt, web};
use latchkey_guard_actix::{ApiKeyPrincipal, Guard, Remote, Timestamp, require_key};
use serde_json::json;

use crate::http::{Header, Response, get};
use crate::logs;

/// The limit of a service under test that is given none.
pub(crate) const TIME_LIMIT: Duration = Duration::from_millis(700);

/// Behind the middleware: a handler that asks for nothing.
pub(crate) const SCOPED: &str = "/scoped/plain";
/// Behind the middleware: a handler that asks who called.
pub(crate) const SCOPED_WHO: &str = "/scoped/who";
/// A handler that asks who called, without the middleware.
pub(crate) const WHO: &str = "/who";
/// A scope whose guard is another one than the application's, inside a scope that has the
/// application's.
pub(crate) const INNER: &str = "/outer/inner/who";
/// A scope without any guard.
pub(crate) const UNGUARDED: &str = "/open";

#[derive(Debug)]
pub(crate) struct Service {
    pub(crate) address: SocketAddr,
    handle: ServerHandle,
    thread: Option<JoinHandle<()>>,
}

impl Service {
    /// Guarded by the Latchkey at `url`.
    pub(crate) fn start(url: &str) -> Self {
        Self::start_with(url, url)
    }

    /// The same with another Latchkey for the inner scope.
    pub(crate) fn start_with(url: &str, inner: &str) -> Self {
        logs::capture();
        let remote = |url| Remote::new(url).expect("an address").time_limit(TIME_LIMIT);
        let (remote, inner) = (remote(url), remote(inner));
        let (told, hear) = mpsc::channel();
        let thread = thread::spawn(move || {
            let server = HttpServer::new(move || {
                let scoped = web::scope("/scoped")
                    .wrap(from_fn(require_key))
                    .route("/plain", web::get().to(HttpResponse::Ok))
                    .route("/who", web::get().to(who));
                let inner = web::scope("/inner")
                    .app_data(Guard::remote(&inner))
                    .wrap(from_fn(require_key))
                    .route("/who", web::get().to(who));
                App::new()
                    .app_data(Guard::remote(&remote))
                    .route(WHO, web::get().to(who))
                    .service(scoped)
                    .service(web::scope("/outer").wrap(from_fn(require_key)).service(inner))
            });
            let server = server.workers(1).disable_signals().bind("127.0.0.1:0");
            let server = server.expect("a port is free");
            let address = server.addrs()[0];
            rt::System::new().block_on(async move {
                let server = server.run();
                told.send((address, server.handle())).expect("somebody waits");
                server.await.expect("it runs until it is stopped");
            });
        });
        let (address, handle) = hear.recv().expect("the service starts");
        Self { address, handle, thread: Some(thread) }
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
        drop(self.handle.stop(false));
        // A test that failed already must not fail again here.
        drop(self.thread.take().map(JoinHandle::join));
    }
}

async fn who(caller: ApiKeyPrincipal) -> HttpResponse {
    HttpResponse::Ok().json(json!({
        "keyId": caller.key_id.to_string(),
        "ownerId": caller.owner_id.as_str(),
        "name": caller.name.as_str(),
        "keyPrefix": caller.key_prefix.as_str(),
        "environment": caller.environment.as_str(),
        "expiresAt": caller.expires_at.map(Timestamp::unix_millis),
        "metadata": caller.metadata.as_str(),
    }))
}
