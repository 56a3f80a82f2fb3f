//! The one database of all instances, which can be stopped, locked and sabotaged.

use std::time::Duration;

use latchkey_testkit::postgres::PrivateCluster;
use tokio::task::block_in_place;
use tokio_postgres::{Client, NoTls};
use url::Url;

use crate::trouble::Trouble;

/// Makes every revoke believe that all instances have applied it.
const SABOTAGE: &str = "\
create function pretend() returns trigger language plpgsql as $$
begin
    new.acked := 9223372036854775807;
    return new;
end $$;
create trigger pretend before insert or update on instances
    for each row execute function pretend();
update instances set acked = acked;
";

/// What heartbeats write, and what every revoke counts up.
const LOCK: &str = "begin; select from instances for update; select from change_clock for update";

#[derive(Debug)]
pub(crate) struct Postgres {
    pub(crate) trouble: Trouble,
    cluster: PrivateCluster,
}

impl Postgres {
    pub(crate) fn start() -> Self {
        let cluster = block_in_place(PrivateCluster::start);
        Self { trouble: Trouble::default(), cluster }
    }

    pub(crate) fn url(&self) -> Url {
        self.cluster.url().parse().expect("it is an address")
    }

    pub(crate) fn stop_immediately(&self) {
        block_in_place(|| self.cluster.stop_immediately());
    }

    pub(crate) fn start_again(&self) {
        block_in_place(|| self.cluster.start_again());
    }

    /// Takes the wait out of every revoke.
    pub(crate) async fn sabotage(&self) {
        let client = self.connect().await.expect("it takes connections");
        client.batch_execute(SABOTAGE).await.expect("we are its superuser");
    }

    /// Holds the locks that heartbeats and revokes need.
    pub(crate) async fn lock(&self, time: Duration) -> Result<(), tokio_postgres::Error> {
        let client = self.connect().await?;
        client.batch_execute(LOCK).await?;
        tokio::time::sleep(time).await;
        client.batch_execute("rollback").await
    }

    async fn connect(&self) -> Result<Client, tokio_postgres::Error> {
        let (client, connection) = tokio_postgres::connect(self.cluster.url(), NoTls).await?;
        // It ends with the client.
        tokio::spawn(connection);
        Ok(client)
    }
}
