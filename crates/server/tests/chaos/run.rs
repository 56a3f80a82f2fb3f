//! A run: all is well, then nothing is, then what each kind of outage costs.

use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::task::JoinSet;
use tokio::time::sleep;

use crate::client::Client;
use crate::fleet::Fleet;
use crate::ledger::{Key, Ledger, Revoke};
use crate::load::{Load, PATIENCE, Volume};
use crate::nemesis::Nemesis;
use crate::proxy::Way;

/// How long an instance answers from memory after a heartbeat.
const LEASE: Duration = Duration::from_millis(2_700);

#[derive(Debug, Clone, Copy)]
pub(crate) struct Plan {
    pub(crate) seed: u64,
    pub(crate) quiet: Duration,
    pub(crate) storm: Duration,
    pub(crate) volume: Volume,
}

/// What was seen.
#[derive(Debug)]
pub(crate) struct Seen {
    pub(crate) plan: Plan,
    pub(crate) ledger: Arc<Ledger>,
    /// Revokes while all was well, and while it was not.
    pub(crate) quiet: Vec<Revoke>,
    pub(crate) storm: Vec<Revoke>,
    /// From the moment an instance is cut off to the last verification that it accepts.
    pub(crate) last_accept: Duration,
    /// From the return of the network, or of the database, until every instance accepts.
    pub(crate) network_back: Duration,
    pub(crate) database_back: Duration,
    /// What the instances have complained of.
    pub(crate) logs: Vec<String>,
}

impl Plan {
    pub(crate) async fn run(self) -> Seen {
        println!("chaos: seed {}", self.seed);
        let fleet = Arc::new(Fleet::start().await);
        let ledger = Arc::new(Ledger::new());
        let quiet = self.quiet(&fleet, &ledger).await;
        let storm = self.storm(&fleet, &ledger).await;
        sweep(&fleet, &ledger).await;
        let key = live_key(&ledger);
        let (last_accept, network_back) = cut_off(&fleet, &key).await;
        let database_back = crash(&fleet, &key).await;
        let logs = fleet.instances.iter().map(|instance| instance.log()).collect();
        Seen { plan: self, ledger, quiet, storm, last_accept, network_back, database_back, logs }
    }

    async fn quiet(&self, fleet: &Arc<Fleet>, ledger: &Arc<Ledger>) -> Vec<Revoke> {
        let pause = Duration::from_millis(5);
        let load = Load::new(fleet, ledger, Volume { verifiers: 2, pause, ..self.volume });
        let tasks = load.begin(self.seed);
        sleep(self.quiet / 4).await;
        let revokers = load.begin_to_revoke(self.seed);
        sleep(self.quiet).await;
        finish(&load, revokers, tasks).await;
        ledger.take_revokes()
    }

    async fn storm(&self, fleet: &Arc<Fleet>, ledger: &Arc<Ledger>) -> Vec<Revoke> {
        let load = Load::new(fleet, ledger, self.volume);
        let tasks = load.begin(self.seed);
        let revokers = load.begin_to_revoke(self.seed);
        let end = Instant::now() + self.storm;
        let (fleet, ledger) = (Arc::clone(fleet), Arc::clone(ledger));
        Nemesis { fleet, ledger: Arc::clone(&ledger), seed: self.seed, end }.rage().await;
        finish(&load, revokers, tasks).await;
        ledger.take_revokes()
    }
}

/// The verifiers go on until the last revoke is answered, and a little longer.
async fn finish(load: &Load, revokers: JoinSet<()>, others: JoinSet<()>) {
    load.end_revokes();
    revokers.join_all().await;
    sleep(Duration::from_millis(100)).await;
    load.end();
    others.join_all().await;
}

fn live_key(ledger: &Ledger) -> Arc<Key> {
    let keys = ledger.keys();
    let (key, _) = keys.into_iter().rev().find(|(_, condemned)| !condemned).expect("one is left");
    key
}

/// Asks every instance about every key, now that all is repaired.
async fn sweep(fleet: &Fleet, ledger: &Ledger) {
    for instance in &fleet.instances {
        let mut client = Client::of(instance);
        for (key, condemned) in ledger.keys() {
            let answer = client.verify(&key.text, PATIENCE).await;
            ledger.verified(&key, instance.number, &answer);
            let expected = if condemned { 401 } else { 200 };
            if !answer.as_ref().is_ok_and(|answer| answer.status == expected) {
                ledger.wrong(format!("at the end {} answers {answer:?}", instance.number));
            }
        }
    }
}

/// Cuts the first instance off from the database, until it accepts no more.
async fn cut_off(fleet: &Fleet, key: &Key) -> (Duration, Duration) {
    let instance = &fleet.instances[0];
    let mut client = Client::of(instance);
    fleet.time_to_accept(&key.text).await;
    instance.proxy.set(Way::Shut, Way::Shut);
    let cut = Instant::now();
    let mut last = cut;
    let refusal = loop {
        let answer = client.verify(&key.text, PATIENCE).await.expect("the process is well");
        if answer.status != 200 {
            break answer;
        }
        last = answer.sent;
        assert!(last - cut < 2 * LEASE, "still accepted {:?} after the cut", last - cut);
    };
    assert_eq!(refusal.status, 503, "cut off: {refusal:?}");
    instance.proxy.set(Way::Open, Way::Open);
    (last - cut, fleet.time_to_accept(&key.text).await)
}

/// Crashes the database for longer than a lease; gives how long its return takes to be noticed.
async fn crash(fleet: &Fleet, key: &Key) -> Duration {
    fleet.crash_database().await;
    sleep(LEASE).await;
    for instance in &fleet.instances {
        let answer = Client::of(instance).verify(&key.text, PATIENCE).await;
        let status = answer.expect("the process is well").status;
        assert_eq!(status, 503, "without a database and a lease");
    }
    fleet.restart_database().await;
    fleet.time_to_accept(&key.text).await
}

/// Has a key's revoke answered by one instance while another is cut off, with the wait for that
/// one taken out; gives the verifications that were accepted and should not have been.
pub(crate) async fn sabotaged() -> Vec<String> {
    let fleet = Arc::new(Fleet::start().await);
    let ledger = Arc::new(Ledger::new());
    // Everybody seems to have applied every change, and even those to come.
    fleet.database().await.batch_execute(SABOTAGE).await.expect("the table is there");
    let volume = Volume { keys: 10, verifiers: 2, pause: Duration::from_millis(5), revokers: 1 };
    let load = Load::new(&fleet, &ledger, volume);
    let tasks = load.begin(0);
    // The heartbeats of one interval, so that the database believes it of all.
    sleep(Duration::from_secs(1)).await;
    fleet.instances[0].proxy.set(Way::Shut, Way::Shut);
    let revokers = load.begin_to_revoke(0);
    sleep(Duration::from_secs(2)).await;
    fleet.instances[0].proxy.set(Way::Open, Way::Open);
    finish(&load, revokers, tasks).await;
    ledger.stale_accepts()
}

const SABOTAGE: &str = "\
create function pretend() returns trigger language plpgsql as $$ \
begin new.acked := 9223372036854775807; return new; end $$; \
create trigger pretend before insert or update on instances \
for each row execute function pretend()";
