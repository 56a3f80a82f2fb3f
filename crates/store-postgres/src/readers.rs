//! Connections for reads, shared by the tasks of a thread.

use std::cell::Cell;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use diesel_async::AsyncPgConnection;
use latchkey_domain::ports::StoreError;
use tokio::time::timeout;

use crate::connect::Connector;
use crate::fault::failed;

/// More threads than this share.
const THREADS: usize = 16;
/// Connections for each thread, so that a long list doesn't hold up every verification.
const EACH: usize = 2;
/// How long a read waits for a connection that is being made.
const CONNECT_LIMIT: Duration = Duration::from_secs(4);

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

/// A connection, and whether it has ended.
#[derive(Clone)]
struct Reader {
    connection: Arc<AsyncPgConnection>,
    closed: Arc<AtomicBool>,
}

impl Readers {
    pub(crate) fn new(connector: Connector) -> Self {
        let slots = std::iter::repeat_with(Slot::default).take(THREADS * EACH).collect();
        Self { connector, slots }
    }

    /// A connection that was open a moment ago.
    pub(crate) async fn get(&self) -> Result<Arc<AsyncPgConnection>, StoreError> {
        let slot = self.slots.get(next_slot()).expect("there is a slot for each number");
        if let Some(connection) = slot.open() {
            return Ok(connection);
        }
        timeout(CONNECT_LIMIT, self.connect(slot)).await.map_err(failed)?
    }

    async fn connect(&self, slot: &Slot) -> Result<Arc<AsyncPgConnection>, StoreError> {
        let _connecting = slot.connecting.lock().await;
        if let Some(connection) = slot.open() {
            return Ok(connection);
        }
        let closed = Arc::new(AtomicBool::new(false));
        let connection = self.connector.connect_watched(Arc::clone(&closed)).await;
        let connection = Arc::new(connection.map_err(failed)?);
        let reader = Reader { connection: Arc::clone(&connection), closed };
        *slot.lock() = Some(reader);
        Ok(connection)
    }
}

impl Slot {
    fn open(&self) -> Option<Arc<AsyncPgConnection>> {
        let reader = self.lock().clone()?;
        (!reader.closed.load(Ordering::Relaxed)).then_some(reader.connection)
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Option<Reader>> {
        self.current.lock().unwrap_or_else(PoisonError::into_inner)
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
