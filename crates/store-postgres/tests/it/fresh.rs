//! Stores to begin with.
#![expect(clippy::unwrap_used, reason = "a test fails by it")]

use std::fs;
use std::path::PathBuf;

use latchkey_store_postgres::{PostgresSettings, PostgresStore};
use latchkey_testkit::postgres::{Database, database};

pub(crate) fn store(url: &str) -> PostgresStore {
    PostgresStore::connect(&PostgresSettings::parse(url).unwrap()).unwrap()
}

/// One on a database of its own, with the schema and nothing in it.
pub(crate) async fn migrated() -> (PostgresStore, Database) {
    let database = database(&schema(), async |url| store(&url).migrate().await.unwrap()).await;
    (store(database.url()), database)
}

/// The names of all migrations, and their text.
fn schema() -> String {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../../migrations/postgres");
    let mut files: Vec<PathBuf> =
        fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path().join("up.sql")).collect();
    files.sort();
    let text = |file: &PathBuf| [file.display().to_string(), fs::read_to_string(file).unwrap()];
    files.iter().flat_map(text).collect()
}
