//! The table at the end of a run.

use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use super::ledger::{Ledger, Revoke};
use super::nemesis::Tally;
use super::without_database::{LAST_ACCEPT_LIMIT, Loss, RECOVERY_LIMIT};

/// A revoke that took so long waited for a lease to be over; one that took less than the other
/// did not come near it.
const BY_LEASE: Duration = Duration::from_secs(3);
const BY_ACK: Duration = Duration::from_secs(1);
/// With three healthy instances, for 99 of 100.
pub(crate) const HEALTHY_LIMIT: Duration = Duration::from_millis(50);
/// With any number of others dead, stopped or cut off, for all.
pub(crate) const WORST_LIMIT: Duration = Duration::from_millis(3_500);

#[derive(Debug)]
pub(crate) struct Report {
    pub(crate) seed: u64,
    pub(crate) faults: Tally,
    pub(crate) verifications: Verifications,
    pub(crate) revokes: Revokes,
    pub(crate) owners: Owners,
    pub(crate) stale: Vec<String>,
    pub(crate) wrong: Vec<String>,
    /// Instances cut off, and Postgres crashed, where that was tried.
    pub(crate) losses: Vec<(&'static str, Loss)>,
}

#[derive(Debug, Clone, Copy)]
pub(crate) struct Verifications {
    pub(crate) accepted: u64,
    pub(crate) refused: u64,
    pub(crate) unavailable: u64,
    pub(crate) cut: u64,
    pub(crate) answered_after_a_stop: u64,
}

/// What happened to owners that a backend names.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Owners {
    pub(crate) left: u64,
    /// Keys of theirs.
    pub(crate) narrowed: u64,
    /// Of those.
    pub(crate) widened: u64,
    pub(crate) suspended: u64,
    /// Of those.
    pub(crate) came_back: u64,
}

#[derive(Debug)]
pub(crate) struct Revokes {
    pub(crate) all: usize,
    pub(crate) by_ack: usize,
    pub(crate) by_lease: usize,
    /// Before the faults.
    pub(crate) healthy: Times,
    /// While others were in trouble; in a calm between the faults, the dead may be waited for.
    pub(crate) under_faults: Times,
    pub(crate) in_trouble: Times,
}

/// How long something took, shortest first.
#[derive(Debug)]
pub(crate) struct Times(Vec<Duration>);

impl Report {
    /// What the ledger says of a run whose faults began at `faults_began`.
    pub(crate) fn new(seed: u64, ledger: &Ledger, faults: Tally, faults_began: Instant) -> Self {
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        let counts = &ledger.counts;
        Self {
            seed,
            faults,
            verifications: Verifications {
                accepted: read(&counts.accepted),
                refused: read(&counts.refused),
                unavailable: read(&counts.unavailable),
                cut: read(&counts.cut),
                answered_after_a_stop: read(&counts.answered_after_a_stop),
            },
            revokes: Revokes::new(&ledger.revokes(), faults_began),
            owners: Owners {
                left: read(&counts.of_many),
                narrowed: read(&counts.narrowings),
                widened: read(&counts.ended_narrowings),
                suspended: read(&counts.suspensions),
                came_back: read(&counts.ended_suspensions),
            },
            stale: ledger.stale(),
            wrong: ledger.wrongs(),
            losses: Vec::new(),
        }
    }

    /// Fails if a promise was broken that holds on any machine, however slow.
    #[track_caller]
    pub(crate) fn expect_no_lie(&self) {
        let Self { seed, stale, wrong, .. } = self;
        assert!(stale.is_empty(), "seed {seed}: {} stale: {stale:#?}", stale.len());
        assert!(wrong.is_empty(), "seed {seed}: {} wrong: {wrong:#?}", wrong.len());
    }
}

impl Verifications {
    /// Those that were answered by yes or no.
    pub(crate) fn decided(&self) -> u64 {
        self.accepted + self.refused
    }
}

impl Revokes {
    fn new(revokes: &[Revoke], faults_began: Instant) -> Self {
        let (in_trouble, others): (Vec<&Revoke>, Vec<&Revoke>) =
            revokes.iter().partition(|revoke| revoke.in_trouble);
        let (healthy, under_faults): (Vec<&Revoke>, Vec<&Revoke>) =
            others.iter().partition(|revoke| revoke.began + revoke.took < faults_began);
        Self {
            all: revokes.len(),
            by_ack: others.iter().filter(|revoke| revoke.took < BY_ACK).count(),
            by_lease: others.iter().filter(|revoke| revoke.took >= BY_LEASE).count(),
            healthy: Times::of(&healthy),
            under_faults: Times::of(&under_faults),
            in_trouble: Times::of(&in_trouble),
        }
    }
}

impl Times {
    fn of(revokes: &[&Revoke]) -> Self {
        let mut times: Vec<_> = revokes.iter().map(|revoke| revoke.took).collect();
        times.sort_unstable();
        Self(times)
    }

    /// The time that so many of a hundred did not exceed.
    pub(crate) fn percentile(&self, percent: usize) -> Duration {
        let at = (self.0.len() * percent).div_ceil(100).saturating_sub(1);
        self.0.get(at).copied().unwrap_or_default()
    }

    pub(crate) fn worst(&self) -> Duration {
        self.percentile(100)
    }
}

impl fmt::Display for Times {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [p50, p99] = [50, 99].map(|percent| self.percentile(percent).as_millis());
        let worst = self.worst().as_millis();
        write!(f, "{:>6} {p50:>7} {p99:>7} {worst:>7}", self.0.len())
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { verifications, revokes, owners, .. } = self;
        let faults: Vec<_> = self.faults.iter().map(|(name, n)| format!("{n} {name}")).collect();
        writeln!(f, "seed             {}", self.seed)?;
        writeln!(f, "faults           {}", faults.join(", "))?;
        writeln!(
            f,
            "verifications    {} accepted, {} refused, {} unavailable, {} cut off; \
             {} answered that were sent to a stopped process",
            verifications.accepted,
            verifications.refused,
            verifications.unavailable,
            verifications.cut,
            verifications.answered_after_a_stop
        )?;
        writeln!(
            f,
            "revokes          {}: {} by ack (within {} s), {} by lease ({} s or more)",
            revokes.all,
            revokes.by_ack,
            BY_ACK.as_secs(),
            revokes.by_lease,
            BY_LEASE.as_secs()
        )?;
        let Owners { left, narrowed, widened, suspended, came_back } = owners;
        writeln!(f, "scopes           {narrowed} keys narrowed, {widened} of them widened again")?;
        writeln!(
            f,
            "owners           {suspended} suspended, {came_back} of them came back, {left} left"
        )?;
        writeln!(f, "stale accepts    {}", self.stale.len())?;
        writeln!(f, "wrong answers    {}", self.wrong.len())?;
        writeln!(f, "time to revoke, ms              n     p50     p99   worst")?;
        let limit = HEALTHY_LIMIT.as_millis();
        writeln!(f, "  all healthy              {}  p99 at most {limit}", revokes.healthy)?;
        let limit = WORST_LIMIT.as_millis();
        writeln!(f, "  others under faults      {}  worst at most {limit}", revokes.under_faults)?;
        writeln!(f, "  asked of one in trouble  {}  none", revokes.in_trouble)?;
        for (loss, Loss { last_accept, recovery }) in &self.losses {
            writeln!(
                f,
                "{loss}: last accept after {} ms (at most {}), all back after {} ms (at most {})",
                last_accept.as_millis(),
                LAST_ACCEPT_LIMIT.as_millis(),
                recovery.as_millis(),
                RECOVERY_LIMIT.as_millis()
            )?;
        }
        Ok(())
    }
}
