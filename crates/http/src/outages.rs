use std::collections::BTreeMap;
use std::mem;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// How often what failed meanwhile is told.
const TELL_EVERY: Duration = Duration::from_secs(10);
/// Kinds of failures that are told apart at one time: causes may have numbers in them.
const KINDS: usize = 12;

/// Keeps an outage from filling the log: of the requests that fail of the same cause, the first is
/// logged as all failures are, and every ten seconds a line says how many followed.
#[derive(Debug, Default)]
pub(crate) struct Outages(Mutex<Failing>);

#[derive(Debug, Default)]
struct Failing {
    /// What has failed since somebody was told, and how often beyond the first.
    kinds: BTreeMap<(&'static str, String), u64>,
    /// Of kinds for which there was no room.
    others: u64,
}

impl Outages {
    /// A request failed because something is away. Says whether it is the first of its kind, and so
    /// is to be logged; otherwise it is counted.
    pub(crate) fn is_first(&self, of: &'static str, cause: &str) -> bool {
        let mut failing = self.lock();
        let has_room = failing.kinds.len() < KINDS;
        match failing.kinds.get_mut(&(of, cause.to_owned())) {
            Some(count) => *count += 1,
            None if has_room => {
                failing.kinds.insert((of, cause.to_owned()), 0);
                return true;
            }
            None => failing.others += 1,
        }
        false
    }

    /// Tells what goes on, until it is dropped.
    pub(crate) async fn keep_telling(&self) {
        let mut turns = tokio::time::interval(TELL_EVERY);
        loop {
            turns.tick().await;
            self.tell();
        }
    }

    /// Logs what has been counted. What has not failed since the last time is over: its next failure
    /// is a first one.
    pub(crate) fn tell(&self) {
        let (counts, others) = {
            let mut failing = self.lock();
            failing.kinds.retain(|_, count| *count > 0);
            let counts: Vec<_> = failing
                .kinds
                .iter_mut()
                .map(|((of, cause), count)| (*of, cause.clone(), mem::take(count)))
                .collect();
            (counts, mem::take(&mut failing.others))
        };
        for (of, cause, count) in counts {
            tracing::error!(kind = of, cause, count, "more requests failed");
        }
        if others > 0 {
            tracing::error!(count = others, "more requests failed, of other causes");
        }
    }

    fn lock(&self) -> MutexGuard<'_, Failing> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_failure_of_a_kind_is_logged_and_the_next_one_after_it_was_over() {
        let outages = Outages::default();
        assert!(outages.is_first("verify", "refused"));
        assert!(!outages.is_first("verify", "refused"));
        assert!(outages.is_first("verify", "timed out"));
        assert!(outages.is_first("management", "refused"));
        outages.tell();
        assert!(!outages.is_first("verify", "refused"), "it goes on");
        assert!(outages.is_first("verify", "timed out"), "it was over");
        outages.tell();
        outages.tell();
        assert!(outages.is_first("verify", "refused"), "it was over");
    }

    #[test]
    fn causes_that_differ_each_time_fill_no_memory() {
        let outages = Outages::default();
        let logged = (0..1_000).filter(|it| outages.is_first("verify", &it.to_string())).count();
        assert_eq!(logged, KINDS);
        assert_eq!(outages.lock().others, 988);
    }
}
