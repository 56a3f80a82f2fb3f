//! The protocol, explored: every order in which requests, answers, look-ups, verifications and the
//! passing of time can interleave, within the bounds of each test.
//!
//! What decides is the crate's own code, [`Freshness`](latchkey_verifier::freshness::Freshness) and
//! [`Membership`](latchkey_verifier::protocol::Membership) with `Effect`, `Wait` and `Silence`. The
//! model adds the world: a database with a log and a list of instances, and servers of it that lag;
//! calls that take their snapshot, commit and are answered at any time or never; look-ups that begin,
//! read any of the servers and land, and may be joined; a verification that reads the clock and the cache in two steps. A version of the
//! key stands for any change, so that enabling, extending and narrowing what it may do count as well as revoking: what a key may do
//! is part of its row, and a verification is judged by the row that it was told.
//!
//! The bounds: one instance, or two by chance; one key that is verified and one other, one change of
//! each; up to two registrations; up to four ticks of half a [`WAIT`], or of a second where clocks run
//! at different rates. The database loses nothing, but where a test says so; of what was answered, never.

#![expect(
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "a test fails by panicking, and tells how much it has seen"
)]

mod flaw;
mod instance;
mod number;
mod protocol;
mod store;
mod verification;
mod world;

use std::time::Duration;

use flaw::Flaw;
use latchkey_verifier::protocol::WAIT;
use mimalloc::MiMalloc;
use protocol::{Protocol, Rates, STRICT};
use stateright::{Checker, HasDiscoveries, Model, UniformChooser};

/// States are made, copied and dropped by the million.
#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

/// One instance that registers once, one change of the key.
const SMALL: Protocol = Protocol {
    instances: 1,
    changes: [1, 0],
    page: usize::MAX,
    registrations: 1,
    redigests: 0,
    losses: 0,
    ticks: 4,
    tick: Duration::from_millis(1_650),
    rates: Rates { makers: 100, instances: 100 },
    flaw: None,
};

/// How many states a walk by chance sees.
const WALK: usize = 500_000;

/// Explores all of it; besides the promise, each of the model's `sometimes` must have come about,
/// or the bounds would be too narrow to mean anything.
fn holds(protocol: Protocol) {
    let checker = protocol.checker().threads(2).spawn_bfs().join();
    println!("{} states, all of them", checker.unique_state_count());
    checker.assert_properties();
}

/// Whether a verification is ever answered by what was before. Any order that shows it will do, and
/// depth first one is found sooner than the shortest.
fn breaks_the_promise(protocol: Protocol) -> bool {
    let stop = HasDiscoveries::AnyOf([STRICT].into());
    let checker = protocol.checker().threads(2).finish_when(stop).spawn_dfs().join();
    checker.discovery(STRICT).is_some()
}

#[test]
fn a_tick_is_half_the_time_that_a_change_waits() {
    assert_eq!(SMALL.tick, WAIT / 2);
}

#[test]
fn an_instance_never_answers_by_what_was_before() {
    holds(SMALL);
}

#[test]
fn nor_does_one_that_registers_again() {
    holds(Protocol { registrations: 2, ticks: 3, ..SMALL });
}

/// Two changes, of which a heartbeat is told one.
const PAGED: Protocol = Protocol { changes: [1, 1], page: 1, ticks: 2, ..SMALL };

/// A change of the other key is lost with its server.
const LOSSY: Protocol = Protocol { changes: [1, 1], losses: 1, ticks: 2, ..SMALL };

#[test]
fn nor_does_one_that_a_server_which_takes_over_does_not_know() {
    holds(LOSSY);
}

#[test]
fn nor_does_one_that_is_told_of_changes_page_by_page() {
    holds(PAGED);
}

/// By a clock that is slow a lease is long, and by one that is fast a wait is short.
fn clocks_that_run_at(makers: u32, instances: u32) -> Protocol {
    let tick = Duration::from_secs(1);
    Protocol { tick, ticks: 4, rates: Rates { makers, instances }, ..SMALL }
}

#[test]
fn nor_does_one_whose_clock_is_a_tenth_slow_where_another_is_a_tenth_fast() {
    holds(clocks_that_run_at(110, 90));
}

#[test]
fn clocks_that_are_further_apart_break_the_promise() {
    assert!(breaks_the_promise(clocks_that_run_at(110, 80)));
}

#[test]
fn nor_do_two_instances_as_far_as_chance_gets() {
    let two = Protocol { instances: 2, changes: [1, 1], registrations: 3, ..SMALL };
    let chance = two.checker().target_state_count(WALK).target_max_depth(80);
    let checker = chance.spawn_simulation(4_711, UniformChooser).join();
    println!("{} states of two instances", checker.state_count());
    assert!(checker.state_count() >= WALK);
    assert!(checker.discovery(STRICT).is_none(), "a verification saw what was before");
}

#[test]
fn each_flaw_is_found() {
    for flaw in Flaw::ALL {
        let bounds = match flaw {
            Flaw::NumbersOutOfOrder => Protocol { changes: [1, 1], ..SMALL },
            Flaw::PageExtends | Flaw::PageIsAll => PAGED,
            Flaw::TakeoverUnnoticed => LOSSY,
            Flaw::VoidByDigest => Protocol { redigests: 1, ..SMALL },
            _ => SMALL,
        };
        // As long as a change waits: each of them shows in fewer steps of time than are explored.
        let broken = Protocol { flaw: Some(flaw), ticks: 2, ..bounds };
        assert!(breaks_the_promise(broken), "{flaw:?} goes unnoticed");
    }
}
