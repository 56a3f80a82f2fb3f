//! An instance that is far from its database, behind TLS and a password, on a line that loses packets.
#![expect(clippy::print_stderr, reason = "the figures are what it is run for")]

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use latchkey_testkit::postgres::PrivateCluster;
use latchkey_testkit::proxy::{Line, Proxy};
use tokio::runtime::Runtime;

use crate::database::Database;
use crate::metrics::metric;
use crate::person::{ADA, Person};
use crate::server::{Server, Setup, eventually, number_from};

/// 250 ms there and back, and one packet of a hundred is lost.
const FAR: Line = Line::Slow { by: Duration::from_millis(125), lost: 10 };
/// Between two verifications, and between two revokes.
const VERIFY_EVERY: Duration = Duration::from_millis(50);
const REVOKE_EVERY: Duration = Duration::from_secs(1);
/// Verifications, and then revokes, until every connection is there and has prepared its statements.
const WARMING_UP: usize = 20;
/// Verifications that found no lease.
const NO_LEASE: &str = "latchkey_verify_cache_miss_reasons_total{reason=\"no_lease\"}";

#[test]
#[ignore = "takes minutes: just far"]
fn far_away_a_lease_is_kept_and_a_revoke_counts_everywhere() {
    let seconds = number_from("FAR_SECONDS", 600);
    let cluster = Arc::new(PrivateCluster::start());
    let runtime = Runtime::new().expect("a runtime starts");
    let authority = runtime.block_on(cluster.use_tls());
    let line = runtime.block_on(Proxy::start(cluster.address())).expect("a free port");
    let place = format!("127.0.0.1:{}/", cluster.address().port());
    let url = cluster.url().replace(&place, &format!("localhost:{}/", line.port()));
    let url = format!("{url}?sslmode=verify-full&sslrootcert={authority}/ca.pem");
    let by = |url: &str| {
        Setup::on(Database::Private(Arc::clone(&cluster)))
            .with("LATCHKEY_SIGN_IN_ATTEMPTS_PER_MINUTE", "10000")
            .with("DATABASE_URL", url)
            .start()
    };
    let (near, far) = (by(cluster.url()), by(&url));
    let has_lease = || metric(&far, "latchkey_lease_remaining_seconds") > 0.0;
    eventually(Duration::from_secs(30), "a lease", has_lease);
    line.set(FAR);

    let ada = near.sign_up(ADA);
    let there = ada.at(&far);
    warm_up(&ada, &there, [&near, &far]);
    let used = ada.create_key("used").key;
    far.verify(&used).expect_status(200);
    eventually(Duration::from_secs(30), "a lease", has_lease);
    let (began, is_over) = (Instant::now(), AtomicBool::new(false));
    let missed = far.metric(NO_LEASE);
    let mut revokes = Vec::new();
    let verified = std::thread::scope(|scope| {
        let verifying = scope.spawn(|| {
            let mut verified = 0_u32;
            while !is_over.load(Ordering::Relaxed) {
                far.verify(&used).expect_status(200);
                verified += 1;
                std::thread::sleep(VERIFY_EVERY);
            }
            verified
        });
        while began.elapsed() < Duration::from_secs(seconds) {
            std::thread::sleep(REVOKE_EVERY);
            revokes.push(revoke(&ada, &there, [&near, &far]));
        }
        is_over.store(true, Ordering::Relaxed);
        verifying.join().expect("every verification was answered")
    });
    let missed = far.metric(NO_LEASE) - missed;
    revokes.sort_unstable();
    eprintln!(
        "in {seconds} s {verified} verifications far away, {missed} without a lease; {} revokes: \
         median {:?}, longest {:?}",
        revokes.len(),
        revokes.get(revokes.len() / 2),
        revokes.last(),
    );
    assert_eq!(missed, 0);
}

fn warm_up(ada: &Person, there: &Person, [near, far]: [&Server; 2]) {
    for _key in 0..WARMING_UP {
        let unknown = ada.create_key("asked for over a new connection").key;
        // That takes thirteen round trips. With packets that are lost it can be longer than a
        // verification may take.
        let is_good = || far.verify(&unknown).status == 200;
        eventually(Duration::from_secs(30), "a connection", is_good);
    }
    for _revoke in 0..WARMING_UP {
        revoke(ada, there, [near, far]);
    }
}

/// Revokes a key far away, which is refused everywhere when that is answered; how long that took.
fn revoke(ada: &Person, there: &Person, servers: [&Server; 2]) -> Duration {
    let key = ada.create_key("to revoke");
    for server in servers {
        server.verify(&key.key).expect_status(200);
    }
    let called = Instant::now();
    there.revoke(&key.id).expect_status(200);
    let took = called.elapsed();
    for server in servers {
        server.verify(&key.key).expect_error(401);
    }
    took
}
