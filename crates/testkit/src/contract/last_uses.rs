use std::sync::Arc;

use latchkey_domain::{ApiKey, ApiKeyId, Timestamp};

use super::Ports;
use super::steps::{added, assert_same_key, concurrently, find, list, page, stored};
use crate::fixtures::{a_batch, a_key, an_id, disabled, moment};

pub async fn a_recorded_use_shows_wherever_the_key_does(ports: &Ports) {
    let (used, other) = (added(ports, a_key()).await, added(ports, a_key()).await);
    record(ports, &[(used.parts().id, moment(5))]).await;
    assert_eq!(last_use(ports, &used).await, Some(moment(5)));
    assert_eq!(last_use(ports, &other).await, None);
    for shown in [list(ports, &used.parts().owner).await, page(ports, None, 10).await] {
        assert_eq!(shown.len(), 2);
        for in_use in shown {
            let is_used = in_use.key.parts().id == used.parts().id;
            assert_eq!(in_use.last_used_at, is_used.then(|| moment(5)));
        }
    }
}

pub async fn a_last_use_never_moves_back_across_calls(ports: &Ports) {
    let key = added(ports, a_key()).await;
    for (at, want) in [(5, 5), (3, 5), (5, 5), (9, 9), (8, 9)] {
        record(ports, &[(key.parts().id, moment(at))]).await;
        assert_eq!(last_use(ports, &key).await, Some(moment(want)));
    }
}

pub async fn of_several_uses_in_one_call_the_latest_counts(ports: &Ports) {
    let (rising, falling) = (added(ports, a_key()).await, added(ports, a_key()).await);
    let (up, down) = (rising.parts().id, falling.parts().id);
    let uses = [(up, 1), (down, 3), (up, 2), (down, 2), (up, 3), (down, 1)];
    record(ports, &uses.map(|(id, at)| (id, moment(at)))).await;
    assert_eq!(last_use(ports, &rising).await, Some(moment(3)));
    assert_eq!(last_use(ports, &falling).await, Some(moment(3)));
}

pub async fn a_call_without_uses_is_fine(ports: &Ports) {
    record(ports, &[]).await;
}

pub async fn thousands_of_uses_go_in_one_call(ports: &Ports) {
    let mut keys = Vec::new();
    for _ in 0..3 {
        keys.push(added(ports, a_key()).await);
    }
    // Uses of keys that the store does not have must not spoil the others.
    let mut uses: Vec<_> = (0..4_997).map(|n| (an_id(), moment(n))).collect();
    uses.insert(0, (keys[0].parts().id, moment(1)));
    uses.insert(2_500, (keys[1].parts().id, moment(2)));
    uses.push((keys[2].parts().id, moment(3)));
    assert_eq!(uses.len(), 5_000);
    record(ports, &uses).await;
    for (key, at) in keys.iter().zip(1..) {
        assert_eq!(last_use(ports, key).await, Some(moment(at)));
    }
}

pub async fn parallel_calls_with_the_same_keys_all_succeed(ports: &Ports) {
    let mut uses = Vec::new();
    let key = added(ports, a_key()).await;
    uses.push((key.parts().id, moment(0)));
    uses.extend((0..50).map(|_| (an_id(), moment(0))));
    let answers = concurrently((0..20_i64).map(|n| {
        let last_uses = Arc::clone(&ports.usage);
        // Every other call has the keys in the opposite order, which invites a deadlock.
        let mut uses: Vec<_> = uses.iter().map(|(id, _)| (*id, moment(n))).collect();
        if n % 2 == 0 {
            uses.reverse();
        }
        async move { last_uses.record(&a_batch(&uses)).await }
    }))
    .await;
    for answer in answers {
        answer.expect("every call is recorded");
    }
    assert_eq!(last_use(ports, &key).await, Some(moment(19)));
}

pub async fn recording_a_use_leaves_the_key_as_it_is(ports: &Ports) {
    let key = added(ports, a_key()).await;
    record(ports, &[(key.parts().id, moment(5))]).await;
    assert_same_key(&find(ports, &key).await.expect("it is there").key, &key);
    let off = stored(ports, disabled(&key, moment(6))).await;
    let got = find(ports, &key).await.expect("it is there");
    assert_same_key(&got.key, &off);
    assert_eq!(got.last_used_at, Some(moment(5)));
}

async fn record(ports: &Ports, uses: &[(ApiKeyId, Timestamp)]) {
    ports.usage.record(&a_batch(uses)).await.expect("uses are recorded");
}

async fn last_use(ports: &Ports, key: &ApiKey) -> Option<Timestamp> {
    find(ports, key).await.expect("it is there").last_used_at
}
