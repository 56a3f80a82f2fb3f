//! What somebody wrote past the service is told as a failure that names the place.

use std::error::Error;
use std::path::Path;

use diesel::connection::SimpleConnection as _;
use diesel::{Connection as _, SqliteConnection};
use latchkey_domain::ApiKey;
use latchkey_domain::ports::{ApiKeyRepository as _, StoreError};
use latchkey_store_sqlite::SqliteStore;
use latchkey_testkit::fixtures::{a_key, an_event};

async fn after(path: &Path, key: &ApiKey, damage: &str) -> Result<(), StoreError> {
    let store = SqliteStore::open(path).expect("opens");
    store.migrate().await.expect("migrates");
    store.insert(key, None, 10, &an_event()).await.expect("stored");
    let mut db = SqliteConnection::establish(path.to_str().expect("UTF-8")).expect("opens");
    db.batch_execute(&format!("pragma ignore_check_constraints = on; {damage}")).expect("done");
    store.list(&key.parts().owner).await.map(|keys| assert!(keys.is_empty()))
}

#[tokio::test]
async fn a_value_that_cannot_be_read_back_is_named_by_its_place() {
    for (column, value) in [
        ("name", "''"),
        ("prefix", "'a b'"),
        ("environment", "'staging'"),
        ("digest", "x'00'"),
        ("pepper_id", "65536"),
        ("created_at", "9223372036854775807"),
        ("expires_at", "-9223372036854775808"),
        ("disabled_at", "9223372036854775807"),
        ("replaced_by", "x'00'"),
        ("version", "4294967297"),
    ] {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let (path, key) = (folder.path().join("latchkey.db"), a_key().build());
        let damage = format!("update api_keys set {column} = {value}");
        let error = after(&path, &key, &damage).await.expect_err(column);
        let source = error.source().expect("a cause").to_string();
        let id = key.parts().id;
        assert_eq!(source, format!("api_keys.{column} can't be read back (id {id})"));
    }
}

#[tokio::test]
async fn an_id_that_is_none_is_told_too() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let (path, key) = (folder.path().join("latchkey.db"), a_key().build());
    let error = after(&path, &key, "update api_keys set id = x'00'").await.expect_err("no id");
    assert!(error.source().expect("a cause").to_string().starts_with("api_keys.id "), "{error:?}");
}

#[tokio::test]
async fn a_missing_table_is_a_failure_and_not_an_empty_answer() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let (path, key) = (folder.path().join("latchkey.db"), a_key().build());
    assert!(after(&path, &key, "drop table last_uses").await.is_err());
}
