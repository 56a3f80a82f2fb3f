//! The database moves: a standby takes over from a primary that sleeps, hangs or restarts.

use std::io;
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use latchkey_testkit::postgres::PrivateCluster;
use serde_json::json;

use crate::database::{Database, execute};
use crate::http::{delete, get, request};
use crate::person::{ADA, Issued, Person, key_path};
use crate::secret::UNKNOWN;
use crate::server::{Server, Setup};

/// Longer than anything needs that is to happen.
const PATIENCE: Duration = Duration::from_secs(30);

/// A primary, its synchronous standby, and an address that leads to one of them.
struct Pair {
    primary: Arc<PrivateCluster>,
    standby: PrivateCluster,
    address: Address,
}

impl Pair {
    /// A standby that copies changes after they were answered.
    fn lagging() -> Self {
        let primary = Arc::new(PrivateCluster::start());
        let standby = primary.standby("standby");
        let address = Address::of(primary.address());
        Self { primary, standby, address }
    }

    fn synchronous() -> Self {
        let pair = Self::lagging();
        let database = Database::Private(Arc::clone(&pair.primary));
        database.execute("alter system set synchronous_standby_names = 'standby'");
        database.execute("select pg_reload_conf()");
        let in_step = "do $$ begin while not exists(\
            select from pg_stat_replication where sync_state = 'sync') \
            loop perform pg_sleep(0.01); perform pg_stat_clear_snapshot(); end loop; end $$";
        database.execute(in_step);
        pair
    }

    /// An instance that reaches whatever the address leads to.
    fn instance(&self, cache: &str) -> Server {
        let url = self.primary.url();
        let moving = url.replace(
            &format!(":{}/", self.primary.address().port()),
            &format!(":{}/", self.address.port),
        );
        Setup::on(Database::Private(Arc::clone(&self.primary)))
            .with("DATABASE_URL", &moving)
            .with("LATCHKEY_VERIFY_CACHE", cache)
            .start()
    }

    /// What comes from now on is not copied. (The primary itself goes on.)
    fn stop_copying(&self) {
        execute(self.standby.url(), "alter system set primary_conninfo = ''");
        execute(self.standby.url(), "select pg_reload_conf()");
        execute(
            self.primary.url(),
            "do $$ begin while exists(select from pg_stat_replication) loop \
            perform pg_sleep(0.01); perform pg_stat_clear_snapshot(); end loop; end $$",
        );
    }

    /// Waits until the standby has such rows.
    fn has_copied(&self, rows: &str) {
        let is_copied = format!(
            "do $$ begin while not exists(select from {rows}) \
             loop perform pg_sleep(0.01); end loop; end $$"
        );
        execute(self.standby.url(), &is_copied);
    }

    /// The standby takes over. Connections that lead to the old primary stay.
    fn fail_over(&self) {
        self.standby.promote();
        self.address.lead_to(self.standby.address());
    }
}

/// An address whose new connections can be led elsewhere, as a balancer or a name does.
struct Address {
    port: u16,
    leads_to: Arc<Mutex<SocketAddr>>,
}

impl Address {
    fn of(server: SocketAddr) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("there is a free port");
        let port = listener.local_addr().expect("it is bound").port();
        let leads_to = Arc::new(Mutex::new(server));
        let server = Arc::clone(&leads_to);
        thread::spawn(move || {
            for client in listener.incoming().map_while(Result::ok) {
                let server = *server.lock().unwrap_or_else(PoisonError::into_inner);
                // Where nobody listens, the client's connection is closed.
                if let Ok(server) = TcpStream::connect(server) {
                    carry(&client, &server);
                }
            }
        });
        Self { port, leads_to }
    }

    fn lead_to(&self, server: SocketAddr) {
        *self.leads_to.lock().unwrap_or_else(PoisonError::into_inner) = server;
    }
}

/// Carries both ways until an end closes.
fn carry(client: &TcpStream, server: &TcpStream) {
    for (from, to) in [(client, server), (server, client)] {
        let pair = from.try_clone().and_then(|from| Ok((from, to.try_clone()?)));
        let (mut from, mut to) = pair.expect("a descriptor is free");
        thread::spawn(move || {
            let _ended = io::copy(&mut from, &mut to);
            let _closed = to.shutdown(Shutdown::Write);
        });
    }
}

fn keys(ada: &Person, servers: &[Server], count: usize) -> Vec<Issued> {
    let keys: Vec<Issued> = (0..count).map(|_| ada.create_key("a")).collect();
    for key in &keys {
        for server in servers {
            server.verify(&key.key).expect_status(200);
        }
    }
    keys
}

/// Those of `keys` whose revoke was answered with 200, asked of each server in turn.
fn revoked<'k>(ada: &Person, servers: &[Server], keys: &'k [Issued]) -> Vec<&'k Issued> {
    let mut revoked = Vec::new();
    for (key, server) in keys.iter().zip(servers.iter().cycle()) {
        let deadline = Instant::now() + PATIENCE;
        let request = ada.sign(delete(&key_path(&key.id)));
        loop {
            match request.try_send(server.address).map(|answer| answer.status) {
                Ok(200) => break revoked.push(key),
                // It was revoked by a call that was not answered with that.
                Ok(404) => break,
                _ => assert!(Instant::now() < deadline, "no revoke gets through"),
            }
            thread::sleep(Duration::from_millis(50));
        }
    }
    revoked
}

/// Nobody accepts any of `keys` for a while, and then all refuse them.
fn are_dead(servers: &[Server], keys: &[&Issued]) {
    let watch = |until: &dyn Fn(u16) -> bool, limit: Duration| {
        let end = Instant::now() + limit;
        let mut left = true;
        while left && Instant::now() < end {
            left = false;
            for server in servers {
                for key in keys {
                    let status = server.verify(&key.key).status;
                    assert_ne!(status, 200, "a revoked key is accepted\n{}", server.log());
                    left |= !until(status);
                }
            }
            thread::sleep(Duration::from_millis(100));
        }
        left
    };
    watch(&|_| false, Duration::from_secs(4));
    assert!(!watch(&|status| status == 401, PATIENCE), "they are not refused");
}

#[test]
fn a_primary_that_was_left_behind_is_believed_by_no_instance() {
    let pair = Pair::synchronous();
    let servers = ["on", "on", "off"].map(|cache| pair.instance(cache));
    let ada = servers[0].sign_up(ADA);
    let keys = keys(&ada, &servers, 6);

    pair.primary.pause();
    thread::sleep(Duration::from_secs(1));
    pair.fail_over();
    thread::sleep(Duration::from_secs(1));
    pair.primary.go_on();

    let revoked = revoked(&ada, &servers, &keys);
    assert!(revoked.len() >= 3, "{}", revoked.len());
    are_dead(&servers, &revoked);
}

#[test]
fn a_primary_that_hangs_is_left_for_the_one_that_takes_over() {
    let pair = Pair::synchronous();
    let servers = ["on", "off"].map(|cache| pair.instance(cache));
    let ada = servers[0].sign_up(ADA);
    // All connections that read lead to the primary.
    keys(&ada, &servers, 8);
    let unseen = ada.create_key("a");

    pair.primary.pause();
    pair.fail_over();
    for server in &servers {
        let deadline = Instant::now() + PATIENCE;
        while server.verify(&unseen.key).status != 200 {
            assert!(Instant::now() < deadline, "nobody leaves the old one\n{}", server.log());
            thread::sleep(Duration::from_millis(100));
        }
    }
    let keys = [unseen];
    let dead = revoked(&ada, &servers, &keys);
    are_dead(&servers, &dead);
    for server in &servers {
        server.send(&get("/readyz")).expect_status(200);
    }
}

#[test]
fn a_primary_that_hangs_is_left_also_where_the_url_names_it_first() {
    let pair = Pair::synchronous();
    let (first, second) = (pair.primary.address().port(), pair.standby.address().port());
    let both = format!(":{first},127.0.0.1:{second}/");
    let url = pair.primary.url().replace(&format!(":{first}/"), &both);
    let servers = ["on", "off"].map(|cache| {
        Setup::on(Database::Private(Arc::clone(&pair.primary)))
            .with("DATABASE_URL", &url)
            .with("LATCHKEY_VERIFY_CACHE", cache)
            .start()
    });
    let ada = servers[0].sign_up(ADA);
    let keys = keys(&ada, &servers, 2);

    pair.primary.pause();
    pair.standby.promote();
    let revoked = revoked(&ada, &servers, &keys);
    are_dead(&servers, &revoked);
}

#[test]
fn an_instance_that_stays_with_the_old_primary_calls_no_key_gone_that_it_does_not_know() {
    let pair = Pair::synchronous();
    let stays = Setup::on(Database::Private(Arc::clone(&pair.primary))).start();
    let moves = pair.instance("on");
    let ada = stays.sign_up(ADA);
    let there = ada.at(&moves);
    let backend = stays.backend("owners:write", "*");
    let suspend = |server: &Server, on: bool| {
        let body = json!({ "maxKeys": null, "suspended": on }).to_string();
        let call = request("PUT", "/api/v1/admin/owners/acme").json(body);
        backend.at(server.address).send(call)
    };
    suspend(&stays, true).expect_status(200);

    pair.fail_over();
    let deadline = Instant::now() + PATIENCE;
    let new = loop {
        let made = there.create(r#"{"name":"made after it"}"#);
        if made.status == 201 {
            break Issued::from(&made);
        }
        assert!(Instant::now() < deadline, "nobody leaves the old one\n{}", moves.log());
    };
    // The old primary knows no such key, and nothing of what happened since.
    thread::scope(|scope| {
        scope.spawn(|| ada.send(delete(&key_path(&new.id))).expect_error(503));
        scope.spawn(|| {
            suspend(&moves, false).expect_status(200);
            // There the owner is suspended as before.
            suspend(&stays, true).expect_error(503);
        });
        stays.report(&new.key).expect_error(503);
    });
    moves.verify(&new.key).expect_status(200);
    there.revoke(&new.id).expect_status(200);
    there.revoke(&new.id).expect_error(404);
    moves.verify(&new.key).expect_error(401);
}

#[test]
fn a_standby_that_the_url_names_too_is_asked_by_no_instance() {
    let primary = Arc::new(PrivateCluster::start());
    let standby = primary.standby("standby");
    let database = Database::Private(Arc::clone(&primary));
    let (first, second) = (primary.address().port(), standby.address().port());
    let both = format!(":{second},127.0.0.1:{first}/");
    let url = primary.url().replace(&format!(":{first}/"), &both);
    let servers = ["on", "on", "off"].map(|cache| {
        Setup::on(database.clone())
            .with("DATABASE_URL", &url)
            .with("LATCHKEY_VERIFY_CACHE", cache)
            .start()
    });
    let ada = servers[0].sign_up(ADA);
    let keys = keys(&ada, &servers, 6);

    execute(standby.url(), "select pg_wal_replay_pause()");
    primary.stop_immediately();
    for server in &servers {
        // Whatever it is answered, it looks for a server that works.
        let _answered = server.verify(UNKNOWN);
    }
    primary.start_again();

    let revoked = revoked(&ada, &servers, &keys);
    are_dead(&servers, &revoked);
}

#[test]
fn a_revoke_that_a_failover_lost_is_told_and_made_again() {
    let pair = Pair::lagging();
    let servers = ["on", "on"].map(|cache| pair.instance(cache));
    let ada = servers[0].sign_up(ADA);
    let [copied, disabled] = ["a", "b"].map(|name| ada.create_key(name));
    let keys = keys(&ada, &servers, 4);
    let off = json!({"enabled": false});
    ada.change(&copied.id, &off).expect_status(200);
    pair.has_copied("key_changes where seq > 0");
    pair.stop_copying();
    let revoked = revoked(&ada, &servers, &keys);
    assert_eq!(revoked.len(), keys.len());
    ada.change(&disabled.id, &off).expect_status(200);

    pair.primary.stop_immediately();
    pair.fail_over();
    let deadline = Instant::now() + PATIENCE;
    let told = |server: &Server| server.log().contains("history lost");
    while !servers.iter().all(told) {
        assert!(Instant::now() < deadline, "it is not logged\n{}", servers[0].log());
        thread::sleep(Duration::from_millis(20));
    }
    are_dead(&servers, &revoked);
    // What can't be made again is left to a person.
    for server in &servers {
        let log = server.log();
        let line = log.lines().find(|line| line.contains("history lost")).unwrap_or_default();
        let named = format!(r#""changed":1,"changed_keys":"{}""#, disabled.id);
        assert!(line.contains(&named), "{line}");
    }

    // An instance that knows nothing of it sees what the others made of it.
    let late = pair.instance("on");
    are_dead(std::slice::from_ref(&late), &revoked);
    let events = late.setup.run(&["audit", "export"], "").expect_code(0).stdout;
    let told = events.matches(r#""action":"history.lost""#).count();
    assert_eq!(told, servers.len(), "once by each that knows of it\n{events}");
    assert!(events.contains(r#""actor":"recovery""#), "{events}");
    let metrics = servers[0].send(&get("/metrics")).expect_status(200);
    assert!(String::from_utf8_lossy(&metrics.body).contains("latchkey_history_lost_total 1"));
}

#[test]
fn a_revoke_after_a_failover_waits_for_an_instance_that_the_new_primary_does_not_know() {
    let pair = Pair::lagging();
    let servers = [pair.instance("on")];
    let ada = servers[0].sign_up(ADA);
    let keys = keys(&ada, &servers, 1);
    pair.has_copied("api_keys");
    pair.stop_copying();
    let unknown = Setup::on(Database::Private(Arc::clone(&pair.primary))).start();
    // Until it has a lease, and a cache.
    for _time in 0..20 {
        unknown.verify(&keys[0].key).expect_status(200);
        thread::sleep(Duration::from_millis(100));
    }

    pair.primary.stop_immediately();
    pair.fail_over();
    revoked(&ada, &servers, &keys);
    let status = unknown.verify(&keys[0].key).status;
    assert_ne!(status, 200, "it goes on under the lease of the old primary");
}

#[test]
fn a_site_that_counts_on_synchronous_standbys_is_refused_without_them() {
    let pair = Pair::lagging();
    let setup = Setup::on(Database::Private(Arc::clone(&pair.primary)))
        .with("LATCHKEY_FAILOVER", "synchronous");
    let refused = setup.run_refused();
    assert!(refused.text.contains("LATCHKEY_FAILOVER: synchronous"), "{}", refused.text);
}

#[test]
fn a_server_that_is_led_to_a_standby_is_refused() {
    let pair = Pair::lagging();
    let setup = Setup::on(Database::Private(Arc::clone(&pair.primary)));
    setup.run(&["migrate"], "").expect_code(0);
    let refused = setup.with("DATABASE_URL", pair.standby.url()).run_refused();
    assert!(refused.text.contains("the server is a standby"), "{}", refused.text);
}
