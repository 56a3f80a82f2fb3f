//! How long an instance goes on accepting without its database, and how soon it is back.

use std::sync::Arc;
use std::time::{Duration, Instant};

use futures_util::future::join_all;
use latchkey_testkit::proxy::{Line, Way};
use tokio::time::sleep;

use super::client::Client;
use super::instance::Instance;
use super::keys::Key;
use super::run::Run;

/// A lease of 2.7 s, which the last heartbeat before the loss may have begun, and some slack.
pub(crate) const LAST_ACCEPT_LIMIT: Duration = Duration::from_millis(2_700 + 500);
/// After the database's return.
pub(crate) const RECOVERY_LIMIT: Duration = Duration::from_secs(1);
/// How long an instance is asked on after it should have refused.
const PATIENCE: Duration = Duration::from_secs(12);
/// Who ask an instance all the time, so that one whose request hangs hides nothing.
const PROBES: usize = 4;

/// What was seen of one loss.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Loss {
    /// When the last accepted verification was sent, counted from the loss.
    pub(crate) last_accept: Duration,
    /// How long after the return every instance accepted again.
    pub(crate) recovery: Duration,
}

/// Cuts each instance off in a way of its own.
pub(crate) async fn cut_off(run: &Run) -> Loss {
    let key = warm_key(run).await;
    for (instance, way) in run.instances.iter().zip([Way::Both, Way::ToDatabase, Way::FromDatabase])
    {
        instance.line.set(Line::Blackhole(way));
    }
    let last_accept = last_accept(run, &key).await;
    for instance in &run.instances {
        instance.line.set(Line::Good);
    }
    Loss { last_accept, recovery: run.recovered(&key).await }
}

/// Crashes Postgres for long enough that no lease is left.
pub(crate) async fn crash(run: &Run) -> Loss {
    let key = warm_key(run).await;
    run.postgres.stop_immediately();
    let last_accept = last_accept(run, &key).await;
    run.postgres.start_again();
    Loss { last_accept, recovery: run.recovered(&key).await }
}

async fn warm_key(run: &Run) -> Arc<Key> {
    let key = run.create(&run.instances[0]).await.expect("nothing is wrong yet");
    run.recovered(&key).await;
    key
}

/// Asks every instance, which has just lost the database, until each has said 503 and the limit is
/// over.
async fn last_accept(run: &Run, key: &Key) -> Duration {
    let lost = Instant::now();
    let probes = run.instances.iter().flat_map(|instance| (0..PROBES).map(move |_| instance));
    let seen = join_all(probes.map(|instance| probe(run, instance, key, lost))).await;
    seen.into_iter().max().expect("there are probes")
}

async fn probe(run: &Run, instance: &Arc<Instance>, key: &Key, lost: Instant) -> Duration {
    let mut client = Client::new(instance);
    let mut last_accept = Duration::ZERO;
    let mut refused = false;
    while !refused || lost.elapsed() < LAST_ACCEPT_LIMIT {
        assert!(lost.elapsed() < PATIENCE, "{} says no 503 without its database", instance.name);
        let sent = lost.elapsed();
        match run.verify(&mut client, key).await {
            Some(200) => {
                last_accept = sent;
                refused = false;
            }
            Some(503) => refused = true,
            _ => {}
        }
        sleep(Duration::from_millis(40)).await;
    }
    last_accept
}
