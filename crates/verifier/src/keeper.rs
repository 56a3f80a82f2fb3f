use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use latchkey_domain::ports::{
    ChangeFeed, Heartbeat, InstanceId, Position, Registration, SteadyClock, StoreError,
};
use latchkey_domain::{ChangeNumber, Failover};
use tokio::sync::{Notify, watch};
use tokio::time::sleep;

use crate::Durations;
use crate::cause;
use crate::freshness::Freshness;
use crate::losses::Losses;
use crate::protocol::{Effect, HEARTBEAT, Membership, Request, Takeover};

/// How soon a heartbeat that failed is tried again.
const RETRY: Duration = Duration::from_millis(100);
/// The pause between two heartbeats that both bring news. One heartbeat then brings several changes, and
/// the store has time to make them.
const BREATH: Duration = Duration::from_millis(3);
/// How often changes that everybody has applied are removed from the store.
const TRIM_EVERY: Duration = Duration::from_hours(1);

/// Keeps the lease: applies changes as they are told, and shows that it did.
#[derive(Debug)]
pub(crate) struct Keeper {
    feed: Arc<dyn ChangeFeed>,
    clock: Arc<dyn SteadyClock>,
    freshness: Arc<Freshness>,
    /// What a look-up has to show.
    required: Mutex<Option<Position>>,
    standing: watch::Sender<Standing>,
    heartbeats: Heartbeats,
    /// What the store says of its failover; `None` until it was asked.
    failover: Mutex<Option<Failover>>,
    losses: Losses,
    takeover: Mutex<Takeover>,
    nudge: Notify,
    stop: Notify,
    /// Held while it keeps the lease.
    keeping: tokio::sync::Mutex<()>,
}

/// How the requests that keep the lease went.
#[derive(Debug, Default)]
#[non_exhaustive]
pub struct Heartbeats {
    /// How long those took that were answered.
    pub answered: Durations,
    /// How many failed.
    pub failed: AtomicU64,
    /// How often this instance joined the list of instances, of those that were answered.
    pub joined: AtomicU64,
}

/// Where this instance stands among the others.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Standing {
    pub(crate) instance: Option<InstanceId>,
    /// Everything up to this has been applied here.
    pub(crate) applied: Option<ChangeNumber>,
}

impl Keeper {
    pub(crate) fn new(
        feed: Arc<dyn ChangeFeed>,
        clock: Arc<dyn SteadyClock>,
        freshness: Arc<Freshness>,
    ) -> Self {
        Self {
            feed,
            clock,
            freshness,
            required: Mutex::default(),
            standing: watch::Sender::default(),
            heartbeats: Heartbeats::default(),
            failover: Mutex::default(),
            losses: Losses::default(),
            takeover: Mutex::default(),
            nudge: Notify::new(),
            stop: Notify::new(),
            keeping: tokio::sync::Mutex::default(),
        }
    }

    pub(crate) fn standing(&self) -> watch::Receiver<Standing> {
        self.standing.subscribe()
    }

    pub(crate) const fn heartbeats(&self) -> &Heartbeats {
        &self.heartbeats
    }

    /// What a look-up that begins now has to show. To be read after the fill has begun.
    pub(crate) fn required(&self) -> Option<Position> {
        *self.required.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What the store says of its failover, if it was asked.
    pub(crate) fn failover(&self) -> Option<Failover> {
        *self.failover.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn losses(&self) -> &Losses {
        &self.losses
    }

    /// Whether the list of instances, read now, names everybody who has a lease.
    pub(crate) fn knows_all(&self) -> bool {
        self.note_takeovers().is_over(self.clock.now())
    }

    /// How it is with the latest takeover, which is noticed now if it was not before.
    fn note_takeovers(&self) -> Takeover {
        let mut takeover = self.takeover.lock().unwrap_or_else(PoisonError::into_inner);
        takeover.note(self.feed.takeovers(), self.clock.now());
        *takeover
    }

    /// Asks for news now rather than at the next heartbeat.
    pub(crate) fn nudge(&self) {
        self.nudge.notify_one();
    }

    /// Goes on until [`leave`](Self::leave).
    pub(crate) async fn keep(&self) {
        let _keeping = self.keeping.lock().await;
        tokio::select! {
            () = self.stop.notified() => {}
            () = self.beat() => {}
        }
    }

    /// Ends [`keep`](Self::keep) and leaves the list. Nothing is answered from the cache from now on.
    pub(crate) async fn leave(&self) {
        self.stop.notify_one();
        let _kept = self.keeping.lock().await;
        self.freshness.end_lease();
        let Standing { instance, .. } = self.standing.send_replace(Standing::default());
        if let Some(instance) = instance
            && let Err(error) = self.feed.leave(instance).await
        {
            tracing::warn!(
                error = cause(&error),
                "could not leave the list of instances: the next change waits until this lease ends"
            );
        }
    }

    async fn beat(&self) {
        let mut membership = Membership::default();
        let mut trimmed = self.clock.now();
        let (mut failing, mut had_news) = (false, false);
        loop {
            let pause = match self.step(&mut membership).await {
                Ok(news) => {
                    if std::mem::take(&mut failing) {
                        tracing::info!(
                            "heartbeats succeed again: verifications are answered from the cache"
                        );
                    }
                    if news && had_news {
                        sleep(BREATH).await;
                    }
                    had_news = news;
                    // The next heartbeat shows that the news has been applied.
                    if news { Duration::ZERO } else { HEARTBEAT }
                }
                Err(error) => {
                    if !std::mem::replace(&mut failing, true) {
                        let error = cause(&error);
                        tracing::warn!(
                            error,
                            "heartbeat failed: the cache stops answering when the lease ends"
                        );
                    }
                    RETRY
                }
            };
            if self.clock.now().since(trimmed) >= TRIM_EVERY {
                trimmed = self.clock.now();
                self.trim().await;
                self.look_at_failover().await;
            }
            tokio::select! {
                () = sleep(pause) => {}
                () = self.feed.woken(), if !failing => {}
                () = self.nudge.notified(), if !failing => {}
            }
        }
    }

    /// One request and what follows from its answer; says whether there was news.
    async fn step(&self, membership: &mut Membership) -> Result<bool, StoreError> {
        let request = membership.next();
        // Now rather than when the next change waits.
        self.note_takeovers();
        let effects = match self.ask(membership, request).await {
            Ok(effects) => effects,
            Err(error) => {
                self.heartbeats.failed.fetch_add(1, Ordering::Relaxed);
                return Err(error);
            }
        };
        let news = effects.iter().any(|it| matches!(it, Effect::Void(_) | Effect::VoidAll));
        for effect in effects {
            self.apply(effect);
        }
        self.standing.send_replace(Standing {
            instance: membership.instance(),
            applied: membership.applied(),
        });
        if let Request::Heartbeat(lost) = request
            && membership.instance().is_none()
        {
            self.feed.leave(lost.instance).await?;
        }
        Ok(news)
    }

    async fn ask(
        &self,
        membership: &mut Membership,
        request: Request,
    ) -> Result<Vec<Effect>, StoreError> {
        self.feed.connect().await?;
        let mut kept = None;
        if request == Request::Register {
            self.look_at_failover().await;
            let in_doubt = self.losses.in_doubt();
            if !in_doubt.is_empty() {
                kept = self.feed.kept(&in_doubt).await?;
            }
        }
        // The lease runs from before the request is sent.
        let sent = self.clock.now();
        let effects = match request {
            Request::Register => {
                let registration = self.feed.register().await?;
                self.heartbeats.joined.fetch_add(1, Ordering::Relaxed);
                self.losses.found(registration.position, kept);
                membership.registered(registration)
            }
            Request::Heartbeat(registration) => {
                let Registration { instance, position } = registration;
                let news = match self.feed.heartbeat(instance, position).await? {
                    Heartbeat::News(news) => Some(news),
                    Heartbeat::Unlisted => None,
                    Heartbeat::HistoryLost => {
                        self.losses.lose(position);
                        None
                    }
                };
                if let Some(news) = &news {
                    self.losses.note(sent, news);
                }
                membership.answered(sent, news)
            }
        };
        self.heartbeats.answered.note(self.clock.now().since(sent));
        Ok(effects)
    }

    fn apply(&self, effect: Effect) {
        match effect {
            Effect::EndLease => self.freshness.end_lease(),
            Effect::VoidAll => self.freshness.void_all(),
            Effect::Void(key) => self.freshness.void(key),
            Effect::Extend(end) => self.freshness.extend(end),
            Effect::Require(position) => {
                *self.required.lock().unwrap_or_else(PoisonError::into_inner) = Some(position);
            }
        }
    }

    /// Where it can't be asked, the request that follows fails as well.
    async fn look_at_failover(&self) {
        match self.feed.failover().await {
            Ok(seen) => {
                *self.failover.lock().unwrap_or_else(PoisonError::into_inner) = Some(seen);
            }
            Err(error) => {
                tracing::debug!(error = cause(&error), "could not read what a failover keeps");
            }
        }
    }

    async fn trim(&self) {
        if let Err(error) = self.feed.trim().await {
            tracing::warn!(error = cause(&error), "could not remove old changes");
        }
    }
}
