//! The promises of the ports, kept by Postgres.

use std::sync::Arc;

use latchkey_store_postgres::PostgresStore;
use latchkey_testkit::contract::{AllPorts, Ports};

use crate::fresh::migrated;

async fn fresh() -> AllPorts {
    let (store, database) = migrated().await;
    let store = Arc::new(store);
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
            usage: Arc::<PostgresStore>::clone(&store),
            usage_register: Arc::<PostgresStore>::clone(&store),
            peppers: Arc::<PostgresStore>::clone(&store),
            trail: Arc::<PostgresStore>::clone(&store),
            housekeeping: Arc::<PostgresStore>::clone(&store),
            shares: Arc::<PostgresStore>::clone(&store),
            feed: store,
            guard: Box::new(database),
        },
    }
}

latchkey_testkit::store_contract!(fresh());
latchkey_testkit::account_contract!(fresh());
