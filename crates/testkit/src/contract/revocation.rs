use std::sync::Arc;

use latchkey_domain::Refusal;
use latchkey_domain::ports::UpdateError;

use super::Ports;
use super::steps::{
    added, assert_revoked, assert_same_key, by_digest, concurrently, find, list, page, revoke,
    stored,
};
use crate::fixtures::{
    a_key, an_event, an_event_at, an_id, changed, disabled, moment, owner, renamed,
};

pub async fn a_key_is_revoked_once(ports: &Ports) {
    let key = added(ports, a_key().expiring(moment(9))).await;
    revoke(ports, &key, moment(1)).await;
    assert_revoked(&by_digest(ports, &key).await.expect("it is there"), &key, moment(1));

    let (of, id) = (&key.parts().owner, key.parts().id);
    let again =
        ports.keys.revoke(of, id, &an_event_at(moment(2))).await.expect("the store answers");
    assert_eq!(again, None);
    assert_revoked(&by_digest(ports, &key).await.expect("it is there"), &key, moment(1));
}

pub async fn of_concurrent_revocations_exactly_one_is_done(ports: &Ports) {
    let key = added(ports, a_key()).await;
    let answers = concurrently((1..=50).map(|n| {
        let (keys, key) = (Arc::clone(&ports.keys), key.parts().clone());
        async move {
            (
                n,
                keys.revoke(&key.owner, key.id, &an_event_at(moment(n)))
                    .await
                    .expect("the store answers"),
            )
        }
    }))
    .await;
    let winners: Vec<i64> =
        answers.iter().filter(|(_, won)| won.is_some()).map(|(n, _)| *n).collect();
    assert_eq!(winners.len(), 1, "won: {winners:?}");
    assert_revoked(&by_digest(ports, &key).await.expect("it is there"), &key, moment(winners[0]));
}

pub async fn a_revocation_stands_among_concurrent_updates(ports: &Ports) {
    let key = added(ports, a_key()).await;
    let next = renamed(&key, "renamed");
    let answers = concurrently((0..11).map(|n| {
        let (keys, next) = (Arc::clone(&ports.keys), next.clone());
        let key = key.parts().clone();
        async move {
            if n == 5 {
                Some(keys.revoke(&key.owner, key.id, &an_event_at(moment(1))).await)
            } else {
                let it = keys.update(&next, &an_event()).await;
                assert!(matches!(it, Ok(_) | Err(UpdateError::Stale)), "got {it:?}");
                None
            }
        }
    }))
    .await;
    let revoked = answers.into_iter().flatten().next().expect("one of them revoked");
    assert!(revoked.expect("the store answers").is_some());
    let got = by_digest(ports, &key).await.expect("it is there");
    assert_eq!(got.parts().state.check(), Err(Refusal::Revoked));
}

pub async fn nobody_else_revokes_a_key(ports: &Ports) {
    let key = added(ports, a_key().owned_by("owner")).await;
    for stranger in ["Owner", "owne", "owner2", "%"] {
        let it = ports.keys.revoke(&owner(stranger), key.parts().id, &an_event_at(moment(1))).await;
        assert_eq!(it.expect("the store answers"), None, "{stranger}");
    }
    assert_same_key(&find(ports, &key).await.expect("it is there").key, &key);
}

pub async fn an_unknown_key_is_not_revoked(ports: &Ports) {
    let key = added(ports, a_key()).await;
    let it = ports.keys.revoke(&key.parts().owner, an_id(), &an_event_at(moment(1))).await;
    assert_eq!(it.expect("the store answers"), None);
    assert_same_key(&find(ports, &key).await.expect("it is there").key, &key);
}

pub async fn a_disabled_key_can_be_revoked(ports: &Ports) {
    let key = added(ports, a_key()).await;
    let off = stored(ports, disabled(&key, moment(1))).await;
    revoke(ports, &off, moment(2)).await;
    assert_revoked(&by_digest(ports, &key).await.expect("it is there"), &off, moment(2));
}

pub async fn a_replaced_key_can_be_revoked(ports: &Ports) {
    let key = added(ports, a_key()).await;
    let replaced = stored(ports, changed(&key, |parts| parts.replaced_by = Some(an_id()))).await;
    revoke(ports, &replaced, moment(2)).await;
    assert_revoked(&by_digest(ports, &key).await.expect("it is there"), &replaced, moment(2));
}

pub async fn a_revoked_key_shows_only_by_its_digest(ports: &Ports) {
    let (kept, key) = (added(ports, a_key()).await, added(ports, a_key()).await);
    revoke(ports, &key, moment(1)).await;
    assert!(by_digest(ports, &key).await.is_some());
    assert!(find(ports, &key).await.is_none());
    for shown in [list(ports, &key.parts().owner).await, page(ports, None, 10).await] {
        assert_eq!(shown.len(), 1);
        assert_same_key(&shown[0].key, &kept);
    }
}
