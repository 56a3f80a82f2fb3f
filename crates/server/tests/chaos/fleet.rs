//! Three instances and their Postgres.

use std::io;
use std::sync::Arc;
use std::time::{Duration, Instant};

use latchkey_testkit::postgres::PrivateCluster;
use tempfile::TempDir;
use tokio::task::spawn_blocking;
use tokio::time::sleep;
use tokio_postgres::{Client as Database, NoTls};

use crate::client::{Client, header};
use crate::instance::Instance;

/// More than any call may take.
const PATIENCE: Duration = Duration::from_secs(25);

#[derive(Debug)]
pub(crate) struct Fleet {
    pub(crate) instances: Vec<Arc<Instance>>,
    /// The headers of a call that manages keys.
    pub(crate) session: String,
    cluster: Arc<PrivateCluster>,
    _directory: TempDir,
}

impl Fleet {
    pub(crate) async fn start() -> Self {
        let cluster = spawn_blocking(PrivateCluster::start).await.expect("Postgres starts");
        let directory = tempfile::Builder::new().prefix("latchkey-chaos-").tempdir();
        let directory = directory.expect("a temporary directory can be made");
        let mut instances = Vec::new();
        for number in 0..3 {
            let instance = Instance::start(number, cluster.url(), directory.path()).await;
            instances.push(Arc::new(instance));
        }
        let session = sign_up(&instances[0]).await.expect("nothing is broken yet");
        Self { instances, session, cluster: Arc::new(cluster), _directory: directory }
    }

    /// Ends Postgres as a crash would, and waits for its end.
    pub(crate) async fn crash_database(&self) {
        let cluster = Arc::clone(&self.cluster);
        spawn_blocking(move || cluster.stop_immediately()).await.expect("Postgres stops");
    }

    /// Waits until Postgres takes connections.
    pub(crate) async fn restart_database(&self) {
        let cluster = Arc::clone(&self.cluster);
        spawn_blocking(move || cluster.start_again()).await.expect("Postgres starts");
    }

    /// A connection of the test's own.
    pub(crate) async fn database(&self) -> Database {
        let connected = tokio_postgres::connect(self.cluster.url(), NoTls).await;
        let (client, connection) = connected.expect("Postgres takes connections");
        // It ends with the client.
        tokio::spawn(connection);
        client
    }

    /// Something that concerns all instances begins, or is over.
    pub(crate) fn begin_fault(&self) {
        self.instances.iter().for_each(|instance| instance.begin_fault());
    }

    pub(crate) fn end_fault(&self) {
        self.instances.iter().for_each(|instance| instance.end_fault());
    }

    /// How long it takes until every instance accepts this key.
    pub(crate) async fn time_to_accept(&self, key: &str) -> Duration {
        let began = Instant::now();
        for instance in &self.instances {
            let mut client = Client::of(instance);
            while !client.verify(key, PATIENCE).await.is_ok_and(|answer| answer.status == 200) {
                assert!(began.elapsed() < PATIENCE, "{}:\n{}", instance.number, instance.log());
                sleep(Duration::from_millis(5)).await;
            }
        }
        began.elapsed()
    }
}

async fn sign_up(instance: &Arc<Instance>) -> io::Result<String> {
    let body = r#"{"email":"ada@example.com","password":"correct horse battery"}"#;
    let rest = with_body("", body);
    let answer = Client::of(instance).ask("POST /api/v1/auth/sign-up", &rest, PATIENCE).await?;
    assert_eq!(answer.status, 201, "{}", answer.body);
    let cookie = header(&answer.head, "set-cookie").and_then(|it| it.split(';').next());
    Ok(format!("Cookie: {}\r\n", cookie.expect("a session")))
}

/// What follows the host of a request with a JSON body.
pub(crate) fn with_body(headers: &str, body: &str) -> String {
    let length = body.len();
    format!("{headers}Content-Type: application/json\r\nContent-Length: {length}\r\n\r\n{body}")
}
