//! Once a disabling, an enabling or a rotation is answered, it holds on every instance.

use std::sync::RwLock;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use serde_json::json;

use crate::http::{Response, get};
use crate::person::{ADA, Issued, Person, VERIFY};
use crate::server::Server;
use crate::strict::three;
use crate::verify::INVALID;

#[test]
fn a_key_is_refused_by_all_once_it_is_disabled_and_accepted_by_all_once_it_is_enabled() {
    let (_database, servers) = three();
    let ada = servers[0].sign_up(ADA);
    let key = ada.create_key("a");
    for round in 0..20 {
        let at = |turn: usize| ada.at(&servers[(round + turn) % 3]);
        for server in &servers {
            server.verify(&key.key).expect_status(200);
        }
        at(0).change(&key.id, &json!({ "enabled": false })).expect_status(200);
        for server in &servers {
            server.verify(&key.key).expect_error(401).expect_body(INVALID);
            server.verify(&key.key).expect_error(401);
        }
        at(1).change(&key.id, &json!({ "enabled": true })).expect_status(200);
    }
}

#[test]
fn a_narrowed_key_is_refused_by_all_what_it_lost() {
    let (_database, servers) = three();
    let ada = servers[0].sign_up(ADA);
    let key = ada.create_key_with(&json!({ "name": "a", "scopes": ["docs:*", "admin"] }));
    let asks = |server: &Server, scope: &str| {
        let verify = get(&format!("{VERIFY}?scope={scope}")).header("x-api-key", &key.key);
        server.send(&verify)
    };
    for round in 0..20 {
        let at = |turn: usize| ada.at(&servers[(round + turn) % 3]);
        for server in &servers {
            asks(server, "admin").expect_status(200);
        }
        at(0).change(&key.id, &json!({ "scopes": ["docs:*"] })).expect_status(200);
        for server in &servers {
            asks(server, "admin").expect_refusal(403, "insufficient_scope");
            asks(server, "docs:read").expect_status(200);
        }
        at(1).change(&key.id, &json!({ "allowedNetworks": ["192.0.2.1"] })).expect_status(200);
        for server in &servers {
            asks(server, "docs:read").expect_refusal(403, "address_not_allowed");
        }
        let wide = json!({ "scopes": null, "allowedNetworks": null });
        at(2).change(&key.id, &wide).expect_status(200);
    }
}

#[test]
fn a_new_name_and_a_new_expiry_show_on_all_instances() {
    let (_database, servers) = three();
    let ada = servers[0].sign_up(ADA);
    let key = ada.create_key("a");
    for (round, expires_at) in
        [json!("2099-01-01T00:00:00.000Z"), json!("2098-01-01T00:00:00.000Z"), json!(null)]
            .into_iter()
            .enumerate()
    {
        let change = json!({ "name": format!("round {round}"), "expiresAt": expires_at });
        ada.at(&servers[round]).change(&key.id, &change).expect_status(200);
        for server in &servers {
            let told = server.verify(&key.key).expect_status(200).json();
            assert_eq!(told["name"], change["name"]);
            assert_eq!(told["expiresAt"], change["expiresAt"]);
        }
    }
}

#[test]
fn a_key_rotated_without_overlap_is_refused_by_all_and_its_successor_accepted() {
    let (_database, servers) = three();
    let ada = servers[0].sign_up(ADA);
    let mut key = ada.create_key("a");
    for round in 0..20 {
        for server in &servers {
            server.verify(&key.key).expect_status(200);
            server.verify(&key.key).expect_status(200);
        }
        let answer = ada.at(&servers[round % 3]).rotate(&key.id, 0).expect_status(201);
        for server in &servers {
            server.verify(&key.key).expect_error(401).expect_body(INVALID);
        }
        key = Issued::from(&answer);
    }
}

#[test]
fn an_application_that_rotates_with_overlap_sees_no_refused_request() {
    let (_database, servers) = three();
    let ada = servers[0].sign_up(ADA);
    let current = RwLock::new(ada.create_key("a"));
    let (stop, asked) = (AtomicBool::new(false), AtomicUsize::new(0));
    let use_key = |server: &Server| {
        while !stop.load(Ordering::Relaxed) {
            // Held meanwhile: nobody goes on with a key that was replaced twice.
            let key = current.read().expect("not poisoned");
            server.verify(&key.key).expect_status(200);
            drop(key);
            asked.fetch_add(1, Ordering::Relaxed);
        }
    };
    std::thread::scope(|scope| {
        for server in &servers {
            for _ in 0..2 {
                scope.spawn(|| use_key(server));
            }
        }
        // However this ends, the clients must, or the scope waits for ever.
        let _guard = StopOnDrop(&stop);
        for round in 0..30 {
            let id = current.read().expect("not poisoned").id.clone();
            // Longer than a request takes: what was sent with the old key is still accepted.
            let answer = ada.at(&servers[round % 3]).rotate(&id, 10).expect_status(201);
            *current.write().expect("not poisoned") = Issued::from(&answer);
        }
    });
    assert!(asked.load(Ordering::Relaxed) > 100, "{asked:?} requests are no load");
    assert_eq!(ada.list().len(), 31);
}

struct StopOnDrop<'a>(&'a AtomicBool);

impl Drop for StopOnDrop<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

type Call = fn(&Person, &str) -> Response;

#[test]
fn a_caller_that_finds_its_change_made_waits_as_its_maker_does() {
    let change: Call = |ada, id| ada.change(id, &json!({ "enabled": false }));
    let rotate: Call = |ada, id| ada.rotate(id, 60);
    let revoke: Call = |ada, id| ada.revoke(id);
    let (_database, servers) = three();
    let ada = servers[0].sign_up(ADA);
    // What is done first, what is asked then and how that is answered, and so is a verification.
    let calls = [
        (change, change, 200, 401),
        (change, rotate, 409, 401),
        (rotate, rotate, 409, 200),
        (revoke, change, 404, 401),
        (revoke, rotate, 404, 401),
    ];
    let keys = calls.map(|_| ada.create_key("a"));
    for key in &keys {
        servers[1].verify(&key.key).expect_status(200);
    }
    servers[1].signal("STOP");
    let (ada, other) = (&ada, &ada.at(&servers[2]));
    std::thread::scope(|scope| {
        for ((first, second, status, _), key) in calls.iter().zip(&keys) {
            scope.spawn(move || assert!(first(ada, &key.id).status < 300));
            scope.spawn(move || {
                std::thread::sleep(Duration::from_millis(500));
                let asked = Instant::now();
                second(other, &key.id).expect_status(*status);
                let waited = asked.elapsed();
                assert!(waited >= Duration::from_millis(2_700), "answered after {waited:?}");
            });
        }
    });
    servers[1].signal("CONT");
    for ((.., status), key) in calls.iter().zip(&keys) {
        servers[1].verify(&key.key).expect_status(*status);
    }
}
