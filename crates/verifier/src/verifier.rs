use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use latchkey_domain::ports::{
    BudgetShares, ChangeFeed, Clock, InstanceId, KeyHasher, KeyLookup, SteadyClock, StoreError,
};
use latchkey_domain::{
    ApiKeyId, Candidates, ChangeNumber, Failover, FoundKey, KeyedDigest, Refusal, RefusalReason,
    Refused, RefusedCall, Secret, VerifyError, has_expired,
};
use tokio::sync::Semaphore;

use crate::barred::Barred;
use crate::barrier::FeedBarrier;
use crate::budgets::Treasury;
use crate::cache::{ByDigest, KeyCache, Known};
use crate::freshness::{Fill, Freshness};
use crate::interned::Interned;
use crate::keeper::{Heartbeats, Keeper};
use crate::renewals::Renewals;
use crate::silent::keep_expelling;
use crate::single_flight::{Role, SingleFlight, Verdict};
use crate::tally::Tally;
use crate::usage_writer::UsageWriter;
use crate::{LostHistory, Principal};

/// How long a verification waits for a lease that it needs: a few heartbeats.
const LEASE_PATIENCE: Duration = Duration::from_secs(2);
/// Look-ups that ask the store at one time; more wait.
const LOOK_UPS: usize = 256;

/// Tells whether a presented secret is good: from the cache while that can be vouched for, otherwise
/// from the store.
pub struct Verifier {
    lookup: Arc<dyn KeyLookup>,
    feed: Arc<dyn ChangeFeed>,
    hasher: Arc<dyn KeyHasher>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) lease_clock: Arc<dyn SteadyClock>,
    usage: Arc<UsageWriter>,
    pub(crate) treasury: Treasury,
    freshness: Arc<Freshness>,
    keeper: Arc<Keeper>,
    answering: Answering,
    /// What the site says of its failover; the store is asked where it says nothing.
    failover: Option<Failover>,
    barrier: FeedBarrier,
    cache: KeyCache,
    renewals: Renewals,
    restrictions: Interned,
    in_flight: SingleFlight,
    look_ups: Semaphore,
    from_cache: Tally,
    looked_up: AtomicU64,
    missed: Misses,
}

/// Verifications that the cache could not answer, by why.
#[derive(Debug, Default)]
#[non_exhaustive]
pub struct Misses {
    /// There was no lease, or no cache at all.
    pub no_lease: AtomicU64,
    /// The key, or one in its bucket, had been changed.
    pub changed: AtomicU64,
    /// The key was not in the cache.
    pub not_seen: AtomicU64,
}

/// What a verifier needs.
#[derive(Debug)]
#[expect(missing_docs, reason = "each is named for what it is")]
pub struct VerifierPorts {
    pub lookup: Arc<dyn KeyLookup>,
    pub feed: Arc<dyn ChangeFeed>,
    pub shares: Arc<dyn BudgetShares>,
    pub hasher: Arc<dyn KeyHasher>,
    pub clock: Arc<dyn Clock>,
    pub lease_clock: Arc<dyn SteadyClock>,
    pub usage: Arc<UsageWriter>,
}

/// Whether a verifier answers from the cache.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Answering {
    /// From the cache, under a lease; from the store where there is none, or where the clock of leases may
    /// stand still.
    FromCache,
    /// Always from the store. The heartbeats go on: by them a look-up is known to come from the
    /// server that changes are made on.
    FromStore,
}

/// A secret that the cache can't vouch for: the digests by which the store is asked for its key.
#[derive(Debug)]
pub struct Missed(Candidates);

/// How a verifier is doing.
#[derive(Debug, Clone, Copy)]
#[non_exhaustive]
pub struct Status {
    /// Keys in the verification cache.
    pub cached: usize,
    /// Verifications of well-formed keys that were answered without asking the store, since the start.
    pub from_cache: u64,
    /// Verifications that have asked the store, since the start.
    pub looked_up: u64,
    /// Whether it answers from the cache at all.
    pub caches: bool,
    /// What is left of the lease; `None` without one.
    pub lease_left: Option<Duration>,
    /// The id of this instance; `None` where it is not on the list of instances.
    pub instance: Option<InstanceId>,
    /// The last change that this instance has applied; `None` where it is not on the list of instances.
    pub applied: Option<ChangeNumber>,
    /// Keys whose uses or refusals are waiting to be written.
    pub unwritten_uses: usize,
    /// The time since all usage that was due had been written.
    pub last_use_lag: Duration,
    /// How often the store was found to have lost a part of its history.
    pub history_lost: u64,
}

impl Verifier {
    /// Joins the ports. [`keep`](Self::keep) must run for anything to be answered from the cache.
    ///
    /// `failover` says what the store keeps in a failover; with `None` the store is asked.
    pub fn new(ports: VerifierPorts, answering: Answering, failover: Option<Failover>) -> Self {
        let VerifierPorts { lookup, feed, shares, hasher, clock, lease_clock, usage } = ports;
        let answering =
            if lease_clock.never_stands_still() { answering } else { Answering::FromStore };
        let freshness = Arc::new(Freshness::new());
        let (ours, clock_of_leases) = (Arc::clone(&feed), Arc::clone(&lease_clock));
        let keeper = Arc::new(Keeper::new(ours, clock_of_leases, Arc::clone(&freshness)));
        let treasury = Treasury::new(shares, Arc::clone(&lease_clock), keeper.standing());
        let of_ours = Some(Arc::clone(&keeper));
        let barrier = FeedBarrier::new(Arc::clone(&feed), Arc::clone(&lease_clock), of_ours);
        Self {
            lookup,
            feed,
            hasher,
            clock,
            lease_clock,
            usage,
            treasury,
            freshness,
            keeper,
            answering,
            failover,
            barrier,
            cache: KeyCache::new(),
            renewals: Renewals::default(),
            restrictions: Interned::default(),
            in_flight: SingleFlight::default(),
            look_ups: Semaphore::new(LOOK_UPS),
            from_cache: Tally::default(),
            looked_up: AtomicU64::new(0),
            missed: Misses::default(),
        }
    }

    /// The principal of the key whose text is `presented`, if it may be used now. Every change of the
    /// key, or of what holds for its owner, that was answered before this call is seen, also one that was
    /// made on another instance. A text that
    /// does not have the form of a key is refused without the store.
    ///
    /// The caller judges the [restrictions](Principal::restrictions) of the key, and then says how the call ended:
    /// [`accepted`](Self::accepted), or [`refused`](Self::refused).
    pub async fn verify(&self, presented: &[u8]) -> Result<Principal, VerifyError> {
        match self.verify_from_cache(presented) {
            Ok(answer) => answer.map_err(VerifyError::Refused),
            Err(missed) => self.look_up(missed).await,
        }
    }

    /// As [`verify`](Self::verify), of a text that was parsed before.
    pub async fn verify_secret(&self, secret: &Secret) -> Result<Principal, VerifyError> {
        match self.ask_cache(secret) {
            Ok(answer) => self.use_now(answer).map_err(VerifyError::Refused),
            Err(missed) => self.look_up(missed).await,
        }
    }

    /// As [`verify`](Self::verify), without waiting: where the store has to be asked, it returns what
    /// [`look_up`](Self::look_up) needs for that.
    #[inline]
    pub fn verify_from_cache(
        &self,
        presented: &[u8],
    ) -> Result<Result<Principal, Refused>, Missed> {
        let Ok(secret) = Secret::parse(presented) else {
            return Ok(Err(Refusal::Malformed.into()));
        };
        self.ask_cache(&secret).map(|answer| self.use_now(answer))
    }

    /// Asks the store. To be called soon: what was missed is not looked for in the cache again.
    pub async fn look_up(&self, missed: Missed) -> Result<Principal, VerifyError> {
        let answer = Box::pin(self.ask_store(&missed.0)).await?;
        self.use_now(answer).map_err(VerifyError::Refused)
    }

    /// Counts a call that was accepted in full: it is the last use of its key, and has spent `cost`.
    #[inline]
    pub fn accepted(&self, principal: &Principal, cost: u32) {
        self.usage.count(principal, cost, self.clock.now());
    }

    /// Counts a call that was refused although its key is known.
    pub fn refused(&self, key: ApiKeyId, reason: RefusalReason, call: RefusedCall) {
        self.usage.refused(key, reason, self.clock.now(), call);
    }

    /// Refused calls that were counted by reason alone, because too many keys were refused since the last write.
    pub fn refused_beyond(&self) -> impl Iterator<Item = (RefusalReason, u64)> {
        self.usage.refused_beyond()
    }

    /// What changes wait for, so that this verifier and all others have seen them.
    pub fn barrier(&self) -> FeedBarrier {
        self.barrier.clone()
    }

    /// Keeps the lease until [`leave`](Self::leave), gets slices of budgets, takes instances off the list that are gone, and
    /// moves used keys to the pepper that signs. Never returns.
    pub async fn keep(&self) {
        tokio::join!(
            self.keeper.keep(),
            self.treasury.keep(),
            keep_expelling(&*self.feed, &*self.lease_clock),
            self.renewals.keep_storing(&*self.lookup, &self.cache)
        );
    }

    /// Gives back what is left of budgets, answers nothing from the cache any more, and lets no change wait for this
    /// instance. Changes of this process that wait for it must have been answered.
    pub async fn leave(&self) {
        self.treasury.close().await;
        self.keeper.leave().await;
    }

    /// Waits until the store is found to have lost a part of its history. The keys that were revoked
    /// in it are refused from then on; to revoke them again is up to the caller.
    pub async fn lost_history(&self) -> LostHistory {
        self.keeper.losses().next().await
    }

    /// What becomes of changes in a failover of the store; `None` until that is known.
    pub fn failover(&self) -> Option<Failover> {
        self.failover.or_else(|| self.keeper.failover())
    }

    /// How it is doing.
    pub fn status(&self) -> Status {
        let (end, now) = (self.freshness.lease_end(), self.lease_clock.now());
        Status {
            cached: self.cache.len(),
            from_cache: self.from_cache.total(),
            looked_up: self.looked_up.load(Ordering::Relaxed),
            caches: self.caches(),
            lease_left: (self.caches() && now < end).then(|| end.since(now)),
            instance: self.keeper.standing().borrow().instance,
            applied: self.keeper.standing().borrow().applied,
            unwritten_uses: self.usage.unwritten(),
            last_use_lag: self.usage.lag(),
            history_lost: self.keeper.losses().count(),
        }
    }

    /// How the heartbeats went.
    pub fn heartbeats(&self) -> &Heartbeats {
        self.keeper.heartbeats()
    }

    /// Why verifications were not answered from the cache.
    pub const fn missed(&self) -> &Misses {
        &self.missed
    }

    #[inline]
    fn ask_cache(&self, secret: &Secret) -> Result<Verdict, Missed> {
        let candidates = self.hasher.candidates(secret);
        // The clock before the cache: see `Freshness::covers`.
        let now = || self.lease_clock.now();
        let found = if self.caches() && self.freshness.covers(now()) {
            self.cache.get(&candidates, &self.freshness, now)
        } else {
            None
        };
        let Some((digest, answer)) = found else {
            return Err(Missed(candidates));
        };
        self.from_cache.add();
        if let Ok(principal) = &answer {
            self.renewals.offer(principal.key(), digest, &candidates);
        }
        Ok(answer)
    }

    fn caches(&self) -> bool {
        self.answering == Answering::FromCache
    }

    /// The wall clock decides about expiry, at the very last.
    #[inline]
    fn use_now(&self, answer: Verdict) -> Result<Principal, Refused> {
        let now = self.clock.now();
        let principal = answer.map_err(|barred| barred.at(now))?;
        if has_expired(principal.expires_at(), now) {
            return Err(Refused { why: Refusal::Expired, key: Some(principal.key()) });
        }
        Ok(principal)
    }

    /// Asks the store; a crowd asks once. Without a lease nobody can know whether the question of
    /// another is late enough to be shared.
    async fn ask_store(&self, candidates: &Candidates) -> Result<Verdict, StoreError> {
        let covered = self.freshness.covers(self.lease_clock.now());
        // A server that was left behind answers reads as well; heartbeats it can't take.
        let alone_is_believed = self.failover().is_some_and(|it| !it.leaves_servers_behind());
        let covered = covered || (!alone_is_believed && self.is_leased_soon().await);
        if !covered && !alone_is_believed {
            return Err(StoreError::new("no heartbeat has reached the database lately"));
        }
        let shared = covered && self.caches();
        self.why_missed(candidates, shared).fetch_add(1, Ordering::Relaxed);
        let Some(first) = candidates.as_slice().first().filter(|_| shared) else {
            return self.read(candidates, self.freshness.begin_fill()).await;
        };
        match self.in_flight.join(ByDigest(first.digest), &self.freshness) {
            Role::Leader(leader) => {
                let answer = self.read(candidates, leader.fill).await?;
                leader.publish(&answer);
                Ok(answer)
            }
            Role::Follower(mut published) => {
                let answer = published.wait_for(Option::is_some).await;
                match answer.map(|answer| answer.clone()) {
                    Ok(Some(answer)) => {
                        self.from_cache.add();
                        Ok(answer)
                    }
                    // The leader failed or has gone.
                    _ => self.read(candidates, self.freshness.begin_fill()).await,
                }
            }
        }
    }

    fn why_missed(&self, candidates: &Candidates, covered: bool) -> &AtomicU64 {
        let is_cached = |it: &KeyedDigest| self.cache.last(it).is_some();
        match covered {
            false => &self.missed.no_lease,
            true if candidates.as_slice().iter().any(is_cached) => &self.missed.changed,
            true => &self.missed.not_seen,
        }
    }

    /// Waits a little for a lease; whether there is one.
    async fn is_leased_soon(&self) -> bool {
        let mut standing = self.keeper.standing();
        let leased = async {
            while !self.freshness.covers(self.lease_clock.now()) {
                // It lives as long as the verifier.
                let _changed = standing.changed().await;
            }
        };
        tokio::time::timeout(LEASE_PATIENCE, leased).await.is_ok()
    }

    async fn read(&self, candidates: &Candidates, fill: Fill) -> Result<Verdict, StoreError> {
        let permit = self.look_ups.acquire().await.map_err(StoreError::new)?;
        self.looked_up.fetch_add(1, Ordering::Relaxed);
        let required = self.keeper.required();
        let found = self.lookup.find_by_digest(candidates, required).await?;
        drop(permit);
        let is_it = |found: &FoundKey| candidates.contain(&found.key.parts().digest.digest);
        let Some(found) = found.filter(is_it) else {
            if self.caches() {
                self.cache.insert_unknown(candidates, fill, self.lease_clock.now());
            }
            return Ok(Err(Barred::UNKNOWN));
        };
        let key = &found.key;
        let id = key.parts().id;
        if self.keeper.losses().refuse(id) {
            return Ok(Err(Barred::of(id, Refusal::Revoked.into())));
        }
        let digest = &key.parts().digest;
        let answer = found.barred().map_err(|bar| Barred::of(id, bar)).map(|()| {
            // The same one as long as it says the same: its last use is known to be collected.
            let last = self.cache.last(digest).and_then(|known| known.answer.ok());
            let mut budgets = found.budgets.clone();
            budgets.sort_unstable_by_key(|of| (of.is_owners, of.kind));
            let budgets: Vec<_> = budgets.into_iter().map(|of| self.treasury.budget(of)).collect();
            let read = Principal::of(key, &self.restrictions, &budgets);
            last.filter(|last| last.says_the_same_as(&read)).unwrap_or(read)
        });
        if self.caches()
            && let Some(stamp) = self.freshness.stamp(fill, id)
        {
            self.cache.insert(digest, Known { stamp, answer: answer.clone() });
        }
        if answer.is_ok() {
            self.renewals.offer(id, digest, candidates);
        }
        Ok(answer)
    }
}

impl fmt::Debug for Verifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Verifier").field("status", &self.status()).finish_non_exhaustive()
    }
}
