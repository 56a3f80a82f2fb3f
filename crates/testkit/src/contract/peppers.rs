use std::sync::Arc;

use latchkey_domain::{KeyedDigest, PepperId};

use super::Ports;
use super::steps::{added, all_at_once, revoke, stored};
use crate::fixtures::{a_digest, a_key, moment, pepper};

pub async fn the_first_check_of_a_pepper_is_remembered(ports: &Ports) {
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

pub async fn of_different_first_checks_at_once_exactly_one_is_remembered(ports: &Ports) {
    let checks: Vec<_> = (0..10).map(|_| a_digest()).collect();
    let answers = all_at_once(checks.clone().into_iter().map(|check| {
        let peppers = Arc::clone(&ports.peppers);
        async move { peppers.confirm(&check).await.expect("the store answers") }
    }))
    .await;
    assert_eq!(answers.iter().filter(|confirmed| **confirmed).count(), 1);
    for (check, confirmed) in checks.iter().zip(answers) {
        assert_eq!(confirm(ports, check).await, confirmed);
    }
}

pub async fn of_equal_first_checks_at_once_all_are_confirmed(ports: &Ports) {
    let check = a_digest();
    let answers = all_at_once((0..10).map(|_| {
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
    assert!(count_keys(ports).await.is_empty());
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
    stored(ports, off.disable(moment(1)).expect("not revoked")).await;

    let want = [(2, 3), (9, 1), (300, 1), (u16::MAX, 1)].map(|(id, keys)| (pepper(id), keys));
    assert_eq!(count_keys(ports).await, want);
    assert_eq!(in_use(ports).await, want.map(|(id, _)| id));
}

async fn confirm(ports: &Ports, check: &KeyedDigest) -> bool {
    ports.peppers.confirm(check).await.expect("the store answers")
}

async fn in_use(ports: &Ports) -> Vec<PepperId> {
    ports.peppers.in_use().await.expect("the store answers")
}

async fn count_keys(ports: &Ports) -> Vec<(PepperId, u64)> {
    ports.peppers.count_keys().await.expect("the store answers")
}
