//! A change is told whatever becomes of the caller, and a revocation is final.

use std::future::poll_fn;
use std::task::Poll;

use diesel::connection::SimpleConnection as _;
use diesel::prelude::*;
use latchkey_domain::ApiKey;
use latchkey_domain::ports::{ApiKeyRepository, ChangeFeed, Heartbeat, Registration};
use latchkey_store_sqlite::SqliteStore;
use latchkey_testkit::fixtures::{a_key, an_event, an_event_at, moment};
use tempfile::TempDir;

async fn fixture() -> (SqliteStore, ApiKey, TempDir) {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let store = SqliteStore::open(&folder.path().join("latchkey.db")).expect("opens");
    store.migrate().await.expect("migrates");
    let key = a_key().build();
    ApiKeyRepository::insert(&store, &key, None, 10, &an_event()).await.expect("added");
    (store, key, folder)
}

#[tokio::test]
async fn a_change_whose_caller_has_gone_is_told() {
    let (store, key, _folder) = fixture().await;
    let Registration { instance, position } = store.register().await.expect("registered");

    let event = an_event_at(moment(1));
    let mut revoke = store.revoke(&key.parts().owner, key.parts().id, &event);
    // Polled once, which queues it, and dropped.
    let waits = poll_fn(|context| Poll::Ready(revoke.as_mut().poll(context).is_pending())).await;
    assert!(waits);
    drop(revoke);
    let number = store.latest_change(&key.parts().owner, key.parts().id).await;

    let answer = store.heartbeat(instance, position).await.expect("answered");
    let Heartbeat::News(news) = answer else { panic!("it is on the list") };
    assert_eq!(news.changed, [key.parts().id]);
    assert_eq!(number.expect("answered"), Some(news.position.change));
}

#[tokio::test]
async fn a_revoked_key_is_not_brought_back_by_hand() {
    let (store, key, folder) = fixture().await;
    let revoked = store.revoke(&key.parts().owner, key.parts().id, &an_event_at(moment(1))).await;
    assert!(revoked.expect("answered").is_some());
    store.close().await;

    let path = folder.path().join("latchkey.db");
    let mut db = SqliteConnection::establish(path.to_str().expect("UTF-8")).expect("opens");
    for instant in ["null", "1"] {
        let it = db.batch_execute(&format!("update api_keys set revoked_at = {instant}"));
        let error = it.expect_err("it is final").to_string();
        assert_eq!(error, "a revoked key stays revoked");
    }
}
