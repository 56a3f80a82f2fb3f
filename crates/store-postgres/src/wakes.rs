//! Waking the instances after a change of keys: they ask for the news before their next heartbeat is due.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use diesel::{QueryResult, sql_query};
use diesel_async::{AsyncPgConnection, RunQueryDsl as _};
use latchkey_domain::ports::StoreError;

use crate::cached_sql::cached;
use crate::fault::{chain, failed};
use crate::link::Link;

pub(crate) const LISTEN: &str = "listen latchkey_changes";

/// Not in the transaction of the change: one that notifies holds a lock of the whole server until it is
/// committed, and others would wait for it. Nothing is lost with a notification, so that this one need
/// not wait for the disk.
const WAKE: &str =
    "select set_config('synchronous_commit', 'off', true), pg_notify('latchkey_changes', '')";

/// The wakes of this process.
pub(crate) struct Wakes {
    link: Arc<Link>,
    /// How many changes are under way.
    changing: AtomicUsize,
    /// Whether a wake is to be sent: then it serves each change that ends before that.
    due: AtomicBool,
}

impl Wakes {
    pub(crate) fn new(link: Arc<Link>) -> Self {
        Self { link, changing: AtomicUsize::new(0), due: AtomicBool::new(false) }
    }

    /// Runs what changes keys, and wakes the instances. A change that is alone is followed by its wake on
    /// the same connection: the instances ask while the answer is still under way to here. Changes that
    /// crowd share wakes, because each costs the instances a heartbeat.
    pub(crate) async fn after<T: Send>(
        self: &Arc<Self>,
        connection: &AsyncPgConnection,
        change: impl Future<Output = QueryResult<T>> + Send,
    ) -> Result<T, StoreError> {
        let (changing, is_alone) = Changing::begin(&self.changing);
        let changed = if is_alone {
            let mut shared = connection;
            let wake = cached(sql_query(WAKE));
            // In this order, so that the change is sent first.
            let (changed, woken) = tokio::join!(biased; change, wake.execute(&mut shared));
            if let Err(error) = woken {
                not_woken(&failed(error));
            }
            changed
        } else {
            let changed = change.await;
            self.send_soon();
            changed
        };
        drop(changing);
        changed.map_err(failed)
    }

    fn send_soon(self: &Arc<Self>) {
        if self.due.swap(true, Ordering::SeqCst) {
            return;
        }
        let wakes = Arc::clone(self);
        tokio::spawn(async move {
            let due = &wakes.due;
            let sent = wakes.link.ask(|link| {
                due.store(false, Ordering::SeqCst);
                Box::pin(cached(sql_query(WAKE)).execute(link))
            });
            if let Err(error) = sent.await {
                due.store(false, Ordering::SeqCst);
                not_woken(&error);
            }
        });
    }
}

/// They learn of the change by their next heartbeats.
fn not_woken(error: &StoreError) {
    tracing::debug!(error = chain(error), "could not wake the other instances");
}

/// A change that is under way.
struct Changing<'n>(&'n AtomicUsize);

impl<'n> Changing<'n> {
    /// Also says whether no other one is.
    fn begin(number: &'n AtomicUsize) -> (Self, bool) {
        (Self(number), number.fetch_add(1, Ordering::SeqCst) == 0)
    }
}

impl Drop for Changing<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}
