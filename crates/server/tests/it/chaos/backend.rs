//! A backend with users of its own: it makes keys for them, suspends them, and revokes all that one has.

use std::ops::RangeInclusive;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::join_all;
use serde_json::Value;
use tokio::time::sleep;

use super::chance::Chance;
use super::client::Client;
use super::keys::Key;
use super::ledger::count;
use super::load::{Done, insist};
use super::run::Run;

/// How many keys each user gets.
const KEYS: usize = 6;
/// How many are made together.
const TOGETHER: usize = 8;
/// For the revocation of a thousand keys, with three healthy instances.
pub(crate) const LEAVER_LIMIT: Duration = Duration::from_secs(2);

/// One user after the other, until the run's `stop`.
pub(crate) async fn backend(
    run: Arc<Run>,
    number: usize,
    pause: RangeInclusive<u64>,
    mut chance: Chance,
) {
    let mut turns = 0..;
    while !run.stop.is_cancelled() {
        let turn: u64 = turns.next().expect("there is no end");
        let user = User::sign_up(&run, format!("user_{number}_{turn}"), KEYS, &mut chance).await;
        sleep(chance.millis(pause.clone())).await;
        if let Some(key) = chance.one_of(&user.keys)
            && user.narrow(key, &run, &mut chance).await
        {
            sleep(chance.millis(pause.clone())).await;
            user.widen(key, &run, &mut chance).await;
        }
        if user.suspend(&run, &mut chance).await {
            sleep(chance.millis(pause.clone())).await;
            user.come_back(&run, &mut chance).await;
            sleep(chance.millis(pause.clone())).await;
        }
        user.leave(&run, &mut chance).await;
    }
}

/// Lets somebody with so many keys, all of them in every cache, leave. Gives how long that took.
pub(crate) async fn leaver(run: &Run, keys: usize, chance: &mut Chance) -> Option<Duration> {
    let user = User::sign_up(run, "leaver".to_owned(), keys, chance).await;
    for instance in &run.instances {
        let mut client = Client::new(instance);
        for key in &user.keys {
            run.verify(&mut client, key).await;
        }
    }
    let done = user.leave(run, chance).await;
    run.sweep().await;
    done.map(|done| done.revoke().took)
}

/// An owner by reference, and the keys that were made for it.
#[derive(Debug)]
struct User {
    owner: String,
    keys: Vec<Arc<Key>>,
}

impl User {
    /// Tries to make so many keys for a new user.
    async fn sign_up(run: &Run, owner: String, keys: usize, chance: &mut Chance) -> Self {
        let mut made = Vec::with_capacity(keys);
        for _ in 0..keys.div_ceil(TOGETHER) {
            let together = TOGETHER.min(keys);
            let making = (0..together).map(|_| run.create_for(&owner, run.any_instance(chance)));
            let making: Vec<_> = making.collect();
            made.extend(join_all(making).await.into_iter().flatten());
        }
        Self { owner, keys: made }
    }

    /// Takes from a key what verifications require. Answers whether it may be given back: not where a request was left
    /// without an answer, which may yet be done at any time.
    async fn narrow(&self, key: &Key, run: &Run, chance: &mut Chance) -> bool {
        key.ask_to_refuse();
        let Some(done) = self.set_scopes(key, "[]", run, chance).await else { return false };
        key.reveal(done.at);
        count(&run.ledger.counts.narrowings);
        !done.failed
    }

    async fn widen(&self, key: &Key, run: &Run, chance: &mut Chance) {
        key.ask_to_accept();
        let Some(done) = self.set_scopes(key, "null", run, chance).await else { return };
        key.reveal_end(done.at);
        count(&run.ledger.counts.ended_narrowings);
    }

    async fn set_scopes(
        &self,
        key: &Key,
        to: &str,
        run: &Run,
        chance: &mut Chance,
    ) -> Option<Done> {
        let path = format!("/api/v1/admin/owners/{}/api-keys/{}", self.owner, key.id);
        let body = format!(r#"{{"scopes":{to}}}"#);
        insist(run, &run.instances, chance, &run.managed("PATCH", path, body)).await
    }

    /// Answers whether the user may come back: not where a request was left without an answer, which
    /// may yet be done at any time.
    async fn suspend(&self, run: &Run, chance: &mut Chance) -> bool {
        self.keys.iter().for_each(|key| key.ask_to_refuse());
        let Some(done) = self.set_suspended(true, run, chance).await else { return false };
        self.keys.iter().for_each(|key| key.reveal(done.at));
        count(&run.ledger.counts.suspensions);
        !done.failed
    }

    async fn come_back(&self, run: &Run, chance: &mut Chance) {
        self.keys.iter().for_each(|key| key.ask_to_accept());
        let Some(done) = self.set_suspended(false, run, chance).await else { return };
        self.keys.iter().for_each(|key| key.reveal_end(done.at));
        count(&run.ledger.counts.ended_suspensions);
    }

    async fn set_suspended(&self, to: bool, run: &Run, chance: &mut Chance) -> Option<Done> {
        let path = format!("/api/v1/admin/owners/{}", self.owner);
        let body = format!(r#"{{"maxKeys":null,"suspended":{to}}}"#);
        insist(run, &run.instances, chance, &run.managed("PUT", path, body)).await
    }

    /// Revokes all keys of the user, by who owns or by who made them.
    async fn leave(&self, run: &Run, chance: &mut Chance) -> Option<Done> {
        run.ledger.doom_all(&self.keys);
        let whose = *chance.one_of(&["owner", "createdBy"]).expect("there are two");
        let body = format!(r#"{{"{whose}":"{}"}}"#, self.owner);
        let wish = run.managed("POST", "/api/v1/admin/api-keys/revoke".to_owned(), body);
        let done = insist(run, &run.instances, chance, &wish).await?;
        let revoked: Value = serde_json::from_slice(&done.body).expect("JSON is answered");
        let revoked = revoked["revoked"].as_array().expect("a list");
        for key in &self.keys {
            key.reveal(done.at);
            // A request without an answer may have revoked it.
            if !done.failed && !revoked.iter().any(|id| id == key.id.as_str()) {
                run.ledger.wrong(&format!("{wish} left {} out", key.id));
            }
        }
        count(&run.ledger.counts.of_many);
        run.ledger.revoked(done.revoke());
        Some(done)
    }
}
