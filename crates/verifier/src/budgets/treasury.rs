use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use latchkey_domain::ports::budgets::Statement;
use latchkey_domain::ports::{BudgetShares, InstanceId, SteadyClock, StoreError};
use latchkey_domain::{BudgetId, KeyBudget};
use tokio::sync::{Notify, oneshot, watch};
use tokio::time::{MissedTickBehavior, interval, sleep};

use super::budget::{Budget, Occasion, Round};
use crate::cause;
use crate::keeper::Standing;

/// How often slices are refilled and given back.
pub(super) const TICK: Duration = Duration::from_millis(400);
/// Calls that come within this time wait for the same statement.
const GATHER: Duration = Duration::from_millis(2);
/// As many budgets in one statement.
const MOST: usize = 1_000;
/// How often what is held is given back, when this instance stops.
const LAST_TRIES: usize = 3;
/// Below this many, nothing is looked for that no key has any more.
const FEW: usize = 1_024;

/// Asks the store for slices of budgets, and gives them back: all budgets of the instance in one statement, one statement
/// at a time.
#[derive(Debug)]
pub(crate) struct Treasury {
    shares: Arc<dyn BudgetShares>,
    clock: Arc<dyn SteadyClock>,
    standing: watch::Receiver<Standing>,
    known: Mutex<Known>,
    queue: Mutex<Queue>,
    /// Holdings are numbered from 1.
    holdings: AtomicU64,
    rounds: AtomicU64,
    asked: Notify,
    stop: Notify,
    /// Held while a round is under way.
    keeping: tokio::sync::Mutex<()>,
}

/// Those that keys have, and those of which something is held: one for each id.
#[derive(Debug, Default)]
struct Known {
    all: HashMap<BudgetId, Weak<Budget>>,
    /// Those that were in use when that was last looked at.
    used: usize,
}

#[derive(Debug, Default)]
struct Queue {
    waiting: Vec<oneshot::Sender<Result<u64, String>>>,
    asked: HashMap<BudgetId, Arc<Budget>>,
    /// Something is held of these, or was spent lately. Those that are asked for are added.
    active: HashMap<BudgetId, Arc<Budget>>,
    /// Nobody asks the store any more.
    is_closed: bool,
}

impl Treasury {
    pub(crate) fn new(
        shares: Arc<dyn BudgetShares>,
        clock: Arc<dyn SteadyClock>,
        standing: watch::Receiver<Standing>,
    ) -> Self {
        Self {
            shares,
            clock,
            standing,
            known: Mutex::default(),
            queue: Mutex::default(),
            holdings: AtomicU64::new(1),
            rounds: AtomicU64::new(0),
            asked: Notify::new(),
            stop: Notify::new(),
            keeping: tokio::sync::Mutex::default(),
        }
    }

    /// The budget, which all keys that have it share.
    pub(crate) fn budget(&self, of: KeyBudget) -> Arc<Budget> {
        let mut known = lock(&self.known);
        if let Some(budget) = known.all.get(&of.id).and_then(Weak::upgrade) {
            return budget;
        }
        known.trim();
        let budget = Arc::new(Budget::new(of, self.next_number()));
        known.all.insert(of.id, Arc::downgrade(&budget));
        budget
    }

    /// Waits until the store has been asked for room for a call of this cost in these budgets. Returns the number of the
    /// round.
    pub(crate) async fn ask(
        &self,
        budgets: impl Iterator<Item = &Arc<Budget>>,
        cost: u64,
    ) -> Result<u64, StoreError> {
        let (reply, answered) = oneshot::channel();
        {
            let mut queue = self.queue();
            if queue.is_closed {
                return Err(StoreError::new(CLOSED));
            }
            for budget in budgets {
                budget.wait_for(cost);
                queue.asked.insert(budget.of().id, Arc::clone(budget));
            }
            queue.waiting.push(reply);
        }
        self.asked.notify_one();
        match answered.await {
            Ok(Ok(round)) => Ok(round),
            Ok(Err(why)) => Err(StoreError::new(why)),
            Err(_) => Err(StoreError::new(CLOSED)),
        }
    }

    /// Goes on until [`close`](Self::close).
    pub(crate) async fn keep(&self) {
        let mut ticks = interval(TICK);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            let occasion = tokio::select! {
                () = self.stop.notified() => return,
                () = self.asked.notified() => Occasion::Asked,
                _ = ticks.tick() => Occasion::Tick,
            };
            if occasion == Occasion::Asked {
                sleep(GATHER).await;
            }
            let _keeping = self.keeping.lock().await;
            self.round(occasion).await;
        }
    }

    /// Gives back everything that is held.
    pub(crate) async fn close(&self) {
        self.queue().is_closed = true;
        self.stop.notify_one();
        let _kept = self.keeping.lock().await;
        for _try in 0..LAST_TRIES {
            if !self.round(Occasion::Closing).await {
                return;
            }
        }
    }

    /// One statement about each budget that needs one. Says whether there were any.
    async fn round(&self, occasion: Occasion) -> bool {
        let (waiting, asked) = {
            let mut queue = self.queue();
            let asked = std::mem::take(&mut queue.asked);
            queue.active.extend(asked.iter().map(|(id, budget)| (*id, Arc::clone(budget))));
            (std::mem::take(&mut queue.waiting), asked)
        };
        let budgets: Vec<_> = match occasion {
            Occasion::Asked => asked.into_values().collect(),
            Occasion::Tick | Occasion::Closing => self.queue().active.values().cloned().collect(),
        };
        let number = self.rounds.fetch_add(1, Ordering::Relaxed) + 1;
        let settled = self.settle(&budgets, occasion, number).await;
        if let (Err(error), true) = (&settled, occasion == Occasion::Closing) {
            tracing::warn!(error = cause(error), "could not give back what is left of budgets");
        }
        for reply in waiting {
            let outcome = settled.as_ref().map(|_| number).map_err(|error| cause(error));
            // A call that has gone waits for nothing.
            drop(reply.send(outcome));
        }
        if occasion == Occasion::Tick {
            self.queue().active.retain(|_, budget| budget.tick());
        }
        !matches!(settled, Ok(0))
    }

    /// Returns how many statements there were.
    async fn settle(
        &self,
        budgets: &[Arc<Budget>],
        occasion: Occasion,
        number: u64,
    ) -> Result<usize, StoreError> {
        if budgets.is_empty() {
            return Ok(0);
        }
        let instance = self.standing.borrow().instance;
        let instance = instance.ok_or_else(|| StoreError::new(UNLISTED))?;
        let round = Round { instance, occasion, now: self.clock.now() };
        let statement = |it: &'_ Arc<Budget>| it.statement(round, || self.next_number());
        let statements: Vec<_> =
            budgets.iter().filter_map(|it| Some((statement(it)?, it))).collect();
        for some in statements.chunks(MOST) {
            self.settle_some(instance, some, number).await?;
        }
        Ok(statements.len())
    }

    async fn settle_some(
        &self,
        instance: InstanceId,
        some: &[(Statement, &Arc<Budget>)],
        number: u64,
    ) -> Result<(), StoreError> {
        let statements: Vec<_> = some.iter().map(|(statement, _)| *statement).collect();
        let sent = self.clock.now();
        let answers = self.shares.settle(instance, &statements).await?;
        let answers = answers.ok_or_else(|| StoreError::new(UNLISTED))?;
        let received = self.clock.now();
        for ((_, budget), answer) in some.iter().zip(answers) {
            match answer {
                Some(answer) => budget.answered(sent, received, answer),
                None => budget.is_uncounted(number, || self.next_number()),
            }
        }
        Ok(())
    }

    fn next_number(&self) -> u64 {
        self.holdings.fetch_add(1, Ordering::Relaxed)
    }

    fn queue(&self) -> MutexGuard<'_, Queue> {
        lock(&self.queue)
    }
}

const UNLISTED: &str = "this instance is not on the list of instances";
const CLOSED: &str = "this instance has left, and asks for no budgets any more";

impl Known {
    fn trim(&mut self) {
        if self.all.len() >= FEW.max(2 * self.used) {
            self.all.retain(|_, budget| budget.strong_count() > 0);
            self.used = self.all.len();
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
