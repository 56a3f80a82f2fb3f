use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use latchkey_domain::ports::{Barrier, ChangeFeed, InstanceList, InstanceStatus, SteadyClock};
use latchkey_domain::{BootTime, ChangeNumber};
use tokio::sync::{Notify, oneshot, watch};
use tokio::time::sleep;

use crate::Durations;
use crate::cause;
use crate::keeper::{Keeper, Standing};
use crate::protocol::{Silence, Wait};
use crate::silent::{Silences, expel};

const SHORTEST_PAUSE: Duration = Duration::from_millis(1);
const LONGEST_PAUSE: Duration = Duration::from_millis(16);

/// The barrier over a feed: one task looks at the list of instances for all who wait.
#[derive(Debug, Clone)]
pub struct FeedBarrier(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    feed: Arc<dyn ChangeFeed>,
    clock: Arc<dyn SteadyClock>,
    /// This process's own instance, where it verifies from the cache.
    keeper: Option<Arc<Keeper>>,
    waiters: Mutex<Waiters>,
    arrival: Notify,
    passed: Passed,
}

#[derive(Debug, Default)]
struct Waiters {
    waiting: Vec<Waiter>,
    /// How many have ever waited.
    arrived: u64,
    /// Whether the task runs.
    watched: bool,
}

#[derive(Debug)]
struct Waiter {
    number: u64,
    wait: Wait,
    done: oneshot::Sender<()>,
}

/// The list of instances, and whom it was read for: those who had arrived before.
#[derive(Debug)]
struct List {
    read: InstanceList,
    arrived: u64,
}

impl FeedBarrier {
    pub(crate) fn new(
        feed: Arc<dyn ChangeFeed>,
        clock: Arc<dyn SteadyClock>,
        keeper: Option<Arc<Keeper>>,
    ) -> Self {
        let (waiters, arrival, passed) = (Mutex::default(), Notify::new(), Passed::default());
        Self(Arc::new(Inner { feed, clock, keeper, waiters, arrival, passed }))
    }

    /// For a process that changes keys but answers nothing from the cache.
    pub fn outside(feed: Arc<dyn ChangeFeed>, clock: Arc<dyn SteadyClock>) -> Self {
        Self::new(feed, clock, None)
    }

    /// How often and how long changes have waited.
    pub fn passed(&self) -> &Passed {
        &self.0.passed
    }
}

/// How often and how long changes have waited for all instances.
#[derive(Debug, Default)]
#[non_exhaustive]
pub struct Passed {
    /// Until every instance had applied them.
    pub by_all: AtomicU64,
    /// Until the leases of those that had not were over.
    pub by_time: AtomicU64,
    /// How long, of both.
    pub waited: Durations,
}

#[async_trait]
impl Barrier for FeedBarrier {
    async fn pass(&self, change: ChangeNumber) {
        let began = self.0.clock.now();
        let wait = Wait::new(change, began);
        let passed = self.0.arrive(wait);
        if passed.await.is_err() {
            // The task is gone, as only the end of the runtime makes it.
            sleep(wait.end().since(self.0.clock.now())).await;
        }
        self.0.passed.count(wait, began, self.0.clock.now());
    }
}

impl Passed {
    fn count(&self, wait: Wait, began: BootTime, now: BootTime) {
        let how = if wait.is_over(now) { &self.by_time } else { &self.by_all };
        how.fetch_add(1, Ordering::Relaxed);
        self.waited.note(now.since(began));
    }
}

impl Inner {
    fn arrive(self: &Arc<Self>, wait: Wait) -> oneshot::Receiver<()> {
        let (done, passed) = oneshot::channel();
        let must_watch = {
            let mut waiters = self.lock();
            let number = waiters.arrived;
            waiters.arrived += 1;
            waiters.waiting.push(Waiter { number, wait, done });
            !std::mem::replace(&mut waiters.watched, true)
        };
        self.arrival.notify_one();
        if must_watch {
            tokio::spawn(Arc::clone(self).watch());
        }
        passed
    }

    /// Runs while anybody waits, and until those who kept them waiting are off the list.
    async fn watch(self: Arc<Self>) {
        let mut standing = self.keeper.as_ref().map(|keeper| keeper.standing());
        let mut silent = Silences::new();
        let mut pause = SHORTEST_PAUSE;
        let mut arrived = true;
        loop {
            match self.look(arrived).await {
                Some(list) => {
                    self.release(&list, standing.as_mut());
                    self.expel_dead(&list.read.instances, &mut silent).await;
                }
                None if self.lock().waiting.is_empty() => silent.clear(),
                None => {}
            }
            let now = self.clock.now();
            self.let_go(|waiter| waiter.wait.is_over(now));
            if silent.is_empty() && self.is_done() {
                return;
            }
            arrived = tokio::select! {
                () = self.arrival.notified() => true,
                () = applied(&mut standing) => false,
                () = sleep(pause) => false,
            };
            pause = if arrived { SHORTEST_PAUSE } else { (pause * 2).min(LONGEST_PAUSE) };
        }
    }

    /// The list, read now. Where somebody new waits, this instance asks for the news: the others are
    /// woken by the store.
    async fn look(&self, is_new: bool) -> Option<List> {
        if is_new && let Some(keeper) = &self.keeper {
            keeper.nudge();
        }
        let arrived = self.lock().arrived;
        match self.feed.instances().await {
            Ok(read) => Some(List { read, arrived }),
            Err(error) => {
                tracing::debug!(
                    error = cause(&error),
                    "could not read the progress of the other instances"
                );
                None
            }
        }
    }

    /// Lets those go whose change everybody has applied; of those, only who had arrived when the
    /// list was read, from a server that shows their change: an instance that joined since is not on
    /// it. Nobody, while others may have leases.
    fn release(&self, list: &List, standing: Option<&mut watch::Receiver<Standing>>) {
        let own = standing.map(|it| *it.borrow_and_update()).unwrap_or_default();
        if self.keeper.as_ref().is_some_and(|keeper| !keeper.knows_all()) {
            return;
        }
        let instances: Vec<_> = list.read.instances.iter().map(|it| with_own(*it, own)).collect();
        self.let_go(|Waiter { number, wait, .. }| {
            let is_on_time = *number < list.arrived && wait.is_shown_by(list.read.as_of);
            is_on_time && wait.is_through(&instances)
        });
    }

    fn let_go(&self, which: impl Fn(&Waiter) -> bool) {
        for waiter in self.lock().waiting.extract_if(.., |it| which(it)) {
            // Who has gone does not wait.
            let _gone = waiter.done.send(());
        }
    }

    /// Takes instances off the list that have kept somebody waiting and have been silent for longer
    /// than a lease, so that nobody waits for them again.
    async fn expel_dead(&self, instances: &[InstanceStatus], silent: &mut Silences) {
        let now = self.clock.now();
        silent.retain(|_, silence| instances.contains(&silence.status));
        for status in instances {
            let is_behind = |it: &Waiter| !it.wait.is_through(&[*status]);
            if self.lock().waiting.iter().any(is_behind) {
                silent.entry(status.instance).or_insert(Silence { status: *status, since: now });
            }
        }
        let dead: Vec<_> =
            silent.values().filter(|it| it.is_over(now)).map(|it| it.status).collect();
        expel(&*self.feed, &dead).await;
    }

    fn is_done(&self) -> bool {
        let mut waiters = self.lock();
        waiters.watched = !waiters.waiting.is_empty();
        !waiters.watched
    }

    fn lock(&self) -> MutexGuard<'_, Waiters> {
        self.waiters.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What an instance of this process has applied is known before the store knows it.
fn with_own(status: InstanceStatus, own: Standing) -> InstanceStatus {
    match own.applied {
        Some(applied) if own.instance == Some(status.instance) => {
            InstanceStatus { applied: applied.max(status.applied), ..status }
        }
        _ => status,
    }
}

async fn applied(standing: &mut Option<watch::Receiver<Standing>>) {
    match standing {
        // It ends with the process.
        Some(standing) => drop(standing.changed().await),
        None => std::future::pending().await,
    }
}
