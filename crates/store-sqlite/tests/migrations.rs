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

fn definitions(db: &mut SqliteConnection) -> Vec<Definition> {
    let sql = "select sql from sqlite_schema where sql is not null order by name";
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

#[tokio::test]
async fn a_newer_schema_is_refused_and_left_as_it_is() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().join("latchkey.db");
    let mut db = connect(&path);
    // Newer and, as it happens, without what this release would add.
    db.batch_execute(
        "create table __diesel_schema_migrations (version text primary key not null,
             run_on timestamp not null default current_timestamp);
         insert into __diesel_schema_migrations (version) values ('99990101000001')",
    )
    .expect("written");
    let before = definitions(&mut db);

    let store = SqliteStore::open(&path).expect("opens");
    let it = store.migrate().await;
    assert!(
        matches!(&it, Err(MigrateError::Newer { version }) if version == "99990101000001"),
        "got {it:?}",
    );
    assert!(store.ready().await.is_err());
    assert_eq!(definitions(&mut db), before);
}
