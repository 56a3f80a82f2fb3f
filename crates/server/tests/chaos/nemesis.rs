//! What goes wrong, and when: repeated by a seed, but for the timing of the machine.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use tokio::task::JoinSet;
use tokio::time::{sleep, sleep_until};

use crate::chance::Chance;
use crate::client::Client;
use crate::fleet::Fleet;
use crate::instance::Instance;
use crate::ledger::Ledger;
use crate::load::verify;
use crate::proxy::Way;

const MOMENT: Duration = Duration::from_millis(100);

#[derive(Debug, Clone, Copy)]
enum Fault {
    /// SIGSTOP, and SIGCONT some time later.
    Stop,
    /// `kill -9`, and a new process.
    Kill,
    /// The network carries nothing, in these directions.
    Blackhole(Way, Way),
    /// It carries everything late.
    Delay,
    /// All connections to the database are reset.
    Reset,
}

const FAULTS: [Fault; 8] = [
    Fault::Stop,
    Fault::Stop,
    Fault::Kill,
    Fault::Blackhole(Way::Shut, Way::Shut),
    Fault::Blackhole(Way::Shut, Way::Open),
    Fault::Blackhole(Way::Open, Way::Shut),
    Fault::Delay,
    Fault::Reset,
];

/// What goes wrong in the database.
const LOCKS: [&str; 2] =
    ["begin; select from instances for update", "begin; select from change_clock for update"];

#[derive(Debug)]
pub(crate) struct Nemesis {
    pub(crate) fleet: Arc<Fleet>,
    pub(crate) ledger: Arc<Ledger>,
    pub(crate) seed: u64,
    pub(crate) end: Instant,
}

impl Nemesis {
    /// Makes trouble until the end, and then repairs everything.
    pub(crate) async fn rage(self) {
        let this = Arc::new(self);
        let mut tasks = JoinSet::new();
        for instance in &this.fleet.instances {
            let chance = Chance::new(this.seed, instance.number);
            tasks.spawn(Arc::clone(&this).trouble_instance(Arc::clone(instance), chance));
        }
        let chance = Chance::new(this.seed, 3);
        tasks.spawn(Arc::clone(&this).trouble_database(chance));
        tasks.join_all().await;
    }

    /// Waits some time, and says whether there is any left after it.
    async fn wait(&self, pause: Duration) -> bool {
        sleep(pause).await;
        Instant::now() < self.end
    }

    async fn trouble_instance(self: Arc<Self>, instance: Arc<Instance>, mut chance: Chance) {
        while self.wait(chance.between(5 * MOMENT, 40 * MOMENT)).await {
            let fault = FAULTS[chance.below(FAULTS.len())];
            instance.begin_fault();
            self.inflict(fault, &instance, &mut chance).await;
            instance.end_fault();
        }
    }

    async fn inflict(&self, fault: Fault, instance: &Arc<Instance>, chance: &mut Chance) {
        let proxy = &instance.proxy;
        let duration = chance.between(MOMENT, 50 * MOMENT);
        match fault {
            Fault::Stop => {
                instance.stop();
                let crowd = self.crowd(instance, duration, chance).await;
                instance.go_on();
                crowd.join_all().await;
            }
            Fault::Kill => {
                instance.kill();
                sleep(duration / 5).await;
                instance.run().await;
            }
            Fault::Blackhole(there, back) => {
                proxy.set(there, back);
                sleep(duration).await;
                proxy.set(Way::Open, Way::Open);
            }
            Fault::Delay => {
                let late = Way::Slow(duration / 50);
                proxy.set(late, late);
                sleep(duration).await;
                proxy.set(Way::Open, Way::Open);
            }
            Fault::Reset => proxy.cut(),
        }
    }

    /// Verifications that are sent to a stopped process, each on a connection of its own, and will
    /// be answered when it goes on.
    async fn crowd(
        &self,
        instance: &Arc<Instance>,
        duration: Duration,
        chance: &mut Chance,
    ) -> JoinSet<()> {
        let mut crowd = JoinSet::new();
        let end = Instant::now() + duration;
        while Instant::now() < end {
            if let Some(key) = self.ledger.any(chance) {
                let (ledger, mut client) = (Arc::clone(&self.ledger), Client::of(instance));
                crowd.spawn(async move {
                    if verify(&ledger, &mut client, &key).await {
                        ledger.tally.sent_to_stopped.fetch_add(1, Ordering::Relaxed);
                    }
                });
            }
            sleep_until((Instant::now() + MOMENT / 5).min(end).into()).await;
        }
        crowd
    }

    async fn trouble_database(self: Arc<Self>, mut chance: Chance) {
        while self.wait(chance.between(20 * MOMENT, 120 * MOMENT)).await {
            let duration = chance.between(MOMENT, 30 * MOMENT);
            self.fleet.begin_fault();
            if let Some(lock) = LOCKS.get(chance.below(LOCKS.len() + 1)) {
                let database = self.fleet.database().await;
                database.batch_execute(lock).await.expect("nobody holds it for long");
                sleep(duration).await;
                database.batch_execute("rollback").await.expect("it is up");
            } else {
                self.fleet.crash_database().await;
                sleep(duration).await;
                self.fleet.restart_database().await;
            }
            self.fleet.end_fault();
        }
    }
}
