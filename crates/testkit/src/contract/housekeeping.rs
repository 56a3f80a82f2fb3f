use latchkey_domain::ports::InsertError;
use latchkey_domain::{ApiKey, ApiKeyId, AuditEvent, Timestamp};

use super::Ports;
use super::steps::{Instance, added, assert_revoked, assert_same_key, by_digest, find, revoke};
use crate::fixtures::{a_batch, a_key, an_event, an_event_at, an_id, moment};

const BATCH: u32 = 100;

async fn used(ports: &Ports, key: &ApiKey) {
    let uses = [(key.parts().id, moment(1))];
    ports.usage.record(&a_batch(&uses)).await.expect("the use is recorded");
}

async fn revoked(ports: &Ports, at: Timestamp) -> ApiKey {
    let key = added(ports, a_key()).await;
    used(ports, &key).await;
    revoke(ports, &key, at).await;
    key
}

/// Goes through all keys, and answers how many pages that took.
async fn remove_revoked_keys(ports: &Ports, before: Timestamp, limit: u32) -> u32 {
    let (mut after, mut pages) = (None::<ApiKeyId>, 0);
    loop {
        let page = ports.housekeeping.remove_revoked_keys(before, after, limit).await;
        let last = page.expect("the store answers");
        assert!(last.is_none() || last > after, "{last:?} does not come after {after:?}");
        after = last;
        pages += 1;
        if last.is_none() {
            return pages;
        }
    }
}

pub async fn a_key_is_forgotten_when_it_was_revoked_long_enough_ago(ports: &Ports) {
    let old = revoked(ports, moment(9)).await;
    let young = revoked(ports, moment(10)).await;
    let good = added(ports, a_key()).await;
    used(ports, &good).await;

    remove_revoked_keys(ports, moment(10), BATCH).await;

    assert!(by_digest(ports, &old).await.is_none());
    assert_revoked(&by_digest(ports, &young).await.expect("it is there"), &young, moment(10));
    let found = find(ports, &good).await.expect("it is there");
    assert_same_key(&found.key, &good);
    assert_eq!(found.last_used_at, Some(moment(1)));
    // Another key with that id shows no use.
    let again = added(ports, a_key().with_id(old.parts().id)).await;
    assert_eq!(find(ports, &again).await.expect("it is there").last_used_at, None);
}

pub async fn a_forgotten_key_is_unknown_and_nothing_is_told_of_it(ports: &Ports) {
    let old = revoked(ports, moment(9)).await;
    let instance = Instance::joined(ports).await;
    remove_revoked_keys(ports, moment(10), BATCH).await;
    let news = instance.news().await.expect("it is on the list");
    assert_eq!(news.changed, []);
    let (owner, id) = (&old.parts().owner, old.parts().id);
    let again = ports.keys.revoke(owner, id, &an_event_at(moment(11))).await;
    assert_eq!(again.expect("the store answers"), None);
    assert_eq!(ports.register.owner_of(id).await.expect("the store answers"), None);
}

pub async fn keys_are_forgotten_page_by_page(ports: &Ports) {
    let mut keys = Vec::new();
    for at in 0..7 {
        keys.push(revoked(ports, moment(at)).await);
        added(ports, a_key()).await;
    }
    // 14 keys, 3 at a time, and the page that is empty.
    assert_eq!(remove_revoked_keys(ports, moment(6), 3).await, 6);
    for (key, at) in keys.iter().zip(0..) {
        assert_eq!(by_digest(ports, key).await.is_none(), at < 6, "revoked at {at}");
    }
}

pub async fn removing_gives_no_place_back_twice(ports: &Ports) {
    let one = added(ports, a_key()).await;
    let two = added(ports, a_key()).await;
    revoke(ports, &one, moment(1)).await;
    remove_revoked_keys(ports, moment(9), BATCH).await;
    let more = a_key().build();
    ports.keys.insert(&more, None, 2, &an_event()).await.expect("there is a place");
    let it = ports.keys.insert(&a_key().build(), None, 2, &an_event()).await;
    assert!(matches!(it, Err(InsertError::LimitReached { .. })), "got {it:?}");
    assert!(find(ports, &two).await.is_some());
}

pub async fn last_uses_of_keys_that_are_gone_are_forgotten(ports: &Ports) {
    let key = added(ports, a_key()).await;
    used(ports, &key).await;
    let gone: Vec<ApiKeyId> = (0..5).map(|_| an_id()).collect();
    let uses: Vec<_> = gone.iter().map(|id| (*id, moment(1))).collect();
    ports.usage.record(&a_batch(&uses)).await.expect("the uses are recorded");
    let mut after = None;
    loop {
        let page = ports.housekeeping.remove_uses_without_key(after, 2).await;
        after = page.expect("the store answers");
        if after.is_none() {
            break;
        }
    }
    assert_eq!(find(ports, &key).await.expect("it is there").last_used_at, Some(moment(1)));
    for id in gone {
        let again = added(ports, a_key().with_id(id)).await;
        assert_eq!(find(ports, &again).await.expect("it is there").last_used_at, None);
    }
}

pub async fn the_eldest_events_are_forgotten(ports: &Ports) {
    let events: Vec<AuditEvent> = (0..7).map(|at| an_event_at(moment(at))).collect();
    for event in &events {
        ports.trail.record(event).await.expect("the store answers");
    }
    for gone in [3, 2, 0] {
        let removed = ports.housekeeping.remove_events(moment(5), 3).await;
        assert_eq!(removed.expect("the store answers"), gone);
    }
    let left = ports.trail.all_events(None, 10).await.expect("the store answers");
    assert_eq!(left, events[5..]);
}

pub async fn the_time_of_the_store_passes(ports: &Ports) {
    let one = ports.housekeeping.now().await.expect("the store answers");
    tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    let two = ports.housekeeping.now().await.expect("the store answers");
    assert!(two > one, "{two:?} is not after {one:?}");
}
