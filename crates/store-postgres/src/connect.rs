//! New connections, and the pool that keeps them.

use std::future::poll_fn;
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
use tokio::sync::Notify;
use tokio_postgres::config::SslMode;
use tokio_postgres::{AsyncMessage, Config, Connection, NoTls};
use tokio_postgres_rustls::MakeRustlsConnect;

use crate::fault::chain;
use crate::tls::{self, ConnectError};
use crate::url::PostgresSettings;

/// How long a call waits for a connection to become free, and for a new one to be made.
const WAIT_LIMIT: Duration = Duration::from_secs(2);
const CREATE_LIMIT: Duration = Duration::from_secs(4);
/// Then a connection is replaced, so that a moved or regrown database is found again.
const MAX_AGE: Duration = Duration::from_mins(30);

/// Makes connections.
#[derive(Clone)]
pub(crate) struct Connector {
    config: Config,
    tls: Option<MakeRustlsConnect>,
}

impl Connector {
    /// Reads the authorities to trust; connects nowhere.
    pub(crate) fn new(settings: &PostgresSettings) -> Result<Self, ConnectError> {
        let config = settings.config.clone();
        let tls = match config.get_ssl_mode() {
            SslMode::Disable => None,
            _ => Some(tls::connector(&settings.roots)?),
        };
        Ok(Self { config, tls })
    }

    /// A new connection that says by `closed` when it has ended.
    pub(crate) async fn connect_watched(
        &self,
        closed: Arc<AtomicBool>,
    ) -> ConnectionResult<AsyncPgConnection> {
        let refused = |error: tokio_postgres::Error| ConnectionError::BadConnection(chain(&error));
        let client = match self.tls.clone() {
            None => {
                let (client, connection) = self.config.connect(NoTls).await.map_err(refused)?;
                tokio::spawn(watch(connection, closed));
                client
            }
            Some(tls) => {
                let (client, connection) = self.config.connect(tls).await.map_err(refused)?;
                tokio::spawn(watch(connection, closed));
                client
            }
        };
        AsyncPgConnection::try_from(client).await
    }

    /// A new connection that tells by `notices` of each notification, and of its end.
    pub(crate) async fn connect_listening(
        &self,
        notices: Arc<Notify>,
    ) -> ConnectionResult<AsyncPgConnection> {
        let refused = |error: tokio_postgres::Error| ConnectionError::BadConnection(chain(&error));
        let client = match self.tls.clone() {
            None => {
                let (client, connection) = self.config.connect(NoTls).await.map_err(refused)?;
                tokio::spawn(listen(connection, notices));
                client
            }
            Some(tls) => {
                let (client, connection) = self.config.connect(tls).await.map_err(refused)?;
                tokio::spawn(listen(connection, notices));
                client
            }
        };
        AsyncPgConnection::try_from(client).await
    }

    /// A new connection for one user at a time, which notices by itself when it has ended.
    pub(crate) async fn connect(&self) -> ConnectionResult<AsyncPgConnection> {
        self.connect_watched(Arc::default()).await
    }
}

async fn listen<S, T>(mut connection: Connection<S, T>, notices: Arc<Notify>)
where
    S: AsyncRead + AsyncWrite + Unpin,
    T: AsyncRead + AsyncWrite + Unpin,
{
    while let Some(message) = poll_fn(|context| connection.poll_message(context)).await {
        match message {
            Ok(AsyncMessage::Notification(_)) => notices.notify_one(),
            Ok(_) => {}
            Err(error) => {
                tracing::debug!(error = chain(&error), "a connection to the database has ended");
                break;
            }
        }
    }
    notices.notify_one();
}

async fn watch(
    connection: impl Future<Output = Result<(), tokio_postgres::Error>>,
    closed: Arc<AtomicBool>,
) {
    if let Err(error) = connection.await {
        tracing::debug!(error = chain(&error), "a connection to the database has ended");
    }
    closed.store(true, Ordering::Relaxed);
}

/// A pool that opens connections when they are needed. Handing one out asks the server nothing:
/// one whose socket has closed is known to be broken and is left out.
pub(crate) fn pool(connector: Connector, size: usize) -> Pool<AsyncPgConnection> {
    let mut config = ManagerConfig::default();
    config.recycling_method = RecyclingMethod::Fast;
    config.custom_setup = Box::new(move |_url| {
        let connector = connector.clone();
        Box::pin(async move { connector.connect().await })
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
