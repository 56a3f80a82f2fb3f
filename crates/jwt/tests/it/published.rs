use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use latchkey_jwt::{FetchError, ForeignSessions, JwtError, Keys, PublishedKeys};
use latchkey_testkit::fakes::FakeClock;
use latchkey_testkit::issuer::{Issuer, jwks};
use tokio::time::sleep;

use crate::world::{FakeSteadyClock, ask, claims, expect_refused, rules};

const DAY: u64 = 24 * 60 * 60;

/// An issuer's address: what it answers, and how often it was asked.
#[derive(Debug, Default)]
struct Address {
    /// Nothing while it can't be reached.
    text: Mutex<Option<String>>,
    asked: AtomicUsize,
    takes: Mutex<Duration>,
}

#[async_trait]
impl PublishedKeys for Address {
    async fn fetch(&self) -> Result<Vec<u8>, FetchError> {
        self.asked.fetch_add(1, Ordering::SeqCst);
        let takes = *self.takes.lock().expect("no panic");
        sleep(takes).await;
        let text = self.text.lock().expect("no panic").clone();
        text.map(String::into_bytes).ok_or_else(|| "nobody answers".into())
    }
}

struct World {
    address: Arc<Address>,
    clock: Arc<FakeSteadyClock>,
    sessions: Arc<ForeignSessions>,
}

impl World {
    fn publishing(issuers: &[&Issuer]) -> Self {
        let this = Self::unreachable();
        this.publish(issuers);
        this
    }

    fn unreachable() -> Self {
        let (address, clock) = (Arc::<Address>::default(), Arc::<FakeSteadyClock>::default());
        let keys = Keys::Published(Arc::<Address>::clone(&address));
        let steady = Arc::<FakeSteadyClock>::clone(&clock);
        let sessions = ForeignSessions::new(rules(), keys, Arc::<FakeClock>::default(), steady);
        Self { address, clock, sessions: Arc::new(sessions) }
    }

    fn publish(&self, issuers: &[&Issuer]) {
        *self.address.text.lock().expect("no panic") = Some(jwks(issuers.iter().copied()));
    }

    fn go_away(&self) {
        *self.address.text.lock().expect("no panic") = None;
    }

    fn asked(&self) -> usize {
        self.address.asked.load(Ordering::SeqCst)
    }

    fn wait(&self, seconds: u64) {
        self.clock.advance(Duration::from_secs(seconds));
    }

    #[track_caller]
    fn accepts(&self, issuer: &Issuer) -> impl Future<Output = ()> + use<> {
        let token = issuer.token(&claims());
        let sessions = Arc::clone(&self.sessions);
        async move {
            let answer = ask(&sessions, &token).await;
            assert!(answer.is_ok(), "{answer:?}");
        }
    }

    async fn refuses(&self, issuer: &Issuer) {
        expect_refused(&ask(&self.sessions, &issuer.token(&claims())).await, "a token");
    }

    async fn cannot_tell(&self, issuer: &Issuer) {
        let answer = ask(&self.sessions, &issuer.token(&claims())).await;
        assert_eq!(answer, Err(JwtError::NoKeys));
    }
}

#[tokio::test(start_paused = true)]
async fn keys_are_fetched_when_first_needed_once_for_all_who_wait() {
    let issuer = Issuer::ed25519("a");
    let world = World::publishing(&[&issuer]);
    *world.address.takes.lock().expect("no panic") = Duration::from_secs(2);
    expect_refused(&ask(&world.sessions, "no.token.here").await, "no token");
    assert_eq!(world.asked(), 0);
    let waiting = (0..50).map(|_| tokio::spawn(world.accepts(&issuer)));
    for task in waiting.collect::<Vec<_>>() {
        task.await.expect("a session");
    }
    assert_eq!(world.asked(), 1);
}

#[tokio::test]
async fn a_new_key_is_found_and_an_old_one_that_is_gone_no_longer_counts() {
    let (old, new) = (Issuer::ed25519("old"), Issuer::ed25519("new"));
    let world = World::publishing(&[&old]);
    world.accepts(&old).await;
    world.publish(&[&new]);
    world.accepts(&old).await;
    assert_eq!(world.asked(), 1, "known keys ask nobody");
    world.accepts(&new).await;
    world.refuses(&old).await;
    assert_eq!(world.asked(), 2, "within 30 s of the fetch for the unknown key");
}

#[tokio::test]
async fn unknown_keys_cause_a_fetch_every_30_seconds_at_most() {
    let (issuer, stranger) = (Issuer::ed25519("a"), Issuer::ed25519("b"));
    let world = World::publishing(&[&issuer]);
    world.accepts(&issuer).await;
    for _ in 0..10 {
        world.refuses(&stranger).await;
    }
    assert_eq!(world.asked(), 2);
    world.wait(29);
    world.refuses(&stranger).await;
    assert_eq!(world.asked(), 2);
    world.wait(1);
    world.refuses(&stranger).await;
    world.refuses(&stranger).await;
    assert_eq!(world.asked(), 3);
    world.publish(&[&issuer, &stranger]);
    world.wait(30);
    world.accepts(&stranger).await;
}

#[tokio::test]
async fn with_no_key_at_all_nobody_can_tell_and_the_next_try_comes_after_3_seconds() {
    let issuer = Issuer::ed25519("a");
    let world = World::unreachable();
    for _ in 0..10 {
        world.cannot_tell(&issuer).await;
    }
    assert_eq!(world.asked(), 1);
    world.publish(&[&issuer]);
    world.wait(2);
    world.cannot_tell(&issuer).await;
    world.wait(1);
    world.accepts(&issuer).await;
    assert_eq!(world.asked(), 2);
}

#[tokio::test]
async fn a_set_without_a_usable_key_is_no_key_at_all() {
    let issuer = Issuer::ed25519("a");
    let world = World::publishing(&[]);
    world.cannot_tell(&issuer).await;
    world.publish(&[&issuer]);
    world.wait(3);
    world.accepts(&issuer).await;
}

#[tokio::test]
async fn known_keys_count_for_24_hours_while_the_issuer_is_away() {
    let (issuer, stranger) = (Issuer::ed25519("a"), Issuer::ed25519("b"));
    let world = World::publishing(&[&issuer]);
    world.accepts(&issuer).await;
    world.go_away();
    world.refuses(&stranger).await;
    world.wait(DAY - 1);
    world.accepts(&issuer).await;
    world.refuses(&stranger).await;
    world.wait(1);
    world.cannot_tell(&issuer).await;
    world.publish(&[&issuer]);
    world.wait(3);
    world.accepts(&issuer).await;
}

#[tokio::test]
async fn an_answer_that_is_no_jwks_changes_nothing() {
    let issuer = Issuer::ed25519("a");
    let world = World::publishing(&[&issuer]);
    world.accepts(&issuer).await;
    *world.address.text.lock().expect("no panic") = Some("<html>Sign in</html>".to_owned());
    world.refuses(&Issuer::ed25519("b")).await;
    assert_eq!(world.asked(), 2);
    world.accepts(&issuer).await;
}

#[tokio::test]
async fn a_caller_who_goes_away_does_not_make_the_next_fetch_come_sooner() {
    let (issuer, stranger) = (Issuer::ed25519("a"), Issuer::ed25519("b"));
    let world = World::publishing(&[&issuer]);
    world.accepts(&issuer).await;
    *world.address.takes.lock().expect("no panic") = Duration::from_mins(1);
    for _ in 0..5 {
        let asking = tokio::time::timeout(Duration::from_millis(20), world.refuses(&stranger));
        drop(asking.await);
    }
    assert_eq!(world.asked(), 2);
}

#[tokio::test(start_paused = true)]
async fn keys_are_fetched_again_every_10_minutes_though_nobody_asks() {
    let (old, new) = (Issuer::ed25519("a"), Issuer::ed25519("a"));
    let world = World::publishing(&[&old]);
    let sessions = Arc::clone(&world.sessions);
    let keeping = tokio::spawn(async move { sessions.keep().await });
    sleep(Duration::from_mins(1)).await;
    assert_eq!(world.asked(), 0, "no token has needed keys");
    world.accepts(&old).await;
    world.publish(&[&new]);
    world.wait(599);
    sleep(Duration::from_secs(6)).await;
    world.accepts(&old).await;
    world.wait(1);
    sleep(Duration::from_secs(6)).await;
    world.accepts(&new).await;
    world.refuses(&old).await;
    assert_eq!(world.asked(), 2);
    keeping.abort();
}
