use std::io;
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::time::Duration;

use actix_http::body::MessageBody;
use actix_http::{HttpService, Request, Response};
use actix_server::{GracefulShutdownSignal, Server};
use actix_service::{
    IntoServiceFactory, Service, ServiceFactory, ServiceFactoryExt as _, apply_fn_factory,
    map_config,
};
use actix_web::dev::AppConfig;
use futures_util::future::Abortable;
use socket2::{Domain, Protocol, Socket, Type};
use tokio::net::TcpStream;

use crate::refusal::Refusals;
use crate::registry::{Registry, Room, keep_closing};
use crate::stream::Stream;
use crate::tally::Tally;

/// How many clients may wait to be accepted.
const BACKLOG: i32 = 1_024;
/// So many sockets beyond the room may be accepted, for each worker, before somebody makes it.
const ACCEPTED_AHEAD: usize = 16;
/// How long a peer that is told to close may take.
const CLOSE_DEADLINE: Duration = Duration::from_secs(1);
/// So much of an answer the system takes over, beyond what it may send. More of it would be memory
/// that peers who don't read can claim, and would hide for long whether they read.
#[cfg(any(target_os = "linux", target_os = "android"))]
const UNSENT: u32 = 16 * 1024;

/// A bound socket, on which nobody is served yet.
#[derive(Debug)]
pub struct Listener {
    socket: TcpListener,
    address: SocketAddr,
}

/// How connections are served.
#[derive(Debug, Clone)]
pub struct Serving {
    /// How many threads answer, at least 1.
    pub workers: usize,
    /// How long a connection may stay open without a request.
    pub keep_alive: Duration,
    /// How long requests may still run after a stop was asked for, in seconds.
    pub grace: u64,
    /// How many connections there may be.
    pub room: Room,
    /// Counts them; several listeners may share it.
    pub tally: Arc<Tally>,
    /// The words of an answer to a head that can't be read.
    pub refusals: Refusals,
}

impl Listener {
    /// Binds a TCP socket to `address`; port 0 is any that is free. Clients may connect from then on.
    pub fn bind(address: SocketAddr) -> io::Result<Self> {
        let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
        socket.set_reuse_address(true)?;
        // Each socket that is accepted has it from this one.
        #[cfg(any(target_os = "linux", target_os = "android"))]
        socket.set_tcp_notsent_lowat(UNSENT)?;
        socket.bind(&address.into())?;
        socket.listen(BACKLOG)?;
        let socket = TcpListener::from(socket);
        let address = socket.local_addr()?;
        Ok(Self { socket, address })
    }

    /// Where it listens, with the port that was chosen, if none was asked for.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Serves what `app` makes, one for each worker, until the server is stopped by its handle. It handles no
    /// signals. It must be called on a runtime of tokio that lives as long as the server.
    pub fn serve<F, I, S, B>(self, serving: Serving, app: F) -> io::Result<Server>
    where
        F: Fn() -> I + Send + Clone + 'static,
        I: IntoServiceFactory<S, Request>,
        S: ServiceFactory<Request, Config = AppConfig, Error = actix_web::Error, InitError = ()>
            + 'static,
        S::Response: Into<Response<B>> + 'static,
        <S::Service as Service<Request>>::Future: 'static,
        B: MessageBody + 'static,
    {
        let Serving { workers, keep_alive, grace, room, tally, refusals } = serving;
        let builder = Server::build()
            .workers(workers)
            .max_concurrent_connections(room.most / workers + ACCEPTED_AHEAD)
            .shutdown_timeout(grace)
            .disable_signals();
        let registry = Arc::new(Registry::new(room, tally));
        tokio::spawn(keep_closing(Arc::downgrade(&registry)));
        let stop = builder.graceful_shutdown_signal();
        let address = self.address;
        let service = move || {
            let (registry, refusals) = (Arc::clone(&registry), refusals.clone());
            let app = app().into_factory().map_err(|error| error.error_response());
            let stop = stop.clone();
            let http = HttpService::build()
                .keep_alive(keep_alive)
                // The framework looks at a clock that it moves itself, and before it reads: a process
                // that stood still would find heads late that have long arrived. `Stream` looks.
                .client_request_timeout(Duration::ZERO)
                .client_disconnect_timeout(CLOSE_DEADLINE)
                .graceful_shutdown_signal(move || notified(stop.clone()))
                .local_addr(address)
                .on_connect_ext(|stream: &Stream, data| {
                    data.insert(Arc::clone(stream.progress()));
                })
                .h1(map_config(app, |()| AppConfig::default()));
            apply_fn_factory(http, move |socket: TcpStream, http| {
                let serving = socket.peer_addr().ok().map(|peer| {
                    let (place, end) = registry.admit(peer.ip());
                    let stream = Stream::new(socket, place, refusals.clone());
                    Abortable::new(http.call((stream, Some(peer))), end)
                });
                async move {
                    match serving {
                        // To close it is what it was aborted for.
                        Some(serving) => serving.await.unwrap_or(Ok(())),
                        // It is gone already.
                        None => Ok(()),
                    }
                }
            })
        };
        Ok(builder.listen("http", self.socket, service)?.run())
    }
}

async fn notified(stop: GracefulShutdownSignal) {
    stop.notified().await;
}
