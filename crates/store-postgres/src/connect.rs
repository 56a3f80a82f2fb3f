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
use diesel_async::AsyncPgConnection;
use diesel_async::pooled_connection::deadpool::Pool;
use diesel_async::pooled_connection::{
    AsyncDieselConnectionManager, ManagerConfig, RecyclingMethod,
};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::{Notify, oneshot};
use tokio_postgres::config::SslMode;
use tokio_postgres::{AsyncMessage, Client, Connection, NoTls};
use tokio_postgres_rustls::MakeRustlsConnect;

use crate::attempts::{Attempts, Purpose};
use crate::epoch::{Epoch, Epochs};
use crate::fault::chain;
use crate::hosts::Hosts;
use crate::tls::{self, ConnectError};
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
        let config = &settings.config;
        let tls = match config.get_ssl_mode() {
            SslMode::Disable => None,
            _ => Some(tls::connector(&settings.roots)?),
        };
        let (epochs, attempts) = (Epochs::default(), Attempts::default());
        Ok(Self(Arc::new(Inner { hosts: Hosts::of(config), tls, epochs, attempts })))
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

    async fn open(&self, purpose: Purpose, state: Arc<LineState>) -> ConnectionResult<Line> {
        let (learnt, epoch) = oneshot::channel();
        let client = match self.0.tls.clone() {
            None => {
                let connected = self.0.hosts.connect(NoTls).await;
                self.drive(connected, Arc::clone(&state), epoch)?
            }
            Some(tls) => {
                let connected = self.0.hosts.connect(tls).await;
                self.drive(connected, Arc::clone(&state), epoch)?
            }
        };
        let mut connection = AsyncPgConnection::try_from(client).await?;
        let asked = Epoch::of(&mut connection).await.map_err(refused)?;
        // A standby is no primary that is away.
        let no_primary = |wrong| ConnectionError::InvalidConnectionUrl(chain(&wrong));
        if let Some(epoch) = asked.map_err(no_primary)? {
            self.0.epochs.admit(epoch, purpose).map_err(refused)?;
            // The connection has ended already where nobody listens.
            let _ended = learnt.send(epoch);
        }
        Ok(Line { connection, state })
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
                    tracing::warn!("left a server of the database: another one is the primary");
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
    let is_away = match (error.code(), error.source()) {
        // It starts, it stops, or it has no room.
        (Some(code), _) => ["08", "53", "57"].iter().any(|class| code.code().starts_with(class)),
        (None, Some(cause)) => {
            let cause = cause.downcast_ref::<io::Error>();
            cause.is_some_and(|cause| cause.kind() != io::ErrorKind::InvalidData)
        }
        (None, None) => error.is_closed(),
    };
    if is_away {
        ConnectionError::BadConnection(told)
    } else {
        ConnectionError::InvalidConnectionUrl(told)
    }
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
