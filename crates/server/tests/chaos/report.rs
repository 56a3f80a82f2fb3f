//! The table at the end, and what must hold.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use crate::ledger::{How, Revoke};
use crate::run::Seen;

/// Times to revoke, in ascending order.
#[derive(Debug)]
struct Times(Vec<Duration>);

impl Times {
    fn of(revokes: &[Revoke], hows: &[How]) -> Self {
        let such = revokes.iter().filter(|revoke| hows.contains(&revoke.how));
        let mut times: Vec<Duration> = such.map(|revoke| revoke.took).collect();
        times.sort();
        Self(times)
    }

    /// That which so many in a hundred do not exceed.
    fn percentile(&self, percent: usize) -> Duration {
        let place = (self.0.len() * percent).div_ceil(100).saturating_sub(1);
        self.0.get(place).copied().unwrap_or_default()
    }

    fn row(&self, name: &str) -> String {
        let [p50, p99, worst] =
            [50, 99, 100].map(|percent| format!("{:.1?}", self.percentile(percent)));
        format!("{name:38} {:>8} {p50:>10} {p99:>10} {worst:>10}", self.0.len())
    }
}

impl Seen {
    pub(crate) fn table(&self) -> String {
        let tally = &self.ledger.tally;
        let count = |name: &str, count: &AtomicU64| {
            format!("  {name:36} {:>8}", count.load(Ordering::Relaxed))
        };
        let time = |name: &str, time: Duration| format!("{name:38} {:>8.2} s", time.as_secs_f64());
        [
            format!("\nseed {}, {:?} of faults", self.plan.seed, self.plan.storm),
            format!("{:38} {:>8}", "verifications that were answered", tally.answered()),
            count("accepted", &tally.accepted),
            count("refused", &tally.refused),
            count("503", &tally.unavailable),
            count("of these, sent to a stopped process", &tally.sent_to_stopped),
            count("not answered: cut, or nobody there", &tally.cut),
            format!("{:38} {:>8}", "stale accepts", self.ledger.stale_accepts().len()),
            format!("{:38} {:>8} {:>10} {:>10} {:>10}", "revokes", "", "p50", "p99", "worst"),
            Times::of(&self.quiet, &How::ALL).row("  while all is well"),
            Times::of(&self.storm, &[How::ByAck]).row("  under faults, by ack"),
            Times::of(&self.storm, &[How::ByLease]).row("  under faults, by lease"),
            Times::of(&self.storm, &[How::Disturbed]).row("  asked where the fault was"),
            time("last accept after a cut", self.last_accept),
            time("all accept after the network returns", self.network_back),
            time("all accept after Postgres returns", self.database_back),
        ]
        .join("\n")
    }

    /// What must hold in every run.
    pub(crate) fn check(&self) {
        let stale = self.ledger.stale_accepts();
        assert!(stale.is_empty(), "seed {}, stale accepts:\n{}", self.plan.seed, stale.join("\n"));
        let wrong = self.ledger.wrongs();
        assert!(wrong.is_empty(), "seed {}:\n{}", self.plan.seed, wrong.join("\n"));
        for log in &self.logs {
            assert!(!log.contains("panicked"), "{log}");
        }
        // No heartbeat was sent after the cut.
        assert!(self.last_accept < Duration::from_millis(2_700), "{:?}", self.last_accept);
        assert!(self.database_back < Duration::from_secs(1), "{:?}", self.database_back);
        assert!(!self.quiet.is_empty(), "nothing was revoked while all was well");
    }

    pub(crate) fn verifications(&self) -> u64 {
        self.ledger.tally.answered()
    }

    pub(crate) fn revokes(&self) -> usize {
        self.quiet.len() + self.storm.len()
    }

    pub(crate) fn revokes_by_lease(&self) -> usize {
        Times::of(&self.storm, &[How::ByLease]).0.len()
    }

    /// While all is well, how long 99 of 100 revokes take at most.
    pub(crate) fn quiet_p99(&self) -> Duration {
        Times::of(&self.quiet, &How::ALL).percentile(99)
    }

    /// How long any took to which no fault happened but on other instances.
    pub(crate) fn worst_undisturbed(&self) -> Duration {
        Times::of(&self.storm, &[How::ByAck, How::ByLease]).percentile(100)
    }
}
