use std::io;
use std::net::{SocketAddr, TcpListener};
use std::os::unix::net::UnixListener;
use std::sync::Arc;
use std::time::Duration;

use actix_http::body::MessageBody;
use actix_http::{HttpService, Request, Response};
use actix_server::{GracefulShutdownSignal, Server, ServerBuilder};
use actix_service::{
    IntoServiceFactory, Service, ServiceFactory, ServiceFactoryExt as _, apply_fn_factory,
    map_config,
};
use actix_web::dev::AppConfig;
use futures_util::future::Abortable;
use latchkey_http::LocalPeer;
use socket2::{Domain, Protocol, Type};
use tokio::net::{TcpStream, UnixStream};

use crate::address::{Address, BindError};
use crate::refusal::Refusals;
use crate::registry::{Registry, Room, keep_closing};
use crate::socket::{self, Socket};
use crate::socket_file::{self, SocketFile};
use crate::stream::Stream;
use crate::tally::Tally;

/// How many clients may wait to be accepted.
const BACKLOG: i32 = 1_024;
/// So many sockets beyond the room may be accepted, for each worker, before somebody makes it.
const ACCEPTED_AHEAD: usize = 16;
/// How long a peer that is told to close may take.
const CLOSE_DEADLINE: Duration = Duration::from_secs(1);
/// Bound sockets, on which nobody is served yet.
#[derive(Debug)]
pub struct Listener {
    sockets: Vec<Bound>,
    addresses: Vec<Address>,
    files: Vec<SocketFile>,
}

#[derive(Debug)]
enum Bound {
    Tcp(TcpListener),
    Unix(UnixListener),
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
    /// Binds a socket to each of the addresses; port 0 is any that is free. Clients may connect from then on.
    ///
    /// The file of a Unix socket has the mode 0660. A socket that a process left behind is replaced, one where
    /// a process listens is not.
    pub fn bind(addresses: impl IntoIterator<Item = Address>) -> Result<Self, BindError> {
        let mut this = Self { sockets: Vec::new(), addresses: Vec::new(), files: Vec::new() };
        for address in addresses {
            this.add(&address).map_err(|source| BindError { address, source })?;
        }
        Ok(this)
    }

    fn add(&mut self, address: &Address) -> io::Result<()> {
        let (socket, address) = match address {
            Address::Tcp(address) => {
                let socket = bind_tcp(*address)?;
                let address = socket.local_addr()?;
                (Bound::Tcp(socket), Address::Tcp(address))
            }
            Address::Unix(path) => {
                let (socket, file) = socket_file::bind(path, BACKLOG)?;
                self.files.push(file);
                (Bound::Unix(socket), address.clone())
            }
        };
        self.sockets.push(socket);
        self.addresses.push(address);
        Ok(())
    }

    /// Where it listens, in the order in which it was asked to, with the ports that were chosen.
    pub fn addresses(&self) -> &[Address] {
        &self.addresses
    }

    /// The files of its Unix sockets. They are removed when this is dropped; unless they are taken, when the server has
    /// ended.
    pub fn take_files(&mut self) -> Vec<SocketFile> {
        std::mem::take(&mut self.files)
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
        let files = Arc::new(self.files);
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
                .on_connect_ext(|stream: &Stream, data| {
                    data.insert(Arc::clone(stream.progress()));
                    if stream.is_local() {
                        data.insert(LocalPeer);
                    }
                })
                .h1(map_config(app, |()| AppConfig::default()));
            let files = Arc::clone(&files);
            apply_fn_factory(http, move |socket: Socket, http| {
                let _until_it_ends = &files;
                let serving = socket.peer().ok().map(|peer| {
                    let (place, end) = registry.admit(peer.map(|peer| peer.ip()));
                    let stream = Stream::new(socket, place, refusals.clone());
                    Abortable::new(http.call((stream, peer)), end)
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
        self.sockets
            .into_iter()
            .try_fold(builder, |builder, socket| {
                let service = service.clone();
                match socket {
                    Bound::Tcp(socket) => builder.listen("http", socket, move || {
                        apply_fn_factory(service(), |socket: TcpStream, http| {
                            http.call(socket.into())
                        })
                    }),
                    Bound::Unix(socket) => builder.listen_uds("http", socket, move || {
                        apply_fn_factory(service(), |socket: UnixStream, http| {
                            http.call(socket.into())
                        })
                    }),
                }
            })
            .map(ServerBuilder::run)
    }
}

fn bind_tcp(address: SocketAddr) -> io::Result<TcpListener> {
    let socket =
        socket2::Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
    socket.set_reuse_address(true)?;
    // Each socket that is accepted has it from this one.
    #[cfg(any(target_os = "linux", target_os = "android"))]
    socket.set_tcp_notsent_lowat(socket::UNSENT)?;
    socket.bind(&address.into())?;
    socket.listen(BACKLOG)?;
    Ok(socket.into())
}

async fn notified(stop: GracefulShutdownSignal) {
    stop.notified().await;
}
