use std::pin::Pin;
use std::sync::Arc;
use std::time::{Duration, Instant};

use diesel::QueryResult;
use diesel_async::{AsyncPgConnection, SimpleAsyncConnection as _};
use latchkey_domain::ports::StoreError;
use tokio::sync::{Mutex, Notify};
use tokio::time::timeout;

use crate::attempts::Purpose;
use crate::connect::{Connector, Line};
use crate::fault::failed;

/// Far away, TCP, TLS and a password take ten round trips.
const CONNECT_LIMIT: Duration = Duration::from_secs(5);
/// Shorter than a lease by the time for a new connection, so that one that hangs costs no lease.
const ASK_LIMIT: Duration = Duration::from_secs(1);
/// Where a new connection takes longer than [`ASK_LIMIT`], a lease is over before one is made: then it is
/// better to wait for what was lost on the way and is sent again.
const FAR_ASK_LIMIT: Duration = Duration::from_secs(2);

/// A connection for one purpose, made when it is needed and again after any failure: what has
/// to be quick neither waits for the pool nor for a connection that hangs.
pub(crate) struct Link {
    connector: Connector,
    purpose: Purpose,
    /// The first statement on a new connection.
    greeting: Option<&'static str>,
    current: Mutex<Option<Current>>,
    noticed: Arc<Notify>,
}

/// A connection, and how long it may take to answer.
struct Current {
    line: Line,
    limit: Duration,
}

/// The reply to one question.
type Reply<'c, T> = Pin<Box<dyn Future<Output = QueryResult<T>> + Send + 'c>>;

impl Link {
    pub(crate) fn new(
        connector: Connector,
        purpose: Purpose,
        greeting: Option<&'static str>,
    ) -> Self {
        let (current, noticed) = (Mutex::default(), Arc::default());
        Self { connector, purpose, greeting, current, noticed }
    }

    /// Asks, one at a time. Where that takes more than a second (two, far away), or the caller goes
    /// away, the connection is closed.
    pub(crate) async fn ask<T: Send>(
        &self,
        question: impl for<'c> FnOnce(&'c mut AsyncPgConnection) -> Reply<'c, T> + Send,
    ) -> Result<T, StoreError> {
        let mut current = self.current.lock().await;
        let mut open = match current.take().filter(|it| !it.line.state.is_closed()) {
            Some(open) => open,
            None => self.open().await?,
        };
        let asked = timeout(open.limit, question(&mut open.line.connection));
        let answer = asked.await.map_err(failed)?.map_err(failed)?;
        *current = Some(open);
        drop(current);
        Ok(answer)
    }

    /// Connects, if there is no connection.
    pub(crate) async fn connect(&self) -> Result<(), StoreError> {
        let mut current = self.current.lock().await;
        if current.as_ref().is_none_or(|it| it.line.state.is_closed()) {
            *current = Some(self.open().await?);
        }
        drop(current);
        Ok(())
    }

    /// Waits for a notification of the database.
    pub(crate) async fn noticed(&self) {
        self.noticed.notified().await;
    }

    async fn open(&self) -> Result<Current, StoreError> {
        let began = Instant::now();
        let line = timeout(CONNECT_LIMIT, self.greet()).await.map_err(failed)??;
        let limit = if began.elapsed() < ASK_LIMIT { ASK_LIMIT } else { FAR_ASK_LIMIT };
        Ok(Current { line, limit })
    }

    async fn greet(&self) -> Result<Line, StoreError> {
        let noticed = Arc::clone(&self.noticed);
        let line = self.connector.connect_noticing(self.purpose, noticed).await;
        let mut line = line.map_err(failed)?;
        if let Some(greeting) = self.greeting {
            line.connection.batch_execute(greeting).await.map_err(failed)?;
        }
        Ok(line)
    }
}
