use latchkey_testkit::postgres::empty_database;
use tokio_postgres::NoTls;

use super::*;
use crate::{PostgresSettings, PostgresStore};

#[tokio::test(flavor = "multi_thread")]
async fn every_table_of_the_schema_is_among_what_the_server_needs() {
    let database = empty_database().await;
    let settings = PostgresSettings::parse(database.url()).expect("a URL");
    PostgresStore::connect(&settings).expect("connects").migrate().await.expect("migrates");
    let (client, connection) =
        tokio_postgres::connect(database.url(), NoTls).await.expect("it takes connections");
    tokio::spawn(connection);
    let tables = "select tablename::text from pg_tables where schemaname = 'public' order by 1";
    let tables = client.query(tables, &[]).await.expect("it tells");
    let tables: Vec<String> = tables.iter().map(|row| row.get(0)).collect();
    for table in tables {
        assert!(SERVING.iter().any(|(needed, _)| *needed == table), "{table} is not in SERVING");
    }
}

#[test]
fn what_verifies_needs_nothing_that_the_server_does_not() {
    for (table, done) in VERIFYING {
        let (_, serving) = SERVING.iter().find(|(name, _)| name == table).expect("the server's");
        assert!(done.iter().all(|it| serving.contains(it)), "{table}: {done:?}");
    }
}
