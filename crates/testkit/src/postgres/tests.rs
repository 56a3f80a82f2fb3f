use std::sync::atomic::{AtomicU32, Ordering};

use super::*;

async fn migrate(url: String) {
    run(&connect(&url).await.unwrap(), "create table things (id integer)").await;
}

async fn things(database: &Database) -> i64 {
    let client = connect(database.url()).await.unwrap();
    client.query_one("select count(*) from things", &[]).await.unwrap().get(0)
}

/// A fingerprint that no earlier run has used.
fn fingerprint(test: &str) -> String {
    format!("{test} {}", leftovers::Tag::random())
}

/// Removes what a fingerprint of one run would leave for ever on a server that outlives it.
async fn forget(fingerprint: &str) {
    let (_, admin) = admin().await;
    let template = template_name(fingerprint);
    run(&admin, &format!("alter database {template} is_template false")).await;
    run(&admin, &format!("drop database {template}")).await;
}

async fn is_there(name: &str) -> bool {
    let (_, admin) = admin().await;
    let query = "select from pg_database where datname = $1";
    admin.query_opt(query, &[&name]).await.unwrap().is_some()
}

#[test]
fn an_address_keeps_all_but_the_name_of_its_database() {
    for (url, want) in [
        ("postgres://u:p@h:1/old?sslmode=disable", "postgres://u:p@h:1/new?sslmode=disable"),
        ("postgres://u@%2Ftmp%2Fx/old", "postgres://u@%2Ftmp%2Fx/new"),
        ("postgresql://h", "postgresql://h/new"),
        ("postgres://h?user=u", "postgres://h/new?user=u"),
    ] {
        assert_eq!(with_database(url, "new"), want);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_template_is_made_once_and_tests_do_not_see_each_other() {
    let fingerprint = fingerprint("isolation");
    let made = AtomicU32::new(0);
    let fresh = || {
        database(&fingerprint, |url| async {
            made.fetch_add(1, Ordering::Relaxed);
            migrate(url).await;
        })
    };
    let (one, two, three) = tokio::join!(fresh(), fresh(), fresh());
    assert_eq!(made.load(Ordering::Relaxed), 1);

    run(&connect(one.url()).await.unwrap(), "insert into things values (1)").await;
    assert_eq!(things(&one).await, 1);
    assert_eq!(things(&two).await, 0);
    assert_eq!(things(&three).await, 0);
    forget(&fingerprint).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_migration_that_failed_is_made_anew() {
    let fingerprint = fingerprint("failure");
    let of = fingerprint.clone();
    let failing = tokio::spawn(async move {
        database(&of, |url| async move {
            migrate(url).await;
            panic!("the migration fails, as this test wants it to");
        })
        .await
    });
    assert!(failing.await.is_err());
    assert_eq!(things(&database(&fingerprint, migrate).await).await, 0);
    forget(&fingerprint).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dropped_database_is_gone_even_if_it_is_in_use() {
    let database = empty_database().await;
    let name = database.name.clone();
    let client = connect(database.url()).await.unwrap();
    assert!(is_there(&name).await);
    drop(database);
    assert!(!is_there(&name).await);
    assert!(client.batch_execute("select 1").await.is_err());
}

#[test]
fn a_test_that_is_not_async_gets_a_database_too() {
    let database = database_blocking("blocking", migrate);
    assert_eq!(Runtime::new().unwrap().block_on(things(&database)), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn databases_of_a_process_that_was_killed_are_swept() {
    // Not on the common server: there, nobody claims anything.
    let cluster = PrivateCluster::start();
    let admin = connect(cluster.url()).await.unwrap();
    let (alive, killed) = (leftovers::Tag::random(), leftovers::Tag::random());
    leftovers::claim(cluster.url().to_owned(), alive).unwrap();
    for tag in [alive, killed] {
        run(&admin, &format!("create database latchkey_test_{tag}_0")).await;
    }
    leftovers::claim(cluster.url().to_owned(), leftovers::Tag::random()).unwrap();

    let query = "select datname from pg_database where datname like 'latchkey%'";
    let left = admin.query(query, &[]).await.unwrap();
    let left: Vec<String> = left.iter().map(|row| row.get(0)).collect();
    assert_eq!(left, [format!("latchkey_test_{alive}_0")]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_private_cluster_keeps_what_it_confirmed_when_it_is_stopped_immediately() {
    let cluster = PrivateCluster::start();
    let url = cluster.url().to_owned();
    let client = connect(&url).await.unwrap();
    migrate(url.clone()).await;
    run(&client, "insert into things values (1)").await;

    cluster.stop_immediately();
    assert!(client.batch_execute("select 1").await.is_err());
    assert!(connect(&url).await.is_err());

    cluster.start_again();
    let client = connect(&url).await.unwrap();
    let count: i64 = client.query_one("select count(*) from things", &[]).await.unwrap().get(0);
    assert_eq!(count, 1);
    let durable: &str = &client.query_one("show fsync", &[]).await.unwrap().get::<_, String>(0);
    assert_eq!(durable, "on");

    drop(cluster);
    assert!(connect(&url).await.is_err());
}
