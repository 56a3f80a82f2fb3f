//! An instance that is far from its database, behind TLS and a password, on a line that loses packets.
#![expect(clippy::print_stderr, reason = "the figures are what it is run for")]

use std::sync::Arc;
use std::time::{Duration, Instant};

use latchkey_testkit::postgres::PrivateCluster;
use latchkey_testkit::proxy::{Line, Proxy};
use tokio::runtime::Runtime;

use crate::database::Database;
use crate::metrics::metric;
use crate::person::{ADA, Issued};
use crate::server::{Server, Setup, eventually};

/// 250 ms there and back, and one packet of a hundred is lost.
const FAR: Line = Line::Slow { by: Duration::from_millis(125), lost: 10 };
const LOOK_EVERY: Duration = Duration::from_millis(100);
const REVOKE_EVERY: Duration = Duration::from_secs(5);
/// The database is asked for what is not in memory.
const LOOKED_UP: &str = "latchkey_verify_cache_misses_total";

/// A database, an instance beside it, and one far away.
struct World {
    near: Server,
    far: Server,
    _line: Proxy,
    _runtime: Runtime,
}

impl World {
    fn start(line: Line) -> Self {
        let cluster = Arc::new(PrivateCluster::start());
        let runtime = Runtime::new().expect("a runtime starts");
        let folder = runtime.block_on(cluster.use_tls());
        let proxy = runtime.block_on(Proxy::start(cluster.address())).expect("a free port");
        let place = format!("127.0.0.1:{}/", cluster.address().port());
        let far = cluster.url().replace(&place, &format!("localhost:{}/", proxy.port()));
        let far = format!("{far}?sslmode=verify-full&sslrootcert={folder}/ca.pem");
        let on = || Setup::on(Database::Private(Arc::clone(&cluster)));
        let near = on().start();
        let far = on().with("DATABASE_URL", &far).start();
        proxy.set(line);
        Self { near, far, _line: proxy, _runtime: runtime }
    }
}

#[test]
#[ignore = "takes minutes: just far"]
fn far_away_a_lease_is_kept_and_a_revoke_counts_everywhere() {
    let seconds = std::env::var_os("FAR_SECONDS").map_or(600, |text| {
        text.to_str().and_then(|text| text.parse().ok()).expect("a number of seconds")
    });
    let World { near, far, _line, _runtime } = World::start(FAR);
    let ada = near.sign_up(ADA);
    let there = ada.at(&far);
    let has_lease = || metric(&far, "latchkey_lease_remaining_seconds") > 0.0;
    eventually(Duration::from_secs(30), "a lease", has_lease);

    let used = ada.create_key("used");
    far.verify(&used.key).expect_status(200);
    let looked_up = metric(&far, LOOKED_UP);
    let (began, mut revoked_at) = (Instant::now(), Instant::now());
    let (mut looks, mut without) = (0_u32, 0_u32);
    let mut revokes = Vec::new();
    while began.elapsed() < Duration::from_secs(seconds) {
        std::thread::sleep(LOOK_EVERY);
        looks += 1;
        without += u32::from(!has_lease());
        far.verify(&used.key).expect_status(200);
        if revoked_at.elapsed() >= REVOKE_EVERY {
            let key = ada.create_key("to revoke");
            near.verify(&key.key).expect_status(200);
            let called = Instant::now();
            there.revoke(&key.id).expect_status(200);
            revokes.push(called.elapsed());
            is_dead(&key, &[&near, &far]);
            revoked_at = Instant::now();
        }
    }
    revokes.sort_unstable();
    let median = revokes.get(revokes.len() / 2);
    eprintln!(
        "{looks} looks in {seconds} s, {without} without a lease; {} revokes from far away: \
         median {median:?}, longest {:?}",
        revokes.len(),
        revokes.last(),
    );
    // Looked up were the revoked keys, once each.
    let looked_up = metric(&far, LOOKED_UP) - looked_up;
    eprintln!("{looked_up} look-ups");
    assert_eq!(without, 0, "of {looks} looks");
}

fn is_dead(key: &Issued, servers: &[&Server]) {
    for server in servers {
        server.verify(&key.key).expect_error(401);
    }
}
