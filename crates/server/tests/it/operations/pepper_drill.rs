//! A pepper is replaced under load, step by step as docs/operations/pepper.md has it, and no good key is
//! refused.

use std::net::SocketAddr;
use std::sync::RwLock;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use super::pepper_rotation::{FIRST, SECOND, row, status};
use crate::database::Database;
use crate::http::get;
use crate::person::{ADA, Issued, Person, VERIFY};
use crate::server::{Server, Setup};

/// How soon the keys in use must have moved.
const MOVED: Duration = Duration::from_secs(10);

/// Applications that present their keys all the time, and go on to the next instance where one
/// does not answer.
#[derive(Default)]
struct Load {
    instances: RwLock<Vec<SocketAddr>>,
    keys: RwLock<Vec<String>>,
    accepted: AtomicUsize,
    over: AtomicBool,
}

impl Load {
    fn run(&self, first: usize) {
        for turn in first.. {
            if self.over.load(Ordering::Relaxed) {
                break;
            }
            let key = {
                let keys = self.keys.read().expect("not poisoned");
                keys[turn % keys.len()].clone()
            };
            self.present(&key, turn);
        }
    }

    fn present(&self, key: &str, turn: usize) {
        let instances = self.instances.read().expect("not poisoned").clone();
        let request = get(VERIFY).header("x-api-key", key);
        for next in 0..instances.len() {
            // One that is stopped may refuse a connection, or cut it before it has answered.
            let Ok(answer) = request.try_send(instances[(turn + next) % instances.len()]) else {
                continue;
            };
            answer.expect_status(200);
            self.accepted.fetch_add(1, Ordering::Relaxed);
            return;
        }
    }

    fn add(&self, key: &Issued) {
        self.keys.write().expect("not poisoned").push(key.key.clone());
    }
}

struct StopOnDrop<'a>(&'a AtomicBool);

impl Drop for StopOnDrop<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// Restarts the instances one by one with another ring. Each makes a key that goes into use at
/// once, on all instances.
fn roll(servers: Vec<Server>, load: &Load, ada: &Person, ring: &str) -> Vec<Server> {
    let count = servers.len();
    let mut servers = std::collections::VecDeque::from(servers);
    for at in 0..count {
        let (finished, setup) = servers.pop_front().expect("there are some").stop();
        finished.expect_code(0);
        let server = setup.with("LATCHKEY_PEPPERS", ring).start();
        load.instances.write().expect("not poisoned")[at] = server.address;
        let key = ada.at(&server).create_key("made on the way");
        for other in &servers {
            other.verify(&key.key).expect_status(200);
        }
        load.add(&key);
        servers.push_back(server);
        std::thread::sleep(Duration::from_millis(100));
    }
    servers.into()
}

#[test]
fn a_pepper_is_replaced_under_load_and_no_good_key_is_refused() {
    let database = Database::postgres();
    let mut servers: Vec<Server> = (0..3)
        .map(|_| Setup::on(database.clone()).with("LATCHKEY_PEPPERS", FIRST).start())
        .collect();
    let ada = servers[0].sign_up(ADA);
    let unused: Vec<Issued> = (0..5).map(|_| ada.create_key("unused")).collect();
    servers[0].verify(&unused[0].key).expect_status(200);
    let load = Load::default();
    *load.instances.write().expect("not poisoned") = servers.iter().map(|it| it.address).collect();
    (0..50).for_each(|_| load.add(&ada.create_key("used")));

    std::thread::scope(|scope| {
        for client in 0..3 {
            let load = &load;
            scope.spawn(move || load.run(client * 17));
        }
        // However this ends, the clients must, or the scope waits for ever.
        let _guard = StopOnDrop(&load.over);

        servers = roll(std::mem::take(&mut servers), &load, &ada, &format!("{FIRST},{SECOND}"));
        let known = status(&servers[0].setup);
        assert_eq!((row(&known, "1").keys, row(&known, "2").keys), (58, 0), "{known}");

        servers = roll(std::mem::take(&mut servers), &load, &ada, &format!("{SECOND},{FIRST}"));
        let deadline = Instant::now() + MOVED;
        let left = loop {
            let left = status(&servers[0].setup);
            if row(&left, "1").keys == unused.len() {
                break left;
            }
            assert!(Instant::now() < deadline, "keys in use are left:\n{left}");
            std::thread::sleep(Duration::from_millis(50));
        };
        assert!(row(&left, "1").last_used.starts_with("20"), "one was used once: {left}");

        let revoke = ["keys", "revoke", "--pepper", "1"];
        let revoked = servers[1].setup.run(&revoke, "").expect_code(0);
        assert!(revoked.stdout.starts_with("5 keys"), "{}", revoked.stdout);
        for (server, key) in servers.iter().cycle().zip(&unused) {
            server.verify(&key.key).expect_error(401);
        }

        let ada = servers[0].sign_in_again(ADA);
        servers = roll(std::mem::take(&mut servers), &load, &ada, SECOND);
    });

    assert!(load.accepted.load(Ordering::Relaxed) > 500, "{:?} is no load", load.accepted);
    let keys = load.keys.read().expect("not poisoned").clone();
    for key in &keys {
        servers[0].verify(key).expect_status(200);
    }
    assert_eq!(keys.len(), 59);
    assert!(!ada.at(&servers[0]).is_signed_in(), "a session ends with its pepper");
}
