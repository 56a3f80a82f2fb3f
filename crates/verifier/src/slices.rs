//! The protocol of budgets that are shared by instances, as far as it is decisions.
//!
//! The store hands a budget out in slices. An instance spends its slice from memory, and gives back what it does not
//! use. No I/O; the model in `tests/budgets/` and the interleavings run this code, and `budgets` does.
//!
//! Why never more is spent than was granted. What a [`Hand`] holds, the store has counted as handed out before: it counts in
//! the statement whose [`Answer`] is the first to tell of it. The answer has all that the share was ever granted, so that it
//! does not matter which answers are lost: the next one tells the same, and only the difference to what is known is put in
//! the hand. To give back, an instance takes the credits out of its hand first. The statement is guarded by what the share
//! had returned, which only grows: however often it is sent and however late it runs, it counts once. Where its outcome is
//! not known, the same statement is sent again, and the credits stay out of the hand. A share that is closed, because its
//! instance left or was taken off the list, counts as spent; an instance that goes on with what it holds spends what was
//! counted. None of this asks a clock.
//!
//! Why never more is spent in a period than its limit. The answer says how long the period still lasted when the statement
//! ran, which was after the statement was *sent*. So what it brings may be spent until that much of the instance's own
//! clock has passed since then, less what clocks may differ by: the part that [`LEASE`] is of [`WAIT`]. What is left of one
//! period is void before anything of the next is in the hand.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use latchkey_domain::BootTime;
use latchkey_domain::ports::budgets::{Answer, Request, Share, Wanted};

use crate::protocol::{LEASE, WAIT};

/// An atomic number; the interleaving test has one of its own, with the same orderings.
pub trait Counter: Default + Send + Sync {
    /// Reads it; what was written before the number that is read is visible.
    fn read(&self) -> u64;
    /// Writes it; a reader that sees it also sees what was written before.
    fn write(&self, value: u64);
    /// Writes it where it still is `known`. Says whether.
    fn exchange(&self, known: u64, value: u64) -> bool;
}

impl Counter for AtomicU64 {
    #[inline]
    fn read(&self) -> u64 {
        self.load(Ordering::Acquire)
    }

    fn write(&self, value: u64) {
        self.store(value, Ordering::Release);
    }

    #[inline]
    fn exchange(&self, known: u64, value: u64) -> bool {
        self.compare_exchange_weak(known, value, Ordering::AcqRel, Ordering::Acquire).is_ok()
    }
}

/// What an instance may spend of a budget: all that verifications look at.
#[derive(Debug, Default, Clone, PartialEq, Eq, Hash)]
pub struct Hand<C = AtomicU64> {
    /// How much in the lower 48 bits; above them, which filling this is. Each new period is a filling of its own.
    held: C,
    /// In nanoseconds of the clock of leases.
    until: C,
}

/// What was spent, to be put back where the verification is refused after all.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[must_use]
pub struct Spent(Held);

/// Why a [`Hand`] did not pay.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Unpaid {
    /// The period, or what is known of it, is over.
    Over,
    /// It holds less.
    TooLittle,
}

/// A number of credits, and which filling of the hand they belong to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
struct Held {
    filling: u16,
    amount: u64,
}

/// More than any budget has.
const AMOUNT_BITS: u32 = 48;

impl Held {
    const fn read(word: u64) -> Self {
        let [low, high, ..] = (word >> AMOUNT_BITS).to_le_bytes();
        Self { filling: u16::from_le_bytes([low, high]), amount: word & ((1 << AMOUNT_BITS) - 1) }
    }

    fn word(self) -> u64 {
        u64::from(self.filling) << AMOUNT_BITS | self.amount
    }
}

impl<C: Counter> Hand<C> {
    /// Spends `cost` at `now`, which was read after the request arrived.
    #[inline]
    pub fn spend(&self, cost: u64, now: BootTime) -> Result<Spent, Unpaid> {
        // First, so that what is found in the hand then is of this period or a later one.
        if now >= BootTime::from_nanos(self.until.read()) {
            return Err(Unpaid::Over);
        }
        let less = |held: Held| Some(Held { amount: held.amount.checked_sub(cost)?, ..held });
        match self.change(less) {
            Some(before) => Ok(Spent(Held { amount: cost, ..before })),
            None => Err(Unpaid::TooLittle),
        }
    }

    /// Whether `cost` could be spent at `now`.
    #[inline]
    pub fn has(&self, cost: u64, now: BootTime) -> bool {
        now < BootTime::from_nanos(self.until.read()) && self.held() >= cost
    }

    /// Until when what it holds may be spent.
    pub fn until(&self) -> BootTime {
        BootTime::from_nanos(self.until.read())
    }

    /// What it holds. It may be less when somebody acts on that.
    #[inline]
    pub fn held(&self) -> u64 {
        Held::read(self.held.read()).amount
    }

    /// Puts back what was spent. If the period has changed since, it stays spent.
    pub fn put_back(&self, spent: Spent) {
        let Spent(Held { filling, amount }) = spent;
        self.change(|held| {
            let is_same = held.filling == filling;
            is_same.then_some(Held { amount: held.amount + amount, ..held })
        });
    }

    fn add(&self, amount: u64) {
        self.change(|held| Some(Held { amount: held.amount + amount, ..held }));
    }

    /// Takes out what it holds beyond `keep`, and at most so much.
    fn take_out(&self, keep: u64, most: u64) -> u64 {
        let surplus = |held: Held| held.amount.saturating_sub(keep).min(most);
        let before = self.change(|held| Some(Held { amount: held.amount - surplus(held), ..held }));
        before.map_or(0, surplus)
    }

    /// Nothing that it holds may be spent any more, nor be put back.
    pub fn give_up(&self) {
        self.change(|held| Some(Held { filling: held.filling.wrapping_add(1), amount: 0 }));
    }

    /// Changes what it holds, if there is something to change it to. Gives what it held before.
    #[inline]
    fn change(&self, to: impl Fn(Held) -> Option<Held>) -> Option<Held> {
        loop {
            let word = self.held.read();
            let held = Held::read(word);
            if self.held.exchange(word, to(held)?.word()) {
                return Some(held);
            }
        }
    }
}

/// An instance's part in a budget, as far as the instance knows.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub struct Holding {
    known: Share,
    /// What was taken out of the hand to be given back, until the store has it.
    leaving: u64,
}

impl Holding {
    /// What to send, where `wanted` is asked for, which may be nothing.
    pub const fn next(&self, wanted: Wanted) -> Request {
        match self.leaving {
            0 => Request::Take(wanted),
            amount => Request::GiveBack { amount, known: self.known },
        }
    }

    /// Begins to give back what the hand holds, but for `keep`. What is left of a share before this one was counted as
    /// spent, and stays.
    pub fn let_go<C: Counter>(&mut self, hand: &Hand<C>, keep: u64) {
        if self.leaving == 0 {
            self.leaving =
                hand.take_out(keep, self.known.granted.saturating_sub(self.known.returned));
        }
    }

    /// A statement that was sent at `sent` has been answered: puts in the hand what the answer is the first to tell of.
    /// Returns how much that is.
    pub fn answered<C: Counter>(&mut self, hand: &Hand<C>, sent: BootTime, answer: Answer) -> u64 {
        let Answer { share, rest, .. } = answer;
        if share.period != self.known.period {
            // Before the time is extended, in which it might be spent.
            hand.give_up();
            *self = Self { known: Share { period: share.period, ..Share::default() }, leaving: 0 };
        }
        if share.returned > self.known.returned {
            self.leaving = 0;
        }
        let until = rest.map_or(BootTime::MAX, |rest| sent.after(safe_part_of(rest)));
        hand.until.write(until.nanos());
        // Less where the database has lost what it said: then nothing is new.
        let come = share.granted.saturating_sub(self.known.granted);
        hand.add(come);
        self.known = share;
        come
    }

    /// The share as the store told it last.
    pub const fn share(&self) -> Share {
        self.known
    }

    /// What was taken out of the hand and is not given back yet.
    pub const fn leaving(&self) -> u64 {
        self.leaving
    }

    /// The instance is on the list no more, or again: it has a share of its own then, and the one of before is counted as
    /// spent. What it holds it may go on to spend.
    pub fn closed(&mut self) {
        *self = Self::default();
    }
}

/// How long of an instance's own clock a time on the store's clock is at least: the part that a lease is of the time that
/// changes wait for leases.
fn safe_part_of(rest: Duration) -> Duration {
    let nanos = rest.as_nanos() * LEASE.as_nanos() / WAIT.as_nanos();
    Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX))
}
