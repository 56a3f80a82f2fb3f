//! The log has every change of a key, also those that are typed into psql, as the statements here are.
#![expect(clippy::panic, clippy::unwrap_used, reason = "a test fails by it")]

use std::error::Error as _;
use std::time::Duration;

use latchkey_domain::ports::{
    ApiKeyRepository, ChangeFeed, Heartbeat, KeyLookup, News, Registration,
};
use latchkey_domain::{ApiKey, ApiKeyId, BudgetKind, Candidates, Window};
use latchkey_store_postgres::PostgresStore;
use latchkey_testkit::fixtures::{a_key, an_event, an_event_at, moment};
use latchkey_testkit::postgres::Database;
use tokio::time::error::Elapsed;
use tokio::time::timeout;
use tokio_postgres::{Client, NoTls};

use crate::fresh::{migrated, store};

struct Fixture {
    database: Database,
    store: PostgresStore,
    key: ApiKey,
    registration: Registration,
}

impl Fixture {
    async fn new() -> Self {
        let (store, database) = migrated().await;
        let key = a_key().build();
        ApiKeyRepository::insert(&store, &key, None, 10, &an_event()).await.unwrap();
        let registration = store.register().await.unwrap();
        Self { database, store, key, registration }
    }

    async fn psql(&self) -> Client {
        let (client, connection) =
            tokio_postgres::connect(self.database.url(), NoTls).await.unwrap();
        tokio::spawn(connection);
        client
    }

    async fn news(&self) -> Option<News> {
        let Registration { instance, position } = self.registration;
        news(self.store.heartbeat(instance, position).await.unwrap())
    }
}

fn news(answer: Heartbeat) -> Option<News> {
    match answer {
        Heartbeat::News(news) => Some(news),
        Heartbeat::Unlisted | Heartbeat::HistoryLost => None,
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_typed_into_psql_is_told_too() {
    let it = Fixture::new().await;
    let psql = it.psql().await;
    for (number, change) in [
        "update api_keys set name = 'renamed'",
        "update api_keys set disabled_at = now()",
        "update api_keys set expires_at = now()",
        "delete from api_keys",
    ]
    .into_iter()
    .enumerate()
    {
        psql.batch_execute(change).await.unwrap();
        let news = it.news().await.expect("it is registered");
        assert_eq!(news.changed, vec![it.key.parts().id; number + 1], "{change}");
    }
}

/// The columns of keys that no verification shows. A change of any other is told.
const UNTOLD: [&str; 4] = ["digest", "latest_change", "pepper_id", "version"];

/// The columns of keys, and for each a value that it doesn't have.
async fn other_values(psql: &Client) -> Vec<(String, &'static str)> {
    let columns = "select column_name::text, data_type::text from information_schema.columns \
        where table_name = 'api_keys' order by column_name";
    let columns = psql.query(columns, &[]).await.unwrap();
    let other = |row: tokio_postgres::Row| {
        let (column, kind): (String, String) = (row.get(0), row.get(1));
        let value = match kind.as_str() {
            "bigint" | "integer" => "2147483647",
            "boolean" => "true",
            "bytea" => "sha256('another')",
            "text" => "'another'",
            "timestamp with time zone" => "now()",
            "uuid" => "gen_random_uuid()",
            _ => panic!("another value for {column}, which is {kind}?"),
        };
        (column, value)
    };
    columns.into_iter().map(other).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_change_of_any_column_that_a_verification_may_show_is_told() {
    let it = Fixture::new().await;
    let psql = it.psql().await;
    let any_text = "alter table api_keys drop constraint api_keys_environment_check";
    psql.batch_execute(any_text).await.unwrap();
    let (mut told, mut untold) = (Vec::new(), Vec::new());
    for (column, value) in other_values(&psql).await {
        psql.batch_execute("delete from api_keys").await.unwrap();
        ApiKeyRepository::insert(&it.store, &a_key().build(), None, 10, &an_event()).await.unwrap();
        let Registration { instance, position } = it.store.register().await.unwrap();
        psql.batch_execute(&format!("update api_keys set {column} = {value}")).await.unwrap();
        let news = news(it.store.heartbeat(instance, position).await.unwrap());
        let is_told = !news.expect("it is registered").changed.is_empty();
        if is_told { &mut told } else { &mut untold }.push(column);
    }
    assert_eq!(untold, UNTOLD);
    assert!(told.iter().any(|column| column == "revoked_at"), "{told:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_verification_does_not_show_is_not_told() {
    let it = Fixture::new().await;
    let psql = it.psql().await;
    for change in [
        "update api_keys set name = name, revoked_at = revoked_at, version = version + 1",
        "update api_keys set digest = sha256('another'), pepper_id = 2",
    ] {
        psql.batch_execute(change).await.unwrap();
        assert_eq!(it.news().await.expect("it is registered").changed, [], "{change}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_suspension_that_is_typed_into_psql_is_told_of_the_owners_keys() {
    let it = Fixture::new().await;
    let psql = it.psql().await;
    let (mine, other) = (it.key.parts().id, a_key().owned_by("other").build());
    ApiKeyRepository::insert(&it.store, &other, None, 10, &an_event()).await.unwrap();
    let other = other.parts().id;
    for (change, told) in [
        ("update key_owners set suspended_at = now() where owner = 'owner'", vec![mine]),
        ("update key_owners set suspended_at = now() where owner = 'owner'", vec![]),
        ("update key_owners set max_keys = 5, held = held, closed_at = now()", vec![]),
        ("update key_owners set suspended_at = null", vec![mine]),
        ("update key_owners set suspended_at = now()", vec![mine, other]),
        // Now it is the other's keys that are those of a suspended owner.
        ("update key_owners set owner = 'nobody' where owner = 'owner'", vec![mine]),
        ("delete from key_owners where owner = 'other'", vec![other]),
        ("delete from key_owners", vec![]),
        ("insert into key_owners (owner, held) values ('other', 1)", vec![]),
        (
            "insert into key_owners (owner, held, suspended_at) values ('owner', 1, now())",
            vec![mine],
        ),
        (
            "insert into key_owners (owner, held, suspended_at) values ('owner', 1, null) \
             on conflict (owner) do update set suspended_at = excluded.suspended_at",
            vec![mine],
        ),
        (
            "with off as (update key_owners set suspended_at = now() where owner = 'owner') \
             update api_keys set name = 'renamed' where owner = 'owner'",
            vec![mine],
        ),
    ] {
        let Registration { instance, position } = it.store.register().await.unwrap();
        psql.batch_execute(change).await.unwrap();
        let news = news(it.store.heartbeat(instance, position).await.unwrap());
        let mut changed = news.expect("it is registered").changed;
        changed.retain(|key| *key != ApiKeyId::NONE);
        changed.sort();
        let mut told = told;
        told.sort();
        assert_eq!(changed, told, "{change}");
    }
    psql.batch_execute("truncate key_owners").await.unwrap();
    assert_eq!(it.news().await, None, "everything is to be forgotten");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_budget_that_is_typed_into_psql_is_told_and_read_where_it_begins_or_ceases_to_count() {
    let it = Fixture::new().await;
    let psql = it.psql().await;
    let mine = it.key.parts().id;
    let successor = a_key().of_family(&it.key).build();
    ApiKeyRepository::insert(&it.store, &successor, None, 10, &an_event()).await.unwrap();
    let both = vec![mine, successor.parts().id];
    let family = format!("(family, kind, amount) values ('{mine}', 'credits', ");
    for (change, told, kinds) in [
        (format!("insert into budgets {family} null)"), vec![], vec![]),
        ("update budgets set amount = 0".to_owned(), both.clone(), vec![(BudgetKind::Credits, false)]),
        ("update budgets set amount = 9, handed_out = 5".to_owned(), vec![], vec![(BudgetKind::Credits, false)]),
        ("update budgets set amount = null".to_owned(), both.clone(), vec![]),
        (
            "insert into budgets (owner, kind, amount) values ('owner', 'day', 9), ('else', 'day', 9)"
                .to_owned(),
            both.clone(),
            vec![(BudgetKind::Window(Window::Day), true)],
        ),
        (
            "update budgets set amount = 7 where amount is null".to_owned(),
            both.clone(),
            vec![(BudgetKind::Window(Window::Day), true), (BudgetKind::Credits, false)],
        ),
        ("delete from budgets".to_owned(), both.clone(), vec![]),
    ] {
        let Registration { instance, position } = it.store.register().await.unwrap();
        psql.batch_execute(&change).await.unwrap();
        let news = news(it.store.heartbeat(instance, position).await.unwrap());
        let mut changed = news.expect("it is registered").changed;
        changed.retain(|key| *key != ApiKeyId::NONE);
        changed.sort();
        assert_eq!(changed, told, "{change}");
        for key in [&it.key, &successor] {
            let digests = Candidates::new(key.parts().digest, []);
            let found = it.store.find_by_digest(&digests, None).await.unwrap().expect("it is there");
            let mut read: Vec<_> = found.budgets.iter().map(|it| (it.kind, it.is_owners)).collect();
            read.sort();
            assert_eq!(read, kinds, "{change}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_suspension_in_a_transaction_that_is_undone_is_not_told() {
    let it = Fixture::new().await;
    let undone = "begin; savepoint a; update key_owners set suspended_at = now(); \
        rollback to a; update api_keys set name = 'renamed'; commit";
    it.psql().await.batch_execute(undone).await.unwrap();
    let news = it.news().await.expect("it is registered");
    assert_eq!(news.changed, [it.key.parts().id]);
    assert_eq!(news.position.change.get(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn instances_forget_everything_where_a_suspended_owner_has_very_many_keys() {
    let it = Fixture::new().await;
    let many = "insert into api_keys (id, owner, name, prefix, environment, digest, pepper_id, \
            created_at, version) \
         select gen_random_uuid(), 'owner', 'ci', 'sk_live_abc1', 'live', \
            sha256(n::text::bytea), 1, now(), 1 from generate_series(1, 100500) as n";
    let psql = it.psql().await;
    psql.batch_execute(many).await.unwrap();
    psql.batch_execute("update key_owners set suspended_at = now()").await.unwrap();
    assert_eq!(it.news().await, None);
    let told: i64 = psql.query_one("select count(*) from key_changes", &[]).await.unwrap().get(0);
    assert!(told < 100_100, "{told} rows were written");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_revoked_key_cannot_be_revived_even_in_psql() {
    let it = Fixture::new().await;
    let parts = it.key.parts();
    it.store
        .revoke(&parts.owner, parts.id, &an_event_at(moment(1)))
        .await
        .unwrap()
        .expect("it was not revoked");
    let psql = it.psql().await;
    for revival in
        ["update api_keys set revoked_at = null", "update api_keys set revoked_at = now()"]
    {
        let error = psql.batch_execute(revival).await.expect_err(revival);
        assert!(format!("{error:?}").contains("stays revoked"), "{error:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn where_all_keys_are_truncated_everything_is_to_be_forgotten() {
    let it = Fixture::new().await;
    it.psql().await.batch_execute("truncate api_keys").await.unwrap();
    assert_eq!(it.news().await, None);
    let again = it.store.register().await.unwrap();
    let answer = it.store.heartbeat(again.instance, again.position).await.unwrap();
    assert_eq!(news(answer).expect("it is registered").changed, []);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_restored_database_is_another_history() {
    let it = Fixture::new().await;
    let psql = it.psql().await;
    // As after a failover that lost the last change, when another one took its number.
    psql.batch_execute("update api_keys set name = 'lost'").await.unwrap();
    let position = it.news().await.expect("it is registered").position;
    psql.batch_execute("update key_changes set nonce = gen_random_uuid() where seq > 0")
        .await
        .unwrap();
    let before = it.store.instances().await.unwrap();
    let lost = it.store.heartbeat(it.registration.instance, position).await.unwrap();
    assert_eq!(lost, Heartbeat::HistoryLost);
    // Else a revoke made now would take what is still cached for voided.
    assert_eq!(it.store.instances().await.unwrap(), before);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_number_never_shows_before_a_smaller_one() {
    let it = Fixture::new().await;
    let other = a_key().build();
    ApiKeyRepository::insert(&it.store, &other, None, 10, &an_event()).await.unwrap();
    let (first, second) = (it.psql().await, it.psql().await);
    let revoke = |id| format!("update api_keys set revoked_at = now() where id = '{id}'");
    first.batch_execute(&format!("begin; {}", revoke(it.key.parts().id))).await.unwrap();
    let waiting = revoke(other.parts().id);
    let waiting = tokio::spawn(async move { second.batch_execute(&waiting).await });
    tokio::time::sleep(Duration::from_millis(200)).await;
    assert_eq!(it.news().await.expect("it is registered").changed, []);
    assert!(!waiting.is_finished(), "the second did not wait for the first");
    first.batch_execute("commit").await.unwrap();
    waiting.await.unwrap().unwrap();
    let news = it.news().await.expect("it is registered");
    assert_eq!(news.changed, [it.key.parts().id, other.parts().id]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_heartbeat_that_hangs_is_given_up_and_a_later_one_succeeds() {
    let it = Fixture::new().await;
    let psql = it.psql().await;
    psql.batch_execute("begin; lock table instances").await.unwrap();
    let Registration { instance, position } = it.registration;
    for _call in 0..2 {
        // By the instance, and not by Postgres when it gives up waiting for the lock.
        let given_up = it.store.heartbeat(instance, position).await.unwrap_err();
        assert!(given_up.source().unwrap().is::<Elapsed>(), "{given_up:?}");
    }
    psql.batch_execute("commit").await.unwrap();
    assert_eq!(it.news().await.expect("it is registered").changed, []);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_change_by_another_wakes_an_instance_and_so_does_the_end_of_its_connection() {
    let it = Fixture::new().await;
    let other = store(it.database.url());
    let (owner, id) = (&it.key.parts().owner, it.key.parts().id);
    other.revoke(owner, id, &an_event()).await.unwrap();
    timeout(Duration::from_secs(5), it.store.woken()).await.expect("the other changed a key");
    let cut = "select pg_terminate_backend(pid) from pg_stat_activity \
        where pid <> pg_backend_pid() and datname = current_database()";
    it.psql().await.batch_execute(cut).await.unwrap();
    timeout(Duration::from_secs(5), it.store.woken()).await.expect("nothing more is heard");
}

#[tokio::test(flavor = "multi_thread")]
async fn old_changes_that_everybody_has_applied_are_trimmed() {
    let it = Fixture::new().await;
    let psql = it.psql().await;
    for name in ["a", "b", "c"] {
        psql.batch_execute(&format!("update api_keys set name = '{name}'")).await.unwrap();
    }
    let position = it.news().await.expect("it is registered").position;
    it.store.heartbeat(it.registration.instance, position).await.unwrap();
    psql.batch_execute("update key_changes set at = now() - interval '2 days'").await.unwrap();
    it.store.trim().await.unwrap();
    let left: i64 = psql.query_one("select count(*) from key_changes", &[]).await.unwrap().get(0);
    assert_eq!(left, 1);
    let answer = it.store.heartbeat(it.registration.instance, position).await.unwrap();
    assert_eq!(news(answer).expect("its place is still known").changed, []);
}
