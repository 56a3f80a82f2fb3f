use std::sync::Arc;

use latchkey_domain::ApiKey;
use latchkey_domain::ports::InsertError;

use super::Ports;
use super::steps::{by_digest, concurrently, list, revoke, stored};
use crate::fixtures::{
    KeyBuilder, a_key, an_event, an_event_at, an_id, changed, disabled, moment, owner,
};

pub async fn a_key_beyond_the_limit_is_refused_and_nothing_written(ports: &Ports) {
    for _ in 0..3 {
        fits(ports, a_key(), 3).await;
    }
    let refused = exceeds(ports, a_key(), 3).await;
    assert!(by_digest(ports, &refused).await.is_none());
    assert_eq!(list(ports, &owner("owner")).await.len(), 3);
}

pub async fn the_limit_may_be_anything_from_zero_up(ports: &Ports) {
    exceeds(ports, a_key(), 0).await;
    fits(ports, a_key(), 1).await;
    fits(ports, a_key(), u32::MAX).await;
    // An operator has lowered it since.
    exceeds(ports, a_key(), 1).await;
}

pub async fn the_limit_counts_each_owner_alone(ports: &Ports) {
    fits(ports, a_key().owned_by("one"), 1).await;
    fits(ports, a_key().owned_by("two"), 1).await;
    exceeds(ports, a_key().owned_by("one"), 1).await;
}

pub async fn parallel_inserts_do_not_exceed_the_limit(ports: &Ports) {
    let answers = concurrently((0..100).map(|_| {
        let (keys, key) = (Arc::clone(&ports.keys), a_key().build());
        async move { keys.insert(&key, None, 20, &an_event()).await }
    }))
    .await;
    let mut stored = 0;
    for answer in answers {
        match answer {
            Ok(()) => stored += 1,
            Err(error) => {
                assert!(matches!(error, InsertError::LimitReached { .. }), "got {error:?}");
            }
        }
    }
    assert_eq!(stored, 20);
    assert_eq!(list(ports, &owner("owner")).await.len(), 20);
}

pub async fn parallel_inserts_and_revocations_keep_the_count(ports: &Ports) {
    let mut first = Vec::new();
    for _ in 0..10 {
        first.push(fits(ports, a_key(), 10).await);
    }
    let inserts = concurrently((0..40).map(|_| {
        let (keys, key) = (Arc::clone(&ports.keys), a_key().build());
        async move { keys.insert(&key, None, 10, &an_event()).await.is_ok() }
    }));
    let revocations =
        concurrently(
            first.into_iter().map(|key| {
                let keys = Arc::clone(&ports.keys);
                async move {
                    keys.revoke(&key.parts().owner, key.parts().id, &an_event_at(moment(1))).await
                }
            }),
        );
    let (inserted, revoked) = tokio::join!(inserts, revocations);
    assert!(revoked.into_iter().all(|it| it.expect("the store answers").is_some()));

    let held = inserted.into_iter().filter(|inserted| *inserted).count();
    assert_eq!(list(ports, &owner("owner")).await.len(), held);
    for _ in held..10 {
        fits(ports, a_key(), 10).await;
    }
    exceeds(ports, a_key(), 10).await;
}

pub async fn a_refused_duplicate_takes_no_place(ports: &Ports) {
    let key = fits(ports, a_key(), 2).await;
    for same in [a_key().with_id(key.parts().id), a_key().with_digest(key.parts().digest)]
        .map(KeyBuilder::build)
    {
        let it = ports.keys.insert(&same, None, 2, &an_event()).await;
        assert!(matches!(it, Err(InsertError::Duplicate)), "got {it:?}");
    }
    fits(ports, a_key(), 2).await;
    exceeds(ports, a_key(), 2).await;
}

pub async fn a_revoked_key_gives_its_place_back_once(ports: &Ports) {
    let key = fits(ports, a_key(), 1).await;
    exceeds(ports, a_key(), 1).await;
    revoke(ports, &key, moment(1)).await;
    ports
        .keys
        .revoke(&key.parts().owner, key.parts().id, &an_event_at(moment(2)))
        .await
        .expect("the store answers");
    fits(ports, a_key(), 1).await;
    exceeds(ports, a_key(), 1).await;
}

pub async fn a_replaced_key_gives_its_place_back_once(ports: &Ports) {
    let key = fits(ports, a_key(), 1).await;
    let key = stored(ports, changed(&key, |parts| parts.replaced_by = Some(an_id()))).await;
    fits(ports, a_key(), 1).await;
    let key = stored(ports, changed(&key, |parts| parts.expires_at = Some(moment(9)))).await;
    exceeds(ports, a_key(), 1).await;
    revoke(ports, &key, moment(1)).await;
    exceeds(ports, a_key(), 1).await;
}

pub async fn a_disabled_and_an_expired_key_keep_their_place(ports: &Ports) {
    let key = fits(ports, a_key(), 2).await;
    let off = stored(ports, disabled(&key, moment(1))).await;
    let expired = a_key().created_at(moment(-2)).expiring(moment(-1));
    fits(ports, expired, 2).await;
    exceeds(ports, a_key(), 2).await;
    revoke(ports, &off, moment(2)).await;
    fits(ports, a_key(), 2).await;
    exceeds(ports, a_key(), 2).await;
}

async fn fits(ports: &Ports, key: KeyBuilder, limit: u32) -> ApiKey {
    let key = key.build();
    ports.keys.insert(&key, None, limit, &an_event()).await.expect("there is a place left");
    key
}

async fn exceeds(ports: &Ports, key: KeyBuilder, limit: u32) -> ApiKey {
    let key = key.build();
    let it = ports.keys.insert(&key, None, limit, &an_event()).await;
    assert!(matches!(it, Err(InsertError::LimitReached { .. })), "got {it:?}");
    key
}
