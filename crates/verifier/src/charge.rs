//! Charging a good key for a call.

use std::time::Duration;

use latchkey_domain::ports::StoreError;
use latchkey_domain::{BudgetKind, OverBudget};
use tokio::time::timeout;

use crate::budgets::{Budget, ChargeError, LimitState, Now, Paid, Room};
use crate::{Principal, Verifier};

/// How long a call waits for slices of its budgets.
const PATIENCE: Duration = Duration::from_secs(2);
/// A key has at most a budget for each window and its credits, and its owner as many.
const MOST_BUDGETS: usize = 12;

/// What memory says about a charge.
enum Charge {
    Paid,
    Over(OverBudget),
    /// The store has to be asked first.
    Unknown,
}

impl Verifier {
    /// Charges a call to every budget of the key, from what this instance holds. All are judged before any is charged: a
    /// call that is refused costs nothing. `None`: the store has to be asked, by [`charge`](Self::charge).
    ///
    /// A call that costs nothing asks whether there is any room.
    #[inline]
    pub fn charge_from_memory(
        &self,
        principal: &Principal,
        cost: u32,
    ) -> Option<Result<(), OverBudget>> {
        if principal.budgets().is_empty() {
            return Some(Ok(()));
        }
        match self.try_charge(principal, cost.into(), 0) {
            Charge::Paid => Some(Ok(())),
            Charge::Over(over) => Some(Err(over)),
            Charge::Unknown => None,
        }
    }

    /// As [`charge_from_memory`](Self::charge_from_memory), and asks the store where it has to be asked.
    pub async fn charge(&self, principal: &Principal, cost: u32) -> Result<(), ChargeError> {
        let charged = timeout(PATIENCE, self.charge_patiently(principal, cost.into()));
        charged.await.map_err(StoreError::new)?
    }

    /// The limits of the key and of its owner as this instance knows them, the key's first.
    pub fn limits<'p>(
        &self,
        principal: &'p Principal,
    ) -> impl Iterator<Item = LimitState> + use<'p> {
        let now = self.now(0);
        principal.budgets().iter().filter_map(move |budget| budget.limit(now))
    }

    async fn charge_patiently(&self, principal: &Principal, cost: u64) -> Result<(), ChargeError> {
        let mut round = 0;
        loop {
            match self.try_charge(principal, cost, round) {
                Charge::Paid => return Ok(()),
                Charge::Over(over) => return Err(over.into()),
                Charge::Unknown => {}
            }
            round = self.ask_for(principal, cost, round).await?;
        }
    }

    /// Asks the store for room. Where more than one budget lacks it, nothing is taken of any before all are known: what
    /// was taken for a call that is refused would be missing until it is given back.
    async fn ask_for(
        &self,
        principal: &Principal,
        cost: u64,
        round: u64,
    ) -> Result<u64, StoreError> {
        let now = self.now(round);
        let rooms = principal.budgets().iter().map(|budget| (budget, budget.room(cost, now)));
        let lacking: Vec<_> = rooms.filter(|(_, room)| *room != Room::Enough).collect();
        let unknown = || lacking.iter().filter(|(_, room)| *room == Room::Unknown);
        if lacking.len() > 1 && unknown().next().is_some() {
            return self.treasury.ask(unknown().map(|(budget, _)| *budget), 0).await;
        }
        self.treasury.ask(lacking.iter().map(|(budget, _)| *budget), cost).await
    }

    fn try_charge(&self, principal: &Principal, cost: u64, round: u64) -> Charge {
        let now = self.now(round);
        let budgets = principal.budgets();
        let mut over: Option<OverBudget> = None;
        let (mut is_known, mut is_at_hand) = (true, true);
        for budget in budgets {
            match budget.room(cost, now) {
                Room::Enough => {}
                Room::InStore => is_at_hand = false,
                Room::TooLittle => over = Some(worse(over, budget, now)),
                Room::Unknown => is_known = false,
            }
        }
        match over {
            Some(over) if is_known => return Charge::Over(over),
            None if is_known && is_at_hand => {}
            _ => return Charge::Unknown,
        }
        let mut paid = [None; MOST_BUDGETS];
        for (place, budget) in paid.iter_mut().zip(budgets) {
            *place = budget.pay(cost, now);
            if place.is_none() {
                // Another call was quicker.
                let back = budgets.iter().zip(paid.iter().map_while(|paid: &Option<Paid>| *paid));
                back.for_each(|(budget, paid)| budget.put_back(paid));
                return Charge::Unknown;
            }
        }
        Charge::Paid
    }

    fn now(&self, round: u64) -> Now {
        Now { boot: self.lease_clock.now(), wall: self.clock.now(), round }
    }
}

/// Where several budgets are full, limits go before credits, and the longest wait counts.
fn worse(over: Option<OverBudget>, budget: &Budget, now: Now) -> OverBudget {
    let BudgetKind::Window(_) = budget.of().kind else {
        return over.unwrap_or(OverBudget::Credits);
    };
    let ends_in = budget.ends_in(now.boot);
    match over {
        Some(OverBudget::Rate { retry_after }) => {
            OverBudget::Rate { retry_after: retry_after.max(ends_in) }
        }
        _ => OverBudget::Rate { retry_after: ends_in },
    }
}
