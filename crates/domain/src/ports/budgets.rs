//! How instances share a budget.

use std::fmt;
use std::time::Duration;

use async_trait::async_trait;

use super::{InstanceId, StoreError};
use crate::BudgetId;

/// Hands budgets out in slices.
#[async_trait]
pub trait BudgetShares: Send + Sync + fmt::Debug {
    /// Runs these statements of `instance`, all in one transaction, each about another budget. The answers are in the
    /// order of the statements; one is `None` where the budget counts nothing at present, or where a later holding of the
    /// instance has taken its place. `None` for all: the instance is not on the list.
    ///
    /// Of budgets that have a period, what was handed out counts in the period in which the statement runs, by the clock
    /// of the store. However late a statement runs, also when nobody waits for it any more: never more is handed out than
    /// the budget has, and nothing is taken back twice.
    async fn settle(
        &self,
        instance: InstanceId,
        statements: &[Statement],
    ) -> Result<Option<Vec<Option<Answer>>>, StoreError>;
}

/// A statement about one budget.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Statement {
    /// Which budget.
    pub budget: BudgetId,
    /// For whom. An instance that forgets a budget and takes it up again does so under a higher number, with a share of
    /// its own; the share of before is closed, and counts as spent.
    pub holding: u64,
    /// What the instance has spent of its share so far.
    pub spent: u64,
    /// What is asked for.
    pub request: Request,
}

/// What is asked of one budget.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Request {
    /// Hand something out.
    Take(Wanted),
    /// Take so much back, if the share is of that period and has returned what it had then.
    GiveBack {
        /// How much.
        amount: u64,
        /// The share as it was known.
        known: Share,
    },
}

/// How much is wanted. The default is nothing: then the answer says how things are.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub struct Wanted {
    /// With less than this nothing is handed out: nobody who waits could use it.
    pub least: u64,
    /// What all who wait need. Where there is less, all there is is handed out.
    pub needed: u64,
    /// What is wanted besides, to be spent later: at most half of an equal part of what is left.
    pub ahead: u64,
}

/// What the store keeps of one instance's part in a budget, in one period. Both numbers only grow within the period.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Share {
    /// Names the period. Of a window, the second of the Unix epoch in which it began; of credits, how often counting has
    /// begun again.
    pub period: u64,
    /// All that was handed out to the instance.
    pub granted: u64,
    /// What it gave back of that.
    pub returned: u64,
}

/// What a statement answers: how things are after it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Answer {
    /// The instance's part.
    pub share: Share,
    /// What the budget has left that is handed out to nobody.
    pub left: u64,
    /// Of a window, what may be used in each; of credits, all that was ever granted.
    pub amount: u64,
    /// How long the period still lasted; `None`: it has no end.
    pub rest: Option<Duration>,
    /// How many instances there are.
    pub instances: u32,
}

impl Wanted {
    /// What is handed out of `left`, where `instances` share the budget.
    pub fn of(self, left: u64, instances: u32) -> u64 {
        if left < self.least {
            return 0;
        }
        let part = left / (2 * u64::from(instances.max(1)));
        left.min(self.needed.max(self.ahead.min(part)))
    }
}
