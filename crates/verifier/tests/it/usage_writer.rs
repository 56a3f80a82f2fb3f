//! When a use is written. The runtime's time stands too, and moves when told.

use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, mpsc};
use std::time::Duration;

use async_trait::async_trait;
use latchkey_domain::ports::{
    ApiKeyRepository as _, Clock as _, StoreError, UsageRegister as _, UsageRepository,
};
use latchkey_domain::{
    IssuedKey, RefusalReason, RefusedCall, Timestamp, UsageBatch, UsageCounts, UsagePeriod,
};
use latchkey_store_sqlite::SqliteStore;
use latchkey_testkit::fixtures::moment;
use latchkey_verifier::Answering;
use tokio::sync::Semaphore;
use tokio::task::{JoinHandle, spawn_blocking, yield_now};
use tokio::time::advance;

use crate::instance::Instance;

const SECOND: Duration = Duration::from_secs(1);

/// A task that writes, and time that moves only by `pass`.
struct Writing {
    instance: Instance,
    /// The runtime moves paused time on by itself when it has nothing to do, also while the store
    /// works, unless it waits for a blocking task.
    _blocking: mpsc::Sender<()>,
}

impl Writing {
    async fn start() -> Self {
        let (sender, receiver) = mpsc::channel();
        spawn_blocking(move || receiver.recv());
        let instance = Instance::with_lease().await;
        // Its clock stands, so the lease goes on.
        instance.stop_heartbeats();
        let usage = Arc::clone(&instance.usage);
        tokio::spawn(async move { usage.keep_writing().await });
        // It begins at once, with nothing to write.
        yield_now().await;
        Self { instance, _blocking: sender }
    }

    /// Uses a key `millis` after the first moment.
    async fn use_at(&self, millis: i64, issued: &IssuedKey) {
        self.instance.clock.set(moment(millis));
        self.instance.verify(&issued.secret).await.expect("it is good");
    }

    async fn stored(&self, issued: &IssuedKey) -> Option<Timestamp> {
        stored(&self.instance, issued).await
    }

    /// Lets so many seconds pass, and all be written that is due until then.
    async fn pass(&self, seconds: u32) {
        for _ in 0..seconds {
            let marker = self.instance.issue().await;
            self.instance.verify(&marker.secret).await.expect("it is good");
            advance(SECOND).await;
            while self.stored(&marker).await.is_none() {
                yield_now().await;
            }
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_first_use_is_written_within_a_second_and_later_ones_once_a_minute() {
    let writing = Writing::start().await;
    let issued = writing.instance.issue().await;
    writing.use_at(0, &issued).await;
    writing.pass(1).await;
    assert_eq!(writing.stored(&issued).await, Some(moment(0)));
    for second in 1..=50 {
        writing.use_at(second * 1_000, &issued).await;
        writing.pass(1).await;
    }
    assert_eq!(writing.stored(&issued).await, Some(moment(0)));
    writing.pass(9).await;
    assert_eq!(writing.stored(&issued).await, Some(moment(50_000)));
    // All of them were of a cached key.
    let markers = 1 + 50 + 9;
    assert_eq!(writing.instance.looked_up(), 1 + markers);
}

#[tokio::test(start_paused = true)]
async fn after_a_minute_without_a_use_the_next_one_is_written_like_a_first() {
    let writing = Writing::start().await;
    let issued = writing.instance.issue().await;
    writing.use_at(0, &issued).await;
    writing.pass(60).await;
    writing.use_at(60_000, &issued).await;
    writing.pass(1).await;
    assert_eq!(writing.stored(&issued).await, Some(moment(60_000)));
}

#[tokio::test(start_paused = true)]
async fn a_last_use_never_moves_back_with_the_clock() {
    let writing = Writing::start().await;
    let issued = writing.instance.issue().await;
    writing.use_at(5_000, &issued).await;
    writing.use_at(4_000, &issued).await;
    writing.pass(1).await;
    assert_eq!(writing.stored(&issued).await, Some(moment(5_000)));
    writing.use_at(3_000, &issued).await;
    writing.pass(60).await;
    writing.use_at(2_000, &issued).await;
    writing.instance.usage.close().await;
    assert_eq!(writing.stored(&issued).await, Some(moment(5_000)));
}

#[tokio::test(start_paused = true)]
async fn an_attempt_with_an_expired_key_is_no_use() {
    let writing = Writing::start().await;
    let issued = writing.instance.issue_until(Some(moment(1_000))).await;
    writing.use_at(999, &issued).await;
    writing.instance.clock.set(moment(1_000));
    assert!(writing.instance.verify(&issued.secret).await.is_err());
    writing.instance.usage.close().await;
    assert_eq!(writing.stored(&issued).await, Some(moment(999)));
}

#[tokio::test(start_paused = true)]
async fn closing_writes_what_was_used_for_the_first_time_and_since_the_last_write() {
    let writing = Writing::start().await;
    let (again, first) = (writing.instance.issue().await, writing.instance.issue().await);
    writing.use_at(0, &again).await;
    writing.pass(1).await;
    writing.use_at(3_000, &again).await;
    writing.use_at(4_000, &first).await;
    writing.instance.usage.close().await;
    assert_eq!(writing.stored(&again).await, Some(moment(3_000)));
    assert_eq!(writing.stored(&first).await, Some(moment(4_000)));
    assert_eq!(writing.instance.verifier.status().unwritten_uses, 0);
}

#[tokio::test]
async fn a_use_that_could_not_be_written_waits_for_the_next_time() {
    let instance = Instance::with_lease().await;
    let issued = instance.issue().await;
    assert!(instance.verify(&issued.secret).await.is_ok());
    instance.store.close().await;
    for _ in 0..2 {
        instance.usage.close().await;
        assert_eq!(instance.verifier.status().unwritten_uses, 1);
    }
}

/// A store whose writes of last uses begin, and wait until they are let through.
#[derive(Debug)]
struct SlowStore {
    store: Arc<SqliteStore>,
    begun: Semaphore,
    let_through: Semaphore,
}

#[async_trait]
impl UsageRepository for SlowStore {
    async fn record(&self, batch: &UsageBatch) -> Result<(), StoreError> {
        self.begun.add_permits(1);
        self.let_through.acquire().await.expect("it is never closed").forget();
        self.store.record(batch).await
    }
}

/// A key that was used, and used again while its first use is being written by a task.
async fn used_again_while_it_is_written() -> (Instance, Arc<SlowStore>, IssuedKey, JoinHandle<()>) {
    let mut slow = None;
    let instance = Instance::writing_to(Answering::FromCache, |store| {
        let (begun, let_through) = (Semaphore::new(0), Semaphore::new(0));
        Arc::clone(slow.insert(Arc::new(SlowStore { store, begun, let_through })))
    })
    .await;
    let slow = slow.expect("the instance asked for it");
    let issued = instance.issue().await;
    instance.verify(&issued.secret).await.expect("it is good");
    let usage = Arc::clone(&instance.usage);
    let writing = tokio::spawn(async move { usage.keep_writing().await });
    slow.begun.acquire().await.expect("it is never closed").forget();
    instance.clock.set(moment(1_000));
    instance.verify(&issued.secret).await.expect("it is good");
    (instance, slow, issued, writing)
}

async fn stored(instance: &Instance, issued: &IssuedKey) -> Option<Timestamp> {
    let key = issued.key.parts();
    let found = instance.store.find(&key.owner, key.id).await.expect("answered");
    found.expect("it is not revoked").last_used_at
}

#[tokio::test]
async fn closing_waits_for_a_write_in_flight_and_writes_what_was_used_meanwhile() {
    let (instance, slow, issued, writing) = used_again_while_it_is_written().await;
    let usage = Arc::clone(&instance.usage);
    let closing = tokio::spawn(async move { usage.close().await });
    yield_now().await;
    slow.let_through.add_permits(2);
    closing.await.expect("it does not panic");
    writing.await.expect("closing ended it");
    assert_eq!(stored(&instance, &issued).await, Some(moment(1_000)));
}

#[tokio::test]
async fn closing_writes_what_a_task_that_was_aborted_had_begun_to_write() {
    let (instance, slow, issued, writing) = used_again_while_it_is_written().await;
    writing.abort();
    slow.let_through.add_permits(2);
    instance.usage.close().await;
    assert_eq!(stored(&instance, &issued).await, Some(moment(1_000)));
}

/// A store whose answer to the next write gets lost: the write is done, and fails.
#[derive(Debug)]
struct ForgetfulStore {
    store: Arc<SqliteStore>,
    losses: AtomicUsize,
}

#[async_trait]
impl UsageRepository for ForgetfulStore {
    async fn record(&self, batch: &UsageBatch) -> Result<(), StoreError> {
        self.store.record(batch).await?;
        match self.losses.fetch_update(SeqCst, SeqCst, |left| left.checked_sub(1)) {
            Ok(_) => Err(StoreError::new("the answer got lost")),
            Err(_) => Ok(()),
        }
    }
}

async fn losing(losses: usize) -> Instance {
    Instance::writing_to(Answering::FromCache, |store| {
        Arc::new(ForgetfulStore { store, losses: AtomicUsize::new(losses) })
    })
    .await
}

/// Accepted calls, their cost, and refused ones.
async fn counted(instance: &Instance, issued: &IssuedKey) -> (u64, u64, u64) {
    let period = UsagePeriod::last_days(instance.clock.now());
    let key = issued.key.parts().id;
    let calls = instance.store.of_keys(&[key], &period).await.expect("answered");
    let mut all = UsageCounts::default();
    for (_, counted) in &calls {
        all.add(counted);
    }
    (all.accepted, all.cost, all.refused.values().sum())
}

#[tokio::test]
async fn calls_are_counted_to_the_last_one_when_answers_of_the_store_get_lost() {
    let instance = losing(3).await;
    let issued = instance.issue().await;
    let principal = instance.verify(&issued.secret).await.expect("it is good");
    for closed in 1..=5 {
        instance.verifier.accepted(&principal, 7);
        let call = RefusedCall::default();
        instance.verifier.refused(principal.key(), RefusalReason::Scope, call);
        instance.usage.close().await;
        let lost = u64::from(closed <= 3);
        // The batch before is added; what came later waits while its answer is not known.
        assert_eq!(instance.verifier.status().unwritten_uses > 0, lost == 1, "{closed}");
    }
    assert_eq!(counted(&instance, &issued).await, (6, 1 + 5 * 7, 5));
    let kept = instance.store.refusals_of(principal.key()).await.expect("answered");
    assert_eq!(kept.len(), 1);
}

#[tokio::test]
async fn more_keys_than_fit_in_a_batch_are_counted_each() {
    let instance = losing(1).await;
    let mut keys = Vec::new();
    for _ in 0..501 {
        keys.push(instance.issue().await);
    }
    for issued in &keys {
        let principal = instance.verify(&issued.secret).await.expect("it is good");
        let call = RefusedCall::default();
        instance.verifier.refused(principal.key(), RefusalReason::Rate, call);
    }
    for _ in 0..2 {
        instance.usage.close().await;
    }
    for issued in &keys {
        assert_eq!(counted(&instance, issued).await, (1, 1, 1));
    }
    assert_eq!(instance.verifier.status().unwritten_uses, 0);
}

#[tokio::test(start_paused = true)]
async fn refusals_are_written_once_a_minute() {
    let writing = Writing::start().await;
    let issued = writing.instance.issue().await;
    let principal = writing.instance.verify(&issued.secret).await.expect("it is good");
    let refuse = async |seconds| {
        for _ in 0..seconds {
            let call = RefusedCall::default();
            writing.instance.verifier.refused(principal.key(), RefusalReason::Scope, call);
            writing.pass(1).await;
        }
        counted(&writing.instance, &issued).await.2
    };
    assert_eq!(refuse(50).await, 0);
    let written = refuse(10).await;
    assert!((50..=60).contains(&written), "{written}");
    assert_eq!(refuse(40).await, written);
    let written = refuse(20).await;
    assert!((100..=120).contains(&written), "{written}");
}
