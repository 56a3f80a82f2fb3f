//! What the server removes in the background: sessions that are over, keys that were revoked long
//! ago, old audit events, old usage, last uses of keys that are gone. The database's clock decides, and only
//! while this machine's agrees: a wrong one would remove for everybody what still counts.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use latchkey_domain::ports::{Clock, Housekeeping, OldUsage, StoreError};
use latchkey_domain::{ApiKeyId, Timestamp, UsageSpan, error_chain};
use thiserror::Error;
use tokio::sync::Mutex;
use tokio::time::{Instant, MissedTickBehavior, interval, sleep};

use crate::app::App;

const LOOK_EVERY: Duration = Duration::from_mins(1);
const PURGE_EVERY: Duration = Duration::from_hours(1);
/// What is kept for a shorter time is looked for as often as that.
const REMOVE_EVERY: Duration = Duration::from_hours(24);
/// Where the database was away or busy, and what is due would wait for a day.
const RETRY: Duration = Duration::from_hours(1);
/// A process that has written no usage for so long is gone, or has nothing under way.
const KEEP_WRITERS: Duration = Duration::from_hours(24);
/// As many rows as nobody notices, and the pause in which others come first.
const BATCH: u32 = 500;
const PAUSE: Duration = Duration::from_millis(10);

/// Worth a line in the log: sessions and expiries shift by it.
const NOTABLE: Duration = Duration::from_secs(2);
/// Nothing is removed: nobody can tell which of the two clocks is wrong.
const TOO_FAR: Duration = Duration::from_mins(1);
const WARN_EVERY: Duration = Duration::from_hours(1);

/// This machine's wall clock beside the database's.
#[derive(Debug)]
pub(crate) struct Clocks {
    here: Arc<dyn Clock>,
    store: Arc<dyn Housekeeping>,
    skew_millis: AtomicI64,
}

/// How far this machine's clock is ahead of the database's, in milliseconds; behind it, if negative.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Skew(i64);

/// Why nothing was removed.
#[derive(Debug, Error)]
enum UntidyError {
    #[error("this machine's clock is {0} the database's; set both, for instance by NTP")]
    Skewed(Skew),
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl Skew {
    /// The database's clock was read between the two looks at this machine's.
    fn between(before: Timestamp, there: Timestamp, after: Timestamp) -> Self {
        let millis = |at: Timestamp| at.unix_millis();
        let ahead = (millis(before) - millis(there)).max(0);
        let behind = (millis(there) - millis(after)).max(0);
        Self(ahead - behind)
    }

    const fn size(self) -> Duration {
        Duration::from_millis(self.0.unsigned_abs())
    }

    fn is_at_least(self, span: Duration) -> bool {
        self.size() >= span
    }
}

impl fmt::Display for Skew {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let span = humantime::format_duration(self.size());
        write!(f, "{span} {}", if self.0 < 0 { "behind" } else { "ahead of" })
    }
}

impl Clocks {
    pub(crate) fn new(here: Arc<dyn Clock>, store: Arc<dyn Housekeeping>) -> Self {
        Self { here, store, skew_millis: AtomicI64::new(0) }
    }

    /// How far this machine's clock was ahead of the database's when they were last compared.
    pub(crate) fn skew_seconds(&self) -> f64 {
        let skew = Skew(self.skew_millis.load(Ordering::Relaxed));
        if skew.0 < 0 { -skew.size().as_secs_f64() } else { skew.size().as_secs_f64() }
    }

    async fn compare(&self) -> Result<(Timestamp, Skew), StoreError> {
        let before = self.here.now();
        let there = self.store.now().await?;
        let skew = Skew::between(before, there, self.here.now());
        self.skew_millis.store(skew.0, Ordering::Relaxed);
        Ok((there, skew))
    }

    /// The database's time, if this machine's clock agrees.
    async fn agreed(&self) -> Result<Timestamp, UntidyError> {
        match self.compare().await? {
            (_, skew) if skew.is_at_least(TOO_FAR) => Err(UntidyError::Skewed(skew)),
            (now, _) => Ok(now),
        }
    }
}

/// Compares the clocks every minute, and says where they differ.
pub(crate) async fn compare_clocks(clocks: &Clocks) {
    let mut looks = interval(LOOK_EVERY);
    looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut warned: Option<Instant> = None;
    loop {
        looks.tick().await;
        // Where the database is away, others say so.
        let Ok((_, skew)) = clocks.compare().await else { continue };
        if !skew.is_at_least(NOTABLE) {
            warned = None;
        } else if warned.is_none_or(|at| at.elapsed() >= WARN_EVERY) {
            warned = Some(Instant::now());
            tracing::warn!(
                "this machine's clock is {skew} the database's: set it, or sessions and expiries shift by that"
            );
        }
    }
}

/// Removes what is over, each hour.
pub(crate) async fn keep_purging(app: &App, turns: &Mutex<()>) {
    let mut hours = interval(PURGE_EVERY);
    hours.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        hours.tick().await;
        let _turn = turns.lock().await;
        let purged = async { Ok(app.services.accounts.purge(app.clocks.agreed().await?).await?) };
        said(&purged.await, "sessions that are over were not removed");
    }
}

/// Removes what is no longer kept of how much keys were used, each hour.
pub(crate) async fn keep_removing_usage(app: &App, turns: &Mutex<()>) {
    let mut hours = interval(PURGE_EVERY);
    hours.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        hours.tick().await;
        let _turn = turns.lock().await;
        said(&remove_old_usage(app).await, "old usage was not removed");
    }
}

/// Removes keys that were revoked longer ago than `keep`, and last uses of keys that are gone.
pub(crate) async fn keep_removing_keys(app: &App, turns: &Mutex<()>, keep: Option<Duration>) {
    let mut looks = interval(often(keep));
    looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        looks.tick().await;
        let _turn = turns.lock().await;
        let mut done = true;
        if let Some(keep) = keep {
            done &= said(&remove_keys(app, keep).await, "old revoked keys were not removed");
        }
        done &= said(&remove_uses(app).await, "last uses of keys that are gone were not removed");
        if !done {
            looks.reset_after(often(keep).min(RETRY));
        }
    }
}

/// Removes audit events that are older than `keep`.
pub(crate) async fn keep_removing_events(app: &App, turns: &Mutex<()>, keep: Duration) {
    let mut looks = interval(often(Some(keep)));
    looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        looks.tick().await;
        let _turn = turns.lock().await;
        if !said(&remove_old_events(app, keep).await, "old audit events were not removed") {
            looks.reset_after(often(Some(keep)).min(RETRY));
        }
    }
}

fn often(keep: Option<Duration>) -> Duration {
    keep.map_or(REMOVE_EVERY, |keep| keep.min(REMOVE_EVERY))
}

async fn remove_keys(app: &App, keep: Duration) -> Result<(), UntidyError> {
    let before = app.clocks.agreed().await?.saturating_sub(keep);
    let mut after: Option<ApiKeyId> = None;
    loop {
        after = app.housekeeping.remove_revoked_keys(before, after, BATCH).await?;
        if after.is_none() {
            return Ok(());
        }
        sleep(PAUSE).await;
    }
}

async fn remove_uses(app: &App) -> Result<(), UntidyError> {
    let mut after: Option<ApiKeyId> = None;
    loop {
        after = app.housekeeping.remove_uses_without_key(after, BATCH).await?;
        if after.is_none() {
            return Ok(());
        }
        sleep(PAUSE).await;
    }
}

async fn remove_old_usage(app: &App) -> Result<(), UntidyError> {
    let now = app.clocks.agreed().await?;
    let [hours, days] = [UsageSpan::Hour, UsageSpan::Day];
    for (old, keep) in [
        (OldUsage::Counts(hours), hours.kept()),
        (OldUsage::Counts(days), days.kept()),
        (OldUsage::Refusals, days.kept()),
        (OldUsage::Writers, KEEP_WRITERS),
    ] {
        let before = now.saturating_sub(keep);
        while app.housekeeping.remove_usage(old, before, BATCH).await? > 0 {
            sleep(PAUSE).await;
        }
    }
    Ok(())
}

async fn remove_old_events(app: &App, keep: Duration) -> Result<(), UntidyError> {
    let before = app.clocks.agreed().await?.saturating_sub(keep);
    while app.housekeeping.remove_events(before, BATCH).await? > 0 {
        sleep(PAUSE).await;
    }
    Ok(())
}

/// Whether it was done; the log says where it was not.
fn said(done: &Result<(), UntidyError>, what: &str) -> bool {
    if let Err(error) = done {
        tracing::warn!(error = error_chain(error), "{what}");
    }
    done.is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(millis: i64) -> Timestamp {
        Timestamp::from_unix_millis(millis).expect("an instant")
    }

    #[test]
    fn what_the_round_trip_may_explain_is_no_skew() {
        for (there, skew) in [(1_000, 0), (1_250, 0), (1_400, 0), (900, 100), (1_500, -100)] {
            assert_eq!(Skew::between(at(1_000), at(there), at(1_400)), Skew(skew), "{there}");
        }
    }

    #[test]
    fn a_skew_says_its_direction() {
        assert_eq!(Skew(90_000).to_string(), "1m 30s ahead of");
        assert_eq!(Skew(-2_000).to_string(), "2s behind");
        assert!(Skew(-2_000).is_at_least(NOTABLE) && !Skew(1_999).is_at_least(NOTABLE));
    }
}
