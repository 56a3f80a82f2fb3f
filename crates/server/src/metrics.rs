//! What `/metrics` shows, in Prometheus's text format 0.0.4. No key, owner or address is a label.

mod process;
mod requests;

use std::fmt::{self, Write as _};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

use latchkey_domain::Refusal;
use latchkey_store_postgres::Purpose;
use latchkey_verifier::{Durations, Heartbeats, Misses, Status, VerifyError};
use tokio::task::spawn_blocking;
use tokio::time::timeout;

use self::process::Process;
use self::requests::Requests;
pub(crate) use self::requests::known_method;
use crate::app::App;
use crate::connections::{Closed, Tally};
use crate::telemetry;

/// More threads than this share.
const SHARDS: usize = 16;
/// The latency histogram ends its buckets at 1 us, 2 us, 4 us, … about 8 s; the last takes the rest.
const BUCKETS: usize = 25;

/// How long the page waits for the database.
const PATIENCE: Duration = Duration::from_secs(1);

/// What is counted as it happens. The rest of the page is asked for when it is shown.
#[derive(Debug, Default)]
pub(crate) struct Counts {
    pub(crate) verifications: Verifications,
    pub(crate) requests: Requests,
    pub(crate) connections: Arc<Tally>,
}

/// What became of a verification.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Outcome {
    Accepted,
    /// No key was presented.
    Missing,
    Refused(Refusal),
    /// Nobody could say.
    Unavailable,
}

/// Counts verifications. Each thread counts in a place of its own, and they are added up when
/// somebody asks: counting is a few additions that nobody waits for.
#[derive(Debug, Default)]
pub(crate) struct Verifications([Shard; SHARDS]);

/// On cache lines of its own.
#[derive(Debug, Default)]
#[repr(align(128))]
struct Shard {
    accepted: AtomicU64,
    missing: AtomicU64,
    malformed: AtomicU64,
    unknown: AtomicU64,
    disabled: AtomicU64,
    expired: AtomicU64,
    revoked: AtomicU64,
    unavailable: AtomicU64,
    buckets: [AtomicU64; BUCKETS],
    nanos: AtomicU64,
}

impl From<&VerifyError> for Outcome {
    fn from(error: &VerifyError) -> Self {
        match error {
            VerifyError::Refused(refusal) => Self::Refused(*refusal),
            VerifyError::Store(_) => Self::Unavailable,
        }
    }
}

impl Outcome {
    const ALL: [(&'static str, Self); 8] = [
        ("accepted", Self::Accepted),
        ("missing", Self::Missing),
        ("malformed", Self::Refused(Refusal::Malformed)),
        ("unknown", Self::Refused(Refusal::Unknown)),
        ("disabled", Self::Refused(Refusal::Disabled)),
        ("expired", Self::Refused(Refusal::Expired)),
        ("revoked", Self::Refused(Refusal::Revoked)),
        ("unavailable", Self::Unavailable),
    ];
}

impl Shard {
    const fn counter(&self, outcome: Outcome) -> &AtomicU64 {
        match outcome {
            Outcome::Accepted => &self.accepted,
            Outcome::Missing => &self.missing,
            Outcome::Refused(Refusal::Malformed) => &self.malformed,
            Outcome::Refused(Refusal::Unknown) => &self.unknown,
            Outcome::Refused(Refusal::Disabled) => &self.disabled,
            Outcome::Refused(Refusal::Expired) => &self.expired,
            Outcome::Refused(Refusal::Revoked) => &self.revoked,
            Outcome::Unavailable => &self.unavailable,
        }
    }
}

impl Verifications {
    pub(crate) fn count(&self, outcome: Outcome, took: Duration) {
        static THREADS_SEEN: AtomicUsize = AtomicUsize::new(0);
        thread_local! {
            static THREAD: usize = THREADS_SEEN.fetch_add(1, Ordering::Relaxed) % SHARDS;
        }
        let Some(shard) = THREAD.with(|thread| self.0.get(*thread)) else { return };
        let nanos = u64::try_from(took.as_nanos()).unwrap_or(u64::MAX);
        shard.counter(outcome).fetch_add(1, Ordering::Relaxed);
        shard.nanos.fetch_add(nanos, Ordering::Relaxed);
        if let Some(bucket) = shard.buckets.get(bucket(nanos)) {
            bucket.fetch_add(1, Ordering::Relaxed);
        }
    }

    fn sum<'a>(&'a self, which: impl Fn(&'a Shard) -> &'a AtomicU64) -> u64 {
        self.0.iter().map(|shard| which(shard).load(Ordering::Relaxed)).sum()
    }

    fn bucket(&self, index: usize) -> u64 {
        let of =
            |shard: &Shard| shard.buckets.get(index).map_or(0, |it| it.load(Ordering::Relaxed));
        self.0.iter().map(of).sum()
    }
}

/// The bucket whose upper end is the first power of two microseconds that is not below.
fn bucket(nanos: u64) -> usize {
    let micros = nanos.div_ceil(1_000).max(1);
    let power = u64::BITS - (micros - 1).leading_zeros();
    usize::try_from(power).unwrap_or(BUCKETS).min(BUCKETS - 1)
}

/// What has to be asked for.
struct Asked {
    is_ready: bool,
    /// `None` where the database does not say.
    instances: Option<usize>,
    process: Option<Process>,
}

impl Asked {
    async fn of(app: &App) -> Self {
        let (ready, instances, process) = tokio::join!(
            timeout(PATIENCE, app.ready()),
            timeout(PATIENCE, app.instances()),
            spawn_blocking(Process::read),
        );
        Self {
            is_ready: matches!(ready, Ok(Ok(true))),
            instances: instances.ok().and_then(Result::ok),
            process: process.ok().flatten(),
        }
    }
}

/// The page.
pub(crate) async fn text(app: &App) -> String {
    let asked = Asked::of(app).await;
    let mut text = String::with_capacity(32 * 1024);
    write(&mut text, app, &asked).expect("a String takes all text");
    text
}

fn write(out: &mut String, app: &App, asked: &Asked) -> fmt::Result {
    write_server(out, app, asked)?;
    write_verifications(out, &app.counts.verifications)?;
    write_latency(out, &app.counts.verifications)?;

    let status = app.verifier.status();
    let name = "latchkey_verify_cache_entries";
    metric(out, name, "gauge", "Keys in the verification cache.", status.remembered)?;
    let name = "latchkey_verify_cache_misses_total";
    metric(
        out,
        name,
        "counter",
        "Verifications that asked the database: misses of the cache.",
        status.looked_up,
    )?;
    let name = "latchkey_verify_cache_hits_total";
    metric(
        out,
        name,
        "counter",
        "Verifications that were answered from the cache.",
        status.recalled,
    )?;
    write_misses(out, app.verifier.missed())?;
    write_protocol(out, &status, app.verifier.heartbeats())?;
    let name = "latchkey_clock_skew_seconds";
    let help = "How far this machine's clock is ahead of the database's; behind it, if negative.";
    metric(out, name, "gauge", help, app.clocks.skew_seconds())?;
    write_barrier(out, app)?;
    app.counts.requests.write(out)?;
    write_connections(out, &app.counts.connections)?;
    let name = "latchkey_last_use_unwritten";
    let help = "Keys whose last use is waiting to be written.";
    metric(out, name, "gauge", help, status.unwritten_uses)?;
    let name = "latchkey_last_use_lag_seconds";
    let help = "Seconds since the writer of last uses was last caught up.";
    metric(out, name, "gauge", help, status.last_use_lag.as_secs_f64())?;
    let name = "latchkey_log_lines_lost_total";
    let help = "Lines of the log that could not be written.";
    metric(out, name, "counter", help, telemetry::lost_lines())?;
    if let Some(pool) = app.pool_use() {
        head(
            out,
            "latchkey_db_pool_connections",
            "gauge",
            "Connections of the pool for writes, by state.",
        )?;
        writeln!(out, "latchkey_db_pool_connections{{state=\"used\"}} {}", pool.used)?;
        writeln!(out, "latchkey_db_pool_connections{{state=\"idle\"}} {}", pool.idle)?;
        let name = "latchkey_db_pool_waiting";
        metric(out, name, "gauge", "Calls that wait for a connection of the pool.", pool.waiting)?;
    }
    write_failover(out, app)
}

fn write_failover(out: &mut String, app: &App) -> fmt::Result {
    let name = "latchkey_history_lost_total";
    let help = "How often the database lost changes that had been answered.";
    metric(out, name, "counter", help, app.verifier.status().history_lost)?;
    if let Some(failover) = app.verifier.failover() {
        let name = "latchkey_database_failover_safe";
        let help = "Whether a failover of the database loses no answered change.";
        metric(out, name, "gauge", help, u8::from(failover.keeps_all()))?;
    }
    let name = "latchkey_db_connects_total";
    let made = Purpose::ALL.iter().filter_map(|it| Some((it.as_str(), app.connects(*it)?)));
    let mut made = made.peekable();
    if made.peek().is_some() {
        head(out, name, "counter", "Attempts to connect to the database.")?;
    }
    for (purpose, (ok, failed)) in made {
        writeln!(out, "{name}{{purpose=\"{purpose}\",result=\"ok\"}} {ok}")?;
        writeln!(out, "{name}{{purpose=\"{purpose}\",result=\"failed\"}} {failed}")?;
    }
    Ok(())
}

fn write_verifications(out: &mut String, counts: &Verifications) -> fmt::Result {
    let name = "latchkey_verifications_total";
    head(out, name, "counter", "Verifications by outcome.")?;
    for (label, outcome) in Outcome::ALL {
        let count = counts.sum(|shard| shard.counter(outcome));
        writeln!(out, "{name}{{outcome=\"{label}\"}} {count}")?;
    }
    Ok(())
}

fn write_latency(out: &mut String, counts: &Verifications) -> fmt::Result {
    let name = "latchkey_verification_duration_seconds";
    head(out, name, "histogram", "Time from the head of a request to its answer.")?;
    let mut total = 0;
    let mut end = 1e-6;
    for index in 0..BUCKETS - 1 {
        total += counts.bucket(index);
        writeln!(out, "{name}_bucket{{le=\"{end}\"}} {total}")?;
        end *= 2.0;
    }
    total += counts.bucket(BUCKETS - 1);
    let sum = Duration::from_nanos(counts.sum(|shard| &shard.nanos)).as_secs_f64();
    writeln!(out, "{name}_bucket{{le=\"+Inf\"}} {total}\n{name}_sum {sum}\n{name}_count {total}")
}

fn write_barrier(out: &mut String, app: &App) -> fmt::Result {
    let barrier = app.verifier.barrier();
    let passed = barrier.passed();
    let [all, time] =
        [&passed.by_all, &passed.by_time].map(|number| number.load(Ordering::Relaxed));
    let name = "latchkey_barrier_passed_total";
    head(
        out,
        name,
        "counter",
        "Changes by what they waited for before their answer: every instance, or the end of a lease.",
    )?;
    writeln!(out, "{name}{{by=\"applied\"}} {all}\n{name}{{by=\"lease\"}} {time}")?;
    let name = "latchkey_barrier_duration_seconds";
    head(
        out,
        name,
        "histogram",
        "Time that changes waited for all instances before their answer.",
    )?;
    histogram(out, name, "", &passed.waited)
}

fn write_server(out: &mut String, app: &App, asked: &Asked) -> fmt::Result {
    let name = "latchkey_build_info";
    head(out, name, "gauge", "The version that runs; always 1.")?;
    writeln!(out, "{name}{{version=\"{}\"}} 1", env!("CARGO_PKG_VERSION"))?;
    let name = "latchkey_ready";
    let help = "Whether /readyz is answered with 200.";
    metric(out, name, "gauge", help, u8::from(asked.is_ready))?;
    if let Some(process) = &asked.process {
        process.write(out)?;
    }
    process::write_fixed(out, app.started)?;
    if let Some(instances) = asked.instances {
        let name = "latchkey_instances";
        metric(out, name, "gauge", "Instances that changes wait for.", instances)?;
    }
    Ok(())
}

fn write_misses(out: &mut String, misses: &Misses) -> fmt::Result {
    let name = "latchkey_verify_cache_miss_reasons_total";
    let help = "Misses of the cache by reason, with those that share a look-up of another.";
    head(out, name, "counter", help)?;
    for (reason, count) in [
        ("no_lease", &misses.no_lease),
        ("changed", &misses.changed),
        ("not_seen", &misses.not_seen),
    ] {
        writeln!(out, "{name}{{reason=\"{reason}\"}} {}", count.load(Ordering::Relaxed))?;
    }
    Ok(())
}

fn write_protocol(out: &mut String, status: &Status, heartbeats: &Heartbeats) -> fmt::Result {
    let name = "latchkey_verify_cache_enabled";
    let help = "Whether the verification cache is on.";
    metric(out, name, "gauge", help, u8::from(status.remembers))?;
    let name = "latchkey_lease_remaining_seconds";
    let left = status.lease_left.unwrap_or_default().as_secs_f64();
    let help =
        "Seconds until the lease ends, and the cache stops answering, unless a heartbeat succeeds.";
    metric(out, name, "gauge", help, left)?;
    if let Some(applied) = status.applied {
        let name = "latchkey_change_number";
        metric(
            out,
            name,
            "gauge",
            "The number of the last change that this instance has applied.",
            applied,
        )?;
    }
    let name = "latchkey_heartbeats_total";
    head(out, name, "counter", "Heartbeats by result.")?;
    writeln!(out, "{name}{{result=\"ok\"}} {}", heartbeats.answered.count())?;
    let failed = heartbeats.failed.load(Ordering::Relaxed);
    writeln!(out, "{name}{{result=\"failed\"}} {failed}")?;
    let name = "latchkey_heartbeat_duration_seconds";
    head(out, name, "histogram", "Time until the database answered a heartbeat.")?;
    histogram(out, name, "", &heartbeats.answered)?;
    let name = "latchkey_registrations_total";
    let help = "How often this instance joined the list of instances.";
    metric(out, name, "counter", help, heartbeats.joined.load(Ordering::Relaxed))
}

fn write_connections(out: &mut String, connections: &Tally) -> fmt::Result {
    let name = "latchkey_connections_open";
    metric(out, name, "gauge", "Connections that are open.", connections.open())?;
    let name = "latchkey_connections_closed_total";
    head(out, name, "counter", "Connections that were closed, by reason.")?;
    for (label, why) in Closed::ALL {
        writeln!(out, "{name}{{reason=\"{label}\"}} {}", connections.closed(why))?;
    }
    Ok(())
}

/// `labels` without braces, and empty where there are none.
fn histogram(out: &mut String, name: &str, labels: &str, took: &Durations) -> fmt::Result {
    let comma = if labels.is_empty() { "" } else { "," };
    for (end, count) in took.up_to() {
        let end = end.as_secs_f64();
        writeln!(out, "{name}_bucket{{{labels}{comma}le=\"{end}\"}} {count}")?;
    }
    let count = took.count();
    writeln!(out, "{name}_bucket{{{labels}{comma}le=\"+Inf\"}} {count}")?;
    let labels = if labels.is_empty() { String::new() } else { format!("{{{labels}}}") };
    writeln!(out, "{name}_sum{labels} {}", took.sum().as_secs_f64())?;
    writeln!(out, "{name}_count{labels} {count}")
}

fn metric(
    out: &mut String,
    name: &str,
    kind: &str,
    help: &str,
    value: impl fmt::Display,
) -> fmt::Result {
    head(out, name, kind, help)?;
    writeln!(out, "{name} {value}")
}

fn head(out: &mut String, name: &str, kind: &str, help: &str) -> fmt::Result {
    writeln!(out, "# HELP {name} {help}\n# TYPE {name} {kind}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_duration_counts_in_the_first_bucket_that_is_long_enough() {
        for (nanos, expected) in
            [(0, 0), (1, 0), (1_000, 0), (1_001, 1), (2_000, 1), (2_001, 2), (4_000, 2)]
        {
            assert_eq!(bucket(nanos), expected, "{nanos} ns");
        }
        assert_eq!(bucket(u64::MAX), BUCKETS - 1);
    }
}
