//! What all tasks of a run share: three instances on one Postgres, and the ledger.

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant};

use serde_json::Value;
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use super::chance::Chance;
use super::client::{Answer, Client};
use super::instance::Instance;
use super::keys::Key;
use super::ledger::Ledger;
use super::postgres::Postgres;

const NAMES: [&str; 3] = ["a", "b", "c"];
const CREDENTIALS: &str = r#"{"email":"ada@example.com","password":"correct horse battery"}"#;
const JSON: &str = "Content-Type: application/json\r\n";
const KEYS: &str = "/api/v1/api-keys";

#[derive(Debug)]
pub(crate) struct Run {
    /// Before the database, so that they end before it does.
    pub(crate) instances: Vec<Arc<Instance>>,
    pub(crate) postgres: Postgres,
    pub(crate) ledger: Ledger,
    /// Told when a fault begins, for those who want to strike then.
    pub(crate) fault_begins: Notify,
    /// Ends the load.
    pub(crate) stop: CancellationToken,
    cookie: String,
    /// The header lines of a backend that manages keys.
    backend: String,
}

/// A change that may be asked of any instance.
#[derive(Debug)]
pub(crate) struct Change<'r> {
    method: &'static str,
    path: String,
    headers: &'r str,
    body: String,
}

impl Change<'_> {
    pub(crate) async fn ask(&self, instance: &Arc<Instance>) -> Option<Answer> {
        let Self { method, path, headers, body } = self;
        Client::new(instance).send(method, path, headers, body).await.ok()
    }
}

impl fmt::Display for Change<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { method, path, body, .. } = self;
        write!(f, "{method} {path} {body}")
    }
}

impl Run {
    pub(crate) async fn start() -> Arc<Self> {
        Self::start_on(Postgres::start()).await
    }

    pub(crate) async fn start_on(postgres: Postgres) -> Arc<Self> {
        let url = postgres.url();
        let starting = NAMES.map(|name| Instance::start(name, &url));
        let instances = futures_util::future::join_all(starting).await;
        let instances: Vec<_> = instances.into_iter().map(Arc::new).collect();
        let cookie = sign_up(&instances[0]).await;
        let rights = "keys:write,owners:write";
        let token = instances[0].run(&["token", "create", "--name", "chaos", "--allow", rights]);
        let backend = format!("{JSON}Authorization: Bearer {}\r\n", token.trim_end());
        Arc::new(Self {
            instances,
            postgres,
            ledger: Ledger::new(),
            fault_begins: Notify::new(),
            stop: CancellationToken::new(),
            cookie,
            backend,
        })
    }

    pub(crate) fn any_instance(&self, chance: &mut Chance) -> &Arc<Instance> {
        chance.one_of(&self.instances).expect("there are three")
    }

    pub(crate) async fn create(&self, instance: &Arc<Instance>) -> Option<Arc<Key>> {
        let headers = format!("{JSON}{}", self.cookie);
        let key = self.create_by(instance, KEYS, &headers, r#"{"name":"chaos"}"#).await?;
        self.ledger.created(Arc::clone(&key));
        Some(key)
    }

    /// A backend makes a key with budgets, which nobody revokes.
    pub(crate) async fn create_paid(&self, owner: &str, budgets: &str) -> Arc<Key> {
        let path = format!("/api/v1/admin/owners/{owner}/api-keys");
        let body = format!(r#"{{"name":"paid"{budgets}}}"#);
        let key = self.create_by(&self.instances[0], &path, &self.backend, &body).await;
        key.expect("all is well when the run begins")
    }

    /// A backend makes a key for an owner of its own.
    pub(crate) async fn create_for(
        &self,
        owner: &str,
        instance: &Arc<Instance>,
    ) -> Option<Arc<Key>> {
        let path = format!("/api/v1/admin/owners/{owner}/api-keys");
        let body = format!(r#"{{"name":"chaos","createdBy":"{owner}"}}"#);
        let key = self.create_by(instance, &path, &self.backend, &body).await?;
        self.ledger.created_for_another(Arc::clone(&key));
        Some(key)
    }

    async fn create_by(
        &self,
        instance: &Arc<Instance>,
        path: &str,
        headers: &str,
        body: &str,
    ) -> Option<Arc<Key>> {
        let answer = Client::new(instance).send("POST", path, headers, body).await.ok()?;
        match answer.status {
            201 => {
                let key: Value = serde_json::from_slice(&answer.body).expect("JSON is answered");
                let text = |member: &str| key[member].as_str().expect("a string").to_owned();
                Some(Arc::new(Key::new(text("id"), text("key"))))
            }
            // Whether it was created, nobody knows; nobody has its text.
            _ if answer.is_unavailable() => None,
            _ => {
                self.ledger.wrong(&format!("create at {}: {}", instance.name, answer.head));
                None
            }
        }
    }

    /// The account revokes one of its keys.
    pub(crate) fn revoke_of(&self, key: &Key) -> Change<'_> {
        Change {
            method: "DELETE",
            path: format!("{KEYS}/{}", key.id),
            headers: &self.cookie,
            body: String::new(),
        }
    }

    /// A backend asks for something else than a key.
    pub(crate) fn managed(&self, method: &'static str, path: String, body: String) -> Change<'_> {
        Change { method, path, headers: &self.backend, body }
    }

    /// Presents a key and notes the answer; gives its status, if one came.
    pub(crate) async fn verify(&self, client: &mut Client, key: &Key) -> Option<u16> {
        let answer = client.verify(&key.secret).await;
        self.ledger.verified(key, client.instance.name, &answer);
        answer.ok().map(|answer| answer.status)
    }

    /// Waits until every instance accepts a key, and gives how long that took.
    pub(crate) async fn recovered(&self, key: &Key) -> Duration {
        let began = Instant::now();
        for instance in &self.instances {
            let mut client = Client::new(instance);
            while self.verify(&mut client, key).await != Some(200) {
                let waited = began.elapsed();
                let limit = Duration::from_secs(30);
                assert!(waited < limit, "{} is lost:\n{}", instance.name, instance.log());
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        }
        began.elapsed()
    }

    /// Presents every key to every instance once more, now that all is well.
    pub(crate) async fn sweep(&self) {
        let (live, doomed) = (self.live(), self.ledger.doomed());
        for instance in &self.instances {
            let mut client = Client::new(instance);
            for (key, expected) in
                live.iter().map(|key| (key, 200)).chain(doomed.iter().map(|key| (key, 401)))
            {
                let status = self.verify(&mut client, key).await;
                if status != Some(expected) {
                    let what = format!("in the end, {} at {}: {status:?}", key.id, instance.name);
                    self.ledger.wrong(&what);
                }
            }
        }
    }

    /// All keys that nobody asked to revoke. Nobody is suspended in the end.
    fn live(&self) -> Vec<Arc<Key>> {
        [self.ledger.live(), self.ledger.of_others()].concat()
    }

    /// Looks for the event of each change that was answered.
    pub(crate) async fn count_what_is_kept(&self) {
        let kept = self.postgres.events().await;
        let (live, doomed) = (self.live(), self.ledger.doomed());
        let created = live.iter().chain(&doomed).map(|key| (key, "key.created"));
        for (key, action) in created.chain(doomed.iter().map(|key| (key, "key.revoked"))) {
            if !kept.contains(&(key.id.clone(), action.to_owned())) {
                self.ledger.wrong(&format!("{action} of {} was answered and is lost", key.id));
            }
        }
    }
}

/// Makes an account, and gives the header line of its session.
async fn sign_up(instance: &Arc<Instance>) -> String {
    let answer =
        Client::new(instance).send("POST", "/api/v1/auth/sign-up", JSON, CREDENTIALS).await;
    let answer = answer.expect("a running server answers");
    assert_eq!(answer.status, 201, "{}", answer.head);
    let line = answer.head.lines().find_map(|line| line.strip_prefix("set-cookie: "));
    let cookie = line.and_then(|line| line.split(';').next()).expect("a session is set");
    format!("Cookie: {cookie}\r\n")
}
