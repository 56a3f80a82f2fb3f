use latchkey_accounts::Account;
use latchkey_domain::ports::{InsertError, UpdateError};
use latchkey_domain::{Action, AuditEvent, Caller, KeyLabel, UserAgent};

use super::AllPorts;
use super::steps::{
    AMPLE, added, assert_revoked, assert_same_account, assert_same_key, begun, by_digest, by_email,
    find, goes_on, registered, session,
};
use crate::fixtures::{
    a_batch, a_caller, a_key, a_session, account_with_password, an_account, an_event, an_id,
    disabled_account, enabled_account, moment,
};

pub async fn an_enabled_account_gets_new_keys_and_none_of_the_old_ones(ports: &AllPorts) {
    let account = registered(ports, an_account()).await;
    let old = added(ports, a_key().owned_by_account(&account)).await;
    let ended = begun(ports, a_session(&account)).await;
    let off = disabled(ports, &account).await;
    let on = enabled_account(&off);
    ports.accounts.enable(&on, &an_event()).await.expect("the next version is stored");
    assert_same_account(&by_email(ports, &account).await.expect("it is there"), &on);
    assert!(on.is_active());
    added(ports, a_key().owned_by_account(&account)).await;
    assert_revoked(&by_digest(ports, &old).await.expect("it is there"), &old, moment(7));
    assert!(!goes_on(ports, &ended).await);
    assert!(goes_on(ports, &begun(ports, a_session(&on)).await).await);
}

pub async fn enabling_what_is_not_the_disabled_version_is_refused_and_nothing_changed(
    ports: &AllPorts,
) {
    let active = registered(ports, an_account()).await;
    let off = disabled(ports, &registered(ports, an_account()).await).await;
    let stranger = an_account().build();
    for wrong in [
        enabled_account(&active),
        enabled_account(&enabled_account(&off)),
        off.clone(),
        enabled_account(&stranger),
    ] {
        let it = ports.accounts.enable(&wrong, &an_event()).await;
        assert!(matches!(it, Err(UpdateError::Stale)), "got {it:?}");
    }
    for want in [active, off] {
        assert_same_account(&by_email(ports, &want).await.expect("it is there"), &want);
    }
}

pub async fn a_deleted_account_is_gone_with_its_sessions_keys_and_last_uses(ports: &AllPorts) {
    let account = registered(ports, an_account()).await;
    let key = added(ports, a_key().owned_by_account(&account)).await;
    let used = [(key.parts().id, moment(1))];
    ports.usage.record(&a_batch(&used)).await.expect("the use is recorded");
    let ended = begun(ports, a_session(&account)).await;
    deleted(ports, &account).await;
    assert!(by_email(ports, &account).await.is_none());
    assert!(session(ports, ended.digest).await.is_none());
    assert!(by_digest(ports, &key).await.is_none());
    // Another key with that id shows no use.
    let again = added(ports, a_key().with_id(key.parts().id)).await;
    assert_eq!(find(ports, &again).await.expect("it is there").last_used_at, None);
}

pub async fn deleting_touches_no_other_account(ports: &AllPorts) {
    let (account, bystander) =
        (registered(ports, an_account()).await, registered(ports, an_account()).await);
    added(ports, a_key().owned_by_account(&account)).await;
    let key = added(ports, a_key().owned_by_account(&bystander)).await;
    let used = [(key.parts().id, moment(1))];
    ports.usage.record(&a_batch(&used)).await.expect("the use is recorded");
    let goes = begun(ports, a_session(&bystander)).await;
    let event = personal(&bystander);
    ports.trail.record(&event).await.expect("the store answers");
    deleted(ports, &account).await;
    assert_same_account(&by_email(ports, &bystander).await.expect("it is there"), &bystander);
    assert!(goes_on(ports, &goes).await);
    let found = find(ports, &key).await.expect("it is there");
    assert_same_key(&found.key, &key);
    assert_eq!(found.last_used_at, Some(moment(1)));
    assert_eq!(trail(ports, &bystander).await, [event]);
}

pub async fn the_trail_of_a_deleted_account_stays_without_what_is_personal(ports: &AllPorts) {
    let account = registered(ports, an_account()).await;
    let event = personal(&account);
    ports.trail.record(&event).await.expect("the store answers");
    let off = disabled(ports, &account).await;
    let owner = Some(account.parts().id.owner());
    let last = AuditEvent { action: Action::AccountDeleted, owner, ..an_event() };
    ports.accounts.delete(&off, &last).await.expect("it is deleted");
    let caller = Caller { address: None, user_agent: None, ..event.caller.clone() };
    let stripped = AuditEvent { label: None, caller, ..event };
    assert_eq!(trail(ports, &account).await, [last, stripped]);
}

pub async fn deleting_what_is_not_the_disabled_version_is_refused_and_nothing_changed(
    ports: &AllPorts,
) {
    let active = registered(ports, an_account()).await;
    let key = added(ports, a_key().owned_by_account(&active)).await;
    let event = personal(&active);
    ports.trail.record(&event).await.expect("the store answers");
    let off = disabled(ports, &registered(ports, an_account()).await).await;
    let ahead = account_with_password(&off, "ahead");
    for wrong in [&active, &ahead, &disabled_account(&active, moment(7)), &an_account().build()] {
        let it = ports.accounts.delete(wrong, &an_event()).await;
        assert!(matches!(it, Err(UpdateError::Stale)), "got {it:?}");
    }
    assert_same_key(&find(ports, &key).await.expect("it is there").key, &key);
    assert_eq!(trail(ports, &active).await, [event]);
    for want in [active, off] {
        assert_same_account(&by_email(ports, &want).await.expect("it is there"), &want);
    }
}

pub async fn the_address_of_a_deleted_account_is_free_and_its_id_is_closed(ports: &AllPorts) {
    let gone = registered(ports, an_account().with_email("ada@example.com")).await;
    deleted(ports, &gone).await;
    let new = registered(ports, an_account().with_email("ada@example.com")).await;
    assert_same_account(&by_email(ports, &gone).await.expect("it is there"), &new);
    added(ports, a_key().owned_by_account(&new)).await;
    let key = a_key().owned_by_account(&gone).build();
    let it = ports.keys.insert(&key, None, AMPLE, &an_event()).await;
    assert!(matches!(it, Err(InsertError::OwnerClosed)), "got {it:?}");
}

pub async fn pages_hold_all_accounts_in_id_order(ports: &AllPorts) {
    let mut want = Vec::new();
    for _ in 0..5 {
        want.push(registered(ports, an_account()).await);
    }
    want[1] = disabled(ports, &want[1]).await;
    let (mut got, mut after) = (Vec::new(), None);
    loop {
        let page = ports.accounts.page(after, 2).await.expect("the store answers");
        assert!(page.len() <= 2);
        let Some(last) = page.last() else { break };
        after = Some(last.parts().id);
        got.extend(page);
    }
    assert_eq!(got.len(), want.len());
    for (got, want) in got.iter().zip(&want) {
        assert_same_account(got, want);
    }
}

async fn disabled(ports: &AllPorts, account: &Account) -> Account {
    let off = disabled_account(account, moment(7));
    ports.accounts.disable(&off, &an_event()).await.expect("the next version is stored");
    off
}

async fn deleted(ports: &AllPorts, account: &Account) {
    let off = disabled(ports, account).await;
    ports.accounts.delete(&off, &an_event()).await.expect("it is deleted");
}

async fn trail(ports: &AllPorts, account: &Account) -> Vec<AuditEvent> {
    let owner = account.parts().id.owner();
    ports.trail.events_of(&owner, None, None, AMPLE).await.expect("the store answers")
}

/// An event of the account with everything in it that tells of a person.
fn personal(account: &Account) -> AuditEvent {
    let key = a_key().named("Ada's laptop").build();
    AuditEvent {
        owner: Some(account.parts().id.owner()),
        action: Action::KeyChanged { key: an_id(), difference: None },
        label: Some(KeyLabel::from(&key)),
        caller: Caller {
            address: Some([192, 0, 2, 1].into()),
            user_agent: UserAgent::of("curl/8.5.0"),
            request_id: Some("0123-abc".to_owned()),
            ..a_caller()
        },
        ..an_event()
    }
}
