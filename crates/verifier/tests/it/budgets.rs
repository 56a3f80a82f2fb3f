//! What a key may spend, of limits and credits, on one instance.

use std::sync::Arc;
use std::time::Duration;

use allocation_counter::measure;
use async_trait::async_trait;
use latchkey_domain::ports::budgets::{Answer, Statement};
use latchkey_domain::ports::{BudgetShares, InstanceId, StoreError};
use latchkey_domain::{Credits, IssuedKey, NewKey, OverBudget};
use latchkey_store_sqlite::SqliteStore;
use latchkey_testkit::fixtures::{limits_of, owner};
use latchkey_verifier::{Answering, ChargeError, Principal};
use tokio::task::JoinSet;
use tokio::time::sleep;

use crate::instance::Instance;

/// Longer than unused slices are held.
const SOON: Duration = Duration::from_secs(10);

#[tokio::test]
async fn a_limit_is_used_to_the_last_call_and_no_further() {
    let instance = Instance::with_lease().await;
    let key = principal(&instance, |new| new.limited(limits_of("day=5"))).await;
    for left in (0..5).rev() {
        assert_eq!(charge(&instance, &key, 1).await, Ok(()));
        assert_eq!(lefts(&instance, &key), [left]);
    }
    let over = charge(&instance, &key, 1).await.expect_err("five were used");
    assert!(
        matches!(over, OverBudget::Rate { retry_after } if retry_after <= Duration::from_hours(24))
    );
    assert_eq!(lefts(&instance, &key), [0]);
}

#[tokio::test]
async fn credits_pay_for_what_calls_cost() {
    let instance = Instance::with_lease().await;
    let key = principal(&instance, |new| new.with_credits(Some(credits(10)))).await;
    for (cost, outcome) in [
        (4, Ok(())),
        (7, Err(OverBudget::Credits)),
        (0, Ok(())),
        (6, Ok(())),
        (0, Err(OverBudget::Credits)),
        (1, Err(OverBudget::Credits)),
    ] {
        assert_eq!(charge(&instance, &key, cost).await, outcome, "{cost}");
    }
    assert_eq!(left_in_store(&instance, &key).await, credits(0));
}

#[tokio::test]
async fn a_call_that_one_budget_refuses_costs_the_others_nothing() {
    let instance = Instance::with_lease().await;
    let key = principal(&instance, |new| {
        new.limited(limits_of("minute=2 day=100")).with_credits(Some(credits(100)))
    })
    .await;
    for _ in 0..2 {
        assert_eq!(charge(&instance, &key, 1).await, Ok(()));
    }
    for _ in 0..20 {
        let over = charge(&instance, &key, 1).await;
        assert!(matches!(over, Err(OverBudget::Rate { .. })), "{over:?}");
        // What was told is believed for a moment.
        instance.lease_clock.advance(Duration::from_millis(50));
        assert_eq!(left_in_store(&instance, &key).await, credits(98));
    }
    assert_eq!(lefts(&instance, &key), [0, 98]);
}

#[tokio::test]
async fn where_limit_and_credits_are_used_up_the_limit_is_told() {
    let instance = Instance::with_lease().await;
    let both = |new: NewKey| new.limited(limits_of("hour=1")).with_credits(Some(credits(1)));
    let key = principal(&instance, both).await;
    assert_eq!(charge(&instance, &key, 1).await, Ok(()));
    for _ in 0..3 {
        let over = charge(&instance, &key, 1).await;
        assert!(matches!(over, Err(OverBudget::Rate { .. })), "{over:?}");
        instance.lease_clock.advance(Duration::from_millis(300));
    }
}

#[tokio::test]
async fn calls_that_come_together_are_all_paid_or_refused() {
    let instance = Instance::with_lease().await;
    let key = principal(&instance, |new| new.with_credits(Some(credits(50)))).await;
    let mut calls = JoinSet::new();
    for _ in 0..80 {
        let (verifier, key) = (Arc::clone(&instance.verifier), key.clone());
        calls.spawn(async move { verifier.charge(&key, 1).await.is_ok() });
    }
    assert_eq!(calls.join_all().await.into_iter().filter(|paid| *paid).count(), 50);
    assert_eq!(left_in_store(&instance, &key).await, credits(0));
}

#[tokio::test]
async fn a_limit_for_a_second_is_exact_on_one_instance() {
    let instance = Instance::with_lease().await;
    let key = principal(&instance, |new| new.limited(limits_of("second=3"))).await;
    for _ in 0..2 {
        for _ in 0..3 {
            assert_eq!(charge(&instance, &key, 1).await, Ok(()));
        }
        let over = OverBudget::Rate { retry_after: Duration::from_secs(1) };
        assert_eq!(charge(&instance, &key, 1).await, Err(over));
        instance.clock.advance(Duration::from_secs(1));
    }
}

#[tokio::test]
async fn what_is_at_hand_is_spent_without_an_allocation_and_without_the_store() {
    let instance = Instance::with_lease().await;
    let both =
        |new: NewKey| new.limited(limits_of("day=1000000")).with_credits(Some(credits(1_000_000)));
    let key = principal(&instance, both).await;
    // A slice is as large as the use before.
    while instance.verifier.charge_from_memory(&key, 1).is_none() {
        for _ in 0..10 {
            assert_eq!(charge(&instance, &key, 10).await, Ok(()));
        }
        sleep(Duration::from_millis(100)).await;
    }
    let made = measure(|| assert_eq!(instance.verifier.charge_from_memory(&key, 1), Some(Ok(()))));
    assert_eq!(made.count_total, 0);
}

#[tokio::test]
async fn what_nobody_uses_is_given_back() {
    let instance = Instance::with_lease().await;
    let key = principal(&instance, |new| new.with_credits(Some(credits(1_000)))).await;
    let mut used = 0;
    while left_in_store(&instance, &key).await == credits(1_000 - used) {
        assert_eq!(charge(&instance, &key, 3).await, Ok(()));
        used += 3;
        sleep(Duration::from_millis(20)).await;
    }
    // More is at hand now than was used.
    tokio::time::timeout(SOON, async {
        while left_in_store(&instance, &key).await != credits(1_000 - used) {
            sleep(Duration::from_millis(50)).await;
        }
    })
    .await
    .expect("it is given back");
}

/// A store whose answers take longer than the 400 ms after which unused slices are given back.
#[derive(Debug)]
struct FarStore(Arc<SqliteStore>);

#[async_trait]
impl BudgetShares for FarStore {
    async fn settle(
        &self,
        instance: InstanceId,
        statements: &[Statement],
    ) -> Result<Option<Vec<Option<Answer>>>, StoreError> {
        sleep(Duration::from_millis(500)).await;
        self.0.settle(instance, statements).await
    }
}

#[tokio::test]
async fn a_call_spends_what_it_waited_for_also_where_the_store_answers_slowly() {
    let far = |store| Arc::new(FarStore(store));
    let instance = Instance::with_stores(Answering::FromCache, |store| store, far).await;
    let instance = instance.leased().await;
    let key = principal(&instance, |new| new.with_credits(Some(credits(10)))).await;
    for _ in 0..3 {
        assert_eq!(charge(&instance, &key, 1).await, Ok(()));
    }
}

#[tokio::test]
async fn a_clean_stop_gives_back_what_is_at_hand() {
    let instance = Instance::with_lease().await;
    let key = principal(&instance, |new| new.with_credits(Some(credits(1_000)))).await;
    let mut used = 0;
    while left_in_store(&instance, &key).await == credits(1_000 - used) {
        assert_eq!(charge(&instance, &key, 3).await, Ok(()));
        used += 3;
        sleep(Duration::from_millis(20)).await;
    }
    instance.verifier.leave().await;
    assert_eq!(left_in_store(&instance, &key).await, credits(1_000 - used));
}

async fn principal(instance: &Instance, and: impl FnOnce(NewKey) -> NewKey) -> Principal {
    let IssuedKey { secret, .. } = instance.issue_with(and).await;
    instance.verify(&secret).await.expect("it is good")
}

async fn charge(instance: &Instance, key: &Principal, cost: u32) -> Result<(), OverBudget> {
    match instance.verifier.charge(key, cost).await {
        Ok(()) => Ok(()),
        Err(ChargeError::Over(over)) => Err(over),
        Err(ChargeError::Store(error)) => panic!("{error:?}"),
    }
}

fn lefts(instance: &Instance, key: &Principal) -> Vec<u64> {
    instance.verifier.limits(key).map(|limit| limit.left).collect()
}

fn credits(number: u64) -> Credits {
    Credits::new(number).expect("in range")
}

/// The key's credits as the store counts them: what is at hand counts as spent.
async fn left_in_store(instance: &Instance, key: &Principal) -> Credits {
    let owner = owner(key.owner());
    let found = instance.service.get(&owner, key.key()).await.expect("the store answers");
    found.expect("it is there").credits.expect("they are counted")
}
