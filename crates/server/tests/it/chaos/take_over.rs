//! A standby becomes the primary while the load goes on, and what becomes of the old primary.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use tokio::time::sleep;

use super::chance::Chance;
use super::client::Client;
use super::instance::Instance;
use super::keys::Key;
use super::load::{LIVE, Load, revoke};
use super::nemesis::Tally;
use super::run::Run;

/// Longer than a lease.
const A_WHILE: Duration = Duration::from_secs(5);
/// How long the old primary is watched afterwards.
const AFTERWARDS: Duration = Duration::from_secs(10);
/// Within this an instance that is led to a primary which lacks changes has told so.
pub(crate) const TOLD_LIMIT: Duration = Duration::from_secs(5);
/// How many revocations are lost.
const LOST: usize = 8;

/// Of a synchronous standby. New connections lead to it, and those with the old primary stay.
#[derive(Debug, Clone, Copy)]
pub(crate) enum TakeOver {
    /// The old primary goes on.
    OldGoesOn,
    /// It sleeps meanwhile, and wakes up.
    OldSleeps,
    /// The standby had received everything, and shown nothing of it for a while.
    ReplayPaused,
    /// The old primary goes on, and new connections of one instance lead there for a while.
    OneStays,
    /// The same as the first, with an old primary that shows more changes than any other.
    OldGetsAhead,
}

impl TakeOver {
    fn name(self) -> &'static str {
        match self {
            Self::OldGoesOn => "take-over, the old primary goes on",
            Self::OldSleeps => "take-over, the old primary wakes up",
            Self::ReplayPaused => "take-over after paused replay",
            Self::OneStays => "take-over, one instance stays with the old primary",
            Self::OldGetsAhead => "take-over, the old primary gets ahead",
        }
    }

    /// Lets it happen, and watches until then or until `enough`.
    pub(crate) async fn happen(self, run: &Run, enough: impl Fn() -> bool) -> Tally {
        let postgres = &run.postgres;
        let _trouble = postgres.trouble.begin();
        match self {
            Self::OldSleeps => postgres.pause(),
            Self::ReplayPaused => {
                postgres.pause_replay().await;
                sleep(A_WHILE).await;
            }
            _ => {}
        }
        run.fault_begins.notify_waiters();
        run.ledger.two_primaries.store(true, Ordering::Relaxed);
        postgres.promote();
        let (first, others) = run.instances.split_first().expect("there are three");
        lead_to_standby(run, others);
        match self {
            Self::OneStays => sleep(A_WHILE).await,
            Self::OldGetsAhead => postgres.get_ahead().await,
            _ => {}
        }
        lead_to_standby(run, std::slice::from_ref(first));
        if matches!(self, Self::OldSleeps) {
            sleep(A_WHILE).await;
            postgres.go_on();
        }
        let until = Instant::now() + AFTERWARDS;
        while Instant::now() < until && !enough() {
            sleep(Duration::from_millis(20)).await;
        }
        Tally::from([(self.name(), 1)])
    }
}

fn lead_to_standby(run: &Run, instances: &[Arc<Instance>]) {
    for instance in instances {
        instance.line.lead_to(run.postgres.standby_address());
    }
}

/// A standby that copies changes after they were answered becomes the primary without the last ones.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Losing {
    /// It gets nothing more, and the primary crashes.
    Behind,
    /// Two servers take changes, each from other instances; then the old one is given up.
    OneOfTwo,
}

/// What was seen of it.
#[derive(Debug)]
pub(crate) struct Lost {
    how: Losing,
    /// After how long every instance that knew of the changes had told so, and all refused the keys.
    pub(crate) told: Duration,
    /// How often revoked keys were accepted until then.
    accepted: usize,
    /// What nothing excuses from then on.
    pub(crate) wrong: Vec<String>,
}

impl Losing {
    /// Lets revocations be lost, and watches what the instances make of that.
    pub(crate) async fn happen(self, run: &Arc<Run>, load: &Load, seed: u64) -> Lost {
        let mut chance = Chance::new(seed);
        let quiet = Load { revokers: 0, backends: 0, ..load.clone() };
        let load = quiet.start(run, &mut chance);
        while run.ledger.live_count() < LIVE {
            sleep(Duration::from_millis(20)).await;
        }
        // More than the creators keep: so they create nothing that would be lost.
        for _ in 0..LOST {
            run.create(&run.instances[0]).await;
        }
        sleep(Duration::from_secs(1)).await;

        let (first, others) = run.instances.split_at(1);
        let losers = match self {
            Self::Behind => {
                run.postgres.cut_standby_off().await;
                &run.instances[..]
            }
            Self::OneOfTwo => {
                run.postgres.promote();
                lead_to_standby(run, others);
                for instance in others {
                    instance.line.reset();
                }
                sleep(A_WHILE).await;
                first
            }
        };
        let trouble = run.postgres.trouble.begin();
        let doomed: Vec<_> = (0..LOST).filter_map(|_| run.ledger.doom(&mut chance)).collect();
        for key in &doomed {
            revoke(run, losers, key, &mut chance).await;
        }
        run.postgres.stop_immediately();
        if matches!(self, Self::Behind) {
            run.postgres.promote();
        }
        lead_to_standby(run, losers);

        let lost_at = Instant::now();
        while !has_told(run, losers).await || !refuse(run, &doomed).await {
            let waited = lost_at.elapsed();
            assert!(waited < TOLD_LIMIT * 6, "{self:?}: not told:\n{}", losers[0].log());
            sleep(Duration::from_millis(20)).await;
        }
        let told_at = Instant::now();
        let accepted = run.ledger.stale().len();
        sleep(AFTERWARDS).await;
        run.stop.cancel();
        load.join_all().await;
        drop(trouble);
        run.sweep().await;
        let wrong = [run.ledger.stale_since(told_at), run.ledger.wrongs()].concat();
        Lost { how: self, told: told_at - lost_at, accepted, wrong }
    }
}

impl fmt::Display for Lost {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { how, told, accepted, wrong } = self;
        let (told, limit) = (told.as_millis(), TOLD_LIMIT.as_millis());
        let how = match how {
            Losing::Behind => "a standby that lagged took over",
            Losing::OneOfTwo => "of two primaries one was given up",
        };
        write!(
            f,
            "{how}: {LOST} revocations lost, told after {told} ms (at most {limit}); revoked keys \
             accepted {accepted} times until then; wrong from then on {}",
            wrong.len()
        )
    }
}

/// By a log line, a metric and an event.
async fn has_told(run: &Run, losers: &[Arc<Instance>]) -> bool {
    for instance in losers {
        let metrics = Client::new(instance).send("GET", "/metrics", "", "").await;
        let metrics = metrics.map(|answer| String::from_utf8_lossy(&answer.body).into_owned());
        let counts = |text: &str| !text.contains("latchkey_history_lost_total 0");
        if !instance.log().contains("history lost") || !metrics.is_ok_and(|text| counts(&text)) {
            return false;
        }
    }
    run.postgres.losses_noted().await > 0
}

async fn refuse(run: &Run, keys: &[Arc<Key>]) -> bool {
    for instance in &run.instances {
        let mut client = Client::new(instance);
        for key in keys {
            if run.verify(&mut client, key).await != Some(401) {
                return false;
            }
        }
    }
    true
}
