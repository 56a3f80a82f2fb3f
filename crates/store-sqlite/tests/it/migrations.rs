//! The schema goes up, down and up again, and is never touched by a release that does not know it.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use diesel::connection::SimpleConnection as _;
use diesel::prelude::*;
use diesel::sql_types::Text;
use diesel_migrations::{FileBasedMigrations, MigrationHarness as _};
use latchkey_store_sqlite::{MigrateError, SqliteStore};

const FOLDER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../migrations");

#[derive(QueryableByName, Debug, PartialEq)]
struct Definition {
    #[diesel(sql_type = Text)]
    sql: String,
}

/// Without SQLite's own table of the numbers that it gave out: it stays once it is there.
fn definitions(db: &mut SqliteConnection) -> Vec<Definition> {
    let sql = "select sql from sqlite_schema \
        where sql is not null and name <> 'sqlite_sequence' order by name";
    diesel::sql_query(sql).load(db).expect("read")
}

fn connect(path: &Path) -> SqliteConnection {
    SqliteConnection::establish(path.to_str().expect("UTF-8")).expect("opens")
}

#[test]
fn the_schema_goes_up_down_and_up_again() {
    let mut db = SqliteConnection::establish(":memory:").expect("opens");
    let path = format!("{FOLDER}/sqlite");
    let migrations = || FileBasedMigrations::from_path(&path).expect("a folder");
    db.run_pending_migrations(migrations()).expect("up");
    let up = definitions(&mut db);
    db.revert_all_migrations(migrations()).expect("down");
    assert_eq!(definitions(&mut db).len(), 1, "only the list of migrations is left");
    db.run_pending_migrations(migrations()).expect("up");
    assert_eq!(definitions(&mut db), up);
}

#[test]
fn both_stores_have_migrations_of_the_same_names() {
    let names = |store| -> BTreeSet<_> {
        let entries = fs::read_dir(format!("{FOLDER}/{store}")).expect("a folder");
        entries.map(|entry| entry.expect("an entry").file_name()).collect()
    };
    assert_eq!(names("sqlite"), names("postgres"));
}

#[tokio::test]
async fn a_store_is_ready_once_it_is_migrated_which_may_be_done_again() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let store = SqliteStore::open(&folder.path().join("latchkey.db")).expect("opens");
    assert!(store.ready().await.is_err());
    for _ in 0..2 {
        store.migrate().await.expect("migrates");
        store.ready().await.expect("ready");
    }
}

/// A migrated database as a later release leaves it, for versions that know the migration
/// `oldest_reader`, and what this one makes of it.
async fn migrated_later(oldest_reader: &str, and: &str) -> Result<(), MigrateError> {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().join("latchkey.db");
    let store = SqliteStore::open(&path).expect("opens");
    store.migrate().await.expect("migrates");
    store.close().await;
    drop(store);
    let mut db = connect(&path);
    db.batch_execute(&format!(
        "insert into __diesel_schema_migrations (version) values ('99990101000001');
         insert into schema_compat (version, oldest_reader)
             values ('99990101000001', '{oldest_reader}');
         {and}"
    ))
    .expect("written");
    let before = definitions(&mut db);

    let store = SqliteStore::open(&path).expect("opens");
    let checked = store.check_schema().await;
    let migrated = store.migrate().await;
    assert_eq!(checked.is_ok(), migrated.is_ok(), "{checked:?} {migrated:?}");
    if migrated.is_ok() {
        store.ready().await.expect("ready");
    }
    assert_eq!(definitions(&mut db), before);
    migrated
}

#[tokio::test]
async fn a_newer_schema_that_says_that_this_version_can_use_it_is_used() {
    migrated_later("20261129000001", "").await.expect("it can be used");
}

#[tokio::test]
async fn a_newer_schema_that_does_not_say_so_is_refused_and_left_as_it_is() {
    for (oldest_reader, and, expected) in [
        ("99981231000000", "", "99981231000000"),
        ("20261129000001", "delete from schema_compat where version > '9'", "99990101000001"),
        // One of ours is missing as well: it must not be applied beside the unknown one.
        (
            "20261129000001",
            "delete from __diesel_schema_migrations where version = '20261128000004'",
            "99990101000001",
        ),
    ] {
        let it = migrated_later(oldest_reader, and).await;
        assert!(
            matches!(&it, Err(MigrateError::Newer { needed, .. }) if needed == expected),
            "got {it:?}",
        );
    }
}

#[test]
fn each_migration_says_which_versions_can_use_its_schema() {
    let mut db = SqliteConnection::establish(":memory:").expect("opens");
    let path = format!("{FOLDER}/sqlite");
    db.run_pending_migrations(FileBasedMigrations::from_path(&path).expect("a folder"))
        .expect("up");
    let silent = "select version as sql from __diesel_schema_migrations as made
        where version >= '20261129000001' and not exists (
            select 1 from schema_compat as it
            where it.version = made.version and oldest_reader <= it.version)";
    let silent: Vec<Definition> = diesel::sql_query(silent).load(&mut db).expect("read");
    assert_eq!(silent, [], "no row in schema_compat");
}
