//! Real processes under faults: three instances on one Postgres, each with a network of its own to
//! it, while processes are stopped and killed, networks cut and the database crashed. Whoever
//! creates, verifies and revokes notes when each request was sent and each answer was there; at the
//! end nothing may have been accepted that was sent after its revoke had been answered.
//!
//! The short form is an ordinary test. The long one takes some minutes (`just chaos`), and goes by
//! `CHAOS_SECONDS` and `CHAOS_SEED`.

#![expect(
    clippy::panic,
    clippy::print_stdout,
    clippy::indexing_slicing,
    reason = "a test fails by panicking, in its helpers too, and a run is told by its table"
)]

mod chance;
mod client;
mod fleet;
mod instance;
mod ledger;
mod load;
mod nemesis;
mod proxy;
mod report;
mod run;

use std::hash::{BuildHasher as _, RandomState};
use std::time::Duration;

use tokio::runtime::Runtime;

use crate::load::Volume;
use crate::run::{Plan, Seen, sabotaged};

#[test]
fn no_fault_makes_an_instance_accept_a_key_whose_revoke_was_answered() {
    let volume = Volume { keys: 30, verifiers: 2, pause: Duration::from_millis(4), revokers: 4 };
    let (quiet, storm) = (Duration::from_secs(1), Duration::from_secs(6));
    let seen = run(Plan { seed: seed(), quiet, storm, volume });
    seen.check();
}

#[test]
fn without_the_wait_stale_accepts_are_found() {
    sabotage_is_caught();
}

#[test]
#[ignore = "takes some minutes"]
fn a_million_verifications_and_a_thousand_revokes_under_faults() {
    sabotage_is_caught();
    let volume = Volume { keys: 200, verifiers: 6, pause: Duration::ZERO, revokers: 16 };
    let seconds = setting("CHAOS_SECONDS").unwrap_or(200);
    let (quiet, storm) = (Duration::from_secs(5), Duration::from_secs(seconds));
    let seen = run(Plan { seed: seed(), quiet, storm, volume });
    seen.check();
    assert!(seen.quiet_p99() <= Duration::from_millis(50), "{:?}", seen.quiet_p99());
    assert!(seen.worst_undisturbed() <= Duration::from_millis(3_500), "see the table");
    if seconds >= 200 {
        assert!(seen.verifications() >= 1_000_000, "{}", seen.verifications());
        assert!(seen.revokes() >= 1_000, "{}", seen.revokes());
        assert!(seen.revokes_by_lease() >= 100, "{}", seen.revokes_by_lease());
    }
}

/// Holds the check itself to account.
fn sabotage_is_caught() {
    let stale = block_on(sabotaged());
    assert!(!stale.is_empty(), "revokes wait for nobody, and the check finds nothing");
    println!("sabotage caught: {} stale accepts, such as\n{}", stale.len(), stale[0]);
}

fn run(plan: Plan) -> Seen {
    let seen = block_on(plan.run());
    println!("{}", seen.table());
    seen
}

fn block_on<T>(run: impl Future<Output = T>) -> T {
    Runtime::new().expect("a runtime starts").block_on(run)
}

/// The given seed, or one that nobody has chosen.
fn seed() -> u64 {
    setting("CHAOS_SEED").unwrap_or_else(|| RandomState::new().hash_one("chaos"))
}

fn setting(name: &str) -> Option<u64> {
    let value = std::env::var_os(name)?;
    let number = value.to_str().and_then(|value| value.parse().ok());
    Some(number.unwrap_or_else(|| panic!("{name} is no number: {}", value.display())))
}
