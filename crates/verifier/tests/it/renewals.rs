//! How keys move to the pepper that signs, behind the answers.

use std::sync::Arc;
use std::time::Duration;

use latchkey_domain::PepperId;
use latchkey_domain::ports::PepperRepository as _;
use latchkey_hasher_hmac::{HmacHasher, Pepper, PepperRing};
use latchkey_store_sqlite::SqliteStore;
use latchkey_testkit::fakes::FakeClock;
use latchkey_testkit::fixtures::{a_caller, pepper};
use latchkey_verifier::{Answering, Verifier, VerifierPorts};
use tokio::task::yield_now;
use tokio::time::sleep;

use crate::allocation::allocations;
use crate::instance::{FakeSteadyClock, Instance};

/// The same instance after its next start, with another pepper in front of the one it had.
async fn promoted(instance: &Instance) -> Arc<Verifier> {
    let [new, old] =
        [(2, [9; 32]), (1, [7; 32])].map(|(id, bytes)| Pepper::new(pepper(id), bytes).to_setting());
    let ring = PepperRing::parse(&format!("{},{}", *new, *old)).expect("a ring");
    let ports = VerifierPorts {
        lookup: Arc::<SqliteStore>::clone(&instance.store),
        feed: Arc::<SqliteStore>::clone(&instance.store),
        shares: Arc::<SqliteStore>::clone(&instance.store),
        hasher: Arc::new(HmacHasher::new(&ring)),
        clock: Arc::<FakeClock>::clone(&instance.clock),
        lease_clock: Arc::<FakeSteadyClock>::clone(&instance.lease_clock),
        usage: Arc::clone(&instance.usage),
    };
    let verifier = Arc::new(Verifier::new(ports, Answering::FromCache, None));
    let kept = Arc::clone(&verifier);
    tokio::spawn(async move { kept.keep().await });
    while verifier.status().lease_left.is_none() {
        yield_now().await;
    }
    verifier
}

async fn peppers_in_use(instance: &Instance) -> Vec<u16> {
    let peppers = instance.store.in_use().await.expect("the store answers");
    peppers.into_iter().map(PepperId::get).collect()
}

#[tokio::test]
async fn a_key_stays_cached_while_it_moves_and_is_accepted_without_an_allocation() {
    let instance = Instance::with_lease().await;
    let issued = instance.issue().await;
    let verifier = promoted(&instance).await;
    let secret = issued.secret.expose().as_bytes();
    verifier.accepted(&verifier.verify(secret).await.expect("it is good"), 1);
    while peppers_in_use(&instance).await != [2] {
        assert_eq!(allocations(&verifier, secret), (0, None));
    }
    for _ in 0..3 {
        assert_eq!(allocations(&verifier, secret), (0, None));
        sleep(Duration::from_millis(1)).await;
    }
    assert_eq!(verifier.status().looked_up, 1);
    assert_eq!(verifier.status().cached, 1);
}

#[tokio::test]
async fn a_key_that_was_moved_is_refused_like_any_other_once_it_is_revoked() {
    let instance = Instance::with_lease().await;
    let issued = instance.issue().await;
    let verifier = promoted(&instance).await;
    let secret = issued.secret.expose().as_bytes();
    while peppers_in_use(&instance).await != [2] {
        verifier.verify(secret).await.expect("it is good");
    }
    verifier.verify(secret).await.expect("it is good");
    let key = issued.key.parts();
    instance.service.revoke(&key.owner, key.id, &a_caller()).await.expect("it was not revoked");
    verifier.verify(secret).await.expect_err("it is revoked");
    verifier.verify(secret).await.expect_err("it is cached as revoked");
    assert_eq!(verifier.status().looked_up, 2);
}
