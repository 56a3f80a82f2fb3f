use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use latchkey_domain::ports::SteadyClock;
use latchkey_domain::{BootTime, error_chain};

use crate::KeySet;

/// Between two fetches for tokens that name a key which is not known.
const UNKNOWN_EVERY: Duration = Duration::from_secs(30);
/// Between two fetches that nobody waits for.
const REFRESH_EVERY: Duration = Duration::from_mins(10);
/// Between two fetches while there is no key at all.
const RETRY_AFTER: Duration = Duration::from_secs(3);
/// So long keys count that could not be fetched again.
const KEPT: Duration = Duration::from_hours(24);
/// How often it is looked whether a fetch is due.
const LOOK_EVERY: Duration = Duration::from_secs(5);

/// Why keys could not be fetched: a cause for the log.
pub type FetchError = Box<dyn std::error::Error + Send + Sync>;

/// Where an issuer publishes its keys.
#[async_trait]
pub trait PublishedKeys: Send + Sync + fmt::Debug {
    /// The JWKS as it is now. It ends within seconds, and answers a bounded number of bytes.
    async fn fetch(&self) -> Result<Vec<u8>, FetchError>;
}

/// The keys that an issuer publishes, as far as they are known here.
///
/// They are fetched when a token first needs them. All calls that need them meanwhile wait for the same fetch. Where
/// keys are known, no call waits.
#[derive(Debug)]
pub(crate) struct Published {
    source: Arc<dyn PublishedKeys>,
    clock: Arc<dyn SteadyClock>,
    known: Mutex<Known>,
    fetching: tokio::sync::Mutex<()>,
}

#[derive(Debug, Default)]
struct Known {
    keys: Option<Held>,
    /// The latest fetch: when it began, and when it failed if it did.
    tried: Option<BootTime>,
    /// When the latest fetch for an unknown `kid` began.
    tried_for_unknown: Option<BootTime>,
    is_failing: bool,
}

#[derive(Debug, Clone)]
struct Held {
    set: Arc<KeySet>,
    since: BootTime,
}

impl Published {
    pub(crate) fn new(source: Arc<dyn PublishedKeys>, clock: Arc<dyn SteadyClock>) -> Self {
        Self { source, clock, known: Mutex::default(), fetching: tokio::sync::Mutex::default() }
    }

    /// The keys that count, with the one that `kid` names if the issuer has it; nothing where there is no
    /// key at all, for now.
    pub(crate) async fn keys(&self, kid: Option<&str>) -> Option<Arc<KeySet>> {
        let Some(keys) = self.held() else { return self.first_keys().await };
        match kid {
            Some(kid) if !keys.knows(kid) => self.keys_with(kid).await,
            _ => Some(keys),
        }
    }

    /// Fetches again from time to time, once a token has needed keys; never returns.
    pub(crate) async fn keep(&self) {
        loop {
            tokio::time::sleep(LOOK_EVERY).await;
            if self.is_stale() {
                let _only_one = self.fetching.lock().await;
                if self.is_stale() {
                    self.fetch().await;
                }
            }
        }
    }

    async fn first_keys(&self) -> Option<Arc<KeySet>> {
        let _only_one = self.fetching.lock().await;
        if self.held().is_none() && self.is_due(self.known().tried, RETRY_AFTER) {
            self.fetch().await;
        }
        self.held()
    }

    async fn keys_with(&self, kid: &str) -> Option<Arc<KeySet>> {
        let _only_one = self.fetching.lock().await;
        let is_there = self.held().is_some_and(|keys| keys.knows(kid));
        if !is_there && self.is_due(self.known().tried_for_unknown, UNKNOWN_EVERY) {
            self.known().tried_for_unknown = Some(self.clock.now());
            self.fetch().await;
        }
        self.held()
    }

    fn held(&self) -> Option<Arc<KeySet>> {
        let now = self.clock.now();
        let Held { set, since } = self.known().keys.clone()?;
        (now.since(since) < KEPT && !set.is_empty()).then_some(set)
    }

    fn is_stale(&self) -> bool {
        let tried = self.known().tried;
        tried.is_some() && self.is_due(tried, REFRESH_EVERY)
    }

    fn is_due(&self, last: Option<BootTime>, every: Duration) -> bool {
        last.is_none_or(|last| self.clock.now().since(last) >= every)
    }

    /// The caller holds `fetching`. The beginning is noted first, so that a caller who goes away, and
    /// stops the fetch with it, does not make the next one come sooner.
    async fn fetch(&self) {
        let began = self.clock.now();
        self.known().tried = Some(began);
        let fetched = self.source.fetch().await;
        let read = fetched.and_then(|text| KeySet::of_jwks(&text).map_err(Into::into));
        let mut known = self.known();
        match read {
            Ok(set) => {
                let count = set.len();
                if known.is_failing || known.keys.is_none() {
                    tracing::info!(keys = count, "fetched the keys of the issuer of JWTs");
                }
                if count == 0 {
                    tracing::warn!(
                        "the issuer of JWTs publishes no key that can be used: no JWT is accepted"
                    );
                }
                known.is_failing = false;
                known.keys = Some(Held { set: Arc::new(set), since: began });
            }
            Err(error) => {
                known.tried = Some(self.clock.now());
                let cause = error_chain(&*error);
                if known.is_failing {
                    tracing::debug!(cause, "still could not fetch the keys of the issuer of JWTs");
                } else {
                    tracing::warn!(
                        cause,
                        "could not fetch the keys of the issuer of JWTs: known ones count for 24 hours"
                    );
                }
                known.is_failing = true;
            }
        }
    }

    fn known(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
