use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use latchkey_domain::ports::InstanceId;
use latchkey_domain::ports::budgets::{Answer, Statement, Wanted};
use latchkey_domain::{BootTime, BudgetKind, KeyBudget, Timestamp, Window};

use super::LimitState;
use super::second::Second;
use super::told::Told;
use super::treasury::TICK;
use crate::protocol::LEASE;
use crate::slices::{Hand, Holding, Spent, Unpaid};

/// How long a call is refused by what the store said before. A flood of calls on a spent budget asks the store so often.
const BELIEVED: Duration = Duration::from_millis(200);

/// With fewer calls than this since the tick before the last, nothing is taken ahead: each asks for what it costs, and what the
/// store shows is what is left.
const FEW_CALLS: u64 = 8;

/// A budget, as this instance spends it.
#[derive(Debug)]
pub(crate) struct Budget {
    of: KeyBudget,
    hand: Hand,
    /// Of a limit for each second, instead of a hand.
    second: Second,
    told: Told,
    /// All that was spent by the second, ever.
    uses: AtomicU64,
    /// In the latest round of this number the store said that nothing is counted.
    uncounted: AtomicU64,
    state: Mutex<State>,
}

/// What the treasury keeps of a budget.
#[derive(Debug, Default)]
struct State {
    /// Which holding of the instance's it is.
    number: u64,
    instance: Option<InstanceId>,
    holding: Holding,
    /// What was spent of shares that are over.
    before: u64,
    /// All that had been spent by the last two ticks, the earlier first.
    marks: [u64; 2],
    /// What waiting calls cost, and the cheapest of them.
    waiting: Option<Wanted>,
    /// The highest cost of a call that waited, since the budget was not used for a second.
    cost: u64,
    /// Since the last tick something came to hand. The call that waited for it may not have run yet.
    has_come: bool,
}

/// Whether a budget has room for a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Room {
    /// At hand.
    Enough,
    /// The store has it.
    InStore,
    /// Not even if everything that is left were at hand.
    TooLittle,
    /// The store has to be asked.
    Unknown,
}

/// What was charged, to be put back where another budget has no room after all.
#[derive(Debug, Clone, Copy)]
#[must_use]
pub(crate) enum Paid {
    FromHand(Spent),
    InSecond {
        cost: u64,
        second: u64,
    },
    /// Nothing is counted at present.
    Uncounted,
}

/// The instants of a call, and the last round of the treasury that it waited for.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Now {
    pub(crate) boot: BootTime,
    pub(crate) wall: Timestamp,
    /// 0: none.
    pub(crate) round: u64,
}

/// A round of statements.
#[derive(Debug, Clone, Copy)]
pub(super) struct Round {
    pub(super) instance: InstanceId,
    pub(super) occasion: Occasion,
    pub(super) now: BootTime,
}

/// Why the treasury makes statements.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Occasion {
    /// Calls wait.
    Asked,
    /// Time has passed.
    Tick,
    /// This instance stops.
    Closing,
}

impl Budget {
    pub(super) fn new(of: KeyBudget, number: u64) -> Self {
        Self {
            of,
            hand: Hand::default(),
            second: Second::default(),
            told: Told::default(),
            uses: AtomicU64::new(0),
            uncounted: AtomicU64::new(0),
            state: Mutex::new(State { number, ..State::default() }),
        }
    }

    pub(crate) const fn of(&self) -> KeyBudget {
        self.of
    }

    /// Whether a call of this cost has room. A call that costs nothing asks whether there is room at all.
    #[inline]
    pub(crate) fn room(&self, cost: u64, now: Now) -> Room {
        let (asks, cost) = (cost == 0, cost.max(1));
        let is_believed = self.told.is_believed(now.boot);
        if now.round != 0 && self.uncounted.load(Ordering::Relaxed) == now.round {
            return Room::Enough;
        }
        if self.is_by_second() {
            let used = self.second.used(second_of(now.wall));
            return match is_believed {
                true if used + cost <= self.told.part() => Room::Enough,
                true => Room::TooLittle,
                false => Room::Unknown,
            };
        }
        if self.hand.has(cost, now.boot) {
            return Room::Enough;
        }
        match self.hand.held() + self.told.left() >= cost {
            _ if !is_believed => Room::Unknown,
            false => Room::TooLittle,
            true if asks => Room::Enough,
            true => Room::InStore,
        }
    }

    /// Charges the call, or says what it may have been told before: that there is no room, or that nobody knows.
    #[inline]
    pub(crate) fn pay(&self, cost: u64, now: Now) -> Option<Paid> {
        if now.round != 0 && self.uncounted.load(Ordering::Relaxed) == now.round {
            return Some(Paid::Uncounted);
        }
        if self.is_by_second() {
            let second = second_of(now.wall);
            self.uses.fetch_add(cost, Ordering::Relaxed);
            let paid = Paid::InSecond { cost, second };
            return self.second.spend(cost, second, self.told.part()).then_some(paid);
        }
        match self.hand.spend(cost, now.boot) {
            Ok(spent) => Some(Paid::FromHand(spent)),
            Err(Unpaid::Over | Unpaid::TooLittle) => None,
        }
    }

    pub(crate) fn put_back(&self, paid: Paid) {
        match paid {
            Paid::FromHand(spent) => self.hand.put_back(spent),
            Paid::InSecond { cost, second } => self.second.put_back(cost, second),
            Paid::Uncounted => {}
        }
    }

    /// How long a call that is refused now should wait.
    pub(crate) fn ends_in(&self, now: BootTime) -> Duration {
        if self.is_by_second() { Duration::from_secs(1) } else { self.told.ends_in(now) }
    }

    /// The limit as it is known; `None` of credits, and of what the store has not told yet.
    pub(crate) fn limit(&self, now: Now) -> Option<LimitState> {
        let KeyBudget { kind: BudgetKind::Window(window), is_owners, .. } = self.of else {
            return None;
        };
        let limit = self.told.amount();
        let left = if self.is_by_second() {
            self.told.part().saturating_sub(self.second.used(second_of(now.wall)))
        } else {
            self.hand.held() + self.told.left()
        };
        let ends_in = self.ends_in(now.boot);
        let length = length_of(window, self.told.period());
        (limit > 0).then_some(LimitState { window, is_owners, limit, left, ends_in, length })
    }

    /// Notes that a call waits for room. One that costs nothing takes nothing.
    pub(super) fn wait_for(&self, cost: u64) {
        let mut state = self.state();
        state.cost = state.cost.max(cost);
        let waiting = state.waiting.get_or_insert(Wanted { least: u64::MAX, ..Wanted::default() });
        waiting.least = waiting.least.min(cost);
        waiting.needed += cost;
        drop(state);
    }

    /// What is to be said about it, if anything.
    pub(super) fn statement(
        &self,
        Round { instance, occasion, now }: Round,
        next_number: impl FnOnce() -> u64,
    ) -> Option<Statement> {
        let mut state = self.state();
        if state.instance != Some(instance) {
            state.begin_again(&self.hand, next_number());
            state.instance = Some(instance);
        }
        let waiting = state.waiting.take();
        let own_use = self.own_use(&state);
        let is_needed = waiting.is_some() || state.has_come;
        let is_surplus = !is_needed && self.hand.held() > 2 * own_use;
        match occasion {
            Occasion::Closing => state.holding.let_go(&self.hand, 0),
            // What was not used for a second is not needed here.
            Occasion::Tick if is_surplus => state.holding.let_go(&self.hand, own_use),
            Occasion::Tick | Occasion::Asked => {}
        }
        if state.holding.leaving() > 0 {
            // It is neither at hand nor left.
            self.told.forget();
        }
        // As much as one and a half seconds or so use.
        let is_busy = own_use >= FEW_CALLS * state.cost.max(1);
        let ahead_of = if is_busy { own_use * 3 / 2 } else { 0 };
        let until = self.hand.until();
        let at_hand = if now < until { self.hand.held() } else { 0 };
        // A third of a slice was used, or there is little time left to spend it in.
        let is_low = ahead_of > 0 && (at_hand < ahead_of * 2 / 3 || until < now.after(2 * TICK));
        let is_due = waiting.is_some() || state.holding.leaving() > 0 || self.is_by_second();
        if occasion == Occasion::Closing && state.holding.leaving() == 0 || !is_due && !is_low {
            return None;
        }
        let wanted = match waiting {
            _ if self.is_by_second() => Wanted::default(),
            None => Wanted { ahead: ahead_of.saturating_sub(at_hand), ..Wanted::default() },
            Some(Wanted { least, needed, .. }) => Wanted {
                least: least.saturating_sub(at_hand),
                needed: needed.saturating_sub(at_hand),
                ahead: ahead_of.saturating_sub(at_hand),
            },
        };
        Some(Statement {
            budget: self.of.id,
            holding: state.number,
            spent: state.spent(&self.hand),
            request: state.holding.next(wanted),
        })
    }

    /// The store has answered a statement that was sent at `sent`.
    pub(super) fn answered(&self, sent: BootTime, received: BootTime, answer: Answer) {
        let mut state = self.state();
        if answer.share.period != state.holding.share().period {
            state.before += state.spent(&self.hand);
        }
        if !self.is_by_second() {
            state.has_come |= state.holding.answered(&self.hand, sent, answer) > 0;
        }
        drop(state);
        let believed_until = if self.is_by_second() {
            sent.after(LEASE)
        } else {
            received.after(BELIEVED).min(self.hand.until())
        };
        self.told.note(&answer, received, believed_until);
    }

    /// The store has answered in this round that nothing is counted.
    pub(super) fn is_uncounted(&self, round: u64, next_number: impl FnOnce() -> u64) {
        self.uncounted.store(round, Ordering::Relaxed);
        self.told.forget();
        self.state().begin_again(&self.hand, next_number());
    }

    /// Time has passed. Says whether there is still something to do.
    pub(super) fn tick(&self) -> bool {
        let mut state = self.state();
        let own_use = self.own_use(&state);
        let [_, later] = state.marks;
        state.marks = [later, self.total(&state)];
        state.has_come = false;
        if own_use == 0 {
            state.cost = 0;
        }
        own_use > 0
            || self.hand.held() > 0
            || state.holding.leaving() > 0
            || state.waiting.is_some()
    }

    /// What was spent since the tick before the last.
    fn own_use(&self, state: &State) -> u64 {
        let [earlier, _] = state.marks;
        self.total(state).saturating_sub(earlier)
    }

    fn total(&self, state: &State) -> u64 {
        state.before + state.spent(&self.hand) + self.uses.load(Ordering::Relaxed)
    }

    fn is_by_second(&self) -> bool {
        self.of.kind == BudgetKind::Window(Window::Second)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// What was spent of the share.
    fn spent(&self, hand: &Hand) -> u64 {
        let share = self.holding.share();
        let out = share.returned + self.holding.leaving() + hand.held();
        share.granted.saturating_sub(out)
    }

    /// The share is closed, and another begins.
    fn begin_again(&mut self, hand: &Hand, number: u64) {
        self.before += self.spent(hand);
        // The share counts as spent: what is left of it is given up.
        hand.give_up();
        self.holding.closed();
        self.number = number;
    }
}

fn second_of(wall: Timestamp) -> u64 {
    u64::try_from(wall.unix_millis() / 1000).unwrap_or(0)
}

/// How long the window is that began at this second of the Unix epoch.
fn length_of(window: Window, period: u64) -> Duration {
    let began = i64::try_from(period).ok().and_then(|it| it.checked_mul(1000));
    let began = began.and_then(Timestamp::from_unix_millis).unwrap_or(Timestamp::UNIX_EPOCH);
    let (began, ends) = window.around(began);
    ends.since(began)
}
