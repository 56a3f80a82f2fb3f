//! No call by a management token reads or changes anything of an owner outside the token's patterns.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use crate::http::{Connection, Request, Response, delete, get, patch, post, request};
use crate::management::{key_of, keys_of};
use crate::person::{Issued, text};
use crate::server::{Server, Setup, number_from};

/// Owners with common beginnings, and some with characters that mean something to databases.
const OWNERS: [&str; 8] = ["a", "ab", "abc", "b", "org_1", "org_12", "org%251", "orgA1"];
const PATTERNS: [&str; 10] =
    ["*", "a", "a*", "ab*", "abc", "b*", "org_*", "org_1", "org_1*", "org%1"];
const RIGHTS: [&str; 5] = ["keys:read", "keys:write", "owners:write", "audit:read", "usage:read"];
const TOKENS: u64 = 12;

on_both_databases![random_calls_by_random_tokens_touch_no_owner_but_those_they_may];

fn random_calls_by_random_tokens_touch_no_owner_but_those_they_may(setup: Setup) {
    let calls = number_from("MANAGEMENT_CALLS", 600);
    let server = setup.with("LATCHKEY_MAX_KEYS_PER_OWNER", "1000000").start();
    let mut world = World::new(&server, calls);
    for call in 0..calls {
        world.call(call);
    }
    world.compare();
}

/// A token, and what it was made with.
#[derive(Debug, Clone)]
struct Token {
    text: String,
    rights: Vec<&'static str>,
    patterns: Vec<&'static str>,
}

impl Token {
    fn may(&self, right: &str) -> bool {
        let by_writing = right == "keys:read" && self.rights.contains(&"keys:write");
        by_writing || self.rights.contains(&right)
    }

    fn covers(&self, owner: &str) -> bool {
        let owner = owner.replace("%25", "%");
        self.patterns.iter().any(|pattern| match pattern.strip_suffix('*') {
            Some(beginning) => owner.starts_with(beginning),
            None => *pattern == owner,
        })
    }
}

/// What a call was about.
struct Asked<'c> {
    number: u64,
    owner: &'static str,
    id: &'c str,
    name: String,
}

/// What the server should hold, and the tokens that call it.
struct World<'s> {
    server: &'s Server,
    connection: Connection,
    rolled: u64,
    everything: Token,
    tokens: Vec<Token>,
    /// The names of unrevoked keys, by owner and id.
    keys: BTreeMap<&'static str, BTreeMap<String, String>>,
    limits: BTreeMap<&'static str, u64>,
}

impl<'s> World<'s> {
    fn new(server: &'s Server, seed: u64) -> Self {
        let everything = Token {
            text: server.setup.token(&RIGHTS.join(","), "*"),
            rights: RIGHTS.to_vec(),
            patterns: vec!["*"],
        };
        let connection = Connection::open(server.address);
        let keys = OWNERS.into_iter().map(|owner| (owner, BTreeMap::new())).collect();
        let (tokens, limits) = (Vec::new(), BTreeMap::new());
        let mut world = Self { server, connection, rolled: seed, everything, tokens, keys, limits };
        for _ in 0..TOKENS {
            let (rights, patterns) = (world.some(&RIGHTS), world.some(&PATTERNS));
            let text = server.setup.token(&rights.join(","), &patterns.join(","));
            world.tokens.push(Token { text, rights, patterns });
        }
        // That may have taken longer than a connection waits for its first request.
        world.connection = Connection::open(server.address);
        world
    }

    /// A number below `end`: the same ones for the same number of calls.
    fn roll(&mut self, end: usize) -> usize {
        self.rolled = self.rolled.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        usize::try_from(self.rolled >> 33).expect("31 bits") % end
    }

    fn one<T: Copy>(&mut self, all: &[T]) -> T {
        all[self.roll(all.len())]
    }

    /// One to three of them.
    fn some(&mut self, all: &[&'static str]) -> Vec<&'static str> {
        let some = (0..=self.roll(3)).map(|_| self.one(all)).collect::<BTreeSet<_>>();
        some.into_iter().collect()
    }

    fn send(&mut self, token: &Token, request: Request) -> Response {
        let request = request.header("Authorization", format!("Bearer {}", token.text));
        let request = request.keep_alive();
        self.connection.write(&request.bytes(self.server.address));
        let answer = self.connection.read(false);
        // As where a call was refused before its body was read.
        if answer.header("connection") == Some("close") {
            self.connection = Connection::open(self.server.address);
        }
        answer
    }

    /// Any key there is, if there is one: it may well be another owner's than the one in the path.
    fn any_key(&mut self) -> String {
        let ids: Vec<_> = self.keys.values().flat_map(BTreeMap::keys).cloned().collect();
        if ids.is_empty() { "none".to_owned() } else { ids[self.roll(ids.len())].clone() }
    }

    fn call(&mut self, number: u64) {
        let nth = self.roll(self.tokens.len());
        let (token, owner, id) = (self.tokens[nth].clone(), self.one(&OWNERS), self.any_key());
        let (item, name) = (key_of(owner, &id), format!("key {number}"));
        let named = json!({ "name": name }).to_string();
        let settings = json!({ "maxKeys": number, "suspended": false }).to_string();
        let owner_path = format!("/api/v1/admin/owners/{owner}");
        let (right, is_about_a_key, request) = match self.roll(10) {
            0 | 1 => ("keys:write", false, post(&keys_of(owner)).json(named)),
            2 => ("keys:read", false, get(&keys_of(owner))),
            3 => ("keys:read", true, get(&item)),
            4 => ("keys:write", true, patch(&item).json(named)),
            5 => (
                "keys:write",
                true,
                post(&format!("{item}/rotate")).json(r#"{"overlapSeconds":0}"#),
            ),
            6 => ("keys:write", true, delete(&item)),
            7 => ("keys:read", false, get(&owner_path)),
            8 => ("owners:write", false, request("PUT", &owner_path).json(settings)),
            _ => return self.search(&token),
        };
        let what = format!("call {number}: {request:?} by {token:?}");
        let is_own = self.keys[owner].contains_key(&id);
        let answer = self.send(&token, request.clone());
        let refusal = match () {
            () if !token.may(right) => Some((403, "missing_right")),
            () if !token.covers(owner) => Some((403, "owner_not_allowed")),
            () if is_about_a_key && !is_own => Some((404, "key_not_found")),
            () => None,
        };
        if let Some((status, code)) = refusal {
            assert_eq!((answer.status, answer.error_code()), (status, code), "{what}");
            return;
        }
        assert!((200..300).contains(&answer.status), "{what}: {answer:?}");
        self.learn(Asked { number, owner, id: &id, name }, &request, &answer);
    }

    /// What a call that was done has changed, or has to have shown.
    fn learn(&mut self, asked: Asked<'_>, request: &Request, answer: &Response) {
        let Asked { number, owner, id, name } = asked;
        let keys = self.keys.get_mut(owner).expect("one of them");
        let body = answer.json();
        match (request.method(), request.target()) {
            ("POST", target) if target.ends_with("/rotate") => {
                let name = keys.remove(id).expect("an own key");
                keys.insert(Issued::from(answer).id, name);
            }
            ("POST", _) => drop(keys.insert(Issued::from(answer).id, name)),
            ("PATCH", _) => drop(keys.insert(id.to_owned(), name)),
            ("DELETE", _) => drop(keys.remove(id)),
            ("PUT", _) => drop(self.limits.insert(owner, number)),
            ("GET", target) if target.ends_with("/api-keys") => {
                assert_eq!(names(&body), *keys, "{owner}");
            }
            ("GET", target) if target.contains("/api-keys/") => {
                assert_eq!(text(&body, "name"), keys[id], "{owner}");
            }
            _ => assert_eq!(body["keys"].as_u64(), u64::try_from(keys.len()).ok(), "{owner}"),
        }
    }

    /// Calls over many owners show those of the token alone.
    fn search(&mut self, token: &Token) {
        let (owner, creator) = (self.one(&OWNERS), self.roll(2) == 0);
        let filter = if creator { format!("?owner={owner}") } else { String::new() };
        let asked: Vec<_> = OWNERS.into_iter().filter(|it| !creator || *it == owner).collect();
        let keys = self.send(token, get(&format!("/api/v1/admin/api-keys{filter}")));
        if token.may("keys:read") {
            let shown = owners(&keys.expect_status(200).json()["items"]);
            let may = |it: &str| asked.iter().any(|owner| owner.replace("%25", "%") == *it);
            assert!(shown.iter().all(|it| token.covers(it) && may(it)), "{shown:?} to {token:?}");
        } else {
            keys.expect_refusal(403, "missing_right");
        }
        let events = self.send(token, get("/api/v1/admin/audit-events?limit=200"));
        if token.may("audit:read") {
            let shown = owners(&events.expect_status(200).json());
            assert!(shown.iter().all(|it| token.covers(it)), "{shown:?} to {token:?}");
        } else {
            events.expect_refusal(403, "missing_right");
        }
    }

    /// Nothing else was changed.
    fn compare(&mut self) {
        let everything = self.everything.clone();
        for owner in OWNERS {
            let listed = self.send(&everything, get(&keys_of(owner))).expect_status(200);
            assert_eq!(names(&listed.json()), self.keys[owner], "{owner}");
            let path = format!("/api/v1/admin/owners/{owner}");
            let found = self.send(&everything, get(&path)).expect_status(200).json();
            assert_eq!(found["maxKeys"].as_u64(), self.limits.get(owner).copied(), "{owner}");
        }
    }
}

/// The names of listed keys, by id.
fn names(list: &Value) -> BTreeMap<String, String> {
    let items = list.as_array().unwrap_or_else(|| panic!("not an array: {list}"));
    items.iter().map(|item| (text(item, "id"), text(item, "name"))).collect()
}

/// Whose the listed keys or events are.
fn owners(list: &Value) -> BTreeSet<String> {
    let items = list.as_array().unwrap_or_else(|| panic!("not an array: {list}"));
    items.iter().filter_map(|item| item["ownerId"].as_str()).map(str::to_owned).collect()
}
