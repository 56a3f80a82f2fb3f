//! Calls that meet don't stop each other.

use latchkey_accounts::ports::AccountRepository;
use latchkey_domain::ApiKey;
use latchkey_domain::ports::{ApiKeyRepository, OverlapError};
use latchkey_testkit::fixtures::{
    a_key, a_replacement, an_account, an_event, an_event_at, changed, disabled_account, moment,
};

use crate::fresh::migrated;

#[tokio::test(flavor = "multi_thread")]
async fn disabling_an_account_waits_for_no_call_that_waits_for_it() {
    let (store, _database) = migrated().await;
    for _round in 0..5 {
        let account = an_account().build();
        AccountRepository::insert(&store, &account, &an_event()).await.unwrap();
        let owner = account.parts().id.owner();
        let mut keys: Vec<ApiKey> = Vec::new();
        for _key in 0..40 {
            keys.push(a_key().owned_by_account(&account).build());
            ApiKeyRepository::insert(&store, keys.last().unwrap(), None, 100, &an_event())
                .await
                .unwrap();
        }

        let mut others: Vec<ApiKey> = Vec::new();
        for _key in 0..20 {
            others.push(a_key().owned_by("another").build());
            ApiKeyRepository::insert(&store, others.last().unwrap(), None, 100, &an_event())
                .await
                .unwrap();
        }

        // Newest first: against the order in which disabling takes them.
        let calls = keys.into_iter().rev().zip(0..).map(|(key, count)| {
            let (store, owner) = (store.clone(), owner.clone());
            tokio::spawn(async move {
                if count % 2 == 0 {
                    store.revoke(&owner, key.parts().id, &an_event_at(moment(1))).await.unwrap();
                } else {
                    let successor = a_key().owned_by(owner.as_str()).build();
                    let replaced = changed(&key, |parts| {
                        parts.replaced_by = Some(successor.parts().id);
                    });
                    let it =
                        store.replace(&a_replacement(&replaced, &successor, &an_event())).await;
                    assert!(matches!(it, Ok(_) | Err(OverlapError::Stale)), "{it:?}");
                }
            })
        });
        let mut calls: Vec<_> = calls.collect();
        // Other owners' keys have nothing in common with these but the clock of changes.
        for key in others {
            let store = store.clone();
            calls.push(tokio::spawn(async move {
                let parts = key.parts();
                store.revoke(&parts.owner, parts.id, &an_event_at(moment(1))).await.unwrap();
            }));
        }
        store.disable(&disabled_account(&account, moment(2)), &an_event()).await.unwrap();
        for call in calls {
            call.await.unwrap();
        }
        assert!(store.list(&owner).await.unwrap().is_empty());
    }
}
