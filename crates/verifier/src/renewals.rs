use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use latchkey_domain::ports::KeyLookup;
use latchkey_domain::{ApiKeyId, Candidates, KeyedDigest};
use tokio::sync::Notify;
use tokio::time::sleep;

use crate::cache::KeyCache;
use crate::cause;

/// Keys that wait at most; others come again when they are used again.
const MOST: usize = 10_000;
/// How long it leaves a store alone that failed.
const PAUSE: Duration = Duration::from_secs(10);

/// Keys that were presented and are stored under a pepper that does not sign any more. Their digests
/// are replaced, one after the other, behind the answers.
#[derive(Debug, Default)]
pub(crate) struct Renewals {
    /// Those that wait and the one that is being stored: nothing is tried twice at a time.
    waiting: Mutex<BTreeMap<ApiKeyId, Renewal>>,
    more: Notify,
}

#[derive(Debug, Clone, Copy)]
struct Renewal {
    stored: KeyedDigest,
    renewed: KeyedDigest,
}

impl Renewals {
    /// Takes note of a key that is stored under one of the digests of its secret. Where it is that
    /// of the signing pepper, there is nothing to do; where it would have to wait, it is let go.
    #[inline]
    pub(crate) fn offer(&self, key: ApiKeyId, stored: &KeyedDigest, candidates: &Candidates) {
        if let Some(renewed) = candidates.renewal(stored) {
            self.note(key, Renewal { stored: *stored, renewed });
        }
    }

    #[cold]
    fn note(&self, key: ApiKeyId, renewal: Renewal) {
        let Ok(mut waiting) = self.waiting.try_lock() else { return };
        if waiting.len() < MOST && waiting.insert(key, renewal).is_none() {
            self.more.notify_one();
        }
    }

    /// Stores what waits; never returns.
    pub(crate) async fn keep_storing(&self, lookup: &dyn KeyLookup, cache: &KeyCache) {
        loop {
            while let Some((key, Renewal { stored, renewed })) = self.next() {
                match lookup.redigest(key, &stored.digest, &renewed).await {
                    // Also where another instance did it: it is to be found under this one alone.
                    Ok(()) => {
                        cache.rename(&stored, &renewed);
                        self.waiting().remove(&key);
                    }
                    Err(error) => {
                        tracing::warn!(
                            error = cause(&error),
                            "could not move keys to the signing pepper; trying again when they are used"
                        );
                        self.waiting().clear();
                        sleep(PAUSE).await;
                    }
                }
            }
            self.more.notified().await;
        }
    }

    fn next(&self) -> Option<(ApiKeyId, Renewal)> {
        self.waiting().first_key_value().map(|(key, renewal)| (*key, *renewal))
    }

    fn waiting(&self) -> MutexGuard<'_, BTreeMap<ApiKeyId, Renewal>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
