//! What goes wrong, as chance has it.

use std::collections::BTreeMap;
use std::ops::RangeInclusive;
use std::sync::Arc;
use std::time::{Duration, Instant};

use latchkey_testkit::proxy::{Line, Way};
use tokio::task::{JoinSet, block_in_place};
use tokio::time::sleep;

use super::chance::Chance;
use super::instance::Instance;
use super::run::Run;

/// Between the beginnings of two faults, in milliseconds.
const PAUSE: RangeInclusive<u64> = 200..=2_000;
/// How long after a fault an instance may still be busy with it.
const AFTERMATH: Duration = Duration::from_secs(1);

/// How often each fault began.
pub(crate) type Tally = BTreeMap<&'static str, u64>;

#[derive(Debug, Clone, Copy)]
enum Fault {
    /// SIGSTOP, and later SIGCONT.
    Freeze,
    /// kill -9, and a start.
    Kill,
    Blackhole(Way),
    Slow,
    Cut,
    Reset,
    /// Postgres crashes, and is started again.
    Crash,
    /// Somebody holds the rows that heartbeats and revokes write.
    Lock,
}

/// Each as often as it is written here.
const FAULTS: [Fault; 22] = [
    Fault::Freeze,
    Fault::Freeze,
    Fault::Freeze,
    Fault::Freeze,
    Fault::Freeze,
    Fault::Freeze,
    Fault::Kill,
    Fault::Kill,
    Fault::Kill,
    Fault::Kill,
    Fault::Blackhole(Way::Both),
    Fault::Blackhole(Way::Both),
    Fault::Blackhole(Way::ToDatabase),
    Fault::Blackhole(Way::FromDatabase),
    Fault::Blackhole(Way::FromDatabase),
    Fault::Slow,
    Fault::Slow,
    Fault::Cut,
    Fault::Reset,
    Fault::Reset,
    Fault::Crash,
    Fault::Lock,
];

impl Fault {
    fn name(self) -> &'static str {
        match self {
            Self::Freeze => "stop",
            Self::Kill => "kill -9",
            Self::Blackhole(Way::Both) => "blackhole",
            Self::Blackhole(Way::ToDatabase) => "blackhole to the database",
            Self::Blackhole(Way::FromDatabase) => "blackhole from the database",
            Self::Slow => "slow line",
            Self::Cut => "cut line",
            Self::Reset => "reset",
            Self::Crash => "Postgres crash",
            Self::Lock => "locked rows",
        }
    }

    /// How long it lasts, in milliseconds.
    fn lasts(self) -> RangeInclusive<u64> {
        match self {
            Self::Freeze => 100..=5_000,
            Self::Kill => 0..=3_000,
            Self::Blackhole(_) => 300..=6_000,
            Self::Slow => 500..=3_000,
            Self::Cut => 300..=4_000,
            Self::Reset => 0..=0,
            Self::Crash | Self::Lock => 100..=3_000,
        }
    }

    /// Does it to an instance, or to the database that all of them share, and undoes it.
    async fn happen(self, run: Arc<Run>, victim: Arc<Instance>, mut chance: Chance) {
        let time = chance.millis(self.lasts());
        let _trouble = match self {
            Self::Crash | Self::Lock => run.postgres.trouble.begin(),
            _ => victim.trouble.begin(),
        };
        match self {
            Self::Freeze => {
                block_in_place(|| victim.freeze());
                wait(&run, time).await;
                block_in_place(|| victim.thaw());
            }
            Self::Kill => {
                block_in_place(|| victim.kill());
                wait(&run, time).await;
                victim.start_again().await;
            }
            Self::Blackhole(way) => with_line(&run, &victim, Line::Blackhole(way), time).await,
            Self::Slow => {
                let slow = Line::Slow { by: chance.millis(20..=400), lost: 0 };
                with_line(&run, &victim, slow, time).await;
            }
            Self::Cut => with_line(&run, &victim, Line::Cut, time).await,
            Self::Reset => {
                victim.line.reset();
                run.fault_begins.notify_waiters();
            }
            Self::Crash => {
                run.postgres.stop_immediately();
                wait(&run, time).await;
                run.postgres.start_again();
            }
            Self::Lock => lock(&run, time).await,
        }
        sleep(AFTERMATH).await;
    }
}

/// Lets things go wrong until then, or until `enough`; in the end all is whole again.
pub(crate) async fn rage(
    run: &Arc<Run>,
    chance: &mut Chance,
    until: Instant,
    enough: impl Fn() -> bool,
) -> Tally {
    let mut tally = Tally::new();
    let mut faults = JoinSet::new();
    while Instant::now() < until && !enough() {
        sleep(chance.millis(PAUSE)).await;
        let fault = *chance.one_of(&FAULTS).expect("there are faults");
        if let Some(victim) = victim(run, fault, chance) {
            *tally.entry(fault.name()).or_default() += 1;
            faults.spawn(fault.happen(Arc::clone(run), victim, chance.fork()));
        }
    }
    faults.join_all().await;
    tally
}

/// An instance that is well, if the fault may happen now.
fn victim(run: &Run, fault: Fault, chance: &mut Chance) -> Option<Arc<Instance>> {
    let well = run.instances.iter().filter(|instance| instance.trouble.calm().is_some());
    let well: Vec<_> = well.cloned().collect();
    // Mostly one at a time, so that there are instances who wait for the one in trouble.
    let at_once = if chance.below(3) == 0 { 2 } else { 1 };
    let database_is_well = run.postgres.trouble.calm().is_some();
    let may_happen = match fault {
        Fault::Crash | Fault::Lock => database_is_well,
        _ => run.instances.len() - well.len() < at_once,
    };
    chance.one_of(&well).filter(|_| may_happen).map(Arc::clone)
}

async fn wait(run: &Run, time: Duration) {
    run.fault_begins.notify_waiters();
    sleep(time).await;
}

async fn with_line(run: &Run, victim: &Instance, line: Line, time: Duration) {
    victim.line.set(line);
    wait(run, time).await;
    victim.line.set(Line::Good);
}

async fn lock(run: &Run, time: Duration) {
    run.fault_begins.notify_waiters();
    if let Err(error) = run.postgres.lock(time).await {
        // Without the database there is nothing to lock.
        println!("no lock was held: {error}");
    }
}
