//! The schema is made, unmade and made again; instances that start together don't collide.
#![expect(clippy::unwrap_used, reason = "a test fails by it")]

use std::error::Error as StdError;
use std::fs;
use std::path::PathBuf;

use latchkey_store_postgres::{MigrateError, PostgresStore};
use latchkey_testkit::postgres::empty_database;
use tokio_postgres::{Client, NoTls};

use crate::fresh::{migrated, store};

pub(crate) async fn client(url: &str) -> Client {
    let (client, connection) = tokio_postgres::connect(url, NoTls).await.unwrap();
    tokio::spawn(connection);
    client
}

/// Everything that belongs to the schema, one line each.
async fn schema(client: &Client) -> Vec<String> {
    let query = "\
        select format('%s.%s %s', table_name, column_name, data_type) as line \
        from information_schema.columns where table_schema = 'public' \
        union all select indexdef from pg_indexes where schemaname = 'public' \
        union all select pg_get_functiondef(oid) from pg_proc \
            where pronamespace = 'public'::regnamespace \
        union all select pg_get_triggerdef(oid) from pg_trigger where not tgisinternal \
        union all select pg_get_constraintdef(oid) from pg_constraint \
            where connamespace = 'public'::regnamespace \
        order by line";
    client.query(query, &[]).await.unwrap().iter().map(|row| row.get(0)).collect()
}

pub(crate) fn migrations() -> Vec<PathBuf> {
    migrations_for("postgres")
}

fn migrations_for(database: &str) -> Vec<PathBuf> {
    let folder = PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../migrations"));
    let entries = fs::read_dir(folder.join(database)).unwrap();
    let mut folders: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
    folders.sort();
    folders
}

#[test]
fn each_migration_has_a_stamp_of_its_own_and_a_twin_for_the_other_store() {
    let names = |database| {
        let folders = migrations_for(database).into_iter();
        folders.map(|it| it.file_name().unwrap().to_string_lossy().into_owned()).collect()
    };
    let names: [Vec<String>; 2] = ["postgres", "sqlite"].map(names);
    assert_eq!(names[0], names[1]);
    // Diesel knows a migration by its stamp: of two with one stamp only one would run.
    let stamp = |name: &String| name.split_once('_').unwrap().0.to_owned();
    let mut stamps: Vec<_> = names[0].iter().map(stamp).collect();
    stamps.dedup();
    assert_eq!(stamps.len(), names[0].len(), "{names:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_schema_can_be_taken_down_and_made_again() {
    let (store, database) = migrated().await;
    let client = client(database.url()).await;
    let made = schema(&client).await;
    assert!(made.iter().any(|line| line.starts_with("api_keys.digest")), "{made:#?}");

    for folder in migrations().iter().rev() {
        let down = fs::read_to_string(folder.join("down.sql")).unwrap();
        client.batch_execute(&down).await.unwrap();
    }
    client.batch_execute("delete from __diesel_schema_migrations").await.unwrap();
    let left = schema(&client).await;
    assert!(
        left.iter().all(|line| line.contains("diesel") || line.contains("PRIMARY KEY (version)")),
        "{left:#?}"
    );
    assert!(store.ready().await.is_err());

    store.migrate().await.unwrap();
    assert_eq!(schema(&client).await, made);
    store.ready().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn ten_instances_that_start_together_all_come_up() {
    let database = empty_database().await;
    let starts = (0..10).map(|_instance| {
        let store = store(database.url());
        tokio::spawn(async move {
            store.migrate().await?;
            store.ready().await.map_err(|error| MigrateError::Failed(error.into()))
        })
    });
    for start in starts.collect::<Vec<_>>() {
        start.await.unwrap().unwrap();
    }
}

#[tokio::test]
async fn migrations_also_run_on_a_runtime_with_one_thread() {
    let database = empty_database().await;
    let store = store(database.url());
    store.migrate().await.unwrap();
    store.ready().await.unwrap();
}

/// As a later release leaves it, for versions that know the migration `oldest_reader`.
async fn migrated_later(client: &Client, oldest_reader: &str) {
    let later = format!(
        "insert into __diesel_schema_migrations (version) values ('29990101000000'); \
         insert into schema_compat (version, oldest_reader) \
         values ('29990101000000', '{oldest_reader}')"
    );
    client.batch_execute(&later).await.unwrap();
}

async fn refused_as_newer(store: &PostgresStore, needed: &str) {
    for refused in [store.migrate().await.unwrap_err(), store.due_migrations().await.unwrap_err()] {
        assert!(matches!(refused, MigrateError::Newer { .. }), "{refused:?}");
        assert!(refused.to_string().contains(&format!("don't know the migration {needed}")));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn each_migration_says_which_versions_can_use_its_schema() {
    let (_store, database) = migrated().await;
    let silent = "select version from __diesel_schema_migrations \
        where version >= '20261129000001' and not exists (\
            select from schema_compat it where it.version = __diesel_schema_migrations.version \
            and oldest_reader <= it.version)";
    let silent = client(database.url()).await.query(silent, &[]).await.unwrap();
    let silent: Vec<String> = silent.iter().map(|row| row.get(0)).collect();
    assert!(silent.is_empty(), "no row in schema_compat: {silent:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_newer_schema_that_says_that_this_version_can_use_it_is_used() {
    let (store, database) = migrated().await;
    migrated_later(&client(database.url()).await, "20261129000001").await;
    assert_eq!(store.due_migrations().await.unwrap(), 0);
    store.migrate().await.unwrap();
    store.ready().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_newer_schema_that_says_that_this_version_cannot_use_it_is_refused() {
    let (store, database) = migrated().await;
    migrated_later(&client(database.url()).await, "29981231000000").await;
    refused_as_newer(&store, "29981231000000").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_newer_schema_that_says_nothing_is_refused() {
    let (store, database) = migrated().await;
    let client = client(database.url()).await;
    migrated_later(&client, "20261129000001").await;
    client.batch_execute("delete from schema_compat where version > '2999'").await.unwrap();
    refused_as_newer(&store, "29990101000000").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_newer_schema_that_lacks_a_migration_of_ours_is_refused_and_left_alone() {
    let (store, database) = migrated().await;
    let client = client(database.url()).await;
    migrated_later(&client, "20261129000001").await;
    let older = "delete from __diesel_schema_migrations where version < '2999'";
    client.batch_execute(older).await.unwrap();
    let before = schema(&client).await;

    refused_as_newer(&store, "29990101000000").await;
    assert_eq!(schema(&client).await, before);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_instance_goes_on_while_a_newer_version_is_rolled_out() {
    let (store, database) = migrated().await;
    let newer = "insert into __diesel_schema_migrations (version) values ('29990101000000')";
    client(database.url()).await.batch_execute(newer).await.unwrap();
    store.ready().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failure_tells_its_cause() {
    let database = empty_database().await;
    client(database.url()).await.batch_execute("create table api_keys ()").await.unwrap();
    let failed = store(database.url()).migrate().await.unwrap_err();
    let cause = failed.source().unwrap().to_string();
    assert!(cause.contains("\"api_keys\" already exists"), "{cause}");
}
