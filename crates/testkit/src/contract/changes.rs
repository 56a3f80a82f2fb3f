use std::collections::BTreeSet;
use std::sync::Arc;

use latchkey_domain::ports::{Position, UpdateError};
use latchkey_domain::{ApiKey, ApiKeyId, Candidates, ChangeNumber};
use uuid::Uuid;

use super::steps::{Instance, added, begun, concurrently, find, registered, revoke, stored};
use super::{AllPorts, Ports};
use crate::fixtures::{
    a_batch, a_digest, a_key, a_session, an_account, an_event, an_event_at, an_id, changed,
    disabled, disabled_account, enabled, moment, owner, renamed,
};

pub async fn whatever_makes_a_verification_differ_is_told_to_every_instance(ports: &Ports) {
    let (key, _bystander) = (added(ports, a_key()).await, added(ports, a_key()).await);
    let mut instances = [Instance::joined(ports).await, Instance::joined(ports).await];

    let off = stored(ports, disabled(&key, moment(1))).await;
    is_told(&mut instances, &[&key], "disabled").await;
    let on = stored(ports, enabled(&off)).await;
    is_told(&mut instances, &[&key], "enabled").await;
    let limited = stored(ports, changed(&on, |parts| parts.expires_at = Some(moment(9)))).await;
    is_told(&mut instances, &[&key], "another expiry").await;
    let renamed = stored(ports, renamed(&limited, "renamed")).await;
    is_told(&mut instances, &[&key], "a new name").await;
    let replaced = changed(&renamed, |parts| parts.replaced_by = Some(an_id()));
    let replaced = stored(ports, replaced).await;
    is_told(&mut instances, &[&key], "replaced").await;
    revoke(ports, &replaced, moment(2)).await;
    is_told(&mut instances, &[&key], "revoked").await;
}

pub async fn disabling_an_account_tells_of_all_its_keys(ports: &AllPorts) {
    let account = registered(ports, an_account()).await;
    let mine = || a_key().owned_by_account(&account);
    let (one, two) = (added(ports, mine()).await, added(ports, mine()).await);
    let dead = added(ports, mine()).await;
    revoke(ports, &dead, moment(1)).await;
    added(ports, a_key()).await;
    let mut instances = [Instance::joined(ports).await, Instance::joined(ports).await];

    let disabled =
        ports.accounts.disable(&disabled_account(&account, moment(7)), &an_event()).await;
    let number = disabled.expect("the next version is stored");

    let seen = instances[0].news().await.expect("it is on the list").position.change;
    assert!(seen >= number, "{seen} is before {number}");
    is_told(&mut instances, &[&one, &two], "the account disabled").await;
}

pub async fn disabling_an_account_is_numbered_after_the_changes_of_its_keys(ports: &AllPorts) {
    let account = registered(ports, an_account()).await;
    let key = added(ports, a_key().owned_by_account(&account)).await;
    let revoked = revoked(ports, &key).await;
    let off = disabled_account(&account, moment(7));
    let first =
        ports.accounts.disable(&off, &an_event()).await.expect("the next version is stored");
    assert!(first >= revoked, "{first} is before {revoked}");
    let again = ports.accounts.disable(&disabled_account(&off, moment(8)), &an_event()).await;
    let again = again.expect("the next version is stored");
    assert!(again >= revoked, "{again} is before {revoked}");
}

pub async fn nothing_else_is_told(ports: &Ports) {
    let (key, dead) = (added(ports, a_key()).await, added(ports, a_key()).await);
    revoke(ports, &dead, moment(1)).await;
    let mut instances = [Instance::joined(ports).await];

    added(ports, a_key()).await;
    ports.usage.record(&a_batch(&[(key.parts().id, moment(5))])).await.expect("the store answers");
    let stored = key.parts().digest.digest;
    let renewed = ports.lookup.redigest(key.parts().id, &stored, &a_digest()).await;
    renewed.expect("the store answers");
    for refused in [changed(&key, |parts| parts.version += 1), changed(&dead, |_| ())] {
        let it = ports.keys.update(&refused, &an_event()).await;
        assert!(matches!(it, Err(UpdateError::Stale)), "got {it:?}");
    }
    for (whose, id) in [("owner", dead.parts().id), ("other", key.parts().id), ("owner", an_id())] {
        let it = ports.keys.revoke(&owner(whose), id, &an_event_at(moment(2))).await;
        assert_eq!(it.expect("the store answers"), None);
    }
    is_told(&mut instances, &[], "no change").await;
}

pub async fn the_beginning_of_a_session_is_not_told(ports: &AllPorts) {
    let account = registered(ports, an_account()).await;
    let mut instances = [Instance::joined(ports).await];
    begun(ports, a_session(&account)).await;
    is_told(&mut instances, &[], "no change").await;
}

pub async fn a_change_is_told_until_it_is_applied(ports: &Ports) {
    let key = added(ports, a_key()).await;
    let mut instance = Instance::joined(ports).await;
    revoke(ports, &key, moment(1)).await;
    for _ in 0..3 {
        let news = instance.news().await.expect("it is on the list");
        assert_eq!(news.changed, [key.parts().id]);
    }
    assert_eq!(instance.apply_news().await, [key.parts().id]);
    assert!(instance.apply_news().await.is_empty());
}

pub async fn a_change_that_one_instance_applied_is_still_told_to_the_others(ports: &Ports) {
    let key = added(ports, a_key()).await;
    let (mut quick, mut slow) = (Instance::joined(ports).await, Instance::joined(ports).await);
    revoke(ports, &key, moment(1)).await;
    assert_eq!(quick.apply_news().await, [key.parts().id]);
    assert!(quick.apply_news().await.is_empty());
    ports.feed.trim().await.expect("the store answers");
    assert_eq!(slow.apply_news().await, [key.parts().id]);
}

pub async fn an_answered_change_is_told_to_every_instance_that_asks_then(ports: &Ports) {
    let instance = Instance::joined(ports).await;
    let mut told = BTreeSet::new();
    let mut before = instance.applied.change;
    for _ in 0..20 {
        let key = added(ports, a_key()).await;
        let number = revoked(ports, &key).await;
        assert!(number > before, "{number} is not after {before}");
        told.insert(key.parts().id);
        let news = instance.news().await.expect("it is on the list");
        assert!(news.position.change >= number, "{} is before {number}", news.position.change);
        assert_eq!(set(news.changed), told);
        before = number;
    }
}

pub async fn of_concurrent_changes_each_is_told_once(ports: &Ports) {
    let mut keys = Vec::new();
    for _ in 0..40 {
        keys.push(added(ports, a_key()).await);
    }
    let want: BTreeSet<_> = keys.iter().map(|key| key.parts().id).collect();
    let mut asking = Instance::joined(ports).await;
    let mut late = Instance::joined(ports).await;

    let revocations =
        concurrently(
            keys.into_iter().map(|key| {
                let keys = Arc::clone(&ports.keys);
                async move {
                    keys.revoke(&key.parts().owner, key.parts().id, &an_event_at(moment(1))).await
                }
            }),
        );
    let following = async {
        let mut told = Vec::new();
        while told.len() < want.len() {
            told.extend(asking.apply_news().await);
        }
        told
    };
    let (answers, told) = tokio::join!(revocations, following);

    let numbers = answers.into_iter().map(|it| it.expect("the store answers").expect("revoked"));
    let numbers: BTreeSet<_> = numbers.collect();
    assert_eq!(numbers.len(), want.len(), "each has a number of its own");
    assert_eq!((told.len(), set(told)), (want.len(), want.clone()));
    assert!(asking.apply_news().await.is_empty());
    assert_eq!(set(late.apply_news().await), want);
    assert!(Some(&late.applied.change) >= numbers.last());
}

pub async fn a_caller_that_finds_its_change_made_can_wait_for_it(ports: &Ports) {
    for _ in 0..100 {
        let key = added(ports, a_key()).await;
        let seen = async {
            while find(ports, &key).await.is_some() {
                tokio::task::yield_now().await;
            }
            latest_change(ports, &key).await.expect("it is there")
        };
        let (number, seen) = tokio::join!(revoked(ports, &key), seen);
        assert!(seen >= number, "{seen} is before {number}");
    }
}

pub async fn the_latest_change_is_that_of_the_owners_key(ports: &Ports) {
    let key = added(ports, a_key()).await;
    let renamed = renamed(&key, "new");
    let first = ports.keys.update(&renamed, &an_event()).await.expect("the next version is stored");
    assert!(latest_change(ports, &key).await >= Some(first));
    let second = revoked(ports, &key).await;
    assert!(latest_change(ports, &key).await >= Some(second));

    for (whose, id) in [("owner", an_id()), ("other", key.parts().id), ("Owner", key.parts().id)] {
        let it = ports.keys.latest_change(&owner(whose), id).await;
        assert_eq!(it.expect("the store answers"), None, "{whose}");
    }
}

pub async fn the_last_change_is_not_before_any_that_was_made(ports: &Ports) {
    let last = async || ports.register.last_change().await.expect("the store answers");
    let before = last().await;
    for _ in 0..50 {
        let key = added(ports, a_key()).await;
        let seen = async {
            while find(ports, &key).await.is_some() {
                tokio::task::yield_now().await;
            }
            last().await
        };
        let (number, seen) = tokio::join!(revoked(ports, &key), seen);
        assert!(seen >= number && number > before, "{seen} is before {number}");
    }
}

async fn is_told(instances: &mut [Instance<'_>], want: &[&ApiKey], what: &str) {
    let want: BTreeSet<_> = want.iter().map(|key| key.parts().id).collect();
    for instance in instances {
        assert_eq!(set(instance.apply_news().await), want, "{what}");
    }
}

async fn revoked(ports: &Ports, key: &ApiKey) -> ChangeNumber {
    let it = ports.keys.revoke(&key.parts().owner, key.parts().id, &an_event_at(moment(1))).await;
    it.expect("the store answers").expect("it was not revoked yet")
}

async fn latest_change(ports: &Ports, key: &ApiKey) -> Option<ChangeNumber> {
    let it = ports.keys.latest_change(&key.parts().owner, key.parts().id).await;
    it.expect("the store answers")
}

fn set(ids: Vec<ApiKeyId>) -> BTreeSet<ApiKeyId> {
    ids.into_iter().collect()
}

pub async fn a_look_up_shows_what_the_store_has_come_to_or_fails(ports: &Ports) {
    let key = added(ports, a_key()).await;
    let instance = Instance::joined(ports).await;
    let before = instance.applied;
    revoke(ports, &key, moment(1)).await;
    let now = instance.news().await.expect("it is on the list").position;
    assert!(now.includes(before) && !before.includes(now));

    let digests = Candidates::new(key.parts().digest, []);
    for shown in [None, Some(before), Some(now)] {
        let found = ports.lookup.find_by_digest(&digests, shown).await.expect("the store is there");
        assert!(found.is_some_and(|it| it.key.parts().state.check().is_err()), "{shown:?}");
    }
    let ahead = Position { change: ChangeNumber::new(now.change.get() + 1), ..now };
    let another = Position { nonce: Uuid::max(), ..now };
    for elsewhere in [ahead, another] {
        let found = ports.lookup.find_by_digest(&digests, Some(elsewhere)).await;
        assert!(found.is_err(), "{elsewhere:?}: {found:?}");
    }
}

pub async fn of_several_points_the_latest_in_the_history_is_known(ports: &Ports) {
    let mut instance = Instance::joined(ports).await;
    let mut points = vec![instance.applied];
    for _ in 0..3 {
        let key = added(ports, a_key()).await;
        revoke(ports, &key, moment(1)).await;
        instance.apply_news().await;
        points.push(instance.applied);
    }
    let kept = async |points: &[Position]| ports.feed.kept(points).await.expect("it answers");
    let last = Some(instance.applied.change);
    assert_eq!(kept(&points).await, last);
    let ahead = ChangeNumber::new(instance.applied.change.get() + 1);
    points.push(Position { change: ahead, ..instance.applied });
    points.push(Position { nonce: Uuid::max(), ..instance.applied });
    assert_eq!(kept(&points).await, last);
    assert_eq!(kept(&points[..2]).await, Some(points[1].change));
    assert_eq!(kept(&points[4..]).await, None);
    assert_eq!(kept(&[]).await, None);
}
