//! A server proves who it is, or is not talked to.
#![expect(clippy::unwrap_used, reason = "a test fails by it")]

use std::error::Error as StdError;

use latchkey_store_postgres::{ConnectError, PostgresSettings, PostgresStore};
use latchkey_testkit::postgres::PrivateCluster;

use crate::fresh::store;

async fn refusal(url: &str) -> String {
    let error = store(url).migrate().await.unwrap_err();
    let mut text = String::new();
    let mut next: Option<&dyn StdError> = Some(&error);
    while let Some(error) = next {
        text = format!("{text}: {error}");
        next = error.source();
    }
    text
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_must_prove_its_name_by_an_authority_we_trust() {
    let cluster = PrivateCluster::start();
    let folder = cluster.use_tls().await;
    for mode in ["verify-full", "verify-ca", "require", "prefer"] {
        let by_address = format!("{}?sslmode={mode}&sslrootcert={folder}/", cluster.url());
        let by_name = by_address.replace("127.0.0.1", "localhost");
        store(&format!("{by_name}ca.pem")).migrate().await.unwrap();

        let unknown = refusal(&format!("{by_name}other.pem")).await;
        assert!(unknown.contains("UnknownIssuer"), "{mode}{unknown}");

        let other_name = refusal(&format!("{by_address}ca.pem")).await;
        assert!(other_name.contains("not valid for name"), "{mode}{other_name}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_without_tls_is_refused_where_tls_is_required() {
    let cluster = PrivateCluster::start();
    let url = cluster.url();
    store(url).migrate().await.unwrap();
    store(&format!("{url}?sslmode=prefer")).ready().await.unwrap();
    for mode in ["require", "verify-ca", "verify-full"] {
        let refused = refusal(&format!("{url}?sslmode={mode}")).await;
        assert!(refused.contains("server does not support TLS"), "{mode}{refused}");
    }
}

#[test]
fn a_file_of_authorities_that_is_missing_or_has_none_is_named() {
    let connect = |file: &str| {
        let url = format!("postgres://u@db.example.com/d?sslrootcert={file}");
        PostgresStore::connect(&PostgresSettings::parse(&url).unwrap()).unwrap_err()
    };
    let missing = connect("/nowhere/ca.pem");
    assert!(matches!(missing, ConnectError::Unreadable { .. }), "{missing:?}");
    assert!(missing.to_string().contains("/nowhere/ca.pem"), "{missing}");
    let empty = connect("Cargo.toml");
    assert!(matches!(empty, ConnectError::Empty { .. }), "{empty:?}");
}
