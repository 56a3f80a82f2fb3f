use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

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
/// Shorter than a lease, so that a connection that hangs costs no lease.
const ASK_LIMIT: Duration = Duration::from_secs(1);

/// A connection for one purpose, made when it is needed and made anew after any failure: what has
/// to be quick neither waits for the pool nor for a connection that hangs.
pub(crate) struct Link {
    connector: Connector,
    purpose: Purpose,
    /// The first statement on a new connection.
    greeting: Option<&'static str>,
    current: Mutex<Option<Line>>,
    noticed: Arc<Notify>,
}

/// What is asked of a connection.
type Answer<'c, T> = Pin<Box<dyn Future<Output = QueryResult<T>> + Send + 'c>>;

impl Link {
    pub(crate) fn new(
        connector: Connector,
        purpose: Purpose,
        greeting: Option<&'static str>,
    ) -> Self {
        let (current, noticed) = (Mutex::default(), Arc::default());
        Self { connector, purpose, greeting, current, noticed }
    }

    /// Asks, one at a time. Where that takes more than a second, or the caller goes away, the
    /// connection is closed.
    pub(crate) async fn ask<T: Send>(
        &self,
        question: impl for<'c> FnOnce(&'c mut AsyncPgConnection) -> Answer<'c, T> + Send,
    ) -> Result<T, StoreError> {
        let mut current = self.current.lock().await;
        let mut line = match current.take().filter(|line| !line.state.is_closed()) {
            Some(line) => line,
            None => timeout(CONNECT_LIMIT, self.open()).await.map_err(failed)??,
        };
        let answer = timeout(ASK_LIMIT, question(&mut line.connection)).await.map_err(failed)?;
        let answer = answer.map_err(failed)?;
        *current = Some(line);
        drop(current);
        Ok(answer)
    }

    /// Connects, if there is no connection.
    pub(crate) async fn connect(&self) -> Result<(), StoreError> {
        let mut current = self.current.lock().await;
        if current.as_ref().is_none_or(|line| line.state.is_closed()) {
            *current = Some(timeout(CONNECT_LIMIT, self.open()).await.map_err(failed)??);
        }
        drop(current);
        Ok(())
    }

    /// Waits for a notification of the database.
    pub(crate) async fn noticed(&self) {
        self.noticed.notified().await;
    }

    async fn open(&self) -> Result<Line, StoreError> {
        let noticed = Arc::clone(&self.noticed);
        let line = self.connector.connect_noticing(self.purpose, noticed).await;
        let mut line = line.map_err(failed)?;
        if let Some(greeting) = self.greeting {
            line.connection.batch_execute(greeting).await.map_err(failed)?;
        }
        Ok(line)
    }
}
