//! What `/metrics` shows, in Prometheus's text format 0.0.4. No key, owner or address is a label.

mod process;

use std::fmt::{self, Write as _};
use std::sync::atomic::Ordering;
use std::time::Duration;

use latchkey_http::Counts;
use latchkey_http::exposition::{head, histogram, metric};
use latchkey_listener::{Closed, Tally};
use latchkey_store_postgres::Purpose;
use latchkey_verifier::{Heartbeats, Misses, Status};
use tokio::task::spawn_blocking;
use tokio::time::timeout;

use self::process::Process;
use crate::app::App;
use crate::telemetry;

/// How long the page waits for the database.
const PATIENCE: Duration = Duration::from_secs(1);

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
            instances: instances.ok().and_then(Result::ok).map(|list| list.instances.len()),
            process: process.ok().flatten(),
        }
    }
}

/// The page.
pub(crate) async fn text(app: &App, counts: &Counts) -> String {
    let asked = Asked::of(app).await;
    let mut text = String::with_capacity(32 * 1024);
    write(&mut text, app, counts, &asked).expect("a String takes all text");
    text
}

fn write(out: &mut String, app: &App, counts: &Counts, asked: &Asked) -> fmt::Result {
    write_server(out, app, asked)?;
    counts.write(out)?;

    let status = app.services.verifier.status();
    let name = "latchkey_verify_cache_entries";
    metric(out, name, "gauge", "Keys in the verification cache.", status.cached)?;
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
        status.from_cache,
    )?;
    write_misses(out, app.services.verifier.missed())?;
    write_protocol(out, &status, app.services.verifier.heartbeats())?;
    let name = "latchkey_clock_skew_seconds";
    let help = "How far this machine's clock is ahead of the database's; behind it, if negative.";
    metric(out, name, "gauge", help, app.clocks.skew_seconds())?;
    write_barrier(out, app)?;
    write_connections(out, &app.connections)?;
    let name = "latchkey_last_use_unwritten";
    let help = "Keys whose last use is waiting to be written.";
    metric(out, name, "gauge", help, status.unwritten_uses)?;
    let name = "latchkey_last_use_lag_seconds";
    let help = "Seconds since the writer of last uses was last caught up.";
    metric(out, name, "gauge", help, status.last_use_lag.as_secs_f64())?;
    let name = "latchkey_usage_refusals_beyond_total";
    let help = "Refused calls that no key's usage shows, by reason: too many keys were refused within a minute.";
    head(out, name, "counter", help)?;
    for (reason, calls) in app.services.verifier.refused_beyond() {
        writeln!(out, "{name}{{reason=\"{}\"}} {calls}", reason.as_str())?;
    }
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
    metric(out, name, "counter", help, app.services.verifier.status().history_lost)?;
    if let Some(failover) = app.services.verifier.failover() {
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

fn write_barrier(out: &mut String, app: &App) -> fmt::Result {
    let barrier = app.services.verifier.barrier();
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
    metric(out, name, "gauge", help, u8::from(status.caches))?;
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
