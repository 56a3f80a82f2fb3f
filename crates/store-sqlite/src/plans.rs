//! Asks SQLite how it would run the statements that must not grow with the table.

use diesel::prelude::*;
use diesel::query_builder::QueryFragment;
use diesel::sql_types::Text;
use diesel::sqlite::Sqlite;
use diesel_migrations::MigrationHarness as _;
use latchkey_domain::{
    ApiKeyId, Candidates, Creator, Digest, KeyCursor, KeyPrefix, KeySearch, KeyedDigest, OwnerId,
    OwnerPattern, PepperId, Selection, Timestamp, TrailSearch, UsagePeriod, UsageSpan,
};

use crate::management_tokens;
use crate::migrate::MIGRATIONS;
use crate::query;
use crate::row::KeyRow;
use crate::schema::api_keys;
use crate::sessions;
use crate::{housekeeping, usage_register};

#[derive(QueryableByName)]
struct Step {
    #[diesel(sql_type = Text)]
    detail: String,
}

fn plan(query: &impl QueryFragment<Sqlite>) -> Vec<String> {
    let mut db = SqliteConnection::establish(":memory:").expect("opens");
    db.run_pending_migrations(MIGRATIONS).expect("migrates");
    let sql = diesel::debug_query(query).to_string();
    let explain = diesel::sql_query(format!("explain query plan {sql}"));
    let steps: Vec<Step> = explain.load(&mut db).expect("explained");
    steps.into_iter().map(|step| step.detail).collect()
}

// What is read of each key in a list besides the key.
const LAST_USE: &str = "SEARCH last_uses USING PRIMARY KEY (key_id=?) LEFT-JOIN";
const CREDITS: &str = "CORRELATED SCALAR SUBQUERY 1";
const CREDITS_OF: &str = "SEARCH budgets USING INDEX budgets_of_families (family=? AND kind=?)";

fn digest() -> KeyedDigest {
    let pepper = PepperId::new(1).expect("not zero");
    KeyedDigest { pepper, digest: Digest::new([7; 32]) }
}

#[test]
fn a_list_walks_the_index_of_the_owner_and_sorts_nothing() {
    assert_eq!(
        plan(&query::list("owner")),
        ["SEARCH api_keys USING INDEX api_keys_of_owner (owner=?)", LAST_USE, CREDITS, CREDITS_OF,],
    );
}

#[test]
fn replaced_keys_are_counted_and_found_by_indexes_that_hold_no_others() {
    let at = Timestamp::MIN;
    let successor = ApiKeyId::NONE;
    assert_eq!(
        plan(&query::overlapping("owner", at).count()),
        ["SEARCH api_keys USING INDEX api_keys_overlapping (owner=? AND expires_at>?)"],
    );
    assert_eq!(
        plan(&query::predecessor("owner", successor)),
        ["SEARCH api_keys USING INDEX api_keys_successor (replaced_by=?)"],
    );
}

#[test]
fn the_revoked_keys_of_an_owner_walk_their_index_and_sort_nothing() {
    assert_eq!(
        plan(&query::revoked("owner", 0, 10)),
        [
            "SEARCH api_keys USING INDEX api_keys_revoked (owner=? AND revoked_at>?)",
            LAST_USE,
            CREDITS,
            CREDITS_OF,
        ],
    );
}

#[test]
fn a_page_walks_the_table_from_an_id_on() {
    assert_eq!(
        plan(&query::page(None::<ApiKeyId>, 10)),
        ["SEARCH api_keys USING PRIMARY KEY (id>?)", LAST_USE, CREDITS, CREDITS_OF,],
    );
}

#[test]
fn a_trail_walks_the_index_of_its_owner_and_all_events_the_table() {
    assert_eq!(
        plan(&query::events_of("owner", None, 10)),
        ["SEARCH audit_events USING INDEX audit_events_of_owner (owner=? AND id<?)"],
    );
    assert_eq!(
        plan(&query::events_of_key("owner", ApiKeyId::NONE, None, 10)),
        [
            "MERGE (UNION ALL)",
            "LEFT",
            "MERGE (UNION ALL)",
            "LEFT",
            "SEARCH audit_events USING INDEX audit_events_of_key (key_id=? AND id<?)",
            "RIGHT",
            "SEARCH audit_events USING INDEX audit_events_of_successor (replaced_by=? AND id<?)",
            "RIGHT",
            "SEARCH audit_events USING INDEX audit_events_of_keys (owner=? AND id<?)",
        ],
    );
    assert_eq!(
        plan(&query::all_events(None, 10)),
        ["SEARCH audit_events USING PRIMARY KEY (id>?)"],
    );
}

#[test]
fn a_search_over_all_owners_walks_the_index_of_the_narrowest_thing_asked_for() {
    let within = |text: &str| vec![OwnerPattern::parse(text).expect("a pattern")];
    let creator = Creator::parse("ada").expect("a creator");
    let owner = OwnerId::parse("owner").expect("an owner");
    let search = || KeySearch::new(within("*"), Timestamp::MIN);
    let walks = |search: &KeySearch, after| plan(&query::keys_sought(search, after, 10));
    let and_more = [LAST_USE, CREDITS, CREDITS_OF].map(ToOwned::to_owned);
    let mut of_one = search();
    of_one.owner = Some(owner.clone());
    let by_owner = "SEARCH api_keys USING INDEX api_keys_of_owner (owner=?)".to_owned();
    assert_eq!(walks(&of_one, None).first(), Some(&by_owner));
    assert_eq!(walks(&of_one, None)[1..], and_more);
    let mut made = search();
    made.created_by = Some(creator.clone());
    let by_creator = "SEARCH api_keys USING INDEX api_keys_of_creator (created_by=?)".to_owned();
    assert_eq!(walks(&made, None).first(), Some(&by_creator));
    assert_eq!(walks(&made, None)[1..], and_more);
    let mut prefixed = search();
    prefixed.prefix = KeyPrefix::parse("sk_live_abc1").ok();
    let [first, ..] = &walks(&prefixed, None)[..] else { panic!("no plan") };
    assert_eq!(first, "SEARCH api_keys USING INDEX api_keys_prefix (prefix=?)");
    let after = KeyCursor { created_at: Timestamp::MIN, id: ApiKeyId::NONE };
    let [first, ..] = &walks(&search(), Some(after))[..] else { panic!("no plan") };
    assert!(first.starts_with("SEARCH api_keys USING INDEX api_keys_newest"), "{first}");
    for (selection, search) in [
        (Selection::new(Some(owner), None), by_owner),
        (Selection::new(None, Some(creator)), by_creator),
    ] {
        let selection = selection.expect("it is narrow");
        assert_eq!(plan(&query::selected(&selection, 10)), [search]);
    }
    let trail = TrailSearch::new(within("org_*"));
    let [first, ..] = &plan(&query::events_sought(&trail, None, 10))[..] else { panic!("no plan") };
    assert_eq!(first, "SEARCH audit_events USING PRIMARY KEY (id<?)");
}

#[test]
fn a_digest_and_the_owner_and_budgets_of_its_key_are_looked_up_in_their_indexes() {
    let search = [
        "SEARCH api_keys USING INDEX sqlite_autoindex_api_keys_2 (digest=?)",
        "SEARCH key_owners USING PRIMARY KEY (owner=?) LEFT-JOIN",
        "CORRELATED SCALAR SUBQUERY 3",
        "CO-ROUTINE (subquery-2)",
        "COMPOUND QUERY",
        "LEFT-MOST SUBQUERY",
        "SEARCH budgets USING INDEX budgets_of_families (family=?)",
        "UNION ALL",
        "SEARCH budgets USING INDEX budgets_of_owners (owner=?)",
        "SCAN (subquery-2)",
    ];
    assert_eq!(plan(&query::key_with(&digest())), search);
    assert_eq!(plan(&query::key_with_one_of(&Candidates::new(digest(), [digest()]))), search);
}

#[test]
fn calls_are_read_by_the_keys_and_removed_by_their_age() {
    let period = UsagePeriod::last_days(Timestamp::UNIX_EPOCH);
    let keys = [vec![1], vec![2]];
    assert_eq!(
        plan(&usage_register::kept(&keys, &period)),
        ["SEARCH key_usage USING PRIMARY KEY (key_id=? AND span=? AND start>? AND start<?)"],
    );
    assert_eq!(
        plan(&usage_register::of_this_hour(&keys, &period)),
        ["SEARCH last_uses USING PRIMARY KEY (key_id=?)"],
    );
    assert_eq!(
        plan(&usage_register::recent(&keys)),
        ["SEARCH recent_usage USING PRIMARY KEY (key_id=?)"],
    );
    assert_eq!(
        plan(&usage_register::revoked_keys_of("owner")),
        ["SEARCH api_keys USING COVERING INDEX api_keys_revoked (owner=? AND revoked_at>?)"],
    );
    assert_eq!(
        plan(&housekeeping::old_counts(UsageSpan::Hour, 0, 10)),
        ["SEARCH key_usage USING COVERING INDEX key_usage_eldest (span=? AND start<?)"],
    );
}

#[test]
fn a_session_is_looked_up_by_its_digest() {
    assert_eq!(
        plan(&sessions::with_one_of(&Candidates::new(digest(), []))),
        [
            "SEARCH sessions USING PRIMARY KEY (digest=?)",
            "SEARCH accounts USING PRIMARY KEY (id=?)",
        ],
    );
}

#[test]
fn a_management_token_is_looked_up_by_its_digest() {
    assert_eq!(
        plan(&management_tokens::with_one_of(&Candidates::new(digest(), [digest()]))),
        ["SEARCH management_tokens USING INDEX sqlite_autoindex_management_tokens_2 \
             (digest=?)"],
    );
}

#[test]
fn the_next_pepper_is_one_step_in_its_index() {
    assert_eq!(
        plan(&query::next_pepper(0).limit(1)),
        ["SEARCH api_keys USING COVERING INDEX api_keys_pepper (pepper_id>?)"],
    );
}

#[test]
fn keys_are_counted_in_the_index_and_no_key_is_read() {
    assert_eq!(
        plan(&query::usage_of_each_pepper()),
        [
            "SCAN api_keys USING COVERING INDEX api_keys_pepper",
            "SEARCH last_uses USING PRIMARY KEY (key_id=?) LEFT-JOIN",
        ],
    );
}

#[test]
fn the_keys_of_a_pepper_are_found_in_its_index() {
    assert_eq!(
        plan(&query::keys_under(1, 10)),
        ["SEARCH api_keys USING INDEX api_keys_pepper (pepper_id=? AND revoked_at=?)"],
    );
}

#[test]
fn the_keys_of_a_disabled_account_are_found_by_their_owner() {
    let revoke = diesel::update(query::live_keys_of("owner")).set(api_keys::revoked_at.eq(Some(1)));
    assert_eq!(plan(&revoke), ["SEARCH api_keys USING INDEX api_keys_of_owner (owner=?)"]);
}

#[test]
fn the_statements_of_a_verification_are_prepared_once() {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};

    use diesel::connection::InstrumentationEvent;

    let mut db = SqliteConnection::establish(":memory:").expect("opens");
    db.run_pending_migrations(MIGRATIONS).expect("migrates");
    let prepared = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&prepared);
    db.set_instrumentation(move |event: InstrumentationEvent<'_>| {
        if matches!(event, InstrumentationEvent::CacheQuery { .. }) {
            count.fetch_add(1, Ordering::Relaxed);
        }
    });
    for _ in 0..3 {
        let two = Candidates::new(digest(), [digest()]);
        let one: QueryResult<(KeyRow, Option<i64>, Option<String>)> =
            query::key_with(&digest()).get_result(&mut db);
        let one_of: QueryResult<(KeyRow, Option<i64>, Option<String>)> =
            query::key_with_one_of(&two).get_result(&mut db);
        for found in [one, one_of] {
            assert!(found.optional().is_ok_and(|it| it.is_none()));
        }
    }
    assert_eq!(prepared.load(Ordering::Relaxed), 2);
}
