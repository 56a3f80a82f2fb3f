//! How often connections are made. While the database is away, or wants to start, a crowd that asks
//! for connections must not keep it from that.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use diesel::ConnectionResult;
use thiserror::Error;
use tokio::time::sleep_until;

/// How long nothing is tried after a failure, and after many of them.
const SHORTEST_PAUSE: Duration = Duration::from_millis(50);
const LONGEST_PAUSE: Duration = Duration::from_millis(500);

/// What a connection is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Purpose {
    /// The heartbeats of this instance. They say which server is the primary.
    Heartbeats,
    /// Looking at the other instances.
    Barrier,
    /// The shares of budgets of this instance.
    Budgets,
    /// Frequent reads.
    Reads,
    /// Changes, and the reads that are rare.
    Calls,
}

/// How often connecting succeeded and failed, and when it may be tried again.
#[derive(Debug, Default)]
pub(crate) struct Attempts([Tally; 5]);

#[derive(Debug, Default)]
struct Tally {
    made: AtomicU64,
    failed: AtomicU64,
    failing: Mutex<Option<Failing>>,
    /// Held, once one has failed, by the one that tries next.
    trying: tokio::sync::Mutex<()>,
}

#[derive(Debug, Clone)]
struct Failing {
    /// The failure, as counted.
    number: u64,
    again_at: Instant,
    pause: Duration,
    why: String,
}

/// A connection that is being made.
#[derive(Debug)]
pub(crate) struct Attempt<'a> {
    tally: &'a Tally,
    _alone: Option<tokio::sync::MutexGuard<'a, ()>>,
}

/// Another one has just failed.
#[derive(Debug, Error)]
#[error("{why}")]
pub(crate) struct JustFailed {
    why: String,
}

impl Purpose {
    /// Each of them.
    pub const ALL: [Self; 5] =
        [Self::Heartbeats, Self::Barrier, Self::Budgets, Self::Reads, Self::Calls];

    /// One word.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Heartbeats => "heartbeats",
            Self::Barrier => "barrier",
            Self::Budgets => "budgets",
            Self::Reads => "reads",
            Self::Calls => "calls",
        }
    }
}

impl Attempts {
    /// Allows an attempt. Once one has failed there is one at a time, after a pause; who comes
    /// meanwhile waits for how it ends, and fails as it does.
    pub(crate) async fn begin(&self, purpose: Purpose) -> Result<Attempt<'_>, JustFailed> {
        let tally = self.of(purpose);
        let Some(before) = tally.failing().clone() else {
            return Ok(Attempt { tally, _alone: None });
        };
        let alone = tally.trying.lock().await;
        let now = tally.failing().clone();
        match now {
            None => Ok(Attempt { tally, _alone: None }),
            Some(now) if now.number != before.number => Err(JustFailed { why: now.why }),
            Some(now) => {
                sleep_until(now.again_at.into()).await;
                Ok(Attempt { tally, _alone: Some(alone) })
            }
        }
    }

    /// How many connections were made, and how many were not.
    pub(crate) fn counted(&self, purpose: Purpose) -> (u64, u64) {
        let tally = self.of(purpose);
        (tally.made.load(Ordering::Relaxed), tally.failed.load(Ordering::Relaxed))
    }

    fn of(&self, purpose: Purpose) -> &Tally {
        let [heartbeats, barrier, budgets, reads, calls] = &self.0;
        match purpose {
            Purpose::Heartbeats => heartbeats,
            Purpose::Barrier => barrier,
            Purpose::Budgets => budgets,
            Purpose::Reads => reads,
            Purpose::Calls => calls,
        }
    }
}

impl Tally {
    fn failing(&self) -> MutexGuard<'_, Option<Failing>> {
        self.failing.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Attempt<'_> {
    pub(crate) fn end<T>(self, made: &ConnectionResult<T>) {
        let mut failing = self.tally.failing();
        match made {
            Ok(_) => {
                self.tally.made.fetch_add(1, Ordering::Relaxed);
                *failing = None;
            }
            Err(error) => {
                let number = self.tally.failed.fetch_add(1, Ordering::Relaxed);
                let pause = failing.as_ref().map_or(SHORTEST_PAUSE, |it| it.pause * 2);
                let pause = pause.min(LONGEST_PAUSE);
                let again_at = Instant::now() + pause;
                *failing = Some(Failing { number, again_at, pause, why: error.to_string() });
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use diesel::ConnectionError;

    use super::*;

    fn outcome(good: bool) -> ConnectionResult<()> {
        if good { Ok(()) } else { Err(ConnectionError::BadConnection("gone".into())) }
    }

    /// A crowd, each of which tries once if it may; how many did.
    async fn crowd(attempts: &Arc<Attempts>, good: bool) -> usize {
        let one = |attempts: Arc<Attempts>| async move {
            let begun = attempts.begin(Purpose::Reads).await.map(|it| it.end(&outcome(good)));
            usize::from(begun.is_ok())
        };
        let crowd: Vec<_> = (0..50).map(|_| tokio::spawn(one(Arc::clone(attempts)))).collect();
        let mut tried = 0;
        for one in crowd {
            tried += one.await.expect("it does not panic");
        }
        tried
    }

    #[tokio::test]
    async fn once_one_has_failed_a_crowd_tries_once_and_all_go_on_when_one_succeeds() {
        let attempts = Arc::new(Attempts::default());
        attempts.begin(Purpose::Reads).await.expect("nothing failed yet").end(&outcome(false));
        assert_eq!(crowd(&attempts, false).await, 1);
        assert_eq!(attempts.counted(Purpose::Reads), (0, 2));
        assert!(attempts.begin(Purpose::Heartbeats).await.is_ok(), "each purpose for itself");
        assert_eq!(crowd(&attempts, true).await, 50);
        assert_eq!(attempts.counted(Purpose::Reads), (50, 2));
    }
}
