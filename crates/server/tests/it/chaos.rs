//! Real processes under faults: three instances on one Postgres, while processes are stopped and
//! killed, lines to the database break, Postgres crashes, and its standby takes over. They know the
//! contract, and of what is behind it only the tables by which instances tell each other of changes.
//!
//! A revoked key is dead on every instance once a revoke of it is answered: each accepted
//! verification is held against the first answer that told of the revocation. So is each key of an
//! owner who is suspended, until the suspension ends, and of one whose keys are all revoked by one
//! call, and so is a key whose scopes were taken from it, until it gets them back. What a standby that lagged has lost is told within seconds, and the keys are refused from
//! then on.
//!
//! That a run can fail is shown by sabotages, each of which must be caught: the database lets
//! every revoke believe that it is known everywhere; for the fence, the servers hide from
//! instances by what the one of before is told apart (timelines, and how many changes it has made),
//! so that they read as a build without the fence does; of many keys that are revoked by one call,
//! instances are told of one; and they are told of no suspension, and of no narrowed key.
//!
//! The short forms are ordinary tests. `just chaos` is the whole of it, a matter of minutes;
//! `CHAOS_SEED` brings a run's faults back, `CHAOS_SECONDS` makes them go on for longer or shorter.

#![expect(clippy::print_stdout, reason = "the run's table is its result")]

mod backend;
mod budgets;
mod chance;
mod client;
mod instance;
mod keys;
mod ledger;
mod load;
mod nemesis;
mod postgres;
mod report;
mod run;
mod storm;
mod take_over;
mod trouble;
mod without_database;

use std::sync::Arc;
use std::time::Duration;

use tokio::runtime::Runtime;

use self::backend::LEAVER_LIMIT;
use self::budgets::Payments;
use self::chance::Chance;
use self::load::Load;
use self::postgres::Postgres;
use self::report::{HEALTHY_LIMIT, Report, WORST_LIMIT};
use self::run::Run;
use self::storm::{Faults, Storm};
use self::take_over::{Losing, TOLD_LIMIT, TakeOver};
use self::without_database::{LAST_ACCEPT_LIMIT, RECOVERY_LIMIT};

/// As much as a debug build takes in passing.
const SHORT: Load = Load {
    verifiers: 2,
    every: Duration::from_millis(30),
    revokers: 6,
    pause: 100..=1_000,
    backends: 2,
};
const WHOLE: Load = Load {
    verifiers: 5,
    every: Duration::from_micros(2_500),
    revokers: 32,
    pause: 200..=2_000,
    backends: 12,
};

const SHORT_PAYMENTS: Payments = Payments {
    payers: 2,
    pause: Duration::from_millis(5),
    top_up: 400,
    quiet: Duration::from_secs(3),
    faults: Duration::from_secs(8),
};
const WHOLE_PAYMENTS: Payments = Payments {
    payers: 6,
    pause: Duration::ZERO,
    top_up: 12_000,
    quiet: Duration::from_secs(15),
    faults: Duration::from_secs(WHOLE_SECONDS),
};
/// Paid uses that the whole run must reach in so many seconds.
const PAID: u64 = 1_000_000;
/// For how long a call may be refused although another instance has what it needs, while that lives.
const EARLY_LIMIT: Duration = Duration::from_millis(1_500);

/// What the whole run must reach in so many seconds of faults.
const WHOLE_SECONDS: u64 = 225;
const VERIFICATIONS: u64 = 1_000_000;
const REVOKES: u64 = 1_000;
const BY_LEASE: u64 = 100;
const TO_STOPPED: u64 = 1_000;
const SUSPENSIONS: u64 = 200;
const NARROWINGS: u64 = 200;
/// The keys of one who leaves.
const MANY: usize = 1_000;

#[test]
fn a_revoked_key_stays_dead_through_a_short_storm() {
    runtime().block_on(async {
        let run = Run::start().await;
        let quiet = Duration::from_secs(2);
        let faults = Faults::Many(Duration::from_secs(8));
        let report = Storm { seed: seed(), load: SHORT, quiet, faults }.pass(&run).await;
        println!("{report}");
        report.expect_no_lie();
    });
}

#[test]
fn an_instance_without_its_database_soon_stops_accepting() {
    runtime().block_on(async {
        let run = Run::start().await;
        for loss in [without_database::cut_off(&run).await, without_database::crash(&run).await] {
            println!("{loss:?}");
            assert!(loss.last_accept <= LAST_ACCEPT_LIMIT, "{loss:?}");
        }
    });
}

#[test]
fn a_revoke_that_does_not_wait_is_caught() {
    runtime().block_on(sabotaged(SHORT, seed()));
}

#[test]
fn a_narrowed_key_of_which_nobody_is_told_is_caught() {
    runtime().block_on(untold_narrowing(seed()));
}

#[test]
fn a_revoked_key_stays_dead_while_an_instance_stays_with_the_old_primary() {
    let report = runtime().block_on(taken_over(TakeOver::OneStays, seed()));
    println!("{report}");
    report.expect_no_lie();
}

#[test]
fn an_old_primary_that_is_believed_is_caught() {
    runtime().block_on(without_fence(seed()));
}

#[test]
fn no_budget_is_overspent_in_a_short_storm() {
    let paid = runtime().block_on(async {
        let run = Run::start().await;
        let paid = SHORT_PAYMENTS.pass(&run, seed(), false).await;
        let wrong = run.ledger.wrongs();
        assert!(wrong.is_empty(), "{wrong:#?}");
        paid
    });
    println!("{paid}");
    assert!(paid.overshoot == 0 && paid.wrong.is_empty(), "{paid}");
}

#[test]
#[ignore = "takes minutes; just chaos-limits"]
fn limits() {
    let (runtime, seed) = (runtime(), seed());
    let seconds = number("CHAOS_SECONDS").unwrap_or(WHOLE_SECONDS);
    let payments = Payments { faults: Duration::from_secs(seconds), ..WHOLE_PAYMENTS };
    let paid = runtime.block_on(async {
        let run = Run::start().await;
        let paid = payments.pass(&run, seed, false).await;
        let wrong = run.ledger.wrongs();
        assert!(wrong.is_empty(), "seed {seed}: {wrong:#?}");
        paid
    });
    println!("{paid}");
    assert!(paid.overshoot == 0 && paid.wrong.is_empty(), "seed {seed}: {paid}");
    assert!(paid.early_in_quiet <= EARLY_LIMIT, "seed {seed}: {paid}");
    assert!(paid.accepted >= PAID * seconds / WHOLE_SECONDS, "too few paid uses");
    runtime.block_on(async {
        let run = Run::start().await;
        run.postgres.give_back_twice().await;
        let paid = SHORT_PAYMENTS.pass(&run, seed, true).await;
        assert!(paid.overshoot > 0, "the sabotage was not caught:\n{paid}");
        println!("sabotage caught: {} more accepted than handed out\n{paid}", paid.overshoot);
    });
}

#[test]
#[ignore = "takes minutes; just chaos"]
fn chaos() {
    let seconds = number("CHAOS_SECONDS").unwrap_or(WHOLE_SECONDS);
    let seed = seed();
    let quiet = Duration::from_secs(15);
    let faults = Faults::Many(Duration::from_secs(seconds));
    let storm = Storm { seed, load: WHOLE, quiet, faults };
    let runtime = runtime();
    let report = runtime.block_on(async {
        let run = Run::start().await;
        let mut report = storm.pass(&run).await;
        report.losses.push(("cut off from Postgres", without_database::cut_off(&run).await));
        report.losses.push(("Postgres crashed", without_database::crash(&run).await));
        report
    });
    runtime.block_on(sabotaged(WHOLE, seed));
    println!("{report}");
    report.expect_no_lie();
    expect_enough(&report, seconds);
    expect_soon(&report);
}

#[test]
#[ignore = "takes a minute; just chaos"]
fn chaos_of_owners() {
    let (runtime, seed) = (runtime(), seed());
    let (took, stale, wrong) = runtime.block_on(async {
        let run = Run::start().await;
        let took = backend::leaver(&run, MANY, &mut Chance::new(seed)).await;
        (took, run.ledger.stale(), run.ledger.wrongs())
    });
    println!("{MANY} keys of one who leaves are revoked after {took:?}");
    assert!(stale.is_empty() && wrong.is_empty(), "{stale:#?} {wrong:#?}");
    assert!(took.is_some_and(|took| took <= LEAVER_LIMIT), "{took:?}");
    runtime.block_on(async {
        let run = Run::start().await;
        run.postgres.tell_of_one_key().await;
        backend::leaver(&run, MANY, &mut Chance::new(seed)).await;
        let stale = run.ledger.stale().len();
        println!("sabotage caught: {stale} stale accepts of {MANY} keys on three instances");
        assert!(stale > 0, "the sabotage was not caught");
    });
    runtime.block_on(async {
        let run = Run::start().await;
        run.postgres.tell_of_no_suspension().await;
        expect_caught(&run, of_owners_alone(seed)).await;
    });
    runtime.block_on(untold_narrowing(seed));
}

/// Instances do not learn that keys may do less.
async fn untold_narrowing(seed: u64) {
    let run = Run::start().await;
    run.postgres.tell_of_no_narrowing().await;
    expect_caught(&run, of_owners_alone(seed)).await;
}

/// No single keys are revoked.
fn of_owners_alone(seed: u64) -> Storm {
    let faults = Faults::Many(Duration::from_mins(1));
    Storm { seed, load: Load { revokers: 0, ..SHORT }, quiet: Duration::from_secs(1), faults }
}

#[test]
#[ignore = "takes minutes; just chaos"]
fn chaos_of_failovers() {
    let (runtime, seed) = (runtime(), seed());
    let take_overs =
        [TakeOver::OldGoesOn, TakeOver::OldSleeps, TakeOver::ReplayPaused, TakeOver::OneStays];
    for how in take_overs {
        let report = runtime.block_on(taken_over(how, seed));
        println!("{report}");
        report.expect_no_lie();
    }
    for how in [Losing::Behind, Losing::OneOfTwo] {
        let lost = runtime.block_on(async {
            let run = Run::start_on(Postgres::with_lagging_standby()).await;
            how.happen(&run, &SHORT, seed).await
        });
        println!("{lost}");
        assert!(lost.wrong.is_empty(), "seed {seed}: {lost:#?}");
        assert!(lost.told <= TOLD_LIMIT, "seed {seed}: {lost:#?}");
    }
    runtime.block_on(without_fence(seed));
}

async fn taken_over(how: TakeOver, seed: u64) -> Report {
    let run = Run::start_on(Postgres::with_standby().await).await;
    let quiet = Duration::from_secs(3);
    Storm { seed, load: SHORT, quiet, faults: Faults::TakeOver(how) }.pass(&run).await
}

/// The same with servers that hide from an instance that it reads another one than it writes to.
async fn without_fence(seed: u64) {
    let postgres = Postgres::with_standby().await;
    postgres.hide_timelines().await;
    let run = Run::start_on(postgres).await;
    let faults = Faults::TakeOver(TakeOver::OldGetsAhead);
    expect_caught(&run, Storm { seed, load: SHORT, quiet: Duration::from_secs(3), faults }).await;
}

/// The same faults where every revoke believes at once that it is known everywhere.
async fn sabotaged(load: Load, seed: u64) {
    let run = Run::start().await;
    run.postgres.sabotage().await;
    let faults = Faults::Many(Duration::from_mins(1));
    expect_caught(&run, Storm { seed, load, quiet: Duration::from_secs(1), faults }).await;
}

async fn expect_caught(run: &Arc<Run>, storm: Storm) {
    let report = storm.pass_until_caught(run).await;
    assert!(!report.stale.is_empty(), "the sabotage was not caught:\n{report}");
    println!("sabotage caught: {} stale accepts, such as\n{}", report.stale.len(), report.stale[0]);
}

fn expect_enough(report: &Report, seconds: u64) {
    let wanted = |whole: u64| whole * seconds / WHOLE_SECONDS;
    let count = |seen: usize| u64::try_from(seen).expect("a length fits");
    assert!(report.verifications.decided() >= wanted(VERIFICATIONS), "too few verifications");
    assert!(report.verifications.answered_after_a_stop >= wanted(TO_STOPPED), "too few stops");
    assert!(count(report.revokes.all) >= wanted(REVOKES), "too few revokes");
    assert!(report.owners.came_back >= wanted(SUSPENSIONS), "too few suspensions");
    assert!(report.owners.widened >= wanted(NARROWINGS), "too few narrowed keys");
    assert!(count(report.revokes.by_lease) >= wanted(BY_LEASE), "too few waited for a lease");
}

fn expect_soon(report: &Report) {
    assert!(report.revokes.healthy.percentile(99) <= HEALTHY_LIMIT, "slow while all is well");
    assert!(report.revokes.under_faults.worst() <= WORST_LIMIT, "slow under faults");
    for (what, loss) in &report.losses {
        assert!(loss.last_accept <= LAST_ACCEPT_LIMIT, "{what}: {loss:?}");
        assert!(loss.recovery <= RECOVERY_LIMIT, "{what}: {loss:?}");
    }
}

fn seed() -> u64 {
    number("CHAOS_SEED").unwrap_or_else(Chance::seed)
}

fn number(variable: &str) -> Option<u64> {
    let text = std::env::var_os(variable)?;
    let number = text.to_str().and_then(|text| text.parse().ok());
    Some(number.unwrap_or_else(|| panic!("{variable} is no number")))
}

fn runtime() -> Runtime {
    Runtime::new().expect("a runtime starts")
}
