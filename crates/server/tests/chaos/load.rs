//! Those who create, verify and revoke, all at once.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tokio::task::JoinSet;
use tokio::time::sleep;

use crate::chance::Chance;
use crate::client::{Answer, Client};
use crate::fleet::{Fleet, with_body};
use crate::instance::{Calm, Instance};
use crate::ledger::{How, Key, Ledger};

/// Longer than a process is stopped and a verification may take after that.
pub(crate) const PATIENCE: Duration = Duration::from_secs(12);
/// Nobody waits for acknowledgements so long, and for a lease nobody waits less.
const LEASE: Duration = Duration::from_secs(3);

/// How much is asked.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Volume {
    /// Keys that are kept alive.
    pub(crate) keys: usize,
    /// For each instance.
    pub(crate) verifiers: usize,
    /// Between two verifications of one of them.
    pub(crate) pause: Duration,
    pub(crate) revokers: usize,
}

#[derive(Debug)]
pub(crate) struct Load {
    fleet: Arc<Fleet>,
    ledger: Arc<Ledger>,
    volume: Volume,
    revokes_over: AtomicBool,
    over: AtomicBool,
}

impl Load {
    pub(crate) fn new(fleet: &Arc<Fleet>, ledger: &Arc<Ledger>, volume: Volume) -> Arc<Self> {
        let (fleet, ledger) = (Arc::clone(fleet), Arc::clone(ledger));
        let (revokes_over, over) = (AtomicBool::new(false), AtomicBool::new(false));
        Arc::new(Self { fleet, ledger, volume, revokes_over, over })
    }

    /// Begins, but for the revokers.
    pub(crate) fn begin(self: &Arc<Self>, seed: u64) -> JoinSet<()> {
        let mut tasks = JoinSet::new();
        for number in 0..2 {
            tasks.spawn(Arc::clone(self).create(Chance::new(seed, 100 + number)));
        }
        for instance in &self.fleet.instances {
            for number in 0..self.volume.verifiers {
                let chance = Chance::new(seed, 200 + 10 * number + instance.number);
                tasks.spawn(Arc::clone(self).verify(Arc::clone(instance), chance));
            }
        }
        tasks
    }

    /// Begins to revoke; when it is over, each revoke that was begun is asked until it is answered.
    pub(crate) fn begin_to_revoke(self: &Arc<Self>, seed: u64) -> JoinSet<()> {
        let mut tasks = JoinSet::new();
        for number in 0..self.volume.revokers {
            tasks.spawn(Arc::clone(self).revoke(Chance::new(seed, 300 + number)));
        }
        tasks
    }

    pub(crate) fn end_revokes(&self) {
        self.revokes_over.store(true, Ordering::Relaxed);
    }

    pub(crate) fn end(&self) {
        self.over.store(true, Ordering::Relaxed);
    }

    fn is_over(&self) -> bool {
        self.over.load(Ordering::Relaxed)
    }

    fn someone(&self, chance: &mut Chance) -> Client {
        Client::of(&self.fleet.instances[chance.below(3)])
    }

    async fn create(self: Arc<Self>, mut chance: Chance) {
        let rest = with_body(&self.fleet.session, r#"{"name":"chaos"}"#);
        let mut client = self.someone(&mut chance);
        while !self.is_over() {
            if self.ledger.live() >= self.volume.keys {
                sleep(Duration::from_millis(20)).await;
                continue;
            }
            match client.ask("POST /api/v1/api-keys", &rest, PATIENCE).await {
                Ok(answer) if answer.status == 201 => {
                    let key = self.created(&answer);
                    // It is good everywhere by now.
                    let client = &mut self.someone(&mut chance);
                    verify(&self.ledger, client, &key).await;
                    continue;
                }
                Ok(answer) if answer.status != 503 => {
                    self.ledger.wrong(format!("a creation was answered {answer:?}"));
                }
                _unavailable => {}
            }
            sleep(Duration::from_millis(50)).await;
            client = self.someone(&mut chance);
        }
    }

    fn created(&self, answer: &Answer) -> Arc<Key> {
        let body: serde_json::Value = serde_json::from_str(&answer.body).expect("it is JSON");
        let text = |member: &str| body[member].as_str().expect("a string").to_owned();
        self.ledger.created(text("id"), text("key"))
    }

    async fn verify(self: Arc<Self>, instance: Arc<Instance>, mut chance: Chance) {
        let mut client = Client::of(&instance);
        while !self.is_over() {
            let answered = match self.ledger.any(&mut chance) {
                Some(key) => verify(&self.ledger, &mut client, &key).await,
                None => false,
            };
            // One that is down refuses connections in no time.
            sleep(if answered { self.volume.pause } else { Duration::from_millis(10) }).await;
        }
    }

    async fn revoke(self: Arc<Self>, mut chance: Chance) {
        while !self.revokes_over.load(Ordering::Relaxed) {
            sleep(chance.between(Duration::from_millis(20), Duration::from_millis(200))).await;
            if let Some(key) = self.ledger.condemn(&mut chance) {
                self.revoke_one(&key, &mut chance).await;
            }
        }
    }

    async fn revoke_one(&self, key: &Key, chance: &mut Chance) {
        let line = format!("DELETE /api/v1/api-keys/{}", key.id);
        let rest = format!("{}\r\n", self.fleet.session);
        let mut is_first = true;
        loop {
            let mut client = self.someone(chance);
            let calm = client.instance.calm();
            // Now and then somebody loses patience and asks again elsewhere.
            let impatient = chance.below(20) == 0;
            let patience = if impatient { Duration::from_millis(500) } else { PATIENCE };
            match client.ask(&line, &rest, patience).await {
                Ok(answer) if matches!(answer.status, 200 | 404) => {
                    let how = how(&answer, is_first, &client.instance, calm);
                    self.ledger.revealed(key, answer.received, how);
                    if is_first && answer.status == 404 {
                        self.ledger.wrong(format!("a first revoke was answered {answer:?}"));
                    }
                    return;
                }
                Ok(answer) if answer.status != 503 => {
                    self.ledger.wrong(format!("a revoke was answered {answer:?}"));
                }
                _unavailable => {}
            }
            is_first = false;
            sleep(Duration::from_millis(50)).await;
        }
    }
}

fn how(answer: &Answer, is_first: bool, instance: &Instance, calm: Calm) -> How {
    if !is_first || !instance.is_calm_since(calm) {
        How::Disturbed
    } else if answer.received - answer.sent < LEASE {
        How::ByAck
    } else {
        How::ByLease
    }
}

/// Verifies once and says whether there was an answer.
pub(crate) async fn verify(ledger: &Ledger, client: &mut Client, key: &Key) -> bool {
    let answer = client.verify(&key.text, PATIENCE).await;
    ledger.verified(key, client.instance.number, &answer);
    answer.is_ok()
}
