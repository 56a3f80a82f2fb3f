//! On a server that outlives the tests, the databases of a process that was killed stay behind.
//! Each process holds a lock on the server for as long as it lives; databases whose lock nobody
//! holds are dropped by the next process.

use std::fmt;
use std::future::pending;
use std::hash::{BuildHasher as _, RandomState};
use std::sync::mpsc;
use std::thread;

use tokio::runtime;
use tokio_postgres::{Client, Error};

use super::connect;

/// The first of the two numbers of our locks; advisory locks have no names.
const LOCKS: i32 = 0x6c_6b70;

/// Marks the databases of one test process.
#[derive(Debug, Clone, Copy)]
pub(super) struct Tag(i32);

impl Tag {
    pub(super) fn random() -> Self {
        let drawn = RandomState::new().hash_one(());
        Self(i32::try_from(drawn >> 33).expect("31 bits"))
    }

    /// The tag in a database's name, if it is one of ours.
    fn in_name(name: &str) -> Option<Self> {
        let (tag, _count) = name.strip_prefix("latchkey_test_")?.split_once('_')?;
        i32::from_str_radix(tag, 16).ok().map(Self)
    }
}

impl fmt::Display for Tag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:08x}", self.0)
    }
}

/// Takes the lock that protects this process's databases until its end, then drops what processes
/// before it have left.
pub(super) fn claim(admin_url: String, tag: Tag) -> Result<(), String> {
    let (answer, answered) = mpsc::channel();
    thread::spawn(move || {
        let runtime = runtime::Builder::new_current_thread().enable_all().build();
        runtime.expect("a runtime starts").block_on(async {
            let client = connect(&admin_url).await?;
            let cleaned = lock_and_sweep(&client, tag).await.map_err(|error| format!("{error:?}"));
            let _nobody_else_sends = answer.send(cleaned);
            pending::<Result<(), String>>().await
        })
    });
    answered.recv().unwrap_or_else(|_hung_up| Err("the test server does not answer".to_owned()))
}

async fn lock_and_sweep(client: &Client, tag: Tag) -> Result<(), Error> {
    client.execute("select pg_advisory_lock($1, $2)", &[&LOCKS, &tag.0]).await?;
    for row in client.query("select datname from pg_database", &[]).await? {
        let name: &str = row.get(0);
        let Some(Tag(of)) = Tag::in_name(name).filter(|of| of.0 != tag.0) else { continue };
        let free = client.query_one("select pg_try_advisory_lock($1, $2)", &[&LOCKS, &of]).await?;
        if free.get(0) {
            client.batch_execute(&format!("drop database if exists {name} with (force)")).await?;
            client.execute("select pg_advisory_unlock($1, $2)", &[&LOCKS, &of]).await?;
        }
    }
    Ok(())
}
