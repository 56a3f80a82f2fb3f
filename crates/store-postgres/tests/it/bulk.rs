//! Many keys changed in one transaction: one number, told key by key, and nobody kept waiting long.
#![expect(clippy::unwrap_used, clippy::panic, reason = "a test fails by it")]

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::{Duration, Instant};

use latchkey_accounts::Account;
use latchkey_accounts::ports::AccountRepository;
use latchkey_domain::ports::{
    ApiKeyRepository, ChangeFeed, Heartbeat, KeyRegister, News, NoBarrier, Registration,
    UpdateError,
};
use latchkey_domain::{
    ApiKey, ApiKeyPorts, ApiKeyService, Brand, Caller, ChangeNumber, Creator, IdSequence,
    IssuePolicy, KeyLimits, RevokeAllError, Selection,
};
use latchkey_store_postgres::PostgresStore;
use latchkey_testkit::fakes::{CountingEntropy, FakeClock, PlainHasher};
use latchkey_testkit::fixtures::{
    a_key, an_account, an_event, an_event_at, disabled_account, enabled_account, moment, owner,
};
use latchkey_testkit::postgres::Database;
use tokio_postgres::{Client, NoTls};

use crate::fresh::migrated;

/// More than twice what is revoked at once.
const MANY: i64 = 5_000;

struct Fixture {
    _database: Database,
    store: PostgresStore,
    psql: Client,
    registration: Registration,
}

impl Fixture {
    async fn new() -> Self {
        let (store, database) = migrated().await;
        let (psql, connection) = tokio_postgres::connect(database.url(), NoTls).await.unwrap();
        tokio::spawn(connection);
        let registration = store.register().await.unwrap();
        Self { _database: database, store, psql, registration }
    }

    async fn key(&self, owner: &str) -> ApiKey {
        let key = a_key().owned_by(owner).build();
        ApiKeyRepository::insert(&self.store, &key, None, 10, &an_event()).await.unwrap();
        key
    }

    /// Keys of an owner, and the places that they take.
    async fn many_keys(&self, owner: &str, count: i64) {
        let insert = format!(
            "insert into api_keys (id, owner, name, prefix, environment, digest, pepper_id, \
                created_at, version) \
             select gen_random_uuid(), '{owner}', 'ci', 'sk_live_abc1', 'live', \
                sha256(('{owner}' || n)::bytea), 1, now(), 1 from generate_series(1, {count}) as n; \
             insert into key_owners (owner, held) values ('{owner}', {count})"
        );
        self.run(&insert).await;
    }

    async fn account_with_many_keys(&self) -> Account {
        let account = an_account().build();
        AccountRepository::insert(&self.store, &account, &an_event()).await.unwrap();
        self.many_keys(account.parts().id.owner().as_str(), MANY).await;
        account
    }

    async fn disabled_account_with_many_keys_and_events(&self) -> Account {
        let account = self.account_with_many_keys().await;
        self.run(
            "insert into last_uses (key_id, used_at) select id, now() from api_keys; \
             insert into audit_events (id, at, owner, action, key_id, actor, address, key_name) \
             select gen_random_uuid(), now(), owner, 'key.created', id, owner, '192.0.2.1', name \
             from api_keys",
        )
        .await;
        let off = disabled_account(&account, moment(7));
        self.store.disable(&off, &an_event()).await.unwrap();
        off
    }

    /// How many events still tell of a person.
    async fn left_to_strip(&self) -> i64 {
        let events = "select count(*) from audit_events \
            where (address is not null or key_name is not null) and key_id is not null \
            and actor = owner";
        self.number(events).await
    }

    async fn run(&self, sql: &str) {
        self.psql.batch_execute(sql).await.unwrap();
    }

    async fn number(&self, sql: &str) -> i64 {
        self.psql.query_one(sql, &[]).await.unwrap().get(0)
    }

    /// How many places an owner's keys take.
    async fn held(&self, owner: &str) -> i64 {
        self.number(&format!("select held::bigint from key_owners where owner = '{owner}'")).await
    }

    async fn clock(&self) -> i64 {
        self.number("select seq from change_clock").await
    }

    async fn unrevoked(&self) -> i64 {
        self.number("select count(*) from api_keys where revoked_at is null").await
    }

    async fn news(&self) -> News {
        let Registration { instance, position } = self.registration;
        match self.store.heartbeat(instance, position).await.unwrap() {
            Heartbeat::News(news) => news,
            other => panic!("{other:?}"),
        }
    }

    /// What the last row about a key says of its end.
    async fn told_as_revoked(&self, key: &ApiKey) -> bool {
        let row = format!(
            "select revoked from key_changes where key_id = '{}' order by seq desc limit 1",
            key.parts().id
        );
        self.psql.query_one(&row, &[]).await.unwrap().get(0)
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_place_is_given_back_once_for_each_key_however_statements_divide_them() {
    let it = Fixture::new().await;
    it.many_keys("one", 100).await;
    let revoke = |keys: u32| {
        format!(
            "update api_keys set revoked_at = now() where digest in (select digest from api_keys \
                where revoked_at is null and replaced_by is null limit {keys});"
        )
    };
    it.run(&revoke(1)).await;
    assert_eq!(it.held("one").await, 99);
    let (one, three) = (revoke(1), revoke(3));
    it.run(&format!("begin; {one} {one} {three} update api_keys set name = 'b'; {one} commit"))
        .await;
    assert_eq!(it.held("one").await, 93);
    it.run(&format!("begin; {three} savepoint a; {one} rollback to a; {one} commit")).await;
    assert_eq!(it.held("one").await, 89);
    it.run(&format!("begin; savepoint a; {one} rollback to a; {three} commit")).await;
    assert_eq!(it.held("one").await, 86);
    it.run(&format!("begin; {three} rollback; begin; {one} commit")).await;
    assert_eq!(it.held("one").await, 85);
    assert_eq!(it.unrevoked().await, 85);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_statement_that_changes_many_keys_draws_one_number_and_tells_of_each() {
    let it = Fixture::new().await;
    for owner in ["one", "two"] {
        it.many_keys(owner, MANY).await;
    }
    it.run(
        "update api_keys set replaced_by = gen_random_uuid() where owner = 'two' and digest in \
            (select digest from api_keys where owner = 'two' limit 1000)",
    )
    .await;
    assert_eq!((it.held("one").await, it.held("two").await), (MANY, MANY - 1_000));

    it.run("update api_keys set revoked_at = now()").await;

    let News { changed, position, .. } = it.news().await;
    assert_eq!(position.change, ChangeNumber::new(2));
    assert_eq!(changed.len(), 11_000);
    assert_eq!(changed.iter().collect::<BTreeSet<_>>().len(), 10_000);
    assert_eq!((it.held("one").await, it.held("two").await), (0, 0));
    let other = "select count(*) from api_keys where latest_change <> 2";
    assert_eq!(it.number(other).await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn more_changes_than_a_page_holds_are_told_page_by_page() {
    let mut it = Fixture::new().await;
    it.many_keys("one", MANY).await;
    for name in ["a", "b", "c", "d", "e"] {
        it.run(&format!("update api_keys set name = '{name}'")).await;
    }
    for (number, count, rest) in [(2, 10_000, true), (4, 10_000, true), (5, 5_000, false)] {
        let News { changed, position, more, .. } = it.news().await;
        assert_eq!(position.change, ChangeNumber::new(number));
        assert_eq!((changed.len(), more), (count, rest));
        assert_eq!(changed.iter().collect::<BTreeSet<_>>().len(), 5_000);
        it.registration.position = position;
    }
    let News { changed, position, more, .. } = it.news().await;
    assert_eq!((changed, position, more), (vec![], it.registration.position, false));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_transaction_that_changed_more_than_can_be_told_makes_instances_forget() {
    let it = Fixture::new().await;
    it.run(
        "update change_clock set seq = 1, nonce = gen_random_uuid(); \
         insert into key_changes (seq, nonce, key_id) \
         select seq, nonce, gen_random_uuid() from change_clock, generate_series(1, 100001)",
    )
    .await;
    let Registration { instance, position } = it.registration;
    assert_eq!(it.store.heartbeat(instance, position).await.unwrap(), Heartbeat::Unlisted);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_change_that_a_savepoint_takes_back_is_not_told_and_the_others_are() {
    let it = Fixture::new().await;
    let (kept, taken_back) = (it.key("one").await, it.key("two").await);
    let rename = |key: &ApiKey| {
        format!("update api_keys set name = name || '+' where id = '{}'", key.parts().id)
    };
    let (kept_row, taken_row) = (rename(&kept), rename(&taken_back));
    // Before and after the first change that stays.
    it.run(&format!(
        "begin; savepoint s; {taken_row}; rollback to s; {kept_row}; \
         savepoint s; {taken_row}; rollback to s; \
         savepoint s; {kept_row}; release s; commit"
    ))
    .await;
    let News { changed, position, .. } = it.news().await;
    assert_eq!((changed, position.change), (vec![kept.parts().id], ChangeNumber::new(1)));

    it.run(&format!("begin; {taken_row}; rollback; {kept_row}")).await;
    let News { changed, position, .. } = it.news().await;
    assert_eq!((changed, position.change), (vec![kept.parts().id; 2], ChangeNumber::new(2)));
}

#[tokio::test(flavor = "multi_thread")]
async fn each_transaction_of_a_connection_draws_a_number_of_its_own() {
    let it = Fixture::new().await;
    let key = it.key("one").await;
    // What another transaction left, by whatever way, is not believed.
    it.run("update api_keys set name = 'a'").await;
    it.run("set latchkey.change = '1 1 00000000-0000-0000-0000-000000000001'").await;
    it.run("update api_keys set name = 'b'").await;
    it.run("set latchkey.change = ''").await;
    it.run("update api_keys set name = 'c'").await;
    assert_eq!(it.clock().await, 3);
    assert_eq!(it.news().await.changed, vec![key.parts().id; 3]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_change_says_whether_the_key_died_by_it() {
    let it = Fixture::new().await;
    let (key, deleted) = (it.key("one").await, it.key("two").await);
    it.run("update api_keys set name = 'a'").await;
    assert!(!it.told_as_revoked(&key).await);
    let of = key.parts();
    it.store.revoke(&of.owner, of.id, &an_event_at(moment(1))).await.unwrap().unwrap();
    assert!(it.told_as_revoked(&key).await);
    it.run("update api_keys set name = 'b'").await;
    assert!(!it.told_as_revoked(&key).await);
    it.run("delete from api_keys where owner = 'two'").await;
    assert!(it.told_as_revoked(&deleted).await);

    let both = it.key("three").await;
    it.run(
        "begin; update api_keys set name = 'c'; \
         update api_keys set revoked_at = now() where owner = 'three'; \
         update api_keys set name = 'd'; commit",
    )
    .await;
    assert!(it.told_as_revoked(&both).await);
    assert!(!it.told_as_revoked(&key).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_revoked_key_is_deleted_without_a_word() {
    let it = Fixture::new().await;
    it.key("one").await;
    it.run("update api_keys set revoked_at = now()").await;
    let before = it.clock().await;
    it.run("delete from api_keys").await;
    assert_eq!((it.clock().await, it.held("one").await), (before, 0));
}

fn a_service(store: &PostgresStore) -> ApiKeyService {
    let entropy = Arc::new(CountingEntropy::default());
    let ports = ApiKeyPorts {
        keys: Arc::new(store.clone()),
        owners: Arc::new(store.clone()),
        lookup: Arc::new(store.clone()),
        barrier: Arc::new(NoBarrier),
        hasher: Arc::new(PlainHasher),
        clock: Arc::new(FakeClock::at(moment(7))),
        ids: Arc::new(IdSequence::new(Arc::<CountingEntropy>::clone(&entropy))),
        entropy,
    };
    let policy =
        IssuePolicy { brand: Brand::default(), max_keys_per_owner: 10, names_optional: false };
    ApiKeyService::new(ports, policy, KeyLimits::unlimited())
}

#[tokio::test(flavor = "multi_thread")]
async fn ten_thousand_keys_of_a_person_are_revoked_in_one_change_and_not_one_more() {
    let it = Fixture::new().await;
    let service = a_service(&it.store);
    for owner in ["one", "two"] {
        it.many_keys(owner, MANY).await;
    }
    it.run("update api_keys set created_by = 'ada'").await;
    let (others, before) = (it.key("another").await, it.clock().await);
    let late = it.key("three").await;
    it.run("update api_keys set created_by = 'ada' where owner = 'three'").await;
    let ada = Selection::new(None, Some(Creator::parse("ada").unwrap())).unwrap();
    let all = service.revoke_all(&it.store, &ada, &Caller::OPERATOR).await;
    assert!(matches!(all, Err(RevokeAllError::TooMany { most: 10_000 })), "{all:?}");
    assert_eq!(it.unrevoked().await, 10_002);

    it.run("update api_keys set created_by = 'bob' where owner = 'three'").await;
    let began = Instant::now();
    let revoked = service.revoke_all(&it.store, &ada, &Caller::OPERATOR).await.unwrap();
    let took = began.elapsed();

    assert_eq!(revoked.len(), 10_000);
    assert!(took < Duration::from_secs(5), "a statement has no longer: {took:?}");
    assert_eq!(it.unrevoked().await, 2);
    assert_eq!((it.held("one").await, it.held("two").await), (0, 0));
    assert_eq!(it.clock().await, before + 3, "one number for all");
    let events = "select count(*) from audit_events where action = 'keys.revoked' \
        and owner in ('one', 'two') and cardinality(key_ids) = 5000";
    assert_eq!(it.number(events).await, 2);
    for key in [&others, &late] {
        assert!(it.store.find(&key.parts().owner, key.parts().id).await.unwrap().is_some());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_account_with_many_keys_is_disabled_while_others_go_on() {
    let it = Fixture::new().await;
    let account = it.account_with_many_keys().await;
    let mut others = Vec::new();
    for _key in 0..10 {
        others.push(it.key("another").await);
    }
    let store = it.store.clone();
    let changing = tokio::spawn(async move {
        for key in others {
            let of = key.parts();
            store.revoke(&of.owner, of.id, &an_event_at(moment(1))).await.unwrap().unwrap();
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    });
    let number =
        it.store.disable(&disabled_account(&account, moment(7)), &an_event()).await.unwrap();
    changing.await.unwrap();

    assert_eq!((it.unrevoked().await, it.held(account.parts().id.owner().as_str()).await), (0, 0));
    let late = format!("select count(*) from api_keys where latest_change > {}", number.get());
    assert!(it.number(&late).await <= 10, "only the others' come later");
    let told: BTreeSet<_> = it.news().await.changed.into_iter().collect();
    assert_eq!(told.len(), 5_010);
}

#[tokio::test(flavor = "multi_thread")]
async fn disabling_that_was_interrupted_is_finished_by_the_next_command() {
    for by_enabling in [true, false] {
        let it = Fixture::new().await;
        let account = it.account_with_many_keys().await;
        // As far as the first transaction gets.
        let closed = format!(
            "select close_account('{}', {}, to_timestamp({} / 1000.0), 2000)",
            account.parts().id.as_uuid(),
            account.parts().version + 1,
            moment(7).unix_millis()
        );
        it.run(&closed).await;
        assert_eq!(it.unrevoked().await, MANY - 2_000);
        let late = a_key().owned_by_account(&account).build();
        ApiKeyRepository::insert(&it.store, &late, None, 100_000, &an_event()).await.unwrap_err();

        let off = disabled_account(&account, moment(7));
        if by_enabling {
            it.store.enable(&enabled_account(&off), &an_event()).await.unwrap();
        } else {
            it.store.disable(&disabled_account(&off, moment(8)), &an_event()).await.unwrap();
        }
        assert_eq!(it.unrevoked().await, 0);
        let instants = "select count(distinct revoked_at) from api_keys";
        assert_eq!(it.number(instants).await, 1, "all of them at the instant of the first");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_account_with_many_keys_is_deleted_a_few_at_a_time() {
    let it = Fixture::new().await;
    let off = it.disabled_account_with_many_keys_and_events().await;
    let kept = it.key("another").await;
    it.run(
        "create function is_too_many() returns trigger language plpgsql as $$ begin \
            if (select count(*) > 1000 from those) then raise exception 'too many'; end if; \
            return null; end $$; \
         create trigger too_many after delete on api_keys referencing old table as those \
            for each statement execute function is_too_many(); \
         create trigger too_many after delete on last_uses referencing old table as those \
            for each statement execute function is_too_many(); \
         create trigger too_many after update on audit_events referencing old table as those \
            for each statement execute function is_too_many()",
    )
    .await;
    let before = it.clock().await;

    it.store.delete(&off, &an_event()).await.unwrap();

    assert_eq!(it.number("select count(*) from accounts").await, 0);
    assert_eq!(it.number("select count(*) from api_keys").await, 1);
    assert_eq!(it.number("select count(*) from last_uses").await, 0);
    assert_eq!(it.left_to_strip().await, 0);
    assert_eq!(it.clock().await, before, "whose keys were revoked is not told again");
    assert!(it.store.owner_of(kept.parts().id).await.unwrap().is_some());
}

#[tokio::test(flavor = "multi_thread")]
async fn deleting_that_was_interrupted_is_finished_by_the_next_command() {
    let it = Fixture::new().await;
    let off = it.disabled_account_with_many_keys_and_events().await;
    it.run(
        "create function stop() returns trigger language plpgsql as $$ begin \
            raise exception 'stopped'; end $$; \
         create trigger stop before delete on accounts for each row execute function stop()",
    )
    .await;
    it.store.delete(&off, &an_event()).await.unwrap_err();
    let left = it.number("select count(*) from api_keys").await;
    assert_eq!((left, it.left_to_strip().await), (0, 0), "so much stays done");
    let found = it.store.find_by_email(&off.parts().email).await.unwrap();
    assert!(found.is_some_and(|found| !found.is_active()));

    it.run("drop trigger stop on accounts").await;
    it.store.delete(&off, &an_event()).await.unwrap();
    assert!(it.store.find_by_email(&off.parts().email).await.unwrap().is_none());
}

#[tokio::test(flavor = "multi_thread")]
async fn of_an_account_that_is_not_disabled_or_was_enabled_since_nothing_is_removed() {
    let it = Fixture::new().await;
    let off = it.disabled_account_with_many_keys_and_events().await;
    let on = enabled_account(&off);
    it.store.enable(&on, &an_event()).await.unwrap();
    let key = a_key().owned_by_account(&on).build();
    ApiKeyRepository::insert(&it.store, &key, None, 100_000, &an_event()).await.unwrap();
    for wrong in [&off, &on] {
        let refused = it.store.delete(wrong, &an_event()).await.unwrap_err();
        assert!(matches!(refused, UpdateError::Stale), "{refused:?}");
    }
    let left = it.number("select count(*) from api_keys").await;
    assert_eq!((left, it.left_to_strip().await), (MANY + 1, MANY));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stale_version_revokes_nothing_of_many_keys() {
    let it = Fixture::new().await;
    let account = it.account_with_many_keys().await;
    let stale = disabled_account(&disabled_account(&account, moment(7)), moment(8));
    let refused = it.store.disable(&stale, &an_event()).await.unwrap_err();
    assert!(matches!(refused, UpdateError::Stale), "{refused:?}");
    assert_eq!(it.unrevoked().await, MANY);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_release_before_still_disables_in_its_own_way() {
    let it = Fixture::new().await;
    let account = it.account_with_many_keys().await;
    let parts = account.parts();
    let (id, next) = (parts.id.as_uuid(), parts.version + 1);
    it.run(&format!("select disable_account('{id}', {next}, now())")).await;
    assert_eq!((it.unrevoked().await, it.held(parts.id.owner().as_str()).await), (0, 0));
    assert_eq!(it.news().await.changed.len(), 5_000);
    assert_eq!(it.store.list(&owner(parts.id.owner().as_str())).await.unwrap().len(), 0);
}
