//! Connections for reads, shared by the tasks of a thread.

use std::cell::Cell;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use diesel::QueryResult;
use diesel_async::AsyncPgConnection;
use latchkey_domain::ports::StoreError;
use tokio::time::timeout;

use crate::attempts::Purpose;
use crate::connect::{Connector, Line};
use crate::fault::failed;

/// More threads than this share.
const THREADS: usize = 16;
/// Connections for each thread, so that a long list doesn't hold up every verification.
const EACH: usize = 2;
/// How long a read waits for a connection that is being made.
const CONNECT_LIMIT: Duration = Duration::from_secs(4);
/// Longer than the server allows a statement: a server that is only slow says so by itself.
const ANSWER_LIMIT: Duration = Duration::from_secs(6);
/// A look-up is of one row by its index: a server that takes longer hangs.
const LOOK_UP_LIMIT: Duration = Duration::from_secs(2);
/// Then a connection is replaced, those of a process not all in the same moment.
const MAX_AGE: Duration = Duration::from_mins(10);
const SPREAD: Duration = Duration::from_secs(10);

/// Reads are autocommitted, single and short, and so may follow each other on one connection
/// without waiting for answers (pipelining). Each thread has connections of its own, whose answers
/// arrive where they are awaited: handing them from one thread to another costs several times as
/// much as the read itself.
pub(crate) struct Readers {
    connector: Connector,
    slots: Vec<Slot>,
}

#[derive(Default)]
struct Slot {
    current: Mutex<Option<Reader>>,
    /// Held while a connection is made, so that a crowd makes one and not one each.
    connecting: tokio::sync::Mutex<()>,
}

/// A connection that others read from too.
#[derive(Clone)]
pub(crate) struct Reader {
    line: Arc<Line>,
    old_at: Instant,
}

impl Readers {
    pub(crate) fn new(connector: Connector) -> Self {
        let slots = std::iter::repeat_with(Slot::default).take(THREADS * EACH).collect();
        Self { connector, slots }
    }

    /// A connection that was open a moment ago.
    pub(crate) async fn get(&self) -> Result<Reader, StoreError> {
        let number = next_slot();
        let slot = self.slots.get(number).expect("there is a slot for each number");
        if let Some(reader) = slot.open() {
            return Ok(reader);
        }
        timeout(CONNECT_LIMIT, self.connect(slot, number)).await.map_err(failed)?
    }

    async fn connect(&self, slot: &Slot, number: usize) -> Result<Reader, StoreError> {
        let _connecting = slot.connecting.lock().await;
        if let Some(reader) = slot.open() {
            return Ok(reader);
        }
        let line = self.connector.connect(Purpose::Reads).await.map_err(failed)?;
        let spread = SPREAD * u32::try_from(number).unwrap_or_default();
        let reader = Reader { line: Arc::new(line), old_at: Instant::now() + MAX_AGE + spread };
        *slot.lock() = Some(reader.clone());
        Ok(reader)
    }
}

impl Slot {
    fn open(&self) -> Option<Reader> {
        let reader = self.lock().clone()?;
        (!reader.is_closed() && Instant::now() < reader.old_at).then_some(reader)
    }

    fn lock(&self) -> MutexGuard<'_, Option<Reader>> {
        self.current.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Reader {
    /// It answers all who share it, in turn.
    pub(crate) fn connection(&self) -> &AsyncPgConnection {
        &self.line.connection
    }

    /// The answer to a question that was put to this connection, or that the server hangs: then the
    /// connection ends, for all who wait on it.
    pub(crate) async fn answer<T>(
        &self,
        question: impl Future<Output = QueryResult<T>>,
    ) -> Result<QueryResult<T>, StoreError> {
        self.answer_within(ANSWER_LIMIT, question).await
    }

    /// The same of a question that is answered soon.
    pub(crate) async fn look_up<T>(
        &self,
        question: impl Future<Output = QueryResult<T>>,
    ) -> Result<QueryResult<T>, StoreError> {
        self.answer_within(LOOK_UP_LIMIT, question).await
    }

    /// Whether it has ended.
    pub(crate) fn is_closed(&self) -> bool {
        self.line.state.is_closed()
    }

    /// Ends it: the server that it leads to is not the one to ask.
    pub(crate) fn end(&self) {
        self.line.state.end();
    }

    async fn answer_within<T>(
        &self,
        limit: Duration,
        question: impl Future<Output = QueryResult<T>>,
    ) -> Result<QueryResult<T>, StoreError> {
        timeout(limit, question).await.map_err(|_elapsed| {
            self.end();
            failed("the database does not answer; the connection was given up")
        })
    }
}

/// The slots of this thread, by turns.
fn next_slot() -> usize {
    static THREADS_SEEN: AtomicUsize = AtomicUsize::new(0);
    thread_local! {
        static THREAD: usize = THREADS_SEEN.fetch_add(1, Ordering::Relaxed) % THREADS;
        static TURN: Cell<usize> = const { Cell::new(0) };
    }
    let turn = TURN.replace((TURN.get() + 1) % EACH);
    THREAD.with(|thread| thread * EACH + turn)
}
