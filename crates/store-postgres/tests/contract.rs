//! The promises of the ports, kept by Postgres.
#![expect(clippy::unwrap_used, reason = "a test fails by it")]

use std::fs;
use std::path::PathBuf;
use std::sync::Arc;

use latchkey_store_postgres::{PostgresSettings, PostgresStore};
use latchkey_testkit::contract::{AllPorts, Ports};
use latchkey_testkit::postgres::database;

/// The names of all migrations, and their text.
fn schema() -> String {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../../migrations/postgres");
    let mut files: Vec<PathBuf> =
        fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path().join("up.sql")).collect();
    files.sort();
    let text = |file: &PathBuf| [file.display().to_string(), fs::read_to_string(file).unwrap()];
    files.iter().flat_map(text).collect()
}

fn store(url: &str) -> PostgresStore {
    PostgresStore::connect(&PostgresSettings::parse(url).unwrap()).unwrap()
}

async fn fresh() -> AllPorts {
    let database = database(&schema(), async |url| store(&url).migrate().await.unwrap()).await;
    let store = Arc::new(store(database.url()));
    AllPorts {
        accounts: Arc::<PostgresStore>::clone(&store),
        sessions: Arc::<PostgresStore>::clone(&store),
        networks: Arc::<PostgresStore>::clone(&store),
        tokens: Arc::<PostgresStore>::clone(&store),
        of_keys: Ports {
            keys: Arc::<PostgresStore>::clone(&store),
            owners: Arc::<PostgresStore>::clone(&store),
            lookup: Arc::<PostgresStore>::clone(&store),
            register: Arc::<PostgresStore>::clone(&store),
            last_uses: Arc::<PostgresStore>::clone(&store),
            peppers: Arc::<PostgresStore>::clone(&store),
            trail: Arc::<PostgresStore>::clone(&store),
            housekeeping: Arc::<PostgresStore>::clone(&store),
            feed: store,
            guard: Box::new(database),
        },
    }
}

latchkey_testkit::store_contract!(fresh());
latchkey_testkit::account_contract!(fresh());
