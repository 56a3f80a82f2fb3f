#![expect(clippy::panic, reason = "a difference is told by a panic")]

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use latchkey_domain::ports::{
    ApiKeyRepository, AuditTrail, Barrier, Clock as _, KeyHasher as _, KeyInUse, KeyLookup,
};
use latchkey_domain::{
    AllowedNetworks, ApiKeyId, ApiKeyPorts, ApiKeyService, Brand, Caller, ChangeError,
    ChangeNumber, Creator, Environment, Grants, IdSequence, IssueError, IssuePolicy, IssuedKey,
    KeyChange, KeyLimits, KeyName, Limits, Metadata, NewKey, Overlap, OwnerId, Refusal,
    RevokeError, Timestamp,
};

use self::model::{Known, Model, Refused};
use super::Ports;
use super::steps::concurrently;
use crate::fakes::{CountingEntropy, FakeClock, PlainHasher};
use crate::fixtures::{
    a_caller, an_id, limits_of, metadata, networks_of, owner, scatter, scopes_of,
};

mod model;

/// Walks at a time, so that stores which commit in groups do, and steps of each.
const WALKS: u64 = 10;
const STEPS: u64 = 1_000;
const OWNERS: u64 = 3;
const LIMIT: u32 = 6;
const REPLACED: usize = 6;

/// 10,000 random operations by several owners, against a model that is as plain as can be. A walk's
/// number is its seed: the same one takes the same steps.
pub async fn random_operations_agree_with_a_plain_model(ports: &Ports) {
    let entropy = Arc::new(CountingEntropy::default());
    concurrently((0..WALKS).map(|number| Walk::new(number, ports, Arc::clone(&entropy)).go()))
        .await;
}

/// One walk: its owners, what it believes of them, and the service that has to agree.
struct Walk {
    number: u64,
    rolled: u64,
    owners: Vec<OwnerId>,
    model: Model,
    keys: Arc<dyn ApiKeyRepository>,
    lookup: Arc<dyn KeyLookup>,
    trail: Arc<dyn AuditTrail>,
    service: ApiKeyService,
    clock: Arc<FakeClock>,
    passes: Arc<Passes>,
}

/// Counts how often an answer was held back.
#[derive(Debug, Default)]
struct Passes(AtomicU64);

#[async_trait]
impl Barrier for Passes {
    async fn pass(&self, _change: ChangeNumber) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }
}

impl Walk {
    fn new(number: u64, ports: &Ports, entropy: Arc<CountingEntropy>) -> Self {
        let (keys, trail) = (Arc::clone(&ports.keys), Arc::clone(&ports.trail));
        let (owners, lookup) = (Arc::clone(&ports.owners), Arc::clone(&ports.lookup));
        let (clock, passes) = (Arc::new(FakeClock::default()), Arc::new(Passes::default()));
        let ports = ApiKeyPorts {
            keys: Arc::clone(&keys),
            owners,
            lookup: Arc::clone(&lookup),
            barrier: Arc::<Passes>::clone(&passes),
            hasher: Arc::new(PlainHasher),
            clock: Arc::<FakeClock>::clone(&clock),
            ids: Arc::new(IdSequence::new(Arc::<CountingEntropy>::clone(&entropy))),
            entropy,
        };
        let policy = IssuePolicy {
            brand: Brand::default(),
            max_keys_per_owner: LIMIT,
            names_optional: false,
        };
        let service = ApiKeyService::new(ports, policy, KeyLimits::unlimited());
        let owners = (0..OWNERS).map(|nth| owner(&format!("walk-{number}-{nth}"))).collect();
        let model = Model::default();
        Self { number, rolled: 0, owners, model, keys, lookup, trail, service, clock, passes }
    }

    async fn go(mut self) {
        for step in 0..STEPS {
            self.pass_time();
            let (of, kind) = (self.an_owner(), self.roll(100));
            let place = format!("walk {}, step {step}, kind {kind}", self.number);
            match kind {
                0..20 => self.create(&of, &place).await,
                20..45 => self.change(&of, &place).await,
                45..60 => self.rotate(&of, &place).await,
                60..65 => self.revoke(&of, &place).await,
                65..74 => self.get(&of, &place).await,
                74 => self.trail(&of, &place).await,
                75..80 => self.list(&of, &place).await,
                _ => self.verify(&place).await,
            }
        }
        for of in self.owners.clone() {
            self.list(&of, "at the end").await;
            self.trail(&of, "at the end").await;
        }
    }

    /// A number below `sides`.
    fn roll(&mut self, sides: u64) -> u64 {
        self.rolled += 1;
        scatter(self.number << 32 | self.rolled) % sides
    }

    fn pick<T: Clone>(&mut self, among: &[T]) -> T {
        let sides = u64::try_from(among.len()).expect("a few");
        among[usize::try_from(self.roll(sides)).expect("a few")].clone()
    }

    fn an_owner(&mut self) -> OwnerId {
        self.pick(&self.owners.clone())
    }

    fn now(&self) -> i64 {
        self.clock.now().unix_millis()
    }

    /// Often no time at all, and often to the very edge of a key's life.
    fn pass_time(&mut self) {
        match self.roll(10) {
            0..4 => {}
            4..8 => {
                let span = Duration::from_millis(self.roll(2_000));
                self.clock.advance(span);
            }
            _ => {
                let edge = self.a_key().and_then(|key| key.expires_at);
                let edge = edge.map(|end| end + self.pick(&[-1, 0, 1]));
                let near = self.now()..self.now() + 2 * 3_600_000;
                if let Some(edge) = edge.filter(|edge| near.contains(edge)) {
                    self.clock.set(at(edge));
                }
            }
        }
    }

    /// One of the newer keys, whosever it is.
    fn a_key(&mut self) -> Option<Known> {
        let newer: Vec<_> = self.model.keys.iter().rev().take(20).cloned().collect();
        (!newer.is_empty()).then(|| self.pick(&newer))
    }

    /// The id of a key, most often of one that the owner has.
    fn an_id(&mut self, of: &OwnerId) -> ApiKeyId {
        for _ in 0..5 {
            let key = self.a_key();
            let is_theirs = key.as_ref().is_some_and(|key| key.owner == *of);
            if is_theirs || self.roll(12) == 0 {
                return key.map_or_else(an_id, |key| key.id);
            }
        }
        an_id()
    }

    /// When a key is to expire: never, as it does now, or soon, later, or in the past.
    fn an_expiry(&mut self, present: Option<i64>) -> Option<i64> {
        match self.roll(8) {
            0..2 => None,
            2 => present,
            _ => Some(self.now() + self.pick(&[1, 1_000, 60_000, 3_600_000, 0, -1])),
        }
    }

    fn a_name(&mut self) -> KeyName {
        KeyName::parse(format!("name {}", self.roll(5))).expect("a name")
    }

    fn some_metadata(&mut self) -> Metadata {
        metadata(self.pick(&["{}", r#"{"plan":"pro"}"#, r#"{"plan":["pro"]}"#]))
    }

    fn some_scopes(&mut self) -> Grants {
        match self.roll(4) {
            0 => scopes_of(&[]),
            1 => scopes_of(&["docs:read", "docs:*"]),
            2 => scopes_of(&["*"]),
            _ => Grants::UNRESTRICTED,
        }
    }

    fn some_networks(&mut self) -> AllowedNetworks {
        match self.roll(3) {
            0 => networks_of(&["10.0.0.0/8"]),
            1 => networks_of(&["192.0.2.1", "2001:db8::/32"]),
            _ => AllowedNetworks::ANY,
        }
    }

    fn some_limits(&mut self) -> Limits {
        limits_of(self.pick(&["", "", "minute=5", "second=1 day=1000"]))
    }

    async fn create(&mut self, of: &OwnerId, place: &str) {
        let (name, expires_at) = (self.a_name(), self.an_expiry(None));
        let environment = self.pick(&[Environment::Live, Environment::Test]);
        let want = self.model.create(of, expires_at, self.now(), LIMIT);
        let made_by = self.pick(&[None, Some("ada"), Some("bob")]);
        let new = NewKey::new(name, environment)
            .expiring(expires_at.map(at))
            .created_by(made_by.map(|it| Creator::parse(it).expect("a creator")))
            .with_metadata(self.some_metadata())
            .with_scopes(Some(self.some_scopes()))
            .from_networks(self.some_networks())
            .limited(self.some_limits());
        match self.service.issue(of.clone(), new.clone(), &a_caller()).await {
            Ok(issued) => {
                assert_eq!(want, Ok(()), "{place}");
                let known = Known {
                    name: new.name.as_str().to_owned(),
                    environment,
                    expires_at,
                    created_by: made_by.unwrap_or("anonymous").to_owned(),
                    metadata: new.metadata.as_str().to_owned(),
                    scopes: new.scopes.as_ref().and_then(Grants::joined).map(str::to_owned),
                    networks: new.networks.joined(),
                    limits: new.limits.to_string(),
                    ..self.begun(of, &issued)
                };
                assert!(known.is(&issued.key), "{place}: {known:?} is not {issued:?}");
                self.model.add(known);
            }
            Err(error) => assert_eq!(want, Err(issue_refused(error)), "{place}"),
        }
    }

    /// A key as it begins: what was drawn for it is taken as it came.
    fn begun(&self, of: &OwnerId, issued: &IssuedKey) -> Known {
        Known {
            id: issued.key.parts().id,
            owner: of.clone(),
            name: String::new(),
            environment: Environment::Live,
            created_at: self.now(),
            expires_at: None,
            created_by: String::new(),
            metadata: String::new(),
            scopes: None,
            networks: None,
            family: issued.key.parts().id,
            limits: String::new(),
            enabled: true,
            revoked: false,
            replaced_by: None,
            secret: issued.secret.clone(),
        }
    }

    async fn change(&mut self, of: &OwnerId, place: &str) {
        let id = self.an_id(of);
        let present = self.model.key(of, id).and_then(|key| key.expires_at);
        let change = KeyChange {
            name: (self.roll(3) == 0).then(|| self.a_name()),
            enabled: self.pick(&[None, None, Some(true), Some(false)]),
            expires_at: (self.roll(2) == 0).then(|| self.an_expiry(present).map(at)),
            metadata: (self.roll(4) == 0).then(|| self.some_metadata()),
            scopes: (self.roll(4) == 0).then(|| self.some_scopes()),
            allowed_networks: (self.roll(4) == 0).then(|| self.some_networks()),
            limits: (self.roll(4) == 0).then(|| self.some_limits()),
        };
        let want = self.model.change(of, id, &change, self.now());
        let waits = self.model.waits(of, id, want.err());
        let got = self.service.change(of, id, &change, &a_caller()).await;
        self.check_waited(waits, place);
        match got {
            Ok(KeyInUse { key, .. }) => {
                assert_eq!(want, Ok(()), "{place}");
                let known = self.model.key(of, id).expect("it was changed");
                assert!(known.is(&key), "{place}: {known:?} is not {key:?}");
            }
            Err(error) => assert_eq!(want, Err(refused(error)), "{place}"),
        }
    }

    async fn rotate(&mut self, of: &OwnerId, place: &str) {
        let id = self.an_id(of);
        let overlap = self.pick(&[0, 0, 1, 60, 86_400]);
        let span = Overlap::new(Duration::from_secs(overlap)).expect("a day at most");
        let caller = self.pick(&[a_caller(), Caller::of(of)]);
        let want = self.model.may_rotate(of, id, overlap, self.now());
        let waits = self.model.waits(of, id, want.err());
        let got = self.service.rotate(of, id, span, &caller).await;
        self.check_waited(waits, place);
        match got {
            Ok(issued) => {
                assert_eq!(want, Ok(()), "{place}");
                let begun = self.begun(of, &issued);
                let rotated_by = (caller == Caller::of(of)).then(|| of.to_string());
                let known = self.model.rotate(id, begun, overlap, rotated_by);
                assert!(known.is(&issued.key), "{place}: {known:?} is not {issued:?}");
            }
            Err(error) => assert_eq!(want, Err(refused(error)), "{place}"),
        }
    }

    async fn revoke(&mut self, of: &OwnerId, place: &str) {
        let id = self.an_id(of);
        let want = self.model.revoke(of, id);
        let waits = self.model.waits(of, id, want.err());
        let got = self.service.revoke(of, id, &a_caller()).await;
        self.check_waited(waits, place);
        match got {
            Ok(()) => assert_eq!(want, Ok(()), "{place}"),
            Err(RevokeError::NotFound) => assert_eq!(want, Err(Refused::NotFound), "{place}"),
            Err(error) => panic!("{place}: {error:?}"),
        }
    }

    async fn get(&mut self, of: &OwnerId, place: &str) {
        let id = self.an_id(of);
        let got = self.keys.find(of, id).await.expect("the store answers");
        match (self.model.key(of, id).filter(|key| !key.revoked), got) {
            (None, None) => {}
            (Some(known), Some(got)) if known.is(&got.key) => {}
            (known, got) => panic!("{place}: {known:?} is not {got:?}"),
        }
    }

    async fn list(&mut self, of: &OwnerId, place: &str) {
        let got = self.keys.list(of).await.expect("the store answers");
        let want = self.model.list(of);
        let same = want.iter().zip(&got).all(|(known, got)| known.is(&got.key));
        assert!(same && want.len() == got.len(), "{place}: {want:?} is not {got:?}");
    }

    /// The trail of the owner, and that of one of the keys.
    async fn trail(&mut self, of: &OwnerId, place: &str) {
        for key in [None, Some(self.an_id(of))] {
            let got = self.trail.events_of(of, key, None, u32::MAX).await;
            let got = got.expect("the store answers");
            assert!(self.model.told(of, key, &got), "{place}: of {of:?} and {key:?}: {got:#?}");
        }
    }

    async fn verify(&mut self, place: &str) {
        let Some(known) = self.a_key() else { return };
        let candidates = PlainHasher.candidates(&known.secret);
        let found = self.lookup.find_by_digest(&candidates, None).await.expect("the store answers");
        let got = found.map_or(Err(Refusal::Unknown), |key| key.check(self.clock.now()));
        assert_eq!(got, known.verify(self.now()), "{place}: {known:?}");
    }

    fn check_waited(&self, waits: bool, place: &str) {
        let passed = self.passes.0.swap(0, Ordering::SeqCst);
        assert_eq!(passed, u64::from(waits), "{place}: how often it passed the barrier");
    }
}

fn at(millis: i64) -> Timestamp {
    Timestamp::from_unix_millis(millis).expect("in range")
}

fn issue_refused(error: IssueError) -> Refused {
    match error {
        IssueError::ExpiryNotInFuture => Refused::Invalid,
        IssueError::LimitReached { .. } => Refused::Limit,
        error => panic!("{error:?}"),
    }
}

fn refused(error: ChangeError) -> Refused {
    match error {
        ChangeError::Nothing | ChangeError::ExpiryNotInFuture => Refused::Invalid,
        ChangeError::NotFound => Refused::NotFound,
        ChangeError::Refused(_) => Refused::Conflict,
        ChangeError::LimitReached { .. } => Refused::Limit,
        error => panic!("{error:?}"),
    }
}
