//! The one database of all instances, which can be stopped, locked and sabotaged, and its standby.

use std::collections::HashSet;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use latchkey_testkit::postgres::PrivateCluster;
use tokio::task::block_in_place;
use tokio_postgres::{Client, NoTls};
use url::Url;

use super::trouble::Trouble;

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

/// The news of a change say one of the keys that it concerns. (The first row of each change says none.)
const TELL_OF_ONE: &str = "\
create function tell_of_one() returns trigger language plpgsql as $$
begin
    if (select count(*) from key_changes where seq = new.seq) >= 2 then return null; end if;
    return new;
end $$;
create trigger tell_of_one before insert on key_changes
    for each row execute function tell_of_one();
";

/// Suspensions are told to nobody.
const TELL_OF_NO_SUSPENSION: &str = "drop trigger tell_of_changed_owner on key_owners";

/// What a key may do changes without anybody being told.
const TELL_OF_NO_NARROWING: &str = "\
drop trigger tell_of_changed_key on api_keys;
create trigger tell_of_changed_key before update on api_keys for each row
    when (old.scopes is not distinct from new.scopes) execute function tell_of_key_change();
";

/// What an instance gives back can be handed out twice.
const GIVE_BACK_TWICE: &str = "\
create function give_back_twice() returns trigger language plpgsql as $$
begin
    update budgets set handed_out = greatest(handed_out - (new.returned - old.returned), 0)
        where id = new.budget_id;
    return null;
end $$;
create trigger give_back_twice after update on budget_shares for each row
    when (new.returned > old.returned and new.holding = old.holding)
    execute function give_back_twice();
";

/// Gives every server the first timeline: what stands in `public` is found before what is built in.
const ONE_TIMELINE: &str = "\
create function public.pg_walfile_name(pg_lsn) returns text language sql
    as $$ select '000000010000000000000001' $$;
alter database postgres set search_path = public, pg_catalog;
";

/// Lets a server show more changes than any other has made. Its standby is gone: a change that waits
/// for it holds the clock, and ends without an answer.
const AHEAD: &str = "\
set synchronous_commit = local;
set lock_timeout = 100;
do $$ begin loop
    perform pg_stat_clear_snapshot();
    perform pg_terminate_backend(pid) from pg_stat_activity where wait_event = 'SyncRep';
    begin
        update change_clock set seq = seq + 1000000000;
        exit;
    exception when lock_not_available then null;
    end;
end loop; end $$;
";

/// Each change that was answered leaves an event. What `recovery` makes again was lost all the same.
const EVENTS: &str = "\
select key_id::text, action from audit_events where key_id is not null and actor <> 'recovery'
union all select unnest(key_ids)::text, 'key.revoked' from audit_events where action = 'keys.revoked'";

/// What heartbeats write, and what every revoke counts up.
const LOCK: &str = "begin; select from instances for update; select from change_clock for update";

#[derive(Debug)]
pub(crate) struct Postgres {
    pub(crate) trouble: Trouble,
    cluster: PrivateCluster,
    standby: Option<PrivateCluster>,
    promoted: AtomicBool,
}

impl Postgres {
    pub(crate) fn start() -> Self {
        let cluster = block_in_place(PrivateCluster::start);
        Self {
            trouble: Trouble::default(),
            cluster,
            standby: None,
            promoted: AtomicBool::default(),
        }
    }

    /// With a standby that has a change before it is answered.
    pub(crate) async fn with_standby() -> Self {
        let postgres = Self::with_lagging_standby();
        let name_it = "alter system set synchronous_standby_names = 'standby'";
        postgres.tell_primary(name_it).await;
        postgres.tell_primary("select pg_reload_conf()").await;
        postgres
            .wait_for("exists(select from pg_stat_replication where sync_state = 'sync')")
            .await;
        postgres
    }

    /// With a standby that copies changes after they were answered.
    pub(crate) fn with_lagging_standby() -> Self {
        let postgres = Self::start();
        let standby = block_in_place(|| postgres.cluster.standby("standby"));
        Self { standby: Some(standby), ..postgres }
    }

    /// Where the standby listens, or what it was before.
    pub(crate) fn standby_address(&self) -> SocketAddr {
        self.standby().address()
    }

    /// Makes the standby a primary. The old one is not told.
    pub(crate) fn promote(&self) {
        block_in_place(|| self.standby().promote());
        self.promoted.store(true, Ordering::SeqCst);
    }

    pub(crate) fn pause(&self) {
        block_in_place(|| self.cluster.pause());
    }

    pub(crate) fn go_on(&self) {
        block_in_place(|| self.cluster.go_on());
    }

    /// The standby shows no more of what it receives, until it is promoted.
    pub(crate) async fn pause_replay(&self) {
        tell(self.standby(), "select pg_wal_replay_pause()").await;
    }

    /// The standby gets nothing more.
    pub(crate) async fn cut_standby_off(&self) {
        tell(self.standby(), "alter system set primary_conninfo = ''").await;
        tell(self.standby(), "select pg_reload_conf()").await;
        self.wait_for("not exists(select from pg_stat_replication)").await;
    }

    /// Takes away by what a server of before is told apart: its timeline, and that it has made fewer
    /// changes. The first is to be done before anybody connects, the second when it is the old one.
    pub(crate) async fn hide_timelines(&self) {
        self.tell_primary(ONE_TIMELINE).await;
    }

    /// See [`hide_timelines`](Self::hide_timelines).
    pub(crate) async fn get_ahead(&self) {
        self.tell_primary(AHEAD).await;
    }

    /// The changes that the primary has kept: of which key, and the action.
    pub(crate) async fn events(&self) -> HashSet<(String, String)> {
        let client = connect(self.primary()).await.expect("it takes connections");
        let rows = client.query(EVENTS, &[]).await.expect("the schema is there");
        rows.iter().map(|row| (row.get(0), row.get(1))).collect()
    }

    /// What a budget has granted and handed out, and what the trail says was stranded of it.
    pub(crate) async fn budget(&self, row: &str) -> [u64; 3] {
        let client = connect(self.primary()).await.expect("it takes connections");
        let read = format!(
            "select amount, handed_out, coalesce(( \
                select sum((changes::json->>'stranded')::bigint)::bigint from audit_events \
                where action = 'credits.stranded' and (key_id = budgets.family or \
                    budgets.owner = audit_events.owner and key_id is null) \
            ), 0) from budgets where {row}"
        );
        let row = client.query_one(&read, &[]).await.expect("the budget is there");
        [0, 1, 2].map(|column: usize| {
            u64::try_from(row.get::<_, i64>(column)).expect("nothing is below zero")
        })
    }

    /// Lets everything that is given back count twice.
    pub(crate) async fn give_back_twice(&self) {
        self.tell_primary(GIVE_BACK_TWICE).await;
    }

    /// How often it was noted that a history was lost.
    pub(crate) async fn losses_noted(&self) -> i64 {
        let client = connect(self.primary()).await.expect("it takes connections");
        let count = "select count(*) from audit_events where action = 'history.lost'";
        client.query_one(count, &[]).await.expect("the schema is there").get(0)
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
        self.tell_primary(SABOTAGE).await;
    }

    /// Lets instances know of one key of those that a change concerns.
    pub(crate) async fn tell_of_one_key(&self) {
        self.tell_primary(TELL_OF_ONE).await;
    }

    /// Lets no instance know of a suspension.
    pub(crate) async fn tell_of_no_suspension(&self) {
        self.tell_primary(TELL_OF_NO_SUSPENSION).await;
    }

    /// Lets no instance know that a key may do less.
    pub(crate) async fn tell_of_no_narrowing(&self) {
        self.tell_primary(TELL_OF_NO_NARROWING).await;
    }

    /// Holds the locks that heartbeats and revokes need.
    pub(crate) async fn lock(&self, time: Duration) -> Result<(), tokio_postgres::Error> {
        let client = connect(&self.cluster).await?;
        client.batch_execute(LOCK).await?;
        tokio::time::sleep(time).await;
        client.batch_execute("rollback").await
    }

    /// The one that took changes first.
    async fn tell_primary(&self, statements: &str) {
        tell(&self.cluster, statements).await;
    }

    async fn wait_for(&self, condition: &str) {
        let wait = format!(
            "do $$ begin while not ({condition}) loop perform pg_sleep(0.01); \
             perform pg_stat_clear_snapshot(); end loop; end $$"
        );
        self.tell_primary(&wait).await;
    }

    fn standby(&self) -> &PrivateCluster {
        self.standby.as_ref().expect("it was started with one")
    }

    fn primary(&self) -> &PrivateCluster {
        if self.promoted.load(Ordering::SeqCst) { self.standby() } else { &self.cluster }
    }
}

async fn tell(cluster: &PrivateCluster, statements: &str) {
    let client = connect(cluster).await.expect("it takes connections");
    client.batch_execute(statements).await.expect("we are its superuser");
}

async fn connect(cluster: &PrivateCluster) -> Result<Client, tokio_postgres::Error> {
    let (client, connection) = tokio_postgres::connect(cluster.url(), NoTls).await?;
    // It ends with the client.
    tokio::spawn(connection);
    Ok(client)
}
