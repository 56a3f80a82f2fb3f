use std::fmt;
use std::num::NonZero;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};

use diesel::SqliteConnection;
use latchkey_domain::ports::StoreError;
use tokio::sync::oneshot;

use crate::connection::{ConnectError, connect_reader, connect_writer};
use crate::fault::{DbResult, Fault};
use crate::hold::Hold;
use crate::queue::Queue;
use crate::writer::{Call, Write, Writer};

type Read = Box<dyn FnOnce(&mut SqliteConnection) + Send>;

/// One connection that writes and several that read, each on a thread of its own.
pub(crate) struct Pool {
    reads: Arc<Queue<Read>>,
    writes: Arc<Queue<Box<dyn Write>>>,
    readers: Threads,
    writer: Threads,
    hold: Arc<Hold>,
    /// Whether a commit has failed since somebody asked.
    failed: Arc<AtomicBool>,
}

type Threads = Mutex<Vec<JoinHandle<()>>>;

impl Pool {
    pub(crate) fn open(database: &Path, hold: &Arc<Hold>) -> Result<Self, ConnectError> {
        let pool = Self {
            reads: Arc::new(Queue::new()),
            writes: Arc::new(Queue::new()),
            readers: Threads::default(),
            writer: Threads::default(),
            hold: Arc::clone(hold),
            failed: Arc::default(),
        };
        let writer = Writer {
            db: connect_writer(database)?,
            queue: Arc::clone(&pool.writes),
            hold: Arc::clone(hold),
            failed: Arc::clone(&pool.failed),
        };
        let path = database.to_owned();
        let serve = move || writer.serve(|| connect_writer(&path).ok());
        start(&pool.writer, "sqlite-writer", serve)?;

        let cores = thread::available_parallelism().map_or(2, NonZero::get);
        for _reader in 0..cores.clamp(2, 8) {
            let (db, queue, path) =
                (connect_reader(database)?, Arc::clone(&pool.reads), database.to_owned());
            let serve = move || serve_reads(db, &queue, || connect_reader(&path).ok());
            start(&pool.readers, "sqlite-reader", serve)?;
        }
        Ok(pool)
    }

    /// Runs `work` in a transaction of its own, and answers once it is on disk.
    pub(crate) async fn write<T, E>(
        &self,
        work: impl FnOnce(&mut SqliteConnection) -> DbResult<T, E> + Send + 'static,
    ) -> Result<T, E>
    where
        T: Send + 'static,
        E: From<StoreError> + Send + 'static,
    {
        self.write_then(work, |done| done).await
    }

    /// The same, and `then` on the writer's thread before the answer. That also runs where the
    /// caller has gone, and where the disk failed and nobody can say what is on it.
    pub(crate) async fn write_then<T, U, E>(
        &self,
        work: impl FnOnce(&mut SqliteConnection) -> DbResult<T, E> + Send + 'static,
        then: impl FnOnce(T) -> U + Send + 'static,
    ) -> Result<U, E>
    where
        T: Send + 'static,
        U: Send + 'static,
        E: From<StoreError> + Send + 'static,
    {
        let (reply, answer) = oneshot::channel();
        self.writes.push(Box::new(Call { work: Some(work), outcome: None, then, reply }));
        answer.await.unwrap_or_else(|_dropped| Err(StoreError::new("the store is closed").into()))
    }

    /// Whether a commit has failed since this was last asked.
    pub(crate) fn take_failure(&self) -> bool {
        self.failed.swap(false, Ordering::Relaxed)
    }

    /// Runs `work` on a connection that can only read.
    pub(crate) async fn read<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut SqliteConnection) -> DbResult<T> + Send + 'static,
    ) -> Result<T, StoreError> {
        let (reply, answer) = oneshot::channel();
        let hold = Arc::clone(&self.hold);
        self.reads.push(Box::new(move |db| {
            if !reply.is_closed() {
                let is_there = hold.check().map_err(StoreError::new);
                let outcome = is_there.and_then(|()| work(db).map_err(|Fault(error)| error));
                drop(reply.send(outcome));
            }
        }));
        answer.await.unwrap_or_else(|_dropped| Err(StoreError::new("closed, or panicked")))
    }

    /// Finishes what is waiting, then closes the connections. The writer goes last: the
    /// connection that closes a database last moves its write-ahead log into the file.
    pub(crate) fn close(&self) {
        self.reads.close();
        join(&self.readers);
        self.writes.close();
        join(&self.writer);
    }
}

fn start(
    threads: &Threads,
    name: &str,
    work: impl FnOnce() + Send + 'static,
) -> Result<(), ConnectError> {
    let thread = thread::Builder::new().name(name.to_owned()).spawn(work)?;
    threads.lock().unwrap_or_else(PoisonError::into_inner).push(thread);
    Ok(())
}

fn join(threads: &Threads) {
    for thread in threads.lock().unwrap_or_else(PoisonError::into_inner).drain(..) {
        // It ends by a panic only where its work was reported as failed before.
        drop(thread.join());
    }
}

/// Takes reads until the queue is closed. A read that panics takes its connection with it.
fn serve_reads(
    mut db: SqliteConnection,
    queue: &Queue<Read>,
    connect: impl Fn() -> Option<SqliteConnection>,
) {
    while let Some(read) = queue.pop() {
        let panicked = catch_unwind(AssertUnwindSafe(|| read(&mut db))).is_err();
        if panicked && let Some(fresh) = connect() {
            db = fresh;
        }
    }
}

impl Drop for Pool {
    fn drop(&mut self) {
        self.close();
    }
}

impl fmt::Debug for Pool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pool").finish_non_exhaustive()
    }
}
