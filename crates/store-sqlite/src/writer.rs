use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use diesel::connection::{AnsiTransactionManager, TransactionManager as _};
use diesel::result::Error;
use diesel::{Connection as _, SqliteConnection};
use latchkey_domain::ports::StoreError;
use thiserror::Error as ThisError;
use tokio::sync::oneshot;

use crate::fault::{DbResult, Fault};
use crate::hold::{Hold, Lost};
use crate::queue::Queue;

/// The most calls that share one commit. More would gain nothing and keep the first waiting.
const GROUP: usize = 64;

/// Why nobody can say that a group of calls is on disk.
#[derive(Debug, ThisError)]
pub(crate) enum NotCommitted {
    #[error(transparent)]
    Database(#[from] Error),
    #[error(transparent)]
    Lost(#[from] Lost),
}

/// A call that changes something, seen from the writer's thread.
pub(crate) trait Write: Send {
    /// Does the work, in a savepoint of its own: an error undoes all of it, and nothing else.
    fn run(&mut self, db: &mut SqliteConnection);

    /// Answers the caller, now that it is known whether the work is on disk.
    fn answer(self: Box<Self>, committed: Result<(), &NotCommitted>);
}

pub(crate) struct Call<F, G, T, U, E> {
    pub(crate) work: Option<F>,
    pub(crate) outcome: Option<Result<T, E>>,
    /// What follows from the outcome once it may be on disk, whether or not anybody waits for the
    /// answer.
    pub(crate) then: G,
    pub(crate) reply: oneshot::Sender<Result<U, E>>,
}

impl<F, G, T, U, E> Write for Call<F, G, T, U, E>
where
    F: FnOnce(&mut SqliteConnection) -> DbResult<T, E> + Send,
    G: FnOnce(T) -> U + Send,
    T: Send,
    U: Send,
    E: From<StoreError> + Send,
{
    fn run(&mut self, db: &mut SqliteConnection) {
        let Some(work) = self.work.take() else { return };
        let outcome = db.transaction(|db| {
            catch_unwind(AssertUnwindSafe(|| work(db)))
                .unwrap_or_else(|_reported| Err(Fault(StoreError::new("panicked").into())))
        });
        self.outcome = Some(outcome.map_err(|Fault(error)| error));
    }

    fn answer(self: Box<Self>, committed: Result<(), &NotCommitted>) {
        let Self { outcome, then, reply, .. } = *self;
        let answer = match (committed, outcome) {
            (Ok(()), Some(outcome)) => outcome.map(then),
            // Also a refusal is void then: it may rest on a change that was not committed either.
            (Err(error), outcome) => {
                drop(outcome.map(|outcome| outcome.map(then)));
                Err(StoreError::new(format!("not committed: {error}")).into())
            }
            (Ok(()), None) => Err(StoreError::new("not run").into()),
        };
        // Nobody is there to hear it if the caller has gone.
        drop(reply.send(answer));
    }
}

/// What the writer's thread works with.
pub(crate) struct Writer {
    pub(crate) db: SqliteConnection,
    pub(crate) queue: Arc<Queue<Box<dyn Write>>>,
    pub(crate) hold: Arc<Hold>,
    /// Set where a commit fails.
    pub(crate) failed: Arc<AtomicBool>,
}

impl Writer {
    /// Takes calls until the queue is closed. All that are waiting share one transaction, because
    /// its commit, which waits for the disk, costs far more than they do.
    pub(crate) fn serve(mut self, connect: impl Fn() -> Option<SqliteConnection>) {
        while let Some(first) = self.queue.pop() {
            let mut group = vec![first];
            let committed = self.commit(&mut group);
            if committed.is_err() {
                self.failed.store(true, Ordering::Relaxed);
            }
            for call in group {
                call.answer(committed.as_ref().copied());
            }
            if AnsiTransactionManager::is_broken_transaction_manager(&mut self.db)
                && let Some(fresh) = connect()
            {
                self.db = fresh;
            }
        }
    }

    fn commit(&mut self, group: &mut Vec<Box<dyn Write>>) -> Result<(), NotCommitted> {
        self.hold.check()?;
        let Self { db, queue, .. } = self;
        db.immediate_transaction(|db| run_group(db, group, queue))?;
        // It is on disk, but in a file that the next start may not find.
        Ok(self.hold.look()?)
    }
}

fn run_group(
    db: &mut SqliteConnection,
    group: &mut Vec<Box<dyn Write>>,
    queue: &Queue<Box<dyn Write>>,
) -> Result<(), Error> {
    let mut next = 0;
    while let Some(call) = group.get_mut(next) {
        call.run(db);
        // After some failures, such as a full disk, SQLite ends the whole transaction by itself;
        // what ran now would commit alone, while its caller is told that it failed.
        let depth = AnsiTransactionManager::transaction_manager_status_mut(db).transaction_depth();
        if depth?.is_none_or(|depth| depth.get() != 1) {
            return Err(Error::BrokenTransactionManager);
        }
        next += 1;
        if next == group.len() && next < GROUP {
            group.extend(queue.try_pop());
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests;
