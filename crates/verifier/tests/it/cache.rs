//! Which verifications the cache answers, and which the store.

use std::sync::Arc;
use std::time::Duration;

use latchkey_domain::ports::{AuditTrail as _, Clock as _, SteadyClock};
use latchkey_domain::{
    ApiKeyParts, BootTime, KeyChange, OwnerChange, Refusal, Refused, VerifyError,
};
use latchkey_hasher_hmac::{HmacHasher, Pepper, PepperRing};
use latchkey_store_sqlite::SqliteStore;
use latchkey_testkit::fakes::FakeClock;
use latchkey_testkit::fixtures::{a_caller, disabled, enabled, metadata, moment, owner, pepper};
use latchkey_verifier::protocol::LEASE;
use latchkey_verifier::{Answering, Verifier, VerifierPorts};
use tokio::task::JoinSet;

use crate::instance::Instance;

const NANOSECOND: Duration = Duration::from_nanos(1);

#[tokio::test]
async fn a_key_is_looked_up_once_and_then_cached() {
    let instance = Instance::with_lease().await;
    let issued = instance.issue().await;
    for _ in 0..5 {
        let principal = instance.verify(&issued.secret).await.expect("it is good");
        assert_eq!(principal.key(), issued.key.parts().id);
        assert_eq!((principal.owner(), principal.name()), ("ada", "ci"));
        assert_eq!(principal.prefix(), issued.key.parts().prefix.as_str());
    }
    assert_eq!(instance.looked_up(), 1);
}

/// A clock that may stand still while the machine sleeps.
#[derive(Debug)]
struct Dozing;

impl SteadyClock for Dozing {
    fn now(&self) -> BootTime {
        BootTime::ZERO
    }

    fn never_stands_still(&self) -> bool {
        false
    }
}

#[tokio::test]
async fn nothing_is_cached_where_the_clock_of_leases_may_stand_still() {
    let instance = Instance::with_lease().await;
    let ports = VerifierPorts {
        lookup: Arc::<SqliteStore>::clone(&instance.store),
        feed: Arc::<SqliteStore>::clone(&instance.store),
        shares: Arc::<SqliteStore>::clone(&instance.store),
        hasher: Arc::new(HmacHasher::new(&PepperRing::of(Pepper::new(pepper(1), [7; 32])))),
        clock: Arc::<FakeClock>::clone(&instance.clock),
        lease_clock: Arc::new(Dozing),
        usage: Arc::clone(&instance.usage),
    };
    assert!(instance.verifier.status().caches);
    assert!(!Verifier::new(ports, Answering::FromCache, None).status().caches);
}

#[tokio::test]
async fn a_verification_shows_the_metadata_of_the_key_as_it_was_set_last() {
    let instance = Instance::with_lease().await;
    let longest = format!(r#"{{"a":"{}"}}"#, "é".repeat(1_020));
    let issued = instance.issue_with(|new| new.with_metadata(metadata(&longest))).await;
    let ApiKeyParts { owner, id, .. } = issued.key.parts();
    let mut want = longest.as_str();
    for next in ["{}", r#"{"plan":"pro"}"#, "{}"] {
        let principal = instance.verify(&issued.secret).await.expect("it is good");
        assert_eq!((principal.metadata(), principal.name()), (want, "ci"));
        let change = KeyChange { metadata: Some(metadata(next)), ..KeyChange::default() };
        instance.service.change(owner, *id, &change, &a_caller()).await.expect("it is changed");
        want = next;
    }
}

#[tokio::test]
async fn a_presented_secret_is_hashed_once_whether_or_not_the_store_is_asked() {
    for instance in [Instance::with_lease().await, Instance::start(Answering::FromStore).await] {
        let issued = instance.issue().await;
        let presented = issued.secret.expose().as_bytes();
        for time in 1..=2 {
            match instance.verifier.verify_from_cache(presented) {
                Ok(answer) => answer.map(drop).expect("it is good"),
                Err(missed) => instance.verifier.look_up(missed).await.map(drop).expect("so"),
            }
            assert_eq!(instance.hashed(), time);
        }
        instance.verifier.verify_secret(&issued.secret).await.expect("it is good");
        assert_eq!(instance.hashed(), 3);
    }
}

#[tokio::test]
async fn under_the_lease_a_cached_key_needs_no_store_and_after_it_nobody_can_say() {
    let instance = Instance::with_lease().await;
    let known = instance.issue().await;
    let revoked = instance.issue().await;
    instance
        .service
        .revoke(&revoked.key.parts().owner, revoked.key.parts().id, &a_caller())
        .await
        .expect("so");
    assert!(instance.verify(&known.secret).await.is_ok());
    assert_eq!(instance.refusal(&revoked.secret).await, Some(Refusal::Revoked));
    instance.stop_heartbeats();
    let left = instance.verifier.status().lease_left.expect("a lease");
    instance.store.close().await;

    instance.lease_clock.advance(left.saturating_sub(NANOSECOND));
    assert!(instance.verify(&known.secret).await.is_ok());
    assert_eq!(instance.refusal(&revoked.secret).await, Some(Refusal::Revoked));

    instance.lease_clock.advance(NANOSECOND);
    for secret in [known.secret, revoked.secret] {
        let answer = instance.verifier.verify(secret.expose().as_bytes()).await;
        assert!(matches!(answer, Err(VerifyError::Store(_))), "{answer:?}");
    }
    // Its form can be told without anybody.
    let answer = instance.verifier.verify(b"sk_live_malformed").await;
    let of_no_key = Refused { why: Refusal::Malformed, key: None };
    assert!(matches!(answer, Err(VerifyError::Refused(it)) if it == of_no_key));
}

#[tokio::test]
async fn without_a_lease_every_verification_asks_the_store() {
    let instance = Instance::with_lease().await;
    let issued = instance.issue().await;
    instance.stop_heartbeats();
    instance.lease_clock.advance(LEASE);
    for asked in 1..=3 {
        assert!(instance.verify(&issued.secret).await.is_ok());
        assert_eq!(instance.looked_up(), asked);
    }
}

#[tokio::test]
async fn nothing_is_answered_from_the_cache_where_that_is_switched_off() {
    let instance = Instance::start(Answering::FromStore).await;
    let issued = instance.issue().await;
    for asked in 1..=3 {
        assert!(instance.verify(&issued.secret).await.is_ok());
        assert_eq!(instance.looked_up(), asked);
    }
    assert_eq!(instance.verifier.status().lease_left, None);
}

#[tokio::test]
async fn after_leaving_nothing_is_answered_from_the_cache() {
    let instance = Instance::with_lease().await;
    let issued = instance.issue().await;
    assert!(instance.verify(&issued.secret).await.is_ok());
    instance.verifier.leave().await;
    assert_eq!(instance.verifier.status().lease_left, None);
    for asked in 2..=4 {
        assert!(instance.verify(&issued.secret).await.is_ok());
        assert_eq!(instance.looked_up(), asked);
    }
}

#[tokio::test]
async fn a_cached_key_is_refused_from_the_very_millisecond_of_its_expiry() {
    let instance = Instance::with_lease().await;
    let issued = instance.issue_until(Some(moment(1_000))).await;
    assert!(instance.verify(&issued.secret).await.is_ok());
    instance.clock.set(moment(999));
    assert!(instance.verify(&issued.secret).await.is_ok());
    instance.clock.set(moment(1_000));
    assert_eq!(instance.refusal(&issued.secret).await, Some(Refusal::Expired));
    assert_eq!(instance.looked_up(), 1);
}

#[tokio::test]
async fn a_crowd_that_asks_for_one_key_asks_the_store_once() {
    let instance = Instance::with_lease().await;
    let (issued, unknown) = (instance.issue().await, instance.unknown());
    for (asked, secret) in (1..).zip([issued.secret, unknown.clone()]) {
        let mut crowd = JoinSet::new();
        for _ in 0..100 {
            let (verifier, secret) = (Arc::clone(&instance.verifier), secret.clone());
            crowd.spawn(async move { verifier.verify(secret.expose().as_bytes()).await.is_ok() });
        }
        let is_known = secret.expose() != unknown.expose();
        assert_eq!(crowd.join_all().await, [is_known; 100]);
        assert_eq!(instance.looked_up(), asked);
    }
}

#[tokio::test]
async fn an_unknown_secret_is_cached_for_a_second_and_no_longer() {
    let instance = Instance::with_lease().await;
    let unknown = instance.unknown();
    let asked = async |span| {
        instance.lease_clock.advance(span);
        assert_eq!(instance.refusal(&unknown).await, Some(Refusal::Unknown));
        instance.looked_up()
    };
    assert_eq!(asked(Duration::ZERO).await, 1);
    assert_eq!(asked(Duration::from_nanos(999_999_999)).await, 1);
    assert_eq!(asked(NANOSECOND).await, 2);
}

#[tokio::test]
async fn a_change_of_any_key_ends_what_is_cached_of_unknown_secrets() {
    let instance = Instance::with_lease().await;
    let (issued, unknown) = (instance.issue().await, instance.unknown());
    assert_eq!(instance.refusal(&unknown).await, Some(Refusal::Unknown));
    instance.change(&disabled(&issued.key, moment(0))).await;
    assert_eq!(instance.refusal(&unknown).await, Some(Refusal::Unknown));
    assert_eq!(instance.looked_up(), 2);
}

#[tokio::test]
async fn a_key_is_what_the_last_change_made_of_it_once_the_barrier_is_passed() {
    let instance = Instance::with_lease().await;
    let issued = instance.issue().await;
    let other = instance.issue().await;
    assert!(instance.verify(&issued.secret).await.is_ok());
    assert!(instance.verify(&other.secret).await.is_ok());

    let disabled = disabled(&issued.key, moment(0));
    instance.change(&disabled).await;
    assert_eq!(instance.refusal(&issued.secret).await, Some(Refusal::Disabled));
    assert_eq!(instance.refusal(&issued.secret).await, Some(Refusal::Disabled));
    instance.change(&enabled(&disabled)).await;
    assert!(instance.verify(&issued.secret).await.is_ok());
    assert!(instance.verify(&issued.secret).await.is_ok());

    assert!(instance.verify(&other.secret).await.is_ok());
    let asked_for_either_once_and_after_each_change = 2 + 2;
    assert_eq!(instance.looked_up(), asked_for_either_once_and_after_each_change);
}

#[tokio::test]
async fn cached_keys_are_refused_once_their_owner_is_suspended_and_good_again_after_the_end() {
    let instance = Instance::with_lease().await;
    let issued = instance.issue().await;
    let off = instance.issue().await;
    assert!(instance.verify(&issued.secret).await.is_ok());
    let off_before = disabled(&off.key, moment(0));
    instance.change(&off_before).await;
    for _ in 0..2 {
        suspend(&instance, true).await;
        for _ in 0..3 {
            assert_eq!(instance.refusal(&issued.secret).await, Some(Refusal::OwnerSuspended));
            assert_eq!(instance.refusal(&off.secret).await, Some(Refusal::Disabled));
        }
        suspend(&instance, false).await;
        assert!(instance.verify(&issued.secret).await.is_ok());
        assert_eq!(instance.refusal(&off.secret).await, Some(Refusal::Disabled));
    }
    let once_and_after_each_of_four_changes = 1 + 4;
    assert_eq!(instance.looked_up(), 2 * once_and_after_each_of_four_changes - 1);
    assert_eq!(owner_events(&instance).await, 4, "the same change again leaves none");
}

#[tokio::test]
async fn a_key_of_a_suspended_owner_that_expires_is_refused_as_expired() {
    let instance = Instance::with_lease().await;
    let end = instance.clock.now().saturating_add(Duration::from_secs(5));
    let issued = instance.issue_until(Some(end)).await;
    suspend(&instance, true).await;
    assert_eq!(instance.refusal(&issued.secret).await, Some(Refusal::OwnerSuspended));
    instance.clock.advance(Duration::from_secs(5));
    assert_eq!(instance.refusal(&issued.secret).await, Some(Refusal::Expired));
    assert_eq!(instance.looked_up(), 1, "the cache answered");
}

/// Suspends the owner of the instance's keys, or ends that; a second time, since that changes nothing.
async fn suspend(instance: &Instance, suspended: bool) {
    let change = OwnerChange { suspended: Some(suspended), ..OwnerChange::default() };
    for _ in 0..2 {
        let changed = instance.service.change_owner(&owner("ada"), &change, &a_caller()).await;
        let found = changed.expect("nobody else changes it");
        assert_eq!(found.settings.suspended_at.is_some(), suspended);
        assert_eq!(instance.service.owner(&owner("ada")).await.expect("so"), found);
    }
}

async fn owner_events(instance: &Instance) -> usize {
    let events = instance.store.events_of(&owner("ada"), None, None, 100).await.expect("so");
    events.iter().filter(|event| event.action.name() == "owner.changed").count()
}
