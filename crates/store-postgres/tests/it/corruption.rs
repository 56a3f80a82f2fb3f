//! What somebody wrote past the service is told as a failure that names the place.

use std::error::Error as _;

use latchkey_domain::ports::ApiKeyRepository;
use latchkey_testkit::fixtures::{a_key, an_event};
use tokio_postgres::NoTls;

use crate::fresh::migrated;

#[tokio::test(flavor = "multi_thread")]
async fn a_value_that_cannot_be_read_back_is_named_by_its_place() {
    let (store, database) = migrated().await;
    let (client, connection) = tokio_postgres::connect(database.url(), NoTls).await.unwrap();
    tokio::spawn(connection);
    let unchecked = "alter table api_keys drop constraint api_keys_environment_check, \
        drop constraint api_keys_digest_check";
    client.batch_execute(unchecked).await.unwrap();
    for (column, value) in [
        ("name", "''"),
        ("prefix", "'a b'"),
        ("environment", "'staging'"),
        ("digest", "'\\x00'"),
        ("pepper_id", "65536"),
    ] {
        let key = a_key().owned_by(column).build();
        store.insert(&key, None, 10, &an_event()).await.unwrap();
        let damage = format!("update api_keys set {column} = {value} where owner = '{column}'");
        client.batch_execute(&damage).await.unwrap();
        let error = store.list(&key.parts().owner).await.expect_err(column);
        let (source, id) = (error.source().unwrap().to_string(), key.parts().id);
        assert_eq!(source, format!("api_keys.{column} can't be read back (id {id})"));
    }
}
