//! How Postgres runs the statements that many calls send: each is prepared once for a connection,
//! and reads no more than it must.

use diesel::pg::Pg;
use diesel::prelude::*;
use diesel::query_builder::{AstPass, Query, QueryFragment, QueryId};
use diesel::sql_query;
use diesel::sql_types::{BigInt, Integer, Text};
use diesel_async::{AsyncPgConnection, RunQueryDsl, SimpleAsyncConnection as _};
use latchkey_accounts::ports::SessionRepository;
use latchkey_domain::ports::{
    ApiKeyRepository, AuditTrail, ChangeFeed as _, Heartbeat, KeyLookup, KeyRegister, OverlapError,
    PepperRepository as _, Registration, Replacement, SelectedKey, UpdateError, UsageRegister as _,
    UsageRepository,
};
use latchkey_domain::{
    Action, AuditEvent, Candidates, Creator, KeyPrefix, KeySearch, OwnerPattern, Selection,
    TrailSearch, UsagePeriod,
};
use latchkey_testkit::fixtures::{
    a_batch, a_digest, a_key, a_replacement, an_event, an_event_at, an_id, changed, moment, owner,
};
use latchkey_testkit::postgres::{Database, empty_database};

use crate::register::keys_sought;
use crate::{PostgresSettings, PostgresStore};

/// 200 owners with 300 keys and 100 events each, 100 of the keys not revoked; 20,000 accounts with a
/// session.
const KEYS: &str = "\
set local statement_timeout = 0; \
insert into api_keys (id, owner, name, prefix, environment, digest, pepper_id, created_at, \
    revoked_at, version, created_by) \
select gen_random_uuid(), 'owner' || n % 200, 'ci', 'sk_live_abc1', 'live', \
    sha256(n::text::bytea), 1 + (n > 59000)::int, now() - n * interval '1 minute', \
    case when n % 3 > 0 then now() end, 1, 'person' || n % 1000 \
from generate_series(1, 60000) as n; \
insert into last_uses (key_id, used_at) select id, now() from api_keys where revoked_at is null; \
insert into accounts (id, email, password_hash, created_at, version) \
select gen_random_uuid(), n::text, '', now(), 1 from generate_series(1, 20000) as n; \
insert into sessions (digest, pepper_id, account_id, account_version, created_at, last_seen_at) \
select sha256(email::bytea), 1, id, 1, now(), now() from accounts; \
insert into audit_events (id, at, owner, action, key_id, actor) \
select gen_random_uuid(), now(), 'owner' || n % 200, 'key.changed', gen_random_uuid(), 'operator' \
from generate_series(1, 20000) as n; \
insert into audit_events (id, at, owner, action, key_id, replaced_by, actor) \
select gen_random_uuid(), now(), owner, 'key.rotated', key_id, gen_random_uuid(), 'operator' \
from audit_events where random() < 0.1; \
analyze";

/// The indexes that a look-up by a digest walks.
const LOOKED_UP: &str =
    "api_keys_digest_key, key_owners_pkey, budgets_of_families, budgets_of_owners";

/// With one connection, so that a test sees what the calls before it prepared.
async fn migrated() -> (Database, PostgresStore) {
    let database = empty_database().await;
    let settings = PostgresSettings::parse(database.url()).unwrap().with_pool_size(1);
    let store = PostgresStore::connect(&settings).unwrap();
    store.migrate().await.unwrap();
    (database, store)
}

#[derive(QueryableByName)]
struct Prepared {
    #[diesel(sql_type = Text)]
    name: String,
    #[diesel(sql_type = BigInt)]
    runs: i64,
    #[diesel(sql_type = Integer)]
    arguments: i32,
}

/// The statement that this connection has prepared whose text contains `part`.
async fn prepared(mut connection: &AsyncPgConnection, part: &str) -> Option<Prepared> {
    let mut found: Vec<Prepared> = sql_query(
        "select name, generic_plans + custom_plans as runs, cardinality(parameter_types) as arguments \
         from pg_prepared_statements \
         where position($1 in lower(statement)) > 0 and position('pg_prepared' in statement) = 0",
    )
    .bind::<Text, _>(part)
    .load(&mut connection)
    .await
    .unwrap();
    assert!(found.len() <= 1, "prepared {} times: {part}", found.len());
    found.pop()
}

/// The plan that Postgres makes for a prepared statement without knowing its arguments.
async fn plan(mut connection: &AsyncPgConnection, statement: &Prepared) -> String {
    #[derive(QueryableByName)]
    struct Line {
        #[diesel(sql_type = Text, column_name = "QUERY PLAN")]
        text: String,
    }
    let generic = "set plan_cache_mode = force_generic_plan";
    sql_query(generic).execute(&mut connection).await.unwrap();
    let nulls = vec!["null"; usize::try_from(statement.arguments).unwrap()].join(", ");
    let arguments = if nulls.is_empty() { nulls } else { format!("({nulls})") };
    let explain = format!("explain (costs off) execute {} {arguments}", statement.name);
    let lines: Vec<Line> = sql_query(explain).load(&mut connection).await.unwrap();
    lines.into_iter().map(|line| line.text + "\n").collect()
}

/// Sends each frequent statement once.
async fn ask_everything(store: &PostgresStore) {
    let one = Candidates::new(a_digest(), []);
    assert!(store.find_by_digest(&one, None).await.unwrap().is_none());
    let two = Candidates::new(a_digest(), [a_digest()]);
    assert!(store.find_by_digest(&two, None).await.unwrap().is_none());
    assert!(SessionRepository::find(store, &one).await.unwrap().is_none());
    assert!(SessionRepository::find(store, &two).await.unwrap().is_none());
    assert_eq!(store.list(&owner("owner7")).await.unwrap().len(), 100);
    let revoked = store.revoked(&owner("owner7"), moment(0), 50).await.unwrap();
    assert_eq!(revoked.len(), 50);
    assert_eq!(store.page(None, 50).await.unwrap().len(), 50);
    assert_eq!(store.in_use().await.unwrap().len(), 2);
    assert_eq!(store.under_pepper(a_digest().pepper, 50).await.unwrap().len(), 50);
    UsageRepository::record(store, &a_batch(&[(an_id(), moment(0))])).await.unwrap();
    let period = UsagePeriod::last_days(moment(0));
    assert_eq!(store.of_keys(&[an_id()], &period).await.unwrap(), []);
    assert_eq!(store.recent_of_keys(&[an_id()]).await.unwrap(), []);
    assert_eq!(store.of_owner(&owner("owner7"), &period).await.unwrap(), []);
    assert_eq!(store.refusals_of(an_id()).await.unwrap(), []);
    assert_eq!(store.events_of(&owner("owner7"), None, None, 50).await.unwrap().len(), 50);
    assert_eq!(store.events_of(&owner("owner7"), Some(an_id()), None, 50).await.unwrap(), []);
    assert_eq!(store.all_events(None, 50).await.unwrap().len(), 50);
}

/// Sends the statements of changes; all but the new key find nothing.
async fn change(store: &PostgresStore) {
    let another = a_key().owned_by("another").build();
    ApiKeyRepository::insert(store, &another, None, 10, &an_event()).await.unwrap();
    store.touch(&a_digest().digest, moment(0)).await.unwrap();
    store.remove(&a_digest().digest, None).await.unwrap();
    let gone = ApiKeyRepository::find(store, &owner("owner7"), an_id()).await;
    assert!(gone.unwrap().is_none());
    let next = || changed(&a_key().build(), |_same| {});
    let stale = store.update(&next(), &an_event()).await;
    assert!(matches!(stale, Err(UpdateError::Stale)), "{stale:?}");
    for ended in [None, Some((next(), an_event()))] {
        let replacement = a_replacement(&next(), &a_key().build(), &an_event());
        let replacement = Replacement { ended, ..replacement };
        let stale = store.replace(&replacement).await;
        assert!(matches!(stale, Err(OverlapError::Stale)), "{stale:?}");
    }
    let stale = store.revive(&next(), 10, &an_event()).await;
    assert!(matches!(stale, Err(OverlapError::Stale)), "{stale:?}");
    let first = store.predecessor(&owner("owner7"), an_id()).await;
    assert!(first.unwrap().is_none());
    let absent = store.revoke(&owner("owner7"), an_id(), &an_event_at(moment(0))).await;
    assert_eq!(absent.unwrap(), None);
    let selected = SelectedKey { id: an_id(), owner: owner("owner7"), replaced_by: None };
    let action = Action::KeysRevoked(vec![selected.id]);
    let event = AuditEvent { action, ..an_event() };
    assert_eq!(store.revoke_all(&[selected], &[event]).await.unwrap(), None);
    let [stored, renewed] = [a_digest(), a_digest()];
    store.redigest(an_id(), &stored.digest, &renewed).await.unwrap();
    let unknown = store.latest_change(&owner("owner7"), an_id()).await;
    assert_eq!(unknown.unwrap(), None);
}

#[tokio::test(flavor = "multi_thread")]
async fn frequent_statements_are_prepared_once_and_walk_an_index() {
    let (_database, store) = migrated().await;
    store.connection().await.unwrap().batch_execute(KEYS).await.unwrap();
    for _call in 0..7 {
        ask_everything(&store).await;
        change(&store).await;
    }
    let writer = store.connection().await.unwrap();
    let (reader, other) = (store.readers.get().await.unwrap(), store.readers.get().await.unwrap());
    let connections: [&AsyncPgConnection; 3] = [&writer, reader.connection(), other.connection()];
    for (part, index) in [
        ("\"api_keys\".\"digest\" = $1", LOOKED_UP),
        ("\"api_keys\".\"digest\" = any($1)", LOOKED_UP),
        ("\"sessions\".\"digest\" = $1) limit", "sessions_pkey"),
        ("\"sessions\".\"digest\" = any($1)", "sessions_pkey"),
        ("order by \"api_keys\".\"created_at\"", "api_keys_of_owner"),
        ("order by \"api_keys\".\"revoked_at\"", "api_keys_revoked"),
        ("order by \"api_keys\".\"id\"", "api_keys_pkey"),
        ("\"api_keys\".\"id\" = $2", "api_keys_pkey"),
        ("set revoked_at = event.at", "api_keys_pkey"),
        ("with locked as", "api_keys_pkey, key_owners_pkey"),
        ("with found as ( select from api_keys where id = $1 and version", "api_keys_pkey"),
        ("with found as ( select owner from api_keys where id = $1 and version", "api_keys_pkey"),
        ("(id, version) in (($1, $2 - 1)) and", "api_keys_pkey"),
        ("(id, version) in (($1, $2 - 1), ($3, $4 - 1)) and", "api_keys_pkey"),
        // Each of its three parts walks one.
        (
            "\"replaced_by\" = $6",
            "audit_events_of_key, audit_events_of_successor, audit_events_of_keys",
        ),
        ("order by \"audit_events\".\"id\" desc", "audit_events_of_owner"),
        ("order by \"audit_events\".\"id\" limit", "audit_events_pkey"),
        // By its id or by its digest: each names one row, and which of them is taken is a toss-up.
        ("set \"digest\" = $1", "key on api_keys"),
        ("\"api_keys\".\"pepper_id\" = $1", "api_keys_pepper"),
        ("select \"api_keys\".\"latest_change\"", "api_keys_pkey"),
        ("set \"last_seen_at\" = $1", "sessions_pkey"),
        ("from \"sessions\" where (\"sessions\".\"digest\" = $1)", "sessions_pkey"),
        ("with fresh as", "key_refusals_pkey"),
        ("key_id, hour, 'accepted', accepted", "key_usage_pkey, last_uses_pkey"),
        ("select key_id, last_day, calls", "last_uses_pkey, recent_usage_pkey"),
        ("with of_owner as", "api_keys_of_owner, api_keys_revoked, key_usage_pkey, last_uses_pkey"),
        ("from \"key_refusals\"", "key_refusals_pkey"),
        ("with recursive", "api_keys_pepper"),
    ] {
        let mut runs = 0;
        for connection in connections {
            let Some(statement) = prepared(connection, part).await else { continue };
            runs += statement.runs;
            let plan = plan(connection, &statement).await;
            assert!(index.split(", ").all(|index| plan.contains(index)), "{part}\n{plan}");
            // The clock is one row.
            let reads_all = plan.replace("Seq Scan on change_clock", "").contains("Seq Scan");
            assert!(!reads_all, "{part}\n{plan}");
        }
        assert_eq!(runs, 7, "{part}");
    }
    let statement = prepared(&writer, "with place").await;
    assert_eq!(statement.map(|statement| statement.runs), Some(7));
}

/// The plan of a statement that is not prepared.
struct Explain<Q>(Q);

impl<Q: QueryFragment<Pg>> QueryFragment<Pg> for Explain<Q> {
    fn walk_ast<'b>(&'b self, mut pass: AstPass<'_, 'b, Pg>) -> QueryResult<()> {
        pass.unsafe_to_cache_prepared();
        pass.push_sql("explain (costs off) ");
        self.0.walk_ast(pass)
    }
}

impl<Q> QueryId for Explain<Q> {
    type QueryId = ();
    const HAS_STATIC_QUERY_ID: bool = false;
}

impl<Q> Query for Explain<Q> {
    type SqlType = Text;
}

/// Of statements that the store has prepared once, each by a part of its text, the index that it walks.
async fn assert_walks(store: &PostgresStore, part: &str, index: &str) {
    let connection = store.connection().await.unwrap();
    let statement = prepared(&connection, part).await.expect(part);
    let plan = plan(&connection, &statement).await;
    assert!(
        plan.contains(index) && !plan.contains("Seq Scan"),
        "{part}
{plan}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_search_over_all_owners_walks_the_index_of_the_narrowest_thing_asked_for() {
    let (_database, store) = migrated().await;
    store.connection().await.unwrap().batch_execute(KEYS).await.unwrap();
    let within = |text: &str| vec![OwnerPattern::parse(text).unwrap()];
    let somebody = Creator::parse("person7").unwrap();
    let mut owned = KeySearch::new(within("*"), moment(0));
    owned.owner = Some(owner("owner7"));
    let mut made = KeySearch::new(within("*"), moment(0));
    made.created_by = Some(somebody.clone());
    let mut seen = KeySearch::new(within("*"), moment(0));
    seen.prefix = Some(KeyPrefix::parse("sk_live_abc2").unwrap());
    let newest = KeySearch::new(within("owner1*"), moment(0));
    for (search, index) in [
        (&owned, "api_keys_of_owner"),
        (&made, "api_keys_of_creator"),
        // Here one prefix is every key's: it may as well walk the order.
        (&seen, "api_keys_"),
        (&newest, "api_keys_newest"),
    ] {
        let mut connection = store.connection().await.unwrap();
        let explain = Explain(keys_sought(search, None, 50));
        let lines: Vec<String> = explain.load(&mut *connection).await.unwrap();
        let plan = lines.join("\n");
        assert!(plan.contains(index) && !plan.contains("Seq Scan"), "{plan}");
    }
    let of = |owner, creator| Selection::new(owner, creator).unwrap();
    for (selection, part, index) in [
        (of(Some(owner("owner7")), None), "\"api_keys\".\"owner\" = $1", "api_keys_of_owner"),
        (of(None, Some(somebody)), "\"api_keys\".\"created_by\" = $1", "api_keys_of_creator"),
    ] {
        assert!(!store.selected(&selection, 10_001).await.unwrap().is_empty());
        assert_walks(&store, part, index).await;
    }
    let trail = TrailSearch::new(within("*"));
    let events = AuditTrail::search(&store, &trail, None, 50).await.unwrap();
    assert_eq!(events.len(), 50);
    assert_walks(&store, "order by \"audit_events\".\"id\" desc", "audit_events_pkey").await;
}

/// 50,000 changes.
const CHANGES: &str = "\
    insert into key_changes (seq, nonce, key_id) \
    select n, gen_random_uuid(), gen_random_uuid() from generate_series(1, 50000) as n; \
    update change_clock set (seq, nonce) = \
        (select seq, nonce from key_changes order by seq desc limit 1)";

/// Sends seven heartbeats, and says how Postgres runs them.
async fn plan_of_heartbeats(store: &PostgresStore) -> String {
    let Registration { instance, position } = store.register().await.unwrap();
    for _call in 0..7 {
        let answer = store.heartbeat(instance, position).await.unwrap();
        assert!(matches!(answer, Heartbeat::News(_)), "{answer:?}");
    }
    let explained = store.heartbeats.ask(|link| {
        Box::pin(async move {
            let statement = prepared(link, "update instances").await.unwrap();
            Ok((statement.runs, plan(link, &statement).await))
        })
    });
    let (runs, plan) = explained.await.unwrap();
    assert_eq!(runs, 7);
    plan
}

#[tokio::test(flavor = "multi_thread")]
async fn a_heartbeat_is_prepared_once_and_reads_only_what_is_new() {
    let (_database, store) = migrated().await;
    let mut connection = store.connection().await.unwrap();
    connection.batch_execute(CHANGES).await.unwrap();
    connection.batch_execute("analyze key_changes").await.unwrap();
    drop(connection);
    let plan = plan_of_heartbeats(&store).await;
    assert_eq!(plan.matches("key_changes_pkey").count(), 4, "{plan}");
    assert!(!plan.contains("Seq Scan on key_changes"), "{plan}");
}

/// Postgres keeps the plan, and may count the rows minutes later.
#[tokio::test(flavor = "multi_thread")]
async fn heartbeats_planned_while_nothing_has_changed_read_only_what_is_new() {
    let (_database, store) = migrated().await;
    let plan = plan_of_heartbeats(&store).await;
    assert!(!plan.contains("Seq Scan on key_changes"), "{plan}");
}
