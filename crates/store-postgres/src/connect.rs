//! New connections, and the pool that keeps them.

use std::error::Error as _;
use std::fmt;
use std::future::{pending, poll_fn};
use std::io;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use deadpool::Runtime;
use deadpool::managed::{Hook, HookError, Timeouts};
use diesel::{ConnectionError, ConnectionResult};
use diesel_async::pooled_connection::deadpool::Pool;
use diesel_async::pooled_connection::{
    AsyncDieselConnectionManager, ManagerConfig, RecyclingMethod,
};
use diesel_async::{AsyncPgConnection, SimpleAsyncConnection as _};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::{Notify, oneshot};
use tokio_postgres::config::SslMode;
use tokio_postgres::{AsyncMessage, Client, Connection, NoTls};
use tokio_postgres_rustls::MakeRustlsConnect;

use crate::attempts::{Attempts, Purpose};
use crate::dial::dial;
use crate::epoch::{Epoch, Epochs, Server, WrongServer};
use crate::fault::chain;
use crate::hosts::Hosts;
use crate::pooler::{self, Pooler, PoolerFault};
use crate::session;
use crate::tls::{self, ConnectError};
use crate::unnamed::without_names;
use crate::url::PostgresSettings;

/// How long a call waits for a connection to become free, and for a new one to be made.
const WAIT_LIMIT: Duration = Duration::from_secs(2);
const CREATE_LIMIT: Duration = Duration::from_secs(4);
/// Then a connection is replaced, so that a moved or regrown database is found again.
const MAX_AGE: Duration = Duration::from_mins(30);

/// Makes connections. Clones belong together: their connections lead to one server.
#[derive(Clone)]
pub(crate) struct Connector(Arc<Inner>);

struct Inner {
    hosts: Hosts,
    pooler: Option<Pooler>,
    tls: Option<MakeRustlsConnect>,
    epochs: Epochs,
    attempts: Attempts,
}

/// A connection, and what is known of it to those who share it.
pub(crate) struct Line {
    pub(crate) connection: AsyncPgConnection,
    pub(crate) state: Arc<LineState>,
}

/// Whether a connection goes on.
#[derive(Debug, Default)]
pub(crate) struct LineState {
    closed: AtomicBool,
    to_end: Notify,
    /// A notification of the database has come, or the connection has ended.
    noticed: Arc<Notify>,
}

impl Connector {
    /// Reads the authorities to trust; connects nowhere.
    pub(crate) fn new(settings: &PostgresSettings) -> Result<Self, ConnectError> {
        let (config, pooler) = (settings.driver_config(), settings.pooler);
        let tls = match config.get_ssl_mode() {
            SslMode::Disable => None,
            _ => Some(tls::connector(&settings.roots)?),
        };
        let (epochs, attempts) = (Epochs::default(), Attempts::default());
        let hosts = Hosts::of(&config);
        Ok(Self(Arc::new(Inner { hosts, pooler, tls, epochs, attempts })))
    }

    /// A new connection to the primary. While the database is away, one of all who want one tries.
    pub(crate) async fn connect(&self, purpose: Purpose) -> ConnectionResult<Line> {
        self.connect_noticing(purpose, Arc::default()).await
    }

    /// The same, which tells by `noticed` of each notification, and of its end.
    pub(crate) async fn connect_noticing(
        &self,
        purpose: Purpose,
        noticed: Arc<Notify>,
    ) -> ConnectionResult<Line> {
        let attempt = self.0.attempts.begin(purpose).await.map_err(refused)?;
        let state = Arc::new(LineState { noticed, ..LineState::default() });
        let line = self.open(purpose, state).await;
        attempt.end(&line);
        line
    }

    /// Which server connections lead to.
    pub(crate) fn epochs(&self) -> &Epochs {
        &self.0.epochs
    }

    /// How often connecting succeeded and failed.
    pub(crate) fn attempts(&self) -> &Attempts {
        &self.0.attempts
    }

    /// The kind of pooler that these connections lead through, as far as Latchkey was told.
    pub(crate) fn pooler(&self) -> Option<Pooler> {
        self.0.pooler
    }

    /// Fails where a pooler moves such connections. To be asked before they are used.
    pub(crate) async fn refuse_to_be_moved(&self) -> ConnectionResult<()> {
        let one = self.client(Arc::default(), oneshot::channel().1).await?;
        let other = self.client(Arc::default(), oneshot::channel().1).await?;
        match pooler::moves(&one, &other).await {
            Ok(false) => Ok(()),
            Ok(true) => Err(unusable(&PoolerFault::Moves)),
            Err(error) => Err(not_connected(&error)),
        }
    }

    async fn open(&self, purpose: Purpose, state: Arc<LineState>) -> ConnectionResult<Line> {
        let (learnt, epoch) = oneshot::channel();
        let client = self.client(Arc::clone(&state), epoch).await?;
        let mut connection = AsyncPgConnection::try_from(client).await?;
        if self.0.pooler == Some(Pooler::Session) {
            connection.batch_execute(&session::statements()).await.map_err(refused)?;
        }
        let server = Server::of(&mut connection).await.map_err(refused)?;
        match (self.0.pooler, server.epoch()) {
            // A standby is no primary that is away.
            _ if server.is_standby => return Err(unusable(&WrongServer::Standby)),
            (None, _) if !server.has_options => {
                return Err(unusable(&PoolerFault::NoOptions));
            }
            // The next transaction may be answered by another server.
            (Some(Pooler::Transaction), _) | (_, None) => {}
            (_, Some(epoch)) => {
                self.0.epochs.admit(epoch, purpose).map_err(refused)?;
                // The connection has ended already where nobody listens.
                let _ended = learnt.send(epoch);
            }
        }
        Ok(Line { connection, state })
    }

    async fn client(
        &self,
        state: Arc<LineState>,
        epoch: oneshot::Receiver<Epoch>,
    ) -> ConnectionResult<Client> {
        let Inner { hosts, pooler, tls, .. } = &*self.0;
        match tls.clone() {
            tls if *pooler == Some(Pooler::Transaction) => {
                let mut plain = hosts.first().clone();
                let stream = dial(&plain, tls.as_ref()).await;
                let stream = stream.map_err(|error| unreachable(&error))?;
                // The stream has TLS already.
                plain.ssl_mode(SslMode::Disable);
                let connected = plain.connect_raw(without_names(stream), NoTls).await;
                self.drive(connected, state, epoch)
            }
            None => self.drive(hosts.connect(NoTls).await, state, epoch),
            Some(tls) => self.drive(hosts.connect(tls).await, state, epoch),
        }
    }

    /// Lets the driver work, until the connection ends or is of an epoch that is over.
    fn drive<S, T>(
        &self,
        connected: Result<(Client, Connection<S, T>), tokio_postgres::Error>,
        state: Arc<LineState>,
        epoch: oneshot::Receiver<Epoch>,
    ) -> ConnectionResult<Client>
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
        T: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let (client, connection) = connected.map_err(|error| not_connected(&error))?;
        let inner = Arc::clone(&self.0);
        tokio::spawn(async move {
            let over = async {
                match epoch.await {
                    Ok(epoch) => inner.epochs.ended(epoch).await,
                    Err(_unknown) => pending().await,
                }
            };
            tokio::select! {
                () = listen(connection, &state.noticed) => {}
                () = state.to_end.notified() => {}
                () = pin!(over) => {
                    tracing::warn!("closed a connection: another server of the database is the primary");
                }
            }
            state.closed.store(true, Ordering::Relaxed);
            state.noticed.notify_one();
        });
        Ok(client)
    }
}

impl LineState {
    /// Whether it has ended.
    pub(crate) fn is_closed(&self) -> bool {
        self.closed.load(Ordering::Relaxed)
    }

    /// Ends it: what is asked over it fails.
    pub(crate) fn end(&self) {
        self.closed.store(true, Ordering::Relaxed);
        self.to_end.notify_one();
    }
}

impl fmt::Debug for Line {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Line").field("state", &self.state).finish_non_exhaustive()
    }
}

/// A server that says no, and one that can't be spoken with, are told apart from one that is away: by
/// Diesel's two kinds of failures.
fn not_connected(error: &tokio_postgres::Error) -> ConnectionError {
    let told = chain(error);
    // PgBouncer has one code for all it says.
    if told.contains("unsupported startup parameter") {
        return unusable(&PoolerFault::NoOptions);
    }
    let is_away = match (error.code(), error.source()) {
        // It starts, it stops, or it has no room.
        (Some(code), _) => ["08", "53", "57"].iter().any(|class| code.code().starts_with(class)),
        (None, Some(cause)) => cause.downcast_ref().is_some_and(may_pass),
        (None, None) => error.is_closed(),
    };
    if is_away {
        ConnectionError::BadConnection(told)
    } else {
        ConnectionError::InvalidConnectionUrl(told)
    }
}

/// The same of a stream that we made.
fn unreachable(error: &io::Error) -> ConnectionError {
    let kind = if may_pass(error) {
        ConnectionError::BadConnection
    } else {
        ConnectionError::InvalidConnectionUrl
    };
    kind(chain(error))
}

fn may_pass(error: &io::Error) -> bool {
    error.kind() != io::ErrorKind::InvalidData
}

/// It is there, and no time makes it better.
fn unusable(why: &dyn std::error::Error) -> ConnectionError {
    ConnectionError::InvalidConnectionUrl(chain(why))
}

fn refused(error: impl std::error::Error) -> ConnectionError {
    ConnectionError::BadConnection(chain(&error))
}

async fn listen<S, T>(mut connection: Connection<S, T>, noticed: &Notify)
where
    S: AsyncRead + AsyncWrite + Unpin,
    T: AsyncRead + AsyncWrite + Unpin,
{
    while let Some(message) = poll_fn(|context| connection.poll_message(context)).await {
        match message {
            Ok(AsyncMessage::Notification(_)) => noticed.notify_one(),
            Ok(_) => {}
            Err(error) => {
                tracing::debug!(error = chain(&error), "a connection to the database has ended");
                return;
            }
        }
    }
}

/// A pool that opens connections when they are needed. Handing one out asks the server nothing:
/// one whose socket has closed is known to be broken and is left out.
pub(crate) fn pool(connector: Connector, size: usize) -> Pool<AsyncPgConnection> {
    let mut config = ManagerConfig::default();
    config.recycling_method = RecyclingMethod::Fast;
    config.custom_setup = Box::new(move |_url| {
        let connector = connector.clone();
        Box::pin(async move { Ok(connector.connect(Purpose::Calls).await?.connection) })
    });
    let too_old = Hook::sync_fn(|_connection, metrics| {
        if metrics.created.elapsed() < MAX_AGE {
            Ok(())
        } else {
            Err(HookError::message("old enough to be replaced"))
        }
    });
    Pool::builder(AsyncDieselConnectionManager::new_with_config("", config))
        .max_size(size)
        .timeouts(Timeouts { wait: Some(WAIT_LIMIT), create: Some(CREATE_LIMIT), recycle: None })
        .runtime(Runtime::Tokio1)
        .pre_recycle(too_old)
        .build()
        .expect("a runtime for the time limits is given")
}
