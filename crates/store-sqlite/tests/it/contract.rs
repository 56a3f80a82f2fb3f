//! The promises of the store ports, kept on a file of its own for each.

use std::sync::Arc;

use latchkey_store_sqlite::SqliteStore;
use latchkey_testkit::contract::{AllPorts, Ports};

async fn fresh() -> AllPorts {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let store = SqliteStore::open(&folder.path().join("latchkey.db")).expect("opens");
    store.migrate().await.expect("migrates");
    AllPorts {
        accounts: Arc::new(store.clone()),
        sessions: Arc::new(store.clone()),
        networks: Arc::new(store.clone()),
        tokens: Arc::new(store.clone()),
        of_keys: Ports {
            keys: Arc::new(store.clone()),
            owners: Arc::new(store.clone()),
            lookup: Arc::new(store.clone()),
            register: Arc::new(store.clone()),
            usage: Arc::new(store.clone()),
            usage_register: Arc::new(store.clone()),
            peppers: Arc::new(store.clone()),
            trail: Arc::new(store.clone()),
            housekeeping: Arc::new(store.clone()),
            shares: Arc::new(store.clone()),
            feed: Arc::new(store),
            guard: Box::new(folder),
        },
    }
}

latchkey_testkit::store_contract!(fresh());
latchkey_testkit::account_contract!(fresh());
