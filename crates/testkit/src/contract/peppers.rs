use std::sync::Arc;

use latchkey_domain::ports::PepperUse;
use latchkey_domain::{ApiKey, KeyedDigest, PepperId};

use super::Ports;
use super::steps::{added, concurrently, revoke, stored};
use crate::fixtures::{a_batch, a_digest, a_key, disabled, moment, pepper};

pub async fn the_first_check_of_a_pepper_is_cached(ports: &Ports) {
    let (right, wrong) = (a_digest(), a_digest());
    assert!(confirm(ports, &right).await);
    assert!(confirm(ports, &right).await);
    assert!(!confirm(ports, &wrong).await);
    assert!(confirm(ports, &right).await, "the wrong check must not take the place");
}

pub async fn each_pepper_has_its_own_check(ports: &Ports) {
    let checks = [1, 2, u16::MAX].map(|id| KeyedDigest { pepper: pepper(id), ..a_digest() });
    for check in checks.iter().chain(&checks) {
        assert!(confirm(ports, check).await);
    }
    let known = ports.peppers.known().await.expect("the store answers");
    assert_eq!(known, [1, 2, u16::MAX].map(pepper));
    let swapped = KeyedDigest { pepper: pepper(2), ..checks[0] };
    assert!(!confirm(ports, &swapped).await);
}

pub async fn of_concurrent_first_checks_that_differ_one_is_stored(ports: &Ports) {
    let checks: Vec<_> = (0..10).map(|_| a_digest()).collect();
    let answers = concurrently(checks.clone().into_iter().map(|check| {
        let peppers = Arc::clone(&ports.peppers);
        async move { peppers.confirm(&check).await.expect("the store answers") }
    }))
    .await;
    assert_eq!(answers.iter().filter(|confirmed| **confirmed).count(), 1);
    for (check, confirmed) in checks.iter().zip(answers) {
        assert_eq!(confirm(ports, check).await, confirmed);
    }
}

pub async fn equal_first_checks_are_all_confirmed_concurrently(ports: &Ports) {
    let check = a_digest();
    let answers = concurrently((0..10).map(|_| {
        let peppers = Arc::clone(&ports.peppers);
        async move { peppers.confirm(&check).await.expect("the store answers") }
    }))
    .await;
    assert!(answers.into_iter().all(|confirmed| confirmed));
}

pub async fn a_store_without_keys_depends_on_no_pepper(ports: &Ports) {
    assert!(ports.peppers.known().await.expect("the store answers").is_empty());
    assert!(confirm(ports, &a_digest()).await);
    assert!(in_use(ports).await.is_empty());
    assert!(usage(ports).await.is_empty());
    assert!(
        ports.register.under_pepper(pepper(1), 10).await.expect("the store answers").is_empty()
    );
}

pub async fn peppers_in_use_are_those_of_unrevoked_keys_ascending(ports: &Ports) {
    for id in [300, 2, u16::MAX, 2, 2] {
        added(ports, a_key().under_pepper(id)).await;
    }
    let only = added(ports, a_key().under_pepper(5)).await;
    let one_of_two = added(ports, a_key().under_pepper(300)).await;
    revoke(ports, &only, moment(1)).await;
    revoke(ports, &one_of_two, moment(1)).await;
    let off = added(ports, a_key().under_pepper(9).expiring(moment(-1))).await;
    stored(ports, disabled(&off, moment(1))).await;

    let want = [(2, 3), (9, 1), (300, 1), (u16::MAX, 1)].map(|(id, keys)| PepperUse {
        pepper: pepper(id),
        keys,
        last_used_at: None,
    });
    assert_eq!(usage(ports).await, want);
    assert_eq!(in_use(ports).await, want.map(|usage| usage.pepper));
}

pub async fn of_each_pepper_the_last_use_of_an_unrevoked_key_is_told(ports: &Ports) {
    let keys = [1, 1, 1, 2, 3].map(|id| a_key().under_pepper(id));
    let mut uses = Vec::new();
    for (key, at) in keys.into_iter().zip([4, 9, 7, 5]) {
        uses.push((added(ports, key).await, moment(at)));
    }
    added(ports, a_key().under_pepper(3)).await;
    let recorded: Vec<_> = uses.iter().map(|(key, at)| (key.parts().id, *at)).collect();
    ports.usage.record(&a_batch(&recorded)).await.expect("uses are recorded");
    revoke(ports, &uses[1].0, moment(10)).await;

    let told = usage(ports).await.into_iter().map(|usage| (usage.keys, usage.last_used_at));
    let want = [(2, Some(moment(7))), (1, Some(moment(5))), (1, None)];
    assert_eq!(told.collect::<Vec<_>>(), want);
}

pub async fn the_unrevoked_keys_of_a_pepper_are_found_of_any_owner(ports: &Ports) {
    let (one, two) = (a_key().under_pepper(2), a_key().under_pepper(2).owned_by("other"));
    let (one, two) = (added(ports, one).await, added(ports, two).await);
    let dead = added(ports, a_key().under_pepper(2)).await;
    revoke(ports, &dead, moment(1)).await;
    added(ports, a_key().under_pepper(3)).await;

    let found = async |limit| {
        let found = ports.register.under_pepper(pepper(2), limit).await;
        let mut keys = found.expect("the store answers");
        keys.sort_by_key(|(_owner, id)| *id);
        keys
    };
    let whose = |key: &ApiKey| (key.parts().owner.clone(), key.parts().id);
    assert_eq!(found(10).await, [whose(&one), whose(&two)]);
    assert_eq!(found(1).await.len(), 1);
    assert_eq!(found(0).await.len(), 0);
}

async fn confirm(ports: &Ports, check: &KeyedDigest) -> bool {
    ports.peppers.confirm(check).await.expect("the store answers")
}

async fn in_use(ports: &Ports) -> Vec<PepperId> {
    ports.peppers.in_use().await.expect("the store answers")
}

async fn usage(ports: &Ports) -> Vec<PepperUse> {
    ports.peppers.usage().await.expect("the store answers")
}
