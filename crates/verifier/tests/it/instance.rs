use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use latchkey_domain::ports::{
    ApiKeyRepository, Barrier, BudgetShares, KeyHasher, SteadyClock, UsageRepository,
};
use latchkey_domain::{
    ApiKey, ApiKeyPorts, ApiKeyService, BootTime, Brand, Candidates, Environment, IdSequence,
    IssuePolicy, IssuedKey, KeyLimits, KeyName, KeyedDigest, NewKey, Refusal, Secret, Timestamp,
    VerifyError,
};
use latchkey_hasher_hmac::{HmacHasher, Pepper, PepperRing};
use latchkey_store_sqlite::SqliteStore;
use latchkey_testkit::fakes::{CountingEntropy, FakeClock};
use latchkey_testkit::fixtures::{a_caller, a_writer, an_event, owner, pepper};
use latchkey_verifier::{Answering, Principal, UsageWriter, Verifier, VerifierPorts};
use tempfile::TempDir;
use tokio::task::{JoinHandle, yield_now};

/// The clock of leases, which moves only when told.
#[derive(Debug, Default)]
pub(crate) struct FakeSteadyClock(AtomicU64);

impl FakeSteadyClock {
    pub(crate) fn advance(&self, span: Duration) {
        self.0.store(self.now().after(span).nanos(), Ordering::SeqCst);
    }
}

impl SteadyClock for FakeSteadyClock {
    fn now(&self) -> BootTime {
        BootTime::from_nanos(self.0.load(Ordering::SeqCst))
    }
}

/// The hasher, and how many presented secrets it has hashed.
#[derive(Debug)]
pub(crate) struct CountingHasher {
    hasher: HmacHasher,
    hashed: AtomicU64,
}

impl KeyHasher for CountingHasher {
    fn digest(&self, secret: &Secret) -> KeyedDigest {
        self.hasher.digest(secret)
    }

    fn candidates(&self, secret: &Secret) -> Candidates {
        self.hashed.fetch_add(1, Ordering::SeqCst);
        self.hasher.candidates(secret)
    }
}

/// An instance of Latchkey without HTTP.
pub(crate) struct Instance {
    pub(crate) verifier: Arc<Verifier>,
    pub(crate) usage: Arc<UsageWriter>,
    pub(crate) store: Arc<SqliteStore>,
    pub(crate) clock: Arc<FakeClock>,
    pub(crate) lease_clock: Arc<FakeSteadyClock>,
    pub(crate) service: ApiKeyService,
    hasher: Arc<CountingHasher>,
    entropy: Arc<CountingEntropy>,
    keeper: JoinHandle<()>,
    _folder: TempDir,
}

impl Instance {
    /// One that answers from the cache and has its lease.
    pub(crate) async fn with_lease() -> Self {
        Self::start(Answering::FromCache).await.leased().await
    }

    /// The instance, when it has its lease.
    pub(crate) async fn leased(self) -> Self {
        while self.verifier.status().lease_left.is_none() {
            yield_now().await;
        }
        self
    }

    pub(crate) async fn start(answering: Answering) -> Self {
        Self::writing_to(answering, |store| store).await
    }

    /// One that writes its last uses to what `repository` makes of the store.
    pub(crate) async fn writing_to<R: UsageRepository + 'static>(
        answering: Answering,
        repository: impl FnOnce(Arc<SqliteStore>) -> Arc<R>,
    ) -> Self {
        Self::with_stores(answering, repository, |store| store).await
    }

    /// One that also asks for its budgets what `shares` makes of the store.
    pub(crate) async fn with_stores<R: UsageRepository + 'static, S: BudgetShares + 'static>(
        answering: Answering,
        repository: impl FnOnce(Arc<SqliteStore>) -> Arc<R>,
        shares: impl FnOnce(Arc<SqliteStore>) -> Arc<S>,
    ) -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let store = SqliteStore::open(&folder.path().join("latchkey.db")).expect("opens");
        store.migrate().await.expect("migrates");
        let store = Arc::new(store);
        let clock = Arc::new(FakeClock::default());
        let lease_clock = Arc::new(FakeSteadyClock::default());
        let hasher = HmacHasher::new(&PepperRing::of(Pepper::new(pepper(1), [7; 32])));
        let hasher = Arc::new(CountingHasher { hasher, hashed: AtomicU64::new(0) });
        let usage = Arc::new(UsageWriter::new(repository(Arc::clone(&store)), a_writer()));
        let ports = VerifierPorts {
            lookup: Arc::<SqliteStore>::clone(&store),
            feed: Arc::<SqliteStore>::clone(&store),
            shares: shares(Arc::clone(&store)),
            hasher: Arc::<CountingHasher>::clone(&hasher),
            clock: Arc::<FakeClock>::clone(&clock),
            lease_clock: Arc::<FakeSteadyClock>::clone(&lease_clock),
            usage: Arc::clone(&usage),
        };
        let verifier = Arc::new(Verifier::new(ports, answering, None));
        let entropy = Arc::new(CountingEntropy::default());
        let ports = ApiKeyPorts {
            keys: Arc::<SqliteStore>::clone(&store),
            owners: Arc::<SqliteStore>::clone(&store),
            lookup: Arc::<SqliteStore>::clone(&store),
            barrier: Arc::new(verifier.barrier()),
            hasher: Arc::<CountingHasher>::clone(&hasher),
            clock: Arc::<FakeClock>::clone(&clock),
            ids: Arc::new(IdSequence::new(Arc::<CountingEntropy>::clone(&entropy))),
            entropy: Arc::<CountingEntropy>::clone(&entropy),
        };
        let policy = IssuePolicy {
            brand: Brand::default(),
            max_keys_per_owner: 1_000,
            names_optional: false,
        };
        let service = ApiKeyService::new(ports, policy, KeyLimits::unlimited());
        let kept = Arc::clone(&verifier);
        let keeper = tokio::spawn(async move { kept.keep().await });
        Self {
            verifier,
            usage,
            store,
            clock,
            lease_clock,
            service,
            hasher,
            entropy,
            keeper,
            _folder: folder,
        }
    }

    /// How many presented secrets were hashed.
    pub(crate) fn hashed(&self) -> u64 {
        self.hasher.hashed.load(Ordering::SeqCst)
    }

    /// Ends the heartbeats, so that the lease is not extended any more.
    pub(crate) fn stop_heartbeats(&self) {
        self.keeper.abort();
    }

    pub(crate) async fn issue(&self) -> IssuedKey {
        self.issue_until(None).await
    }

    pub(crate) async fn issue_until(&self, expires_at: Option<Timestamp>) -> IssuedKey {
        self.issue_with(|new| new.expiring(expires_at)).await
    }

    pub(crate) async fn issue_with(&self, and: impl FnOnce(NewKey) -> NewKey) -> IssuedKey {
        let name = KeyName::parse("ci").expect("a name");
        let new = and(NewKey::new(name, Environment::Live));
        self.service.issue(owner("ada"), new, &a_caller()).await.expect("it is issued")
    }

    /// The text of a key that was never issued.
    pub(crate) fn unknown(&self) -> Secret {
        let brand = Brand::default();
        Secret::generate(&brand, Environment::Live, &*self.entropy).expect("it never fails")
    }

    /// Stores the next version of a key and waits until it holds.
    pub(crate) async fn change(&self, key: &ApiKey) {
        let change = self.store.update(key, &an_event()).await.expect("nobody else changes it");
        self.verifier.barrier().pass(change).await;
    }

    /// What a verification answers that does not fail. A call with a good key is accepted.
    pub(crate) async fn verify(&self, secret: &Secret) -> Result<Principal, Refusal> {
        match self.verifier.verify(secret.expose().as_bytes()).await {
            Ok(principal) => {
                self.verifier.accepted(&principal, 1);
                Ok(principal)
            }
            Err(VerifyError::Refused(refused)) => Err(refused.why),
            Err(VerifyError::Store(error)) => panic!("{error:?}"),
        }
    }

    pub(crate) async fn refusal(&self, secret: &Secret) -> Option<Refusal> {
        self.verify(secret).await.err()
    }

    /// How often the store was asked.
    pub(crate) fn looked_up(&self) -> u64 {
        self.verifier.status().looked_up
    }
}
