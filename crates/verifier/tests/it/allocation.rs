//! What is answered from the cache allocates nothing.

use std::pin::pin;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use allocation_counter::measure;
use latchkey_domain::{Refusal, VerifyError};
use latchkey_testkit::fixtures::{a_caller, metadata, moment};
use latchkey_verifier::Verifier;

use crate::instance::Instance;

/// How many allocations a verification makes that is answered without waiting, and accepted if the key is good; and the
/// refusal.
pub(crate) fn allocations(verifier: &Verifier, presented: &[u8]) -> (u64, Option<Refusal>) {
    let mut refusal = None;
    let made = measure(|| {
        let verification = pin!(verifier.verify(presented));
        refusal = match verification.poll(&mut Context::from_waker(Waker::noop())) {
            Poll::Ready(Ok(principal)) => {
                verifier.accepted(&principal, 1);
                None
            }
            Poll::Ready(Err(VerifyError::Refused(refused))) => Some(refused.why),
            Poll::Ready(Err(VerifyError::Store(error))) => panic!("{error:?}"),
            Poll::Pending => panic!("it waits"),
        };
    });
    (made.count_total, refusal)
}

#[tokio::test]
async fn a_cached_key_is_accepted_without_an_allocation() {
    let instance = Instance::with_lease().await;
    let issued = instance
        .issue_with(|new| {
            new.expiring(Some(moment(10_000))).with_metadata(metadata(r#"{"plan":"pro"}"#))
        })
        .await;
    instance.verify(&issued.secret).await.expect("it is good");
    for _ in 0..3 {
        // Each use is noted.
        instance.clock.advance(Duration::from_millis(1));
        let answer = allocations(&instance.verifier, issued.secret.expose().as_bytes());
        assert_eq!(answer, (0, None));
    }
}

#[tokio::test]
async fn a_refusal_that_asks_nobody_is_given_without_an_allocation() {
    let instance = Instance::with_lease().await;
    let (expired, revoked) = (instance.issue_until(Some(moment(1))).await, instance.issue().await);
    let key = revoked.key.parts();
    instance.service.revoke(&key.owner, key.id, &a_caller()).await.expect("it was not revoked");
    instance.clock.set(moment(1));
    let cases = [
        (expired.secret, Refusal::Expired),
        (revoked.secret, Refusal::Revoked),
        (instance.unknown(), Refusal::Unknown),
    ];
    for (secret, refusal) in cases {
        assert_eq!(instance.refusal(&secret).await, Some(refusal));
        let answer = allocations(&instance.verifier, secret.expose().as_bytes());
        assert_eq!(answer, (0, Some(refusal)));
    }
    let long = [b'a'; 10_000];
    for malformed in [b"".as_slice(), b"sk_live_malformed", &long] {
        let answer = allocations(&instance.verifier, malformed);
        assert_eq!(answer, (0, Some(Refusal::Malformed)));
    }
}

#[tokio::test]
async fn a_look_up_does_allocate_so_the_counter_counts() {
    let instance = Instance::with_lease().await;
    let issued = instance.issue().await;
    let made = measure(|| {
        let verification = pin!(instance.verifier.verify(issued.secret.expose().as_bytes()));
        let _answer_or_wait = verification.poll(&mut Context::from_waker(Waker::noop()));
    });
    assert!(made.count_total > 0);
}
