//! Postgres goes away and comes back, or keeps a migration waiting; Latchkey goes on.
#![expect(clippy::unwrap_used, reason = "a test fails by it")]

use std::fs;
use std::net::TcpListener;
use std::time::Duration;

use latchkey_domain::ports::ApiKeyRepository;
use latchkey_store_postgres::PostgresStore;
use latchkey_testkit::fixtures::{a_key, an_event, owner};
use latchkey_testkit::postgres::PrivateCluster;
use tokio::time::timeout;

use crate::fresh::{migrated, store};
use crate::migrations::{client, migrations};

/// Far more than any call takes, and less than waiting for each dead connection would.
const PATIENCE: Duration = Duration::from_secs(10);

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
    store.insert(&a_key().build(), None, 10, &an_event()).await.unwrap();

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
    let answered = async {
        store.ready().await.unwrap();
        for _each_connection in 0..20 {
            assert_eq!(count(&store).await, 1);
        }
    };
    timeout(PATIENCE, answered).await.expect("no dead connection is waited for");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_restart_between_two_calls_is_not_noticed() {
    let cluster = PrivateCluster::start();
    let store = store(cluster.url());
    store.migrate().await.unwrap();
    store.insert(&a_key().build(), None, 10, &an_event()).await.unwrap();
    cluster.stop_immediately();
    cluster.start_again();
    assert_eq!(count(&store).await, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_that_accepts_and_says_nothing_is_given_up() {
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let store = store(&format!("postgres://u@{}/d", silent.local_addr().unwrap()));
    let owner = owner("owner");
    tokio::select! {
        biased;
        ready = store.ready() => assert!(ready.is_err()),
        _listed = store.list(&owner) => panic!("a call gave up before the check did"),
    }
    let listed = timeout(PATIENCE, store.list(&owner)).await;
    assert!(listed.expect("a call gives up").is_err());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_migration_waits_for_no_lock_for_long_and_is_tried_again() {
    let (store, database) = migrated().await;
    let client = client(database.url()).await;
    let indexed = "2026-11-28-000004";
    for folder in migrations().iter().rev() {
        let name = folder.file_name().unwrap().to_str().unwrap();
        if name.get(..indexed.len()).unwrap() >= indexed {
            let down = fs::read_to_string(folder.join("down.sql")).unwrap();
            client.batch_execute(&down).await.unwrap();
        }
    }
    let undone = "delete from __diesel_schema_migrations where version >= '20261128000004'";
    client.batch_execute(undone).await.unwrap();

    // Somebody changes keys, and takes longer than anybody else may be kept waiting.
    client.batch_execute("begin; lock table api_keys in row exclusive mode").await.unwrap();
    let migrating = tokio::spawn({
        let store = store.clone();
        async move { store.migrate().await }
    });
    tokio::time::sleep(Duration::from_secs(6)).await;
    assert!(!migrating.is_finished());
    client.batch_execute("commit").await.unwrap();
    migrating.await.unwrap().unwrap();
    store.ready().await.unwrap();
}
