//! A service that verifies in its own process: one more strict instance.

use std::error::Error as _;
use std::future::ready;
use std::sync::Arc;

use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use latchkey_domain::ports::{ApiKeyRepository, Clock, Entropy};
use latchkey_domain::{
    ApiKeyPorts, ApiKeyService, Brand, Credits, Environment, IdSequence, IssuePolicy, IssuedKey,
    KeyChange, KeyLimits, KeyName, NewKey,
};
use latchkey_guard::{Embedded, EmbeddedError, Guard, OverBudget};
use latchkey_hasher_hmac::{HmacHasher, PepperRing};
use latchkey_store_postgres::{PostgresSettings, PostgresStore};
use latchkey_system::{BootClock, SystemClock};
use latchkey_testkit::fakes::CountingEntropy;
use latchkey_testkit::fixtures::{a_caller, limits_of, networks_of, owner};
use latchkey_testkit::postgres::{Database, empty_database};
use latchkey_verifier::FeedBarrier;
use tokio_postgres::NoTls;

const PEPPERS: &str = "1:a2tra2tra2tra2tra2tra2tra2tra2tra2tra2tra2s=";
const OTHERS: &str = "1:bGtra2tra2tra2tra2tra2tra2tra2tra2tra2tra2s=";

/// Latchkey itself, as far as it makes and revokes keys.
struct Latchkey {
    database: Database,
    service: ApiKeyService,
}

impl Latchkey {
    async fn new() -> Self {
        let database = empty_database().await;
        let settings = PostgresSettings::parse(database.url()).expect("a URL");
        let store = Arc::new(PostgresStore::connect(&settings).expect("connects"));
        store.migrate().await.expect("migrates");
        let hasher = HmacHasher::new(&PepperRing::parse(PEPPERS).expect("a ring"));
        hasher.confirm(&*store, ready(Ok(false))).await.expect("the first ring fits");
        let feed = Arc::<PostgresStore>::clone(&store);
        let lookup = Arc::<PostgresStore>::clone(&store);
        let owners = Arc::<PostgresStore>::clone(&store);
        let keys: Arc<dyn ApiKeyRepository> = store;
        let clock: Arc<dyn Clock> = Arc::new(SystemClock);
        let entropy: Arc<dyn Entropy> = Arc::new(CountingEntropy::default());
        let barrier = Arc::new(FeedBarrier::outside(feed, Arc::new(BootClock)));
        let ids = Arc::new(IdSequence::new(Arc::clone(&entropy)));
        let ports = ApiKeyPorts {
            keys,
            owners,
            lookup,
            barrier,
            hasher: Arc::new(hasher),
            clock,
            entropy,
            ids,
        };
        let brand = Brand::parse("sk").expect("a brand");
        let policy = IssuePolicy { brand, max_keys_per_owner: 10, names_optional: false };
        Self { database, service: ApiKeyService::new(ports, policy, KeyLimits::unlimited()) }
    }

    async fn issue(&self) -> IssuedKey {
        self.issue_with(|new| new).await
    }

    async fn issue_with_credits(&self, credits: u64) -> IssuedKey {
        self.issue_with(|new| new.with_credits(Credits::new(credits).ok())).await
    }

    async fn issue_with(&self, more: impl FnOnce(NewKey) -> NewKey) -> IssuedKey {
        let name = KeyName::parse("Production").expect("a name");
        let new = more(NewKey::new(name, Environment::Live));
        self.service.issue(owner("ada"), new, &a_caller()).await.expect("it is issued")
    }

    async fn embedded(&self) -> Embedded {
        Embedded::open(self.database.url(), PEPPERS).await.expect("it opens")
    }
}

fn presenting(key: &str) -> HeaderMap {
    let key = HeaderValue::from_str(key).expect("visible ASCII");
    HeaderMap::from_iter([(HeaderName::from_static("x-api-key"), key)])
}

async fn ask(latchkey: &Embedded, key: &str) -> StatusCode {
    match Guard::embedded(latchkey).admit(&presenting(key), None).await {
        Ok(principal) => {
            assert_eq!(principal.owner_id, owner("ada"));
            StatusCode::OK
        }
        Err(refusal) => refusal.response().status(),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_is_refused_as_soon_as_its_revoke_is_answered_elsewhere() {
    let latchkey = Latchkey::new().await;
    let embedded = latchkey.embedded().await;
    for _ in 0..10 {
        let IssuedKey { key, secret, .. } = latchkey.issue().await;
        for _ in 0..3 {
            assert_eq!(ask(&embedded, secret.expose()).await, StatusCode::OK);
        }
        let parts = key.parts();
        latchkey
            .service
            .revoke(&parts.owner, parts.id, &a_caller())
            .await
            .expect("it was not revoked");
        assert_eq!(ask(&embedded, secret.expose()).await, StatusCode::UNAUTHORIZED);
    }
    embedded.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_of_some_networks_is_refused_where_no_address_is_known() {
    let latchkey = Latchkey::new().await;
    let embedded = latchkey.embedded().await;
    let IssuedKey { key, secret, .. } = latchkey.issue().await;
    assert_eq!(ask(&embedded, secret.expose()).await, StatusCode::OK);
    let parts = key.parts();
    let all = networks_of(&["0.0.0.0/0", "::/0"]);
    let change = KeyChange { allowed_networks: Some(all), ..KeyChange::default() };
    let changed = latchkey.service.change(&parts.owner, parts.id, &change, &a_caller()).await;
    changed.expect("it was not changed");
    assert_eq!(ask(&embedded, secret.expose()).await, StatusCode::FORBIDDEN);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_is_charged_until_no_credits_are_left() {
    let latchkey = Latchkey::new().await;
    let (one, other) = (latchkey.embedded().await, latchkey.embedded().await);
    let IssuedKey { secret, .. } = latchkey.issue_with_credits(3).await;
    for embedded in [&one, &other, &one] {
        assert_eq!(ask(embedded, secret.expose()).await, StatusCode::OK);
    }
    for embedded in [&one, &other] {
        assert_eq!(ask(embedded, secret.expose()).await, StatusCode::TOO_MANY_REQUESTS);
    }
    // What it would charge, it can't ask for any more.
    one.close().await;
    let IssuedKey { secret, .. } = latchkey.issue_with_credits(3).await;
    assert_eq!(ask(&one, secret.expose()).await, StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(ask(&other, secret.expose()).await, StatusCode::OK);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_is_charged_what_the_service_says_and_told_what_is_left() {
    let latchkey = Latchkey::new().await;
    let embedded = latchkey.embedded().await;
    let guard = Guard::embedded(&embedded);
    let IssuedKey { secret, .. } =
        latchkey.issue_with(|new| new.limited(limits_of("day=10"))).await;
    let headers = presenting(secret.expose());
    for (cost, left) in [(4, 6), (0, 6), (1, 5)] {
        let principal = guard.at_cost(cost).expect("a cost").admit(&headers, None).await;
        let told = principal.expect("there is room").headers;
        assert_eq!(told["ratelimit-policy"], "\"day\";q=10;w=86400");
        let state = told["ratelimit"].to_str().expect("a text");
        assert!(state.starts_with(&format!("\"day\";r={left};t=")), "{state}");
    }
    let refused = guard.at_cost(6).expect("a cost").admit(&headers, None).await;
    let over = refused.expect_err("there is no room for 6").over_budget();
    assert!(matches!(over, Some(OverBudget::Rate { .. })), "{over:?}");
    let left = guard.at_cost(5).expect("a cost").admit(&headers, None).await;
    left.expect("a refused call costs nothing");
    embedded.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn after_closing_it_still_answers_but_nobody_waits_for_it() {
    let latchkey = Latchkey::new().await;
    let embedded = latchkey.embedded().await;
    let IssuedKey { key, secret, .. } = latchkey.issue().await;
    assert_eq!(ask(&embedded, secret.expose()).await, StatusCode::OK);
    embedded.close().await;
    assert_eq!(ask(&embedded, secret.expose()).await, StatusCode::OK);
    let parts = key.parts();
    latchkey.service.revoke(&parts.owner, parts.id, &a_caller()).await.expect("it was not revoked");
    assert_eq!(ask(&embedded, secret.expose()).await, StatusCode::UNAUTHORIZED);
}

#[tokio::test(flavor = "multi_thread")]
async fn another_ring_and_a_database_without_tables_are_refused() {
    let latchkey = Latchkey::new().await;
    let wrong = Embedded::open(latchkey.database.url(), OTHERS).await;
    assert!(matches!(wrong, Err(EmbeddedError::Confirm(_))), "{wrong:?}");
    let empty = empty_database().await;
    let empty = Embedded::open(empty.url(), PEPPERS).await;
    assert!(matches!(empty, Err(EmbeddedError::Store(_))), "{empty:?}");
}

/// What the documentation grants to a service that verifies in its own process.
fn documented_grants(role: &str) -> String {
    let operations = include_str!("../../../docs/operations/postgres.md");
    let blocks = operations.split("```sql\n").skip(1).filter_map(|rest| rest.split("```").next());
    let grants: String = blocks.filter(|block| block.contains("latchkey_guard")).collect();
    grants.replace("latchkey_guard", role)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_role_that_sees_only_what_it_verifies_with_is_enough() {
    let latchkey = Latchkey::new().await;
    let (client, connection) =
        tokio_postgres::connect(latchkey.database.url(), NoTls).await.expect("it connects");
    tokio::spawn(connection);
    let role = format!("guard_{}", std::process::id());
    let (scheme, place) = latchkey.database.url().split_once("://").expect("an address");
    let place = place.split_once('@').map_or(place, |(_, place)| place);
    let url = format!("{scheme}://{role}:{role}@{place}");
    client
        .batch_execute(&format!("create role {role} login password '{role}'"))
        .await
        .expect("a role is made");
    let refused = Embedded::open(&url, PEPPERS).await.expect_err("it may nothing yet");
    let cause = refused.source().map(ToString::to_string).unwrap_or_default();
    assert!(cause.contains("SELECT on api_keys"), "{refused}: {cause}");

    client.batch_execute(&documented_grants(&role)).await.expect("the documentation is SQL");
    let embedded = Embedded::open(&url, PEPPERS).await.expect("it opens");
    let IssuedKey { secret, .. } = latchkey.issue().await;
    assert_eq!(ask(&embedded, secret.expose()).await, StatusCode::OK);
    embedded.close().await;
    let used = client.query("select from last_uses", &[]).await.expect("it answers");
    assert_eq!(used.len(), 1, "its last use was not written");
    drop(embedded);
    let gone = format!("drop owned by {role}; drop role {role}");
    client.batch_execute(&gone).await.expect("the role is dropped");
}
