//! The protocol of budgets, explored: every order in which statements are sent, run, are answered or are not, late ones run
//! after all, credits are spent and given back, instances are taken off the list, come back, start again or forget the budget,
//! credits are added, and time passes, within the bounds of each test.
//!
//! What decides is the crate's own code: [`Hand`](latchkey_verifier::slices::Hand) and
//! [`Holding`](latchkey_verifier::slices::Holding). The model adds the world: a database with one budget and the shares of
//! the instances on its list, each of whose statements is whole, and clocks that run at different rates.
//!
//! The bounds: one budget of two or three, and slices of two; two instances, of two or three statements each, of which one may
//! run when nobody waits for it any more. The database loses nothing.

#![expect(
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "a test fails by panicking, and tells how much it has seen"
)]

mod flaw;
mod instance;
#[path = "../model/number.rs"]
mod number;
mod protocol;
mod store;

use flaw::Flaw;
use mimalloc::MiMalloc;
use protocol::{BUDGET, Protocol, Windows};
use stateright::{Checker, HasDiscoveries, Model};

/// States are made, copied and dropped by the million.
#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

/// Credits, which have no period.
const CREDITS: Protocol = Protocol {
    instances: 2,
    limit: 3,
    slice: 2,
    statements: 3,
    late: 1,
    removals: 1,
    restarts: 0,
    forgets: 0,
    top_ups: 0,
    refusals: 0,
    windows: None,
    flaw: None,
};

/// Two periods and a bit, by clocks that are as far apart as they may be: the database's is a tenth fast, and those of the
/// instances are a tenth slow.
const WINDOWS: Protocol = Protocol {
    instances: 1,
    statements: 4,
    removals: 0,
    windows: Some(Windows { ticks: 5, period: 2, rates: [110, 90] }),
    ..CREDITS
};

/// Explores all of it; besides the promise, each of the model's `sometimes` must have come about, or the bounds would be
/// too narrow to mean anything.
fn holds(protocol: Protocol) {
    let checker = protocol.checker().threads(2).spawn_bfs().join();
    println!("{} states, all of them", checker.unique_state_count());
    checker.assert_properties();
}

fn breaks_the_promise(protocol: Protocol) -> bool {
    let stop = HasDiscoveries::AnyOf([BUDGET].into());
    let checker = protocol.checker().threads(2).finish_when(stop).spawn_dfs().join();
    checker.discovery(BUDGET).is_some()
}

#[test]
fn credits_are_never_spent_twice() {
    holds(CREDITS);
}

#[test]
fn nor_where_a_process_ends_and_another_takes_its_place() {
    holds(Protocol { removals: 0, restarts: 1, ..CREDITS });
}

#[test]
fn nor_where_an_instance_forgets_a_budget_and_takes_it_up_again() {
    holds(Protocol { removals: 0, forgets: 1, ..CREDITS });
}

#[test]
fn nor_where_credits_are_added_meanwhile() {
    holds(Protocol { removals: 0, top_ups: 1, limit: 1, ..CREDITS });
}

#[test]
fn nor_where_verifications_are_refused_after_they_were_charged() {
    holds(Protocol { removals: 0, refusals: 1, ..CREDITS });
}

#[test]
fn no_period_has_more_than_its_limit() {
    holds(WINDOWS);
}

#[test]
fn nor_where_verifications_are_refused_when_the_period_is_over() {
    holds(Protocol { refusals: 1, late: 0, ..WINDOWS });
}

#[test]
fn each_flaw_is_found() {
    for flaw in Flaw::OF_CREDITS {
        let bounds = match flaw {
            Flaw::ShareSurvives => Protocol { restarts: 1, ..CREDITS },
            Flaw::ForgottenShareSurvives => Protocol { removals: 0, forgets: 1, ..CREDITS },
            Flaw::TopUpOverwrites => Protocol { top_ups: 1, ..CREDITS },
            Flaw::NoGuard | Flaw::GuardByAmount => Protocol { statements: 4, ..CREDITS },
            _ => CREDITS,
        };
        assert!(
            breaks_the_promise(Protocol { flaw: Some(flaw), ..bounds }),
            "{flaw:?} goes unnoticed"
        );
    }
    for flaw in Flaw::OF_WINDOWS {
        let bounds = match flaw {
            Flaw::PutBackBlindly => Protocol { refusals: 1, ..WINDOWS },
            _ => WINDOWS,
        };
        assert!(
            breaks_the_promise(Protocol { flaw: Some(flaw), ..bounds }),
            "{flaw:?} goes unnoticed"
        );
    }
}
