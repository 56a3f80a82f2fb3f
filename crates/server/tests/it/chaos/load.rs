//! Those who create, verify and revoke.

use std::ops::RangeInclusive;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::task::JoinSet;
use tokio::time::{MissedTickBehavior, interval, sleep};

use super::backend::backend;
use super::chance::Chance;
use super::client::{Answer, Client};
use super::instance::Instance;
use super::keys::Key;
use super::ledger::{Revoke, count};
use super::run::{Change, Run};

/// How many live keys the creators keep.
pub(crate) const LIVE: usize = 96;
const A_MOMENT: Duration = Duration::from_millis(20);
/// How long a change is asked for again; faults end sooner.
const CHANGE_LIMIT: Duration = Duration::from_secs(90);

/// How much there is to do.
#[derive(Debug, Clone)]
pub(crate) struct Load {
    /// Verifiers for each instance, and how often each presents a key. What an instance misses
    /// while it is in trouble is made up for afterwards, in a burst.
    pub(crate) verifiers: usize,
    pub(crate) every: Duration,
    /// Revokers, who revoke a key each when a fault begins, and after a pause in milliseconds.
    pub(crate) revokers: usize,
    pub(crate) pause: RangeInclusive<u64>,
    /// Backends with users of their own, each of whom gets keys, is suspended, and leaves.
    pub(crate) backends: usize,
}

impl Load {
    /// Starts the load, which goes on until the run's `stop`.
    pub(crate) fn start(&self, run: &Arc<Run>, chance: &mut Chance) -> JoinSet<()> {
        let mut tasks = JoinSet::new();
        for instance in &run.instances {
            for _ in 0..self.verifiers {
                let client = Client::new(instance);
                tasks.spawn(verifier(Arc::clone(run), client, self.every, chance.fork()));
            }
            tasks.spawn(pourer(Arc::clone(run), Arc::clone(instance), chance.fork()));
        }
        tasks.spawn(creator(Arc::clone(run), chance.fork()));
        tasks.spawn(creator(Arc::clone(run), chance.fork()));
        for _ in 0..self.revokers {
            tasks.spawn(revoker(Arc::clone(run), self.pause.clone(), chance.fork()));
        }
        for number in 0..self.backends {
            let pause = self.pause.clone();
            tasks.spawn(backend(Arc::clone(run), number, pause, chance.fork()));
        }
        tasks
    }
}

async fn verifier(run: Arc<Run>, mut client: Client, every: Duration, mut chance: Chance) {
    let mut turns = interval(every);
    turns.set_missed_tick_behavior(MissedTickBehavior::Burst);
    while !run.stop.is_cancelled() {
        turns.tick().await;
        let Some(key) = run.ledger.pick(&mut chance) else { continue };
        match run.verify(&mut client, &key).await {
            Some(200 | 401 | 403) => {}
            // Not as fast as it can say no.
            _ => sleep(A_MOMENT).await,
        }
    }
}

/// Sends requests, each on a connection of its own, to an instance that stands still, which finds
/// them when it goes on.
async fn pourer(run: Arc<Run>, instance: Arc<Instance>, mut chance: Chance) {
    let mut waiting = JoinSet::new();
    while !run.stop.is_cancelled() {
        sleep(A_MOMENT).await;
        if let Some(key) = run.ledger.pick(&mut chance).filter(|_| instance.is_frozen()) {
            let (run, mut client) = (Arc::clone(&run), Client::new(&instance));
            waiting.spawn(async move {
                if run.verify(&mut client, &key).await.is_some() {
                    count(&run.ledger.counts.answered_after_a_stop);
                }
            });
        }
    }
    drop(waiting.join_all().await);
}

async fn creator(run: Arc<Run>, mut chance: Chance) {
    while !run.stop.is_cancelled() {
        if run.ledger.live_count() >= LIVE {
            sleep(A_MOMENT).await;
            continue;
        }
        match run.create(run.any_instance(&mut chance)).await {
            // As soon as it is answered it works, everywhere.
            Some(key) => {
                let mut client = Client::new(run.any_instance(&mut chance));
                run.verify(&mut client, &key).await;
            }
            None => sleep(A_MOMENT).await,
        }
    }
}

async fn revoker(run: Arc<Run>, pause: RangeInclusive<u64>, mut chance: Chance) {
    while !run.stop.is_cancelled() {
        let pause = chance.millis(pause.clone());
        tokio::select! {
            () = sleep(pause) => {}
            () = run.fault_begins.notified() => {}
        }
        if let Some(key) = run.ledger.doom(&mut chance) {
            revoke(&run, &run.instances, &key, &mut chance).await;
        }
    }
}

/// Asks for a revocation until an answer says that it is made.
pub(crate) async fn revoke(run: &Run, instances: &[Arc<Instance>], key: &Key, chance: &mut Chance) {
    if let Some(done) = insist(run, instances, chance, &run.revoke_of(key)).await {
        key.reveal(done.at);
        run.ledger.revoked(done.revoke());
    }
}

/// What was asked for until an answer said that it is done.
#[derive(Debug)]
pub(crate) struct Done {
    began: Instant,
    pub(crate) at: Instant,
    /// Whether a request before the last was not answered, so that it may be done at any time.
    pub(crate) failed: bool,
    in_trouble: bool,
    pub(crate) body: Vec<u8>,
}

impl Done {
    pub(crate) fn revoke(&self) -> Revoke {
        let Self { began, at, in_trouble, .. } = *self;
        Revoke { began, took: at - began, in_trouble }
    }
}

/// Asks for a change, one instance after the other, until an answer says that it is made.
pub(crate) async fn insist(
    run: &Run,
    instances: &[Arc<Instance>],
    chance: &mut Chance,
    wish: &Change<'_>,
) -> Option<Done> {
    let began = Instant::now();
    let mut failed = false;
    while began.elapsed() < CHANGE_LIMIT {
        let instance = chance.one_of(instances).expect("there is one");
        let before = calm(run, instance);
        let Some(answer) = wish.ask(instance).await else {
            failed = true;
            continue;
        };
        let after = calm(run, instance);
        // A key is not found where a DELETE before this one has revoked it.
        if answer.status == 200 || (answer.status == 404 && failed) {
            let in_trouble = failed || before.is_none() || before != after;
            let Answer { received: at, body, .. } = answer;
            return Some(Done { began, at, failed, in_trouble, body });
        }
        if !answer.is_unavailable() {
            run.ledger.wrong(&format!("{wish}: {}", answer.head));
            return None;
        }
        failed = true;
        sleep(A_MOMENT).await;
    }
    run.ledger.wrong(&format!("{wish} was never answered"));
    None
}

/// Whether neither is in trouble, as in [`Trouble::calm`](super::trouble::Trouble::calm).
fn calm(run: &Run, instance: &Instance) -> Option<(u64, u64)> {
    instance.trouble.calm().zip(run.postgres.trouble.calm())
}
