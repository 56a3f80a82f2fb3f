//! A server that is killed amid everything leaves one event for each thing that was done.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::process::Command;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::audit::exported;
use crate::http::{Request, Response, delete, patch, post};
use crate::leaks::LEAKS;
use crate::person::{
    ADA, ADAS_PASSWORD, Issued, KEYS, PASSWORD, Person, SIGN_IN, SIGN_OUT, SIGN_UP, credentials,
    key_path, rotate_path, text, token_of,
};
use crate::server::{Server, Setup};

const ROUNDS: usize = 3;
const OWNERS_CLIENTS: usize = 3;
/// How many calls of a round are acknowledged before the crash.
const BUSY: usize = 80;
/// More than an operator gives in one round.
const ORDERS: usize = 200;

/// What a visitor does, one after the other.
const VISIT: [&str; 5] =
    ["account.created", "session.refused", "session.started", "password.changed", "session.ended"];

on_both_databases![a_killed_server_leaves_one_event_for_each_thing_that_was_done];

fn a_killed_server_leaves_one_event_for_each_thing_that_was_done(setup: Setup) {
    let mut server = setup
        .with("LATCHKEY_MAX_KEYS_PER_OWNER", "1000000")
        .with("LATCHKEY_SIGN_IN_ATTEMPTS_PER_MINUTE", "1000000")
        .with("LATCHKEY_TRUSTED_PROXIES", "127.0.0.1")
        .start();
    let ada = server.sign_up(ADA);
    let mut visitors = Vec::new();
    for number in 0..ROUNDS {
        let orders = (0..ORDERS).map(|_| server.setup.command(&["keys", "revoke"])).collect();
        let round = Round { number, address: server.address, acknowledged: AtomicUsize::new(0) };
        let (news, setup) = round.run(&ada.at(&server), orders, || server.kill().1);
        visitors.extend(news);
        server = setup.start();

        let events = exported(&server.setup);
        check_keys(&events, &listed(&server.setup));
        check_visits(&events, &visitors, &server);
    }
}

/// Clients that go on until an answer is missing.
struct Round {
    number: usize,
    address: SocketAddr,
    acknowledged: AtomicUsize,
}

/// Somebody new, who was acknowledged the first so many steps of a [`VISIT`].
struct Visitor {
    id: String,
    steps: usize,
    session: Option<Person>,
}

impl Round {
    fn run<T>(
        &self,
        ada: &Person,
        orders: Vec<Command>,
        crash: impl FnOnce() -> T,
    ) -> (Vec<Visitor>, T) {
        std::thread::scope(|scope| {
            for client in 0..OWNERS_CLIENTS {
                scope.spawn(move || self.use_keys(ada, client));
            }
            scope.spawn(move || self.order(ada, orders));
            let visitors = scope.spawn(|| self.visitors());
            let deadline = Instant::now() + Duration::from_secs(20);
            while self.acknowledged.load(Ordering::Relaxed) < BUSY + self.number {
                assert!(Instant::now() < deadline, "hardly anything is acknowledged");
                std::thread::sleep(Duration::from_millis(1));
            }
            let crashed = crash();
            (visitors.join().expect("a client does not panic"), crashed)
        })
    }

    fn send(&self, request: &Request, status: u16) -> Option<Response> {
        let answer = request.try_send(self.address).ok().filter(|it| it.status == status)?;
        self.acknowledged.fetch_add(1, Ordering::Relaxed);
        Some(answer)
    }

    /// Creates keys, changes each twice, rotates it, revokes it and reports its successor.
    fn use_keys(&self, ada: &Person, client: usize) -> Option<()> {
        for turn in 0_u32.. {
            let old = self.create(ada)?;
            for name in ["1", "2"] {
                let rename = patch(&key_path(&old.id)).json(json!({ "name": name }).to_string());
                self.send(&ada.sign(rename), 200)?;
            }
            let rotate = post(&rotate_path(&old.id)).json(r#"{"overlapSeconds":60}"#);
            let new = Issued::from(&self.send(&ada.sign(rotate), 201)?);
            self.send(&ada.sign(delete(&key_path(&old.id))), 200)?;
            // From an address of its own, since there is a limit for each.
            let report = post(LEAKS)
                .json(json!({ "key": new.key }).to_string())
                .header("X-Forwarded-For", format!("2001:db8:{client:x}:{turn:x}::1"));
            self.send(&report, 200)?;
        }
        None
    }

    fn create(&self, ada: &Person) -> Option<Issued> {
        let create = post(KEYS).json(r#"{"name":"0"}"#);
        self.send(&ada.sign(create), 201).map(|answer| Issued::from(&answer))
    }

    /// Revokes keys by commands.
    fn order(&self, ada: &Person, orders: Vec<Command>) -> Option<()> {
        for mut order in orders {
            let key = self.create(ada)?;
            order.arg(&key.id).output().expect("it runs");
        }
        None
    }

    fn visitors(&self) -> Vec<Visitor> {
        let mut all = Vec::new();
        for turn in 0_u32.. {
            let email = format!("{}.{turn}@example.com", self.number);
            let sign_up = post(SIGN_UP).json(credentials(&email, ADAS_PASSWORD));
            let Some(answer) = self.send(&sign_up, 201) else { break };
            let id = text(&answer.json(), "id");
            let mut visitor = Visitor { id, steps: 1, session: None };
            let whole = self.visit(&email, &mut visitor);
            all.push(visitor);
            if whole.is_none() {
                break;
            }
        }
        all
    }

    fn visit(&self, email: &str, visitor: &mut Visitor) -> Option<()> {
        let sign_in = |password| post(SIGN_IN).json(credentials(email, password));
        self.send(&sign_in("a wrong password"), 401)?;
        visitor.steps += 1;
        let answer = self.send(&sign_in(ADAS_PASSWORD), 200)?;
        visitor.steps += 1;
        let session = Person { address: self.address, token: token_of(&answer) };
        visitor.session = Some(session.clone());
        let new = json!({ "currentPassword": ADAS_PASSWORD, "newPassword": "another password" });
        self.send(&session.sign(post(PASSWORD).json(new.to_string())), 200)?;
        visitor.steps += 1;
        self.send(&session.sign(post(SIGN_OUT)), 200)?;
        visitor.steps += 1;
        Some(())
    }
}

/// The names of the keys that are not revoked, by their ids.
fn listed(setup: &Setup) -> BTreeMap<String, usize> {
    let table = setup.run(&["keys", "list"], "").expect_code(0).stdout;
    let rows = table.lines().skip(1).map(|line| line.split('\t').collect::<Vec<_>>());
    rows.map(|row| (row[0].to_owned(), row[6].parse().expect("a number"))).collect()
}

/// Each key that is there was made once, each that is gone ended once, and a name counts the changes.
fn check_keys(events: &[Value], listed: &BTreeMap<String, usize>) {
    let ids = |action: &str, member: &str| -> Vec<String> {
        let of = events.iter().filter(|event| event["action"] == action);
        of.map(|event| text(event, member)).collect()
    };
    let successors = once(ids("key.rotated", "replacedBy"));
    let made = once([ids("key.created", "keyId"), ids("key.rotated", "replacedBy")].concat());
    let gone = once([ids("key.revoked", "keyId"), ids("key.leaked", "keyId")].concat());
    assert!(gone.is_subset(&made));
    assert!(made.difference(&gone).eq(listed.keys()), "{made:?} {gone:?} {listed:?}");
    once(ids("key.rotated", "keyId"));

    let renamed = ids("key.changed", "keyId");
    let by_operator = |key: &String| {
        let event = events.iter().find(|it| it["action"] == "key.revoked" && it["keyId"] == **key);
        event.is_some_and(|event| event["actor"] == "operator")
    };
    for key in &made {
        let changes = renamed.iter().filter(|id| *id == key).count();
        let before = if successors.contains(key) { 2 } else { 0 };
        let name = listed.get(key).copied().unwrap_or(if by_operator(key) { 0 } else { 2 });
        assert_eq!(changes, name - before, "{key}");
    }
}

#[track_caller]
fn once(ids: Vec<String>) -> BTreeSet<String> {
    let count = ids.len();
    let ids: BTreeSet<_> = ids.into_iter().collect();
    assert_eq!(ids.len(), count, "something is told twice");
    ids
}

/// The trail of each visitor is how far they got, or a step further where that was not answered.
fn check_visits(events: &[Value], visitors: &[Visitor], server: &Server) {
    let mut trails: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for event in events.iter().filter(|event| event["keyId"].is_null()) {
        let owner = event["owner"].as_str().expect("everybody is known");
        trails.entry(owner).or_default().push(event["action"].as_str().expect("text"));
    }
    for Visitor { id, steps, session } in visitors {
        let trail = trails.remove(&**id).unwrap_or_default();
        assert!(VISIT.starts_with(&trail), "{trail:?}");
        assert!((*steps..=*steps + 1).contains(&trail.len()), "{steps} steps: {trail:?}");
        if let Some(session) = session {
            assert_eq!(session.at(server).is_signed_in(), trail.len() < VISIT.len(), "{trail:?}");
        }
    }
    // Ada, and a sign-up in each round that was not answered.
    assert!(trails.len() <= 1 + ROUNDS, "{trails:?}");
    for trail in trails.values() {
        assert_eq!(*trail, ["account.created"]);
    }
}
