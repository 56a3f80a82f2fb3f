use std::sync::Arc;

use latchkey_domain::{ApiKey, ApiKeyParts, KeyedDigest};

use super::Ports;
use super::steps::{
    added, assert_revoked, assert_same_key, by_digest, concurrently, revoke, stored,
};
use crate::fixtures::{
    a_digest, a_key, a_replacement, an_event, changed, disabled, moment, pepper,
};

pub async fn a_digest_made_anew_takes_the_place_of_the_old_one(ports: &Ports) {
    let (key, other) = (added(ports, a_key()).await, added(ports, a_key()).await);
    let renewed = under_pepper_two();
    redigest(ports, &key, renewed).await;

    assert!(by_digest(ports, &key).await.is_none(), "the old digest finds it no more");
    let want = with_digest(&key, renewed);
    assert_same_key(&by_digest(ports, &want).await.expect("it is there"), &want);
    assert_same_key(&by_digest(ports, &other).await.expect("it is there"), &other);
    // The version is that of before, and so is what may follow it.
    let renamed = changed(&want, |parts| parts.expires_at = Some(moment(5)));
    stored(ports, renamed.clone()).await;
    assert_same_key(&by_digest(ports, &want).await.expect("it is there"), &renamed);
}

pub async fn a_digest_that_is_not_the_keys_is_not_replaced(ports: &Ports) {
    let (key, other) = (added(ports, a_key()).await, added(ports, a_key()).await);
    let (first, second) = (under_pepper_two(), under_pepper_two());
    redigest(ports, &key, first).await;
    redigest(ports, &key, second).await;
    let mistaken = with_digest(&key, other.parts().digest);
    redigest(ports, &mistaken, second).await;
    redigest(ports, &a_key().build(), second).await;

    let want = with_digest(&key, first);
    assert_same_key(&by_digest(ports, &want).await.expect("it is there"), &want);
    assert_same_key(&by_digest(ports, &other).await.expect("it is there"), &other);
    assert!(by_digest(ports, &with_digest(&key, second)).await.is_none());
}

pub async fn the_digest_of_a_revoked_key_stays(ports: &Ports) {
    let key = added(ports, a_key()).await;
    revoke(ports, &key, moment(1)).await;
    redigest(ports, &key, under_pepper_two()).await;
    assert_revoked(&by_digest(ports, &key).await.expect("it is there"), &key, moment(1));
}

pub async fn a_digest_made_anew_hinders_no_change(ports: &Ports) {
    for _ in 0..30 {
        let [revoked, updated, replaced] =
            [added(ports, a_key()).await, added(ports, a_key()).await, added(ports, a_key()).await];
        let successor = a_key().build();
        let renewals = concurrently([&revoked, &updated, &replaced].map(|key| {
            let (lookup, key) = (Arc::clone(&ports.lookup), key.parts().clone());
            let renewed = under_pepper_two();
            async move {
                lookup
                    .redigest(key.id, &key.digest.digest, &renewed)
                    .await
                    .expect("the store answers");
                renewed
            }
        }));
        let revoking = revoke(ports, &revoked, moment(1));
        let off = disabled(&updated, moment(1));
        let updating = stored(ports, off.clone());
        let next = changed(&replaced, |parts| parts.replaced_by = Some(successor.parts().id));
        let replacement = a_replacement(&next, &successor, &an_event());
        let replacing = ports.keys.replace(&replacement);
        let (renewed, (), _, answer) = tokio::join!(renewals, revoking, updating, replacing);
        answer.expect("nobody else changed it");

        for (key, renewed) in [off, next].iter().zip(&renewed[1..]) {
            let want = with_digest(key, *renewed);
            assert_same_key(&by_digest(ports, &want).await.expect("it is there"), &want);
        }
        let either = [revoked.clone(), with_digest(&revoked, renewed[0])];
        let mut left = Vec::new();
        for key in either {
            left.extend(by_digest(ports, &key).await.map(|got| (got, key)));
        }
        assert_eq!(left.len(), 1);
        assert_revoked(&left[0].0, &left[0].1, moment(1));
    }
}

fn under_pepper_two() -> KeyedDigest {
    KeyedDigest { pepper: pepper(2), ..a_digest() }
}

fn with_digest(key: &ApiKey, digest: KeyedDigest) -> ApiKey {
    ApiKey::restore(ApiKeyParts { digest, ..key.parts().clone() })
}

/// Replaces the digest that `key` has here by another.
async fn redigest(ports: &Ports, key: &ApiKey, renewed: KeyedDigest) {
    let ApiKeyParts { id, digest, .. } = key.parts();
    ports.lookup.redigest(*id, &digest.digest, &renewed).await.expect("the store answers");
}
