use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use latchkey_accounts::ports::{
    AccountRepository, ManagementTokenRepository, NetworkRepository, SessionRepository,
};
use latchkey_accounts::{
    AccountLimits, AccountPorts, AccountService, PepperStanding, TokenPorts, TokenService,
};
use latchkey_domain::ports::{
    ApiKeyRepository, AuditTrail, BudgetShares, ChangeFeed, Clock, Entropy, Housekeeping,
    InstanceList, KeyLookup, KeyRegister, OwnerRepository, PepperRepository, SteadyClock,
    StoreError, UsageRegister, UsageRepository,
};
use latchkey_domain::{
    ApiKeyPorts, ApiKeyService, IdSequence, KeyLimits, PepperId, Timestamp, UsageService,
    UsageWriterId, error_chain,
};
use latchkey_hasher_argon2::Argon2Hasher;
use latchkey_hasher_hmac::{ConfirmError, HmacHasher};
use latchkey_http::Services;
use latchkey_jwt::{ForeignSessions, Keys};
use latchkey_listener::Tally;
use latchkey_store_postgres::{PoolUse, PostgresStore, Purpose};
use latchkey_store_sqlite::SqliteStore;
use latchkey_system::{BootClock, OsEntropy, SystemClock};
use latchkey_verifier::{
    Answering, FeedBarrier, UsageWriter, Verifier, VerifierPorts, other_instances_alive,
};

use crate::embedded;
use crate::housekeeping::Clocks;
use crate::issuer_keys::IssuerKeys;
use crate::peppers::{self, PepperError};
use crate::postgres;
use crate::settings::{Database, JwtKeys, JwtSettings, Settings};

/// Everything the server is made of, joined once.
#[derive(Debug)]
pub(crate) struct App {
    pub(crate) settings: Settings,
    /// What the routes see.
    pub(crate) services: Arc<Services>,
    /// What only commands and recoveries read.
    pub(crate) register: Arc<dyn KeyRegister>,
    pub(crate) entropy: Arc<dyn Entropy>,
    pub(crate) peppers: Arc<dyn PepperRepository>,
    feed: Arc<dyn ChangeFeed>,
    hasher: Arc<HmacHasher>,
    pub(crate) connections: Arc<Tally>,
    pub(crate) started: Timestamp,
    pub(crate) usage: Arc<UsageWriter>,
    pub(crate) clocks: Clocks,
    pub(crate) housekeeping: Arc<dyn Housekeeping>,
    store: Store,
    draining: AtomicBool,
    prepared: AtomicBool,
}

/// Why the server did not start: a sentence for the operator.
pub(crate) type StartError = Box<dyn std::error::Error + Send + Sync>;

/// Why the database can't be used.
#[derive(Debug)]
pub(crate) enum NotPrepared {
    /// It does not answer, for now.
    Away(StartError),
    /// As it is, it never can be.
    Refused(StartError),
}

impl From<NotPrepared> for StartError {
    fn from(error: NotPrepared) -> Self {
        match error {
            NotPrepared::Away(error) | NotPrepared::Refused(error) => error,
        }
    }
}

/// The store that was chosen.
#[derive(Debug)]
pub(crate) enum Store {
    Postgres(Arc<PostgresStore>),
    Sqlite(Arc<SqliteStore>),
}

/// The repositories of a store.
struct Repositories {
    keys: Arc<dyn ApiKeyRepository>,
    owners: Arc<dyn OwnerRepository>,
    lookup: Arc<dyn KeyLookup>,
    register: Arc<dyn KeyRegister>,
    feed: Arc<dyn ChangeFeed>,
    shares: Arc<dyn BudgetShares>,
    usage: Arc<dyn UsageRepository>,
    usage_register: Arc<dyn UsageRegister>,
    peppers: Arc<dyn PepperRepository>,
    accounts: Arc<dyn AccountRepository>,
    sessions: Arc<dyn SessionRepository>,
    networks: Arc<dyn NetworkRepository>,
    tokens: Arc<dyn ManagementTokenRepository>,
    trail: Arc<dyn AuditTrail>,
    housekeeping: Arc<dyn Housekeeping>,
}

impl Store {
    /// Opens the store and brings its schema up to date.
    pub(crate) async fn open(settings: &Settings) -> Result<Self, StartError> {
        let store = Self::connect(settings).await?;
        store.prepare(settings).await?;
        Ok(store)
    }

    /// Opens an embedded database and brings its schema up to date. Another one need not be there
    /// before it is [prepared](Self::prepare).
    async fn connect(settings: &Settings) -> Result<Self, StartError> {
        match &settings.database {
            Database::Sqlite(path) => {
                let store = embedded::open(path, settings).await?;
                store.migrate().await?;
                Ok(Self::Sqlite(Arc::new(store)))
            }
            Database::Postgres { url, pooler } => {
                Ok(Self::Postgres(Arc::new(postgres::connect(url, *pooler)?)))
            }
        }
    }

    async fn prepare(&self, settings: &Settings) -> Result<(), NotPrepared> {
        match self {
            Self::Sqlite(_) => Ok(()),
            Self::Postgres(store) => postgres::prepare(store, settings.failover).await,
        }
    }

    async fn ready(&self) -> Result<(), StoreError> {
        match self {
            Self::Postgres(store) => store.ready().await,
            Self::Sqlite(store) => store.ready().await,
        }
    }

    fn repositories(&self) -> Repositories {
        fn all<S>(store: &Arc<S>) -> Repositories
        where
            S: ApiKeyRepository + OwnerRepository + KeyLookup + KeyRegister + ChangeFeed + 'static,
            S: BudgetShares + UsageRepository + UsageRegister + PepperRepository,
            S: AccountRepository + SessionRepository + NetworkRepository,
            S: ManagementTokenRepository,
            S: AuditTrail + Housekeeping,
        {
            Repositories {
                keys: Arc::<S>::clone(store),
                owners: Arc::<S>::clone(store),
                lookup: Arc::<S>::clone(store),
                register: Arc::<S>::clone(store),
                feed: Arc::<S>::clone(store),
                shares: Arc::<S>::clone(store),
                usage: Arc::<S>::clone(store),
                usage_register: Arc::<S>::clone(store),
                peppers: Arc::<S>::clone(store),
                accounts: Arc::<S>::clone(store),
                sessions: Arc::<S>::clone(store),
                networks: Arc::<S>::clone(store),
                tokens: Arc::<S>::clone(store),
                trail: Arc::<S>::clone(store),
                housekeeping: Arc::<S>::clone(store),
            }
        }
        match self {
            Self::Postgres(store) => all(store),
            Self::Sqlite(store) => all(store),
        }
    }
}

impl App {
    /// Joins everything, and prepares the store for a command. Nothing that makes or checks a digest
    /// may be done before the peppers are [confirmed](Self::confirm_peppers).
    pub(crate) async fn open(settings: Settings) -> Result<Self, StartError> {
        let app = Self::join(settings).await?;
        app.store.prepare(&app.settings).await?;
        Ok(app)
    }

    /// Joins everything. Nothing may be asked of a database before it is [prepared](Self::prepare).
    #[expect(clippy::too_many_lines, reason = "here everything is joined, a line for each port")]
    pub(crate) async fn join(settings: Settings) -> Result<Self, StartError> {
        let clock: Arc<dyn Clock> = Arc::new(SystemClock);
        let entropy: Arc<dyn Entropy> = Arc::new(OsEntropy);
        let store = Store::connect(&settings).await?;
        let Repositories {
            keys,
            owners,
            lookup,
            register,
            feed,
            shares,
            usage,
            usage_register,
            peppers,
            accounts,
            sessions,
            networks,
            tokens,
            trail,
            housekeeping,
        } = store.repositories();

        let steady_clock: Arc<dyn SteadyClock> = Arc::new(BootClock);
        let hasher = Arc::new(hasher(&settings, &*peppers, &*entropy).await?);
        let usage = Arc::new(UsageWriter::new(usage, UsageWriterId::draw(&*entropy)?));
        let ports = VerifierPorts {
            lookup: Arc::clone(&lookup),
            feed: Arc::clone(&feed),
            shares,
            hasher: Arc::<HmacHasher>::clone(&hasher),
            clock: Arc::clone(&clock),
            lease_clock: Arc::clone(&steady_clock),
            usage: Arc::clone(&usage),
        };
        let verifier = Verifier::new(ports, answering(&settings), settings.failover);
        let barrier = Arc::new(verifier.barrier());
        let ids = Arc::new(IdSequence::new(Arc::clone(&entropy)));
        let of_keys = ApiKeyPorts {
            keys,
            owners,
            lookup,
            barrier: Arc::<FeedBarrier>::clone(&barrier),
            hasher: Arc::<HmacHasher>::clone(&hasher),
            clock: Arc::clone(&clock),
            entropy: Arc::clone(&entropy),
            ids: Arc::clone(&ids),
        };
        let of_accounts = AccountPorts {
            accounts,
            barrier,
            sessions,
            networks,
            trail: Arc::clone(&trail),
            passwords: Arc::new(Argon2Hasher::new(Arc::clone(&entropy))),
            tokens: Arc::<HmacHasher>::clone(&hasher),
            clock: Arc::clone(&clock),
            entropy: Arc::clone(&entropy),
            ids: Arc::clone(&ids),
        };
        let of_tokens = TokenPorts {
            tokens,
            hasher: Arc::<HmacHasher>::clone(&hasher),
            clock: Arc::clone(&clock),
            entropy: Arc::clone(&entropy),
            ids,
        };
        let account_limits =
            AccountLimits::new(settings.sign_in_attempts_per_minute, &steady_clock);
        let key_limits =
            KeyLimits::new(settings.key_changes_per_minute(), Arc::clone(&steady_clock));
        let foreign_sessions = match &settings.jwt {
            Some(jwt) => Some(foreign_sessions(jwt, &clock, &steady_clock)?),
            None => None,
        };
        let services = Services {
            api_keys: ApiKeyService::new(of_keys, settings.issue_policy.clone(), key_limits),
            accounts: AccountService::new(of_accounts, settings.session_lifetime, account_limits),
            tokens: TokenService::new(of_tokens),
            foreign_sessions,
            usage: UsageService::new(usage_register, Arc::clone(&register), Arc::clone(&clock)),
            register: Arc::clone(&register),
            verifier,
            trail,
            clock: Arc::clone(&clock),
        };
        Ok(Self {
            services: Arc::new(services),
            register,
            entropy,
            peppers,
            feed,
            hasher,
            connections: Arc::default(),
            started: clock.now(),
            usage,
            clocks: Clocks::new(clock, Arc::clone(&housekeeping)),
            housekeeping,
            store,
            draining: AtomicBool::new(false),
            prepared: AtomicBool::new(false),
            settings,
        })
    }

    /// Brings the schema up to date, and checks all that a server counts on.
    pub(crate) async fn prepare(&self) -> Result<(), NotPrepared> {
        self.store.prepare(&self.settings).await?;
        self.confirm_peppers().await.map_err(|error| match error {
            PepperError::Store(error) => NotPrepared::Away(error.into()),
            unfit => NotPrepared::Refused(unfit.into()),
        })?;
        self.prepared.store(true, Ordering::Relaxed);
        Ok(())
    }

    /// Whether the database has been [prepared](Self::prepare).
    pub(crate) fn is_prepared(&self) -> bool {
        self.prepared.load(Ordering::Relaxed)
    }

    /// Checks the peppers against what is stored.
    pub(crate) async fn confirm_peppers(&self) -> Result<(), PepperError> {
        self.hasher.confirm(&*self.peppers, other_instances_alive(&*self.feed)).await?;
        let needed = self.services.tokens.peppers_in_use().await.map_err(ConfirmError::Store)?;
        let mut missing = needed.into_keys().filter(|it| !self.ring().any(|pepper| pepper == *it));
        missing.next().map_or(Ok(()), |pepper| Err(ConfirmError::MissingForTokens(pepper).into()))
    }

    /// Writes what was only noted, leaves the other instances, and closes the database. No change may
    /// run any more.
    pub(crate) async fn settle(&self) {
        self.usage.close().await;
        if let Err(error) = self.services.tokens.write_uses().await {
            tracing::warn!(
                error = error_chain(&error),
                "could not write last uses of management tokens"
            );
        }
        self.services.verifier.leave().await;
        if let Store::Sqlite(store) = &self.store {
            store.close().await;
        }
    }

    /// How busy the connections to the database are, where there are several.
    pub(crate) fn pool_use(&self) -> Option<PoolUse> {
        match &self.store {
            Store::Postgres(store) => Some(store.pool_use()),
            Store::Sqlite(_) => None,
        }
    }

    /// The instances that changes wait for.
    pub(crate) async fn instances(&self) -> Result<InstanceList, StoreError> {
        self.feed.instances().await
    }

    /// How many connections to the database were made for a purpose, and how often that failed.
    pub(crate) fn connects(&self, purpose: Purpose) -> Option<(u64, u64)> {
        match &self.store {
            Store::Postgres(store) => Some(store.connects(purpose)),
            Store::Sqlite(_) => None,
        }
    }

    /// From now on the server is not ready, and each answer ends its connection.
    pub(crate) fn start_draining(&self) {
        self.draining.store(true, Ordering::Relaxed);
    }

    /// Whether a stop was asked for.
    pub(crate) fn is_draining(&self) -> bool {
        self.draining.load(Ordering::Relaxed)
    }

    /// Whether new requests should come here.
    pub(crate) async fn ready(&self) -> Result<bool, StoreError> {
        if self.is_draining() {
            return Ok(false);
        }
        if !self.is_prepared() {
            return Err(StoreError::new(
                "the database was away at the start, and is not there yet",
            ));
        }
        self.store.ready().await.map(|()| true)
    }

    /// Copies an embedded database into a new file.
    pub(crate) async fn back_up(&self, file: &Path) -> Result<(), StartError> {
        match &self.store {
            Store::Sqlite(store) => Ok(store.back_up(file).await?),
            Store::Postgres(_) => {
                Err("copies the embedded database alone; for Postgres, use pg_dump".into())
            }
        }
    }

    /// Looks after the files of an embedded database; never returns.
    pub(crate) async fn watch_database(&self) {
        if let Store::Sqlite(store) = &self.store {
            embedded::watch(store).await;
        }
    }

    /// The peppers of the ring, the signing one first.
    pub(crate) fn ring(&self) -> impl Iterator<Item = PepperId> {
        self.hasher.checks().map(|check| check.pepper)
    }

    /// What depends on each pepper.
    pub(crate) async fn pepper_status(&self) -> Result<Vec<PepperStanding>, StoreError> {
        let ring: Vec<_> = self.ring().collect();
        self.services.tokens.pepper_status(&*self.peppers, &ring).await
    }

    /// Where the commands reach this server: only the one process on an embedded database.
    pub(crate) fn control_dir(&self) -> Option<&Path> {
        matches!(self.store, Store::Sqlite(_)).then_some(self.settings.data_dir.as_path())
    }
}

fn answering(settings: &Settings) -> Answering {
    if !settings.verify_cache {
        return Answering::FromStore;
    }
    if !BootClock.never_stands_still() {
        tracing::warn!(
            "the verification cache is off: this platform has no clock that counts the time of a suspend"
        );
    }
    Answering::FromCache
}

fn foreign_sessions(
    settings: &JwtSettings,
    clock: &Arc<dyn Clock>,
    steady_clock: &Arc<dyn SteadyClock>,
) -> Result<ForeignSessions, StartError> {
    let keys = match &settings.keys {
        JwtKeys::Secret(keys) | JwtKeys::File(_, keys) => Keys::Given(keys.clone()),
        JwtKeys::Address(url) => Keys::Published(Arc::new(IssuerKeys::at(url)?)),
    };
    let (clock, steady_clock) = (Arc::clone(clock), Arc::clone(steady_clock));
    Ok(ForeignSessions::new(settings.rules.clone(), keys, clock, steady_clock))
}

async fn hasher(
    settings: &Settings,
    store: &dyn PepperRepository,
    entropy: &dyn Entropy,
) -> Result<HmacHasher, PepperError> {
    if let Some(ring) = &settings.peppers {
        return Ok(HmacHasher::new(ring));
    }
    let ring = peppers::file(&settings.data_dir).read_or_generate(store, entropy).await?;
    Ok(HmacHasher::new(&ring))
}
