//! Postgres goes away and comes back; Latchkey goes on.
#![expect(clippy::unwrap_used, reason = "a test fails by it")]

use std::net::TcpListener;
use std::time::{Duration, Instant};

use latchkey_domain::ports::ApiKeyRepository;
use latchkey_store_postgres::{PostgresSettings, PostgresStore};
use latchkey_testkit::fixtures::{a_key, an_event, owner};
use latchkey_testkit::postgres::PrivateCluster;

fn store(url: &str) -> PostgresStore {
    PostgresStore::connect(&PostgresSettings::parse(url).unwrap()).unwrap()
}

async fn count(store: &PostgresStore) -> usize {
    store.list(&owner("owner")).await.unwrap().len()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_may_come_late_and_be_restarted() {
    let cluster = PrivateCluster::start();
    cluster.stop_immediately();
    let store = store(cluster.url());
    assert!(store.ready().await.is_err());
    assert!(store.list(&owner("owner")).await.is_err());
    assert!(store.migrate().await.is_err());

    cluster.start_again();
    let ready = store.ready().await;
    assert!(ready.is_err(), "without a schema it is not ready");
    store.migrate().await.unwrap();
    store.ready().await.unwrap();
    store.insert(&a_key().build(), 10, &an_event()).await.unwrap();

    // Every connection of the pool will be dead.
    let calls = (0..20).map(|_call| {
        let store = store.clone();
        tokio::spawn(async move { count(&store).await })
    });
    for call in calls.collect::<Vec<_>>() {
        assert_eq!(call.await.unwrap(), 1);
    }
    cluster.stop_immediately();
    assert!(store.list(&owner("owner")).await.is_err());
    assert!(store.ready().await.is_err());

    cluster.start_again();
    let began = Instant::now();
    store.ready().await.unwrap();
    for _each_connection in 0..20 {
        assert_eq!(count(&store).await, 1);
    }
    assert!(began.elapsed() < Duration::from_secs(1), "{:?}", began.elapsed());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_restart_between_two_calls_is_not_noticed() {
    let cluster = PrivateCluster::start();
    let store = store(cluster.url());
    store.migrate().await.unwrap();
    store.insert(&a_key().build(), 10, &an_event()).await.unwrap();
    cluster.stop_immediately();
    cluster.start_again();
    assert_eq!(count(&store).await, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_that_accepts_and_says_nothing_is_given_up() {
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let store = store(&format!("postgres://u@{}/d", silent.local_addr().unwrap()));
    let began = Instant::now();
    assert!(store.ready().await.is_err());
    assert!(began.elapsed() < Duration::from_millis(1_500), "{:?}", began.elapsed());

    let began = Instant::now();
    assert!(store.list(&owner("owner")).await.is_err());
    assert!(began.elapsed() < Duration::from_secs(5), "{:?}", began.elapsed());
}
