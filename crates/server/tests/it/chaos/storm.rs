//! A whole run: load, a quiet time, a time of faults, and the judgement.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::chance::Chance;
use super::load::{LIVE, Load};
use super::nemesis;
use super::report::Report;
use super::run::Run;
use super::take_over::TakeOver;

#[derive(Debug, Clone)]
pub(crate) struct Storm {
    pub(crate) seed: u64,
    pub(crate) load: Load,
    pub(crate) quiet: Duration,
    pub(crate) faults: Faults,
}

#[derive(Debug, Clone, Copy)]
pub(crate) enum Faults {
    /// As chance has it, for so long.
    Many(Duration),
    /// The standby becomes the primary.
    TakeOver(TakeOver),
}

impl Storm {
    /// Goes through all of it, and checks every key on every instance in the end.
    pub(crate) async fn pass(self, run: &Arc<Run>) -> Report {
        let report = self.rage(run, || false).await;
        let key = run.ledger.live().pop().expect("the creators keep some");
        run.recovered(&key).await;
        run.sweep().await;
        run.count_what_is_kept().await;
        Report { stale: run.ledger.stale(), wrong: run.ledger.wrongs(), ..report }
    }

    /// The same without the end, and until the first stale accept.
    pub(crate) async fn pass_until_caught(self, run: &Arc<Run>) -> Report {
        self.rage(run, || !run.ledger.stale().is_empty()).await
    }

    async fn rage(self, run: &Arc<Run>, enough: impl Fn() -> bool + Copy) -> Report {
        println!("chaos with CHAOS_SEED={}", self.seed);
        let mut chance = Chance::new(self.seed);
        let load = self.load.start(run, &mut chance);
        tokio::time::sleep(self.quiet).await;
        // On a slow machine there are none yet.
        while run.ledger.live_count() < LIVE / 2 {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        let faults_began = Instant::now();
        let faults = match self.faults {
            Faults::Many(time) => {
                nemesis::rage(run, &mut chance, faults_began + time, enough).await
            }
            Faults::TakeOver(how) => how.happen(run, enough).await,
        };
        run.stop.cancel();
        // Once a lie is told, nobody needs to wait for what is under way.
        if !enough() {
            load.join_all().await;
        }
        Report::new(self.seed, &run.ledger, faults, faults_began)
    }
}
