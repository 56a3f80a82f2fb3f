use std::sync::Arc;

use latchkey_accounts::Account;
use latchkey_domain::ports::{InsertError, UpdateError};

use super::AllPorts;
use super::steps::{
    AMPLE, added, assert_revoked, assert_same_account, assert_same_key, begun, by_digest, by_email,
    concurrently, find, goes_on, list, registered, revoke, session, stored,
};
use crate::fixtures::{
    a_key, a_session, account_with_password, an_account, an_event, changed, disabled,
    disabled_account, moment,
};

pub async fn a_disabled_account_reads_back_equal(ports: &AllPorts) {
    let account = registered(ports, an_account()).await;
    let off = stored_disabled(ports, &account, 7).await;
    assert_same_account(&by_email(ports, &account).await.expect("it is there"), &off);
}

pub async fn disabling_ends_the_sessions_of_the_account_alone(ports: &AllPorts) {
    let (account, bystander) =
        (registered(ports, an_account()).await, registered(ports, an_account()).await);
    let ended = [begun(ports, a_session(&account)).await, begun(ports, a_session(&account)).await];
    let other = begun(ports, a_session(&bystander)).await;
    stored_disabled(ports, &account, 7).await;
    for each in ended {
        assert!(session(ports, each.digest).await.is_none());
    }
    assert!(goes_on(ports, &other).await);
    assert_same_account(&by_email(ports, &bystander).await.expect("it is there"), &bystander);
}

pub async fn disabling_revokes_the_keys_of_the_account_alone(ports: &AllPorts) {
    let (account, bystander) =
        (registered(ports, an_account()).await, registered(ports, an_account()).await);
    let active = added(ports, a_key().owned_by_account(&account)).await;
    let off = added(ports, a_key().owned_by_account(&account)).await;
    let off = stored(ports, disabled(&off, moment(1))).await;
    let dead = added(ports, a_key().owned_by_account(&account)).await;
    revoke(ports, &dead, moment(2)).await;
    let foreign = added(ports, a_key().owned_by_account(&bystander)).await;

    stored_disabled(ports, &account, 7).await;

    assert_revoked(&by_digest(ports, &active).await.expect("it is there"), &active, moment(7));
    assert_revoked(&by_digest(ports, &off).await.expect("it is there"), &off, moment(7));
    assert_revoked(&by_digest(ports, &dead).await.expect("it is there"), &dead, moment(2));
    assert!(list(ports, &account.parts().id.owner()).await.is_empty());
    assert_same_key(&find(ports, &foreign).await.expect("it is there").key, &foreign);
}

pub async fn a_disabled_account_gets_no_more_keys(ports: &AllPorts) {
    let with_keys = registered(ports, an_account()).await;
    added(ports, a_key().owned_by_account(&with_keys)).await;
    let without = registered(ports, an_account()).await;
    for account in [with_keys, without] {
        stored_disabled(ports, &account, 7).await;
        let key = a_key().owned_by_account(&account).build();
        let it = ports.keys.insert(&key, None, AMPLE, &an_event()).await;
        assert!(matches!(it, Err(InsertError::OwnerClosed)), "got {it:?}");
        assert!(by_digest(ports, &key).await.is_none());
    }
    added(ports, a_key().owned_by("somebody-else")).await;
}

pub async fn a_key_made_while_its_account_is_disabled_does_not_live(ports: &AllPorts) {
    let account = registered(ports, an_account()).await;
    let inserts = concurrently((0..30).map(|_| {
        let (keys, key) = (Arc::clone(&ports.keys), a_key().owned_by_account(&account).build());
        async move { keys.insert(&key, None, AMPLE, &an_event()).await }
    }));
    let (answers, _) = tokio::join!(inserts, stored_disabled(ports, &account, 7));
    for it in answers {
        assert!(matches!(it, Ok(()) | Err(InsertError::OwnerClosed)), "got {it:?}");
    }
    assert!(list(ports, &account.parts().id.owner()).await.is_empty());
}

pub async fn a_key_changed_while_its_account_is_disabled_does_not_live(ports: &AllPorts) {
    let account = registered(ports, an_account()).await;
    let mut keys = Vec::new();
    for _ in 0..20 {
        keys.push(added(ports, a_key().owned_by_account(&account)).await);
    }
    let updates = concurrently(keys.into_iter().map(|key| {
        let keys = Arc::clone(&ports.keys);
        async move {
            keys.update(&changed(&key, |parts| parts.expires_at = Some(moment(9))), &an_event())
                .await
        }
    }));
    let (answers, _) = tokio::join!(updates, stored_disabled(ports, &account, 7));
    for it in answers {
        assert!(matches!(it, Ok(_) | Err(UpdateError::Stale)), "got {it:?}");
    }
    assert!(list(ports, &account.parts().id.owner()).await.is_empty());
}

pub async fn a_stale_disabling_is_refused_and_nothing_changed(ports: &AllPorts) {
    let account = registered(ports, an_account()).await;
    let next = account_with_password(&account, "new");
    ports
        .accounts
        .change_password(&next, None, &an_event())
        .await
        .expect("the next version is stored");
    let going = begun(ports, a_session(&next)).await;
    let key = added(ports, a_key().owned_by_account(&account)).await;

    let it = ports.accounts.disable(&disabled_account(&account, moment(7)), &an_event()).await;
    assert!(matches!(it, Err(UpdateError::Stale)), "got {it:?}");

    assert_same_account(&by_email(ports, &account).await.expect("it is there"), &next);
    assert!(goes_on(ports, &going).await);
    assert_same_key(&find(ports, &key).await.expect("it is there").key, &key);
    added(ports, a_key().owned_by_account(&account)).await;
}

pub async fn disabling_an_unknown_account_is_stale(ports: &AllPorts) {
    let account = an_account().build();
    let it = ports.accounts.disable(&disabled_account(&account, moment(7)), &an_event()).await;
    assert!(matches!(it, Err(UpdateError::Stale)), "got {it:?}");
    added(ports, a_key().owned_by_account(&account)).await;
}

pub async fn disabling_twice_is_fine_and_keeps_the_first_instant(ports: &AllPorts) {
    let account = registered(ports, an_account()).await;
    let key = added(ports, a_key().owned_by_account(&account)).await;
    let once = stored_disabled(ports, &account, 7).await;
    let twice = stored_disabled(ports, &once, 9).await;
    assert_same_account(&by_email(ports, &account).await.expect("it is there"), &twice);
    assert_eq!(twice.parts().state, once.parts().state);
    assert_revoked(&by_digest(ports, &key).await.expect("it is there"), &key, moment(7));
}

async fn stored_disabled(ports: &AllPorts, account: &Account, at: i64) -> Account {
    let next = disabled_account(account, moment(at));
    ports.accounts.disable(&next, &an_event()).await.expect("the next version is stored");
    next
}
