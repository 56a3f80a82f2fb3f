use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use latchkey_domain::ports::{
    FoundOwner, InsertError, OverlapError, Replacement, StoreError, UpdateError,
};
use latchkey_domain::{
    Action, ApiKey, AuditEvent, ChangeNumber, Limits, MaxKeys, OwnerDifference, OwnerId,
    OwnerSettings,
};

use super::Ports;
use super::steps::{
    AMPLE, Instance, added, assert_same_key, concurrently, find, found, list, revoke, stored,
    the_only_winner,
};
use crate::fixtures::{
    a_key, a_replacement, an_event, disabled, enabled, ending, limits_of, moment, owner, replaced,
};

const HOUR: Duration = Duration::from_hours(1);
const NOTHING: OwnerSettings =
    OwnerSettings { max_keys: None, suspended_at: None, limits: Limits::NONE };

pub async fn an_unknown_owner_holds_nothing_and_has_no_settings(ports: &Ports) {
    let FoundOwner { settings, held, credits, as_of: _ } = known(ports).await;
    assert_eq!(credits, None);
    assert_eq!((settings, held), (NOTHING, 0));
}

pub async fn the_settings_of_an_owner_read_back_equal(ports: &Ports) {
    let mut before = NOTHING;
    for after in [
        limited(0),
        OwnerSettings { suspended_at: Some(moment(1)), ..limited(1_000_000) },
        OwnerSettings { suspended_at: Some(moment(1)), ..NOTHING },
        OwnerSettings { limits: limits_of("minute=5 month=7"), ..limited(3) },
        NOTHING,
        suspended(),
    ] {
        change(ports, &before, &after).await;
        assert_eq!(known(ports).await.settings, after);
        let other = ports.owners.find(&owner("other")).await.expect("the store answers");
        assert_eq!(other.settings, NOTHING);
        before = after;
    }
}

pub async fn an_owner_holds_what_is_neither_revoked_nor_replaced(ports: &Ports) {
    let (key, old) = (added(ports, a_key()).await, added(ports, a_key()).await);
    added(ports, a_key().owned_by("other")).await;
    assert_eq!(known(ports).await.held, 2);
    let successor = a_key().build();
    let old = replaced(&old, &successor, HOUR, moment(0));
    ports.keys.replace(&a_replacement(&old, &successor, &an_event())).await.expect("replaced");
    change(ports, &NOTHING, &suspended()).await;
    assert_eq!(known(ports).await.held, 2);
    revoke(ports, &key, moment(1)).await;
    assert_eq!(known(ports).await.held, 1);
}

pub async fn settings_that_are_not_as_found_are_refused_and_nothing_written(ports: &Ports) {
    let five = limited(5);
    refused(ports, &five, &suspended()).await;
    refused(ports, &suspended(), &NOTHING).await;
    assert_eq!(known(ports).await.settings, NOTHING);
    change(ports, &NOTHING, &five).await;
    refused(ports, &NOTHING, &suspended()).await;
    refused(ports, &limited(6), &suspended()).await;
    refused(ports, &OwnerSettings { suspended_at: Some(moment(0)), ..five.clone() }, &NOTHING)
        .await;
    assert_eq!(known(ports).await.settings, five);
    assert_eq!(all_events(ports).await.len(), 1);
}

pub async fn of_concurrent_changes_of_an_owner_exactly_one_wins(ports: &Ports) {
    let answers = concurrently((0..20).map(|number| {
        let owners = Arc::clone(&ports.owners);
        let after = limited(number);
        async move {
            let change = owners.change(&owner("owner"), &NOTHING, &after, &an_event()).await;
            change.map(|_number| after)
        }
    }))
    .await;
    let winner = the_only_winner(answers);
    assert_eq!(known(ports).await.settings, winner);
    assert_eq!(all_events(ports).await.len(), 1);
}

pub async fn a_change_of_an_owner_leaves_one_event(ports: &Ports) {
    let event = an_event_of(&NOTHING, &suspended());
    let change = ports.owners.change(&owner("owner"), &NOTHING, &suspended(), &event).await;
    change.expect("it is as found");
    assert_eq!(all_events(ports).await, [event]);
}

pub async fn an_event_that_cannot_be_kept_undoes_the_change_of_an_owner(ports: &Ports) {
    let key = added(ports, a_key()).await;
    let mut instance = Instance::joined(ports).await;
    let taken = all_events(ports).await.remove(0);
    let change = ports.owners.change(&owner("owner"), &NOTHING, &suspended(), &taken).await;
    assert!(matches!(change, Err(UpdateError::Store(StoreError { .. }))), "got {change:?}");
    assert_eq!(known(ports).await.settings, NOTHING);
    assert!(!is_suspended(ports, &key).await);
    assert!(instance.apply_news().await.is_empty());
}

pub async fn a_limit_of_the_owner_holds_instead_of_the_policys(ports: &Ports) {
    let two = limited(2);
    change(ports, &NOTHING, &two).await;
    for policy in [0, AMPLE] {
        ports
            .keys
            .insert(&a_key().build(), None, policy, &an_event())
            .await
            .expect("a place is left");
    }
    for policy in [0, AMPLE] {
        exceeds(ports, policy, 2).await;
    }
    let none = limited(0);
    change(ports, &two, &none).await;
    exceeds(ports, AMPLE, 0).await;
    change(ports, &none, &NOTHING).await;
    exceeds(ports, 2, 2).await;
    ports
        .keys
        .insert(&a_key().build(), None, 3, &an_event())
        .await
        .expect("the policy's limit holds");
}

pub async fn a_limit_below_what_is_held_touches_no_key(ports: &Ports) {
    let keys = [added(ports, a_key()).await, added(ports, a_key()).await];
    let one = limited(1);
    change(ports, &NOTHING, &one).await;
    for key in &keys {
        assert_same_key(&find(ports, key).await.expect("it is there").key, key);
    }
    exceeds(ports, AMPLE, 1).await;
    revoke(ports, &keys[0], moment(1)).await;
    exceeds(ports, AMPLE, 1).await;
    revoke(ports, &keys[1], moment(1)).await;
    added(ports, a_key()).await;
}

pub async fn parallel_inserts_do_not_exceed_the_limit_of_the_owner(ports: &Ports) {
    change(ports, &NOTHING, &limited(7)).await;
    let answers = concurrently((0..40).map(|_| {
        let (keys, key) = (Arc::clone(&ports.keys), a_key().build());
        async move { keys.insert(&key, None, 20, &an_event()).await }
    }))
    .await;
    let stored = answers.iter().filter(|it| it.is_ok()).count();
    for error in answers.into_iter().filter_map(Result::err) {
        assert!(matches!(error, InsertError::LimitReached { limit: 7 }), "got {error:?}");
    }
    assert_eq!((stored, known(ports).await.held), (7, 7));
}

pub async fn a_limit_of_the_owner_holds_for_replaced_keys_too(ports: &Ports) {
    change(ports, &NOTHING, &limited(1)).await;
    let key = added(ports, a_key()).await;
    let first = a_rotation(&key, HOUR);
    ports.keys.replace(&first).await.expect("none works yet");
    let second = a_rotation(&first.successor, HOUR);
    let it = ports.keys.replace(&second).await;
    assert!(matches!(it, Err(OverlapError::LimitReached { limit: 1 })), "got {it:?}");
    let off = stored(ports, disabled(&first.key, moment(1))).await;
    ports.keys.replace(&second).await.expect("a disabled one takes no place");
    let it = ports.keys.revive(&enabled(&off), AMPLE, &an_event()).await;
    assert!(matches!(it, Err(OverlapError::LimitReached { limit: 1 })), "got {it:?}");
    // Without an overlap no limit counts.
    let third = Replacement { limit: None, ..a_rotation(&second.successor, Duration::ZERO) };
    ports.keys.replace(&third).await.expect("the replaced key ends");
}

pub async fn a_suspended_owner_gets_no_keys(ports: &Ports) {
    let key = added(ports, a_key()).await;
    change(ports, &NOTHING, &suspended()).await;
    let before = all_events(ports).await;
    let it = ports.keys.insert(&a_key().build(), None, AMPLE, &an_event()).await;
    assert!(matches!(it, Err(InsertError::OwnerSuspended)), "got {it:?}");
    for (overlap, limit) in [(HOUR, Some(AMPLE)), (Duration::ZERO, None)] {
        let rotation = Replacement { limit, ..a_rotation(&key, overlap) };
        let it = ports.keys.replace(&rotation).await;
        assert!(matches!(it, Err(OverlapError::OwnerSuspended)), "got {it:?}");
    }
    assert_eq!(all_events(ports).await, before);
    assert_same_key(&find(ports, &key).await.expect("it is there").key, &key);
    added(ports, a_key().owned_by("other")).await;
    // What the owner has can be changed, and ended.
    let key = stored(ports, ending(&key, moment(9))).await;
    revoke(ports, &key, moment(1)).await;
    change(ports, &suspended(), &NOTHING).await;
    added(ports, a_key()).await;
}

pub async fn a_look_up_shows_whether_the_owner_is_suspended(ports: &Ports) {
    let (mine, other) =
        (added(ports, a_key()).await, added(ports, a_key().owned_by("other")).await);
    assert!(!is_suspended(ports, &mine).await);
    change(ports, &NOTHING, &suspended()).await;
    assert!(is_suspended(ports, &mine).await);
    assert!(!is_suspended(ports, &other).await);
    change(ports, &suspended(), &NOTHING).await;
    assert!(!is_suspended(ports, &mine).await);
}

pub async fn a_suspension_and_its_end_are_told_of_each_unrevoked_key(ports: &Ports) {
    let keys = [added(ports, a_key()).await, added(ports, a_key()).await];
    stored(ports, disabled(&keys[1], moment(1))).await;
    let dead = added(ports, a_key()).await;
    revoke(ports, &dead, moment(1)).await;
    added(ports, a_key().owned_by("other")).await;
    let mut instances = [Instance::joined(ports).await, Instance::joined(ports).await];
    let want: BTreeSet<_> = keys.iter().map(|key| key.parts().id).collect();
    for [before, after] in [[NOTHING, suspended()], [suspended(), NOTHING]] {
        let number = change(ports, &before, &after).await;
        for instance in &mut instances {
            let news = instance.news().await.expect("it is on the list");
            assert!(news.position.change >= number, "{number} is after {news:?}");
            assert!(news.revoked.is_empty(), "nothing died: {news:?}");
            assert_eq!(told(instance).await, want);
        }
        let as_of = known(ports).await.as_of;
        assert!(as_of >= number, "{as_of} is before {number}");
    }
    for key in &keys {
        let now = find(ports, key).await.expect("it is there").key;
        assert!(now.parts().version <= 2, "no key was written");
    }
}

pub async fn what_is_no_beginning_or_end_of_a_suspension_is_not_told(ports: &Ports) {
    added(ports, a_key()).await;
    let mut instance = Instance::joined(ports).await;
    let five = limited(5);
    change(ports, &NOTHING, &five).await;
    assert!(told(&mut instance).await.is_empty());
    let both = OwnerSettings { suspended_at: Some(moment(0)), ..five };
    change(ports, &known(ports).await.settings, &both).await;
    assert_eq!(told(&mut instance).await.len(), 1);
    change(ports, &both, &suspended()).await;
    assert!(told(&mut instance).await.is_empty());
    // The first that is known of an owner.
    let (strange, five) = (owner("strange"), limited(5));
    ports.owners.change(&strange, &NOTHING, &five, &an_event()).await.expect("it is as found");
    assert!(told(&mut instance).await.is_empty());
}

pub async fn a_key_made_while_its_owner_is_suspended_is_told_or_refused(ports: &Ports) {
    for round in 0..10 {
        let of = owner(&format!("owner-{round}"));
        added(ports, a_key().owned_by(of.as_str())).await;
        let mut instance = Instance::joined(ports).await;
        let suspension = {
            let (owners, of) = (Arc::clone(&ports.owners), of.clone());
            tokio::spawn(
                async move { owners.change(&of, &NOTHING, &suspended(), &an_event()).await },
            )
        };
        let made = concurrently((0..8).map(|_| {
            let keys = Arc::clone(&ports.keys);
            let key = a_key().owned_by(of.as_str()).build();
            async move { keys.insert(&key, None, AMPLE, &an_event()).await.map(|()| key) }
        }))
        .await;
        suspension.await.expect("no panic").expect("it is as found");
        let told = told(&mut instance).await;
        for answer in made {
            match answer {
                Ok(key) => assert!(told.contains(&key.parts().id), "{key:?} is not told"),
                Err(error) => {
                    assert!(matches!(error, InsertError::OwnerSuspended), "got {error:?}");
                }
            }
        }
        assert_eq!(told.len(), list(ports, &of).await.len());
    }
}

fn limited(keys: u32) -> OwnerSettings {
    OwnerSettings { max_keys: MaxKeys::new(keys).ok(), ..NOTHING }
}

fn suspended() -> OwnerSettings {
    OwnerSettings { suspended_at: Some(moment(0)), ..NOTHING }
}

async fn known(ports: &Ports) -> FoundOwner {
    ports.owners.find(&owner("owner")).await.expect("the store answers")
}

async fn change(ports: &Ports, before: &OwnerSettings, after: &OwnerSettings) -> ChangeNumber {
    let event = an_event_of(before, after);
    ports.owners.change(&owner("owner"), before, after, &event).await.expect("it is as found")
}

async fn refused(ports: &Ports, before: &OwnerSettings, after: &OwnerSettings) {
    let it = ports.owners.change(&owner("owner"), before, after, &an_event()).await;
    assert!(matches!(it, Err(UpdateError::Stale)), "got {it:?}");
}

fn an_event_of(before: &OwnerSettings, after: &OwnerSettings) -> AuditEvent {
    let difference = OwnerDifference::between(before, after);
    AuditEvent { action: Action::OwnerChanged { difference }, ..an_event() }
}

async fn all_events(ports: &Ports) -> Vec<AuditEvent> {
    ports.trail.all_events(None, AMPLE).await.expect("the store answers")
}

async fn exceeds(ports: &Ports, policy: u32, limit: u32) {
    let it = ports.keys.insert(&a_key().build(), None, policy, &an_event()).await;
    assert!(
        matches!(it, Err(InsertError::LimitReached { limit: held }) if held == limit),
        "got {it:?}"
    );
}

async fn is_suspended(ports: &Ports, key: &ApiKey) -> bool {
    found(ports, key).await.expect("it is there").owner_suspended
}

/// The keys that an instance is told of.
async fn told(instance: &mut Instance<'_>) -> BTreeSet<latchkey_domain::ApiKeyId> {
    let none = latchkey_domain::ApiKeyId::NONE;
    instance.apply_news().await.into_iter().filter(|key| *key != none).collect()
}

fn a_rotation(key: &ApiKey, overlap: Duration) -> Replacement {
    let of: &OwnerId = &key.parts().owner;
    let successor = a_key().owned_by(of.as_str()).build();
    let old = replaced(key, &successor, overlap, moment(0));
    Replacement { limit: Some(AMPLE), ..a_replacement(&old, &successor, &an_event()) }
}
