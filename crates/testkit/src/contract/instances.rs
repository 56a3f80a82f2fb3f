use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use latchkey_domain::ports::{InstanceStatus, Position};
use latchkey_domain::{ApiKeyId, ChangeNumber};
use tokio::time::timeout;
use uuid::Uuid;

use super::Ports;
use super::steps::{Instance, added, concurrently, revoke};
use crate::fixtures::{a_key, an_event_at, moment};

pub async fn a_new_instance_begins_at_the_latest_change(ports: &Ports) {
    let key = added(ports, a_key()).await;
    let (of, id) = (&key.parts().owner, key.parts().id);
    let number =
        ports.keys.revoke(of, id, &an_event_at(moment(1))).await.expect("the store answers");
    let mut instance = Instance::joined(ports).await;
    assert!(Some(instance.applied.change) >= number);
    assert_eq!(status(ports, &instance).await.expect("it is there").heartbeats, 0);
    assert!(instance.apply_news().await.is_empty());
}

pub async fn the_list_shows_how_far_each_instance_is(ports: &Ports) {
    let (mut ahead, behind) = (Instance::joined(ports).await, Instance::joined(ports).await);
    let began = ahead.applied.change;
    a_change(ports).await;
    ahead.apply_news().await;
    let told = ahead.applied.change;
    assert_eq!(shown(ports, &ahead).await, (began, 1), "told, and not yet seen to be applied");
    ahead.apply_news().await;
    assert_eq!(shown(ports, &ahead).await, (told, 2));
    assert_eq!(shown(ports, &behind).await, (began, 0));
}

pub async fn a_heartbeat_never_moves_an_instance_back(ports: &Ports) {
    let mut instance = Instance::joined(ports).await;
    let before = instance.applied;
    let key = a_change(ports).await;
    instance.apply_news().await;
    instance.apply_news().await;
    let after = instance.applied;

    // What it has applied may be gone; then the answer is not that nothing changed.
    let late = Instance { applied: before, ..instance }.news().await;
    assert!(late.is_none_or(|news| news.changed == [key]));
    assert_eq!(status(ports, &instance).await.map(|it| it.applied), Some(after.change));
}

pub async fn an_expelled_instance_is_told_that_it_is(ports: &Ports) {
    let (silent, other) = (Instance::joined(ports).await, Instance::joined(ports).await);
    let seen = status(ports, &silent).await.expect("it is there");
    expel(ports, &[seen]).await;
    assert!(status(ports, &silent).await.is_none());
    assert!(silent.news().await.is_none());
    assert!(status(ports, &silent).await.is_none(), "it does not come back by asking");
    assert!(other.news().await.is_some());
    expel(ports, &[seen]).await;
}

pub async fn an_instance_that_showed_itself_since_is_not_expelled(ports: &Ports) {
    let (alive, dead) = (Instance::joined(ports).await, Instance::joined(ports).await);
    let mut seen = Vec::new();
    for instance in [&alive, &dead] {
        seen.push(status(ports, instance).await.expect("it is there"));
    }
    assert!(alive.news().await.is_some());
    expel(ports, &seen).await;
    assert!(alive.news().await.is_some());
    assert!(dead.news().await.is_none());
    expel(ports, &[]).await;
    assert!(alive.news().await.is_some());
}

pub async fn an_instance_that_left_is_gone(ports: &Ports) {
    let (leaving, staying) = (Instance::joined(ports).await, Instance::joined(ports).await);
    for _ in 0..2 {
        ports.feed.leave(leaving.id).await.expect("the store answers");
    }
    assert!(status(ports, &leaving).await.is_none());
    assert!(leaving.news().await.is_none());
    assert!(staying.news().await.is_some());
}

pub async fn an_id_of_an_instance_is_never_used_twice(ports: &Ports) {
    let mut ids = BTreeSet::new();
    for _ in 0..3 {
        let joining = (0..10).map(|_| {
            let feed = Arc::clone(&ports.feed);
            async move { feed.register().await.expect("the store answers").instance }
        });
        for id in concurrently(joining).await {
            assert!(ids.insert(id), "{id:?} twice");
            ports.feed.leave(id).await.expect("the store answers");
        }
    }
}

pub async fn who_joins_while_keys_change_is_told_or_began_later(ports: &Ports) {
    let mut keys = Vec::new();
    for _ in 0..40 {
        keys.push(added(ports, a_key()).await);
    }
    let revocations = concurrently(keys.into_iter().map(|key| {
        let keys = Arc::clone(&ports.keys);
        async move {
            let it = keys.revoke(&key.parts().owner, key.parts().id, &an_event_at(moment(1))).await;
            (key.parts().id, it.expect("the store answers").expect("revoked"))
        }
    }));
    let joining = async {
        let mut joined = Vec::new();
        for _ in 0..10 {
            joined.push(Instance::joined(ports).await);
        }
        joined
    };
    let (revoked, joined) = tokio::join!(revocations, joining);
    for mut instance in joined {
        let began = instance.applied.change;
        let later = revoked.iter().filter(|(_, number)| *number > began).map(|(id, _)| *id);
        let told: BTreeSet<_> = instance.apply_news().await.into_iter().collect();
        assert_eq!(told, later.collect());
    }
}

pub async fn a_position_of_another_history_is_refused(ports: &Ports) {
    for changes in 0..2 {
        for _ in 0..changes {
            a_change(ports).await;
        }
        let instance = Instance::joined(ports).await;
        let Position { change, nonce } = instance.applied;
        let elsewhere = Position { change, nonce: Uuid::from_u128(1) };
        assert!(Instance { applied: elsewhere, ..instance }.news().await.is_none());
        let instance = Instance::joined(ports).await;
        let ahead = Position { change: ChangeNumber::new(change.get() + 5), nonce };
        assert!(Instance { applied: ahead, ..instance }.news().await.is_none());
    }
}

pub async fn a_change_wakes_the_instances_that_wait(ports: &Ports) {
    let instance = Instance::joined(ports).await;
    for _ in 0..3 {
        assert!(instance.news().await.is_some());
        let woken = timeout(Duration::from_secs(10), ports.feed.woken());
        let (woken, _changed) = tokio::join!(woken, a_change(ports));
        assert!(woken.is_ok(), "it still waits");
    }
}

async fn a_change(ports: &Ports) -> ApiKeyId {
    let key = added(ports, a_key()).await;
    revoke(ports, &key, moment(1)).await;
    key.parts().id
}

async fn status(ports: &Ports, of: &Instance<'_>) -> Option<InstanceStatus> {
    let list = ports.feed.instances().await.expect("the store answers");
    list.instances.into_iter().find(|it| it.instance == of.id)
}

async fn shown(ports: &Ports, of: &Instance<'_>) -> (ChangeNumber, u64) {
    let InstanceStatus { applied, heartbeats, .. } = status(ports, of).await.expect("it is there");
    (applied, heartbeats)
}

async fn expel(ports: &Ports, silent: &[InstanceStatus]) {
    ports.feed.expel(silent).await.expect("the store answers");
}
