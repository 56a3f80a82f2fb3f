//! The reads that must stay cheap however many rows there are; `plans.rs` holds them to it.

use diesel::dsl::{AsExprOf, AsSelect, IntoBoxed, Select, auto_type, sql as literal};
use diesel::expression::{SqlLiteral, UncheckedBind};
use diesel::prelude::*;
use diesel::query_builder::QueryFragment;
use diesel::query_dsl::methods::LoadQuery;
use diesel::query_dsl::positional_order_dsl::{OrderColumn, PositionalOrderDsl as _};
use diesel::sql_types::{BigInt, Binary, Bool, Text};
use diesel::sqlite::Sqlite;
use latchkey_domain::{
    ApiKeyId, Candidates, EventId, KeyCursor, KeySearch, KeyStatus, KeyedDigest, MAX_LIVE_PEPPERS,
    OwnerPattern, Selection, Timestamp, TrailSearch,
};
use uuid::Uuid;

use crate::budgets::{BudgetsOfKey, CreditsOfKey};
use crate::row::{EventRow, KeyRow, id_bytes};
use crate::schema::{api_keys, audit_events, key_owners, last_uses};

#[auto_type(no_type_alias)]
pub(crate) fn key_with<'a>(only: &'a KeyedDigest) -> _ {
    let digest: &'a [u8] = only.digest.as_bytes();
    as_verified().filter(api_keys::digest.eq(digest))
}

#[auto_type(no_type_alias)]
pub(crate) fn key_with_one_of(digests: &Candidates) -> _ {
    let a: Vec<u8> = slot(digests, 0);
    let b: Vec<u8> = slot(digests, 1);
    let c: Vec<u8> = slot(digests, 2);
    let one_of = api_keys::digest.eq(a).or(api_keys::digest.eq(b)).or(api_keys::digest.eq(c));
    as_verified().filter(one_of)
}

#[auto_type(no_type_alias)]
pub(crate) fn find<'a>(owner: &'a str, id: ApiKeyId) -> _ {
    let id: Vec<u8> = id_bytes(id.as_uuid());
    keys_in_use().filter(api_keys::id.eq(id)).filter(api_keys::owner.eq(owner))
}

#[auto_type(no_type_alias)]
pub(crate) fn list<'a>(owner: &'a str) -> _ {
    keys_in_use()
        .filter(api_keys::owner.eq(owner))
        .order((api_keys::created_at.desc(), api_keys::id.desc()))
}

/// The replaced keys of an owner that work at `at`.
#[auto_type(no_type_alias)]
pub(crate) fn overlapping<'a>(owner: &'a str, at: Timestamp) -> _ {
    let at: i64 = at.unix_millis();
    api_keys::table
        .filter(api_keys::owner.eq(owner))
        .filter(api_keys::revoked_at.is_null())
        .filter(api_keys::replaced_by.is_not_null())
        .filter(api_keys::expires_at.gt(at))
        .filter(api_keys::disabled_at.is_null())
}

#[auto_type(no_type_alias)]
pub(crate) fn predecessor<'a>(owner: &'a str, successor: ApiKeyId) -> _ {
    let successor: Vec<u8> = id_bytes(successor.as_uuid());
    let row: AsSelect<KeyRow, Sqlite> = KeyRow::as_select();
    api_keys::table
        .filter(api_keys::replaced_by.eq(successor))
        .filter(api_keys::owner.eq(owner))
        .filter(api_keys::revoked_at.is_null())
        .select(row)
}

#[auto_type(no_type_alias)]
pub(crate) fn revoked<'a>(owner: &'a str, since: i64, limit: u32) -> _ {
    let limit: i64 = i64::from(limit);
    with_last_use()
        .filter(api_keys::owner.eq(owner))
        .filter(api_keys::revoked_at.ge(since))
        .order((api_keys::revoked_at.desc(), api_keys::id.desc()))
        .limit(limit)
}

#[auto_type(no_type_alias)]
pub(crate) fn page(after: Option<ApiKeyId>, limit: u32) -> _ {
    // Every id comes after no bytes at all.
    let after: Vec<u8> = after.map_or_else(Vec::new, |id| id_bytes(id.as_uuid()));
    let limit: i64 = i64::from(limit);
    keys_in_use().filter(api_keys::id.gt(after)).order(api_keys::id.asc()).limit(limit)
}

#[auto_type(no_type_alias)]
pub(crate) fn any_key(id: ApiKeyId) -> _ {
    let id: Vec<u8> = id_bytes(id.as_uuid());
    with_last_use().filter(api_keys::id.eq(id))
}

#[auto_type(no_type_alias)]
pub(crate) fn page_of_all(after: Option<ApiKeyId>, limit: u32) -> _ {
    let after: Vec<u8> = after.map_or_else(Vec::new, |id| id_bytes(id.as_uuid()));
    let limit: i64 = i64::from(limit);
    with_last_use().filter(api_keys::id.gt(after)).order(api_keys::id.asc()).limit(limit)
}

#[auto_type(no_type_alias)]
pub(crate) fn next_pepper(after: i64) -> _ {
    api_keys::table
        .filter(api_keys::revoked_at.is_null())
        .filter(api_keys::pepper_id.gt(after))
        .order(api_keys::pepper_id.asc())
        .select(api_keys::pepper_id)
}

pub(crate) fn usage_of_each_pepper()
-> impl LoadQuery<'static, SqliteConnection, (i64, i64, Option<i64>)> + QueryFragment<Sqlite> {
    let last_used = diesel::dsl::max(last_uses::used_at.nullable());
    api_keys::table
        .left_join(last_uses::table.on(last_uses::key_id.eq(api_keys::id)))
        .filter(api_keys::revoked_at.is_null())
        .group_by(api_keys::pepper_id)
        .select((api_keys::pepper_id, diesel::dsl::count_star(), last_used))
        .order(api_keys::pepper_id.asc())
}

#[auto_type(no_type_alias)]
pub(crate) fn keys_under(pepper: i64, limit: u32) -> _ {
    let limit: i64 = i64::from(limit);
    api_keys::table
        .filter(api_keys::revoked_at.is_null())
        .filter(api_keys::pepper_id.eq(pepper))
        .select((api_keys::owner, api_keys::id))
        .limit(limit)
}

#[auto_type(no_type_alias)]
pub(crate) fn live_keys_of<'a>(owner: &'a str) -> _ {
    api_keys::table.filter(api_keys::owner.eq(owner)).filter(api_keys::revoked_at.is_null())
}

/// The ids of the unrevoked keys of a family.
#[auto_type(no_type_alias)]
pub(crate) fn live_keys_of_family<'a>(first: &'a [u8]) -> _ {
    api_keys::table
        .filter(api_keys::id.nullable().eq(first).or(api_keys::family.eq(first)))
        .filter(api_keys::revoked_at.is_null())
        .select(api_keys::id)
}

pub(crate) fn events_of(
    owner: &str,
    before: Option<EventId>,
    limit: u32,
) -> impl LoadQuery<'_, SqliteConnection, EventRow> + QueryFragment<Sqlite> {
    events_before(owner, before).order(audit_events::id.desc()).limit(limit.into())
}

/// Of each part an index has the order; of all joined by `or` none has.
pub(crate) fn events_of_key(
    owner: &str,
    key: ApiKeyId,
    before: Option<EventId>,
    limit: u32,
) -> impl LoadQuery<'_, SqliteConnection, EventRow> + QueryFragment<Sqlite> {
    let (id_of_key, key) = (key, id_bytes(key.as_uuid()));
    let done = events_before(owner, before).filter(audit_events::key_id.eq(key.clone()));
    let issued = events_before(owner, before).filter(audit_events::replaced_by.eq(key));
    let among = events_before(owner, before).filter(audit_events::key_ids.is_not_null());
    let among = among.filter(is_among(id_of_key));
    let id = OrderColumn::from(1);
    let all = done.union_all(issued).union_all(among);
    all.positional_order_by(id.desc()).limit(limit.into())
}

/// Whether an event was done to `key` among others.
fn is_among(key: ApiKeyId) -> IsAmong {
    let text = literal::<Bool>("instr(audit_events.key_ids, ").bind::<Text, _>(key.to_string());
    text.sql(") > 0")
}

type IsAmong = SqlLiteral<Bool, UncheckedBind<SqlLiteral<Bool>, AsExprOf<String, Text>>>;
type Events = IntoBoxed<'static, Select<audit_events::table, AsSelect<EventRow, Sqlite>>, Sqlite>;
type Keys = IntoBoxed<'static, with_last_use, Sqlite>;
type Within = SqlLiteral<
    Bool,
    UncheckedBind<
        SqlLiteral<Bool, UncheckedBind<SqlLiteral<Bool>, AsExprOf<String, Text>>>,
        AsExprOf<String, Text>,
    >,
>;

/// Whether `column` is an owner that one of `patterns` covers; `None` where they cover every owner.
fn within(column: &str, patterns: &[OwnerPattern]) -> Option<Within> {
    if patterns.iter().any(OwnerPattern::is_any) {
        return None;
    }
    let (mut owners, mut beginnings) = (Vec::new(), Vec::new());
    for pattern in patterns {
        match pattern.beginning() {
            Some(beginning) => beginnings.push(beginning),
            None => owners.push(pattern.as_str()),
        }
    }
    let array = |texts: &[&str]| serde_json::to_string(texts).expect("texts are JSON");
    let is_one = format!("({column} in (select value from json_each(");
    let is_one = literal::<Bool>(&is_one).bind::<Text, _>(array(&owners));
    let begins = is_one.sql(")) or exists(select 1 from json_each(");
    let begins = begins.bind::<Text, _>(array(&beginnings));
    Some(begins.sql(&format!(
        ") as pattern where substr({column}, 1, length(pattern.value)) = pattern.value))"
    )))
}

/// The events that are looked for, whatever they were done to.
pub(crate) fn events_sought(search: &TrailSearch, before: Option<EventId>, limit: u32) -> Events {
    let before = id_bytes(before.map_or(Uuid::max(), EventId::as_uuid));
    let row: AsSelect<EventRow, Sqlite> = EventRow::as_select();
    let mut events = audit_events::table
        .select(row)
        .into_boxed()
        .filter(audit_events::id.lt(before))
        .order(audit_events::id.desc())
        .limit(limit.into());
    if let Some(owner) = &search.owner {
        events = events.filter(audit_events::owner.eq(owner.as_str().to_owned()));
    }
    if let Some(action) = search.action {
        events = events.filter(audit_events::action.eq(action));
    }
    if let Some(within) = within("audit_events.owner", &search.within) {
        events = events.filter(within);
    }
    events
}

/// Of events those that are about `key`, in parts.
pub(crate) fn those_about(key: ApiKeyId, events: impl Fn() -> Events) -> [Events; 3] {
    let id = id_bytes(key.as_uuid());
    [
        events().filter(audit_events::key_id.eq(id.clone())),
        events().filter(audit_events::replaced_by.eq(id)),
        events().filter(audit_events::key_ids.is_not_null()).filter(is_among(key)),
    ]
}

/// The keys that are looked for, after `after`.
pub(crate) fn keys_sought(search: &KeySearch, after: Option<KeyCursor>, limit: u32) -> Keys {
    let KeySearch { within: patterns, owner, created_by, environment, status, prefix, .. } = search;
    let mut keys = with_last_use()
        .into_boxed()
        .order((api_keys::created_at.desc(), api_keys::id.desc()))
        .limit(limit.into());
    if let Some(owner) = owner {
        keys = keys.filter(api_keys::owner.eq(owner.as_str().to_owned()));
    }
    if let Some(creator) = created_by {
        keys = keys.filter(api_keys::created_by.eq(creator.as_str().to_owned()));
    }
    if let Some(environment) = environment {
        keys = keys.filter(api_keys::environment.eq(environment.as_str()));
    }
    if let Some(prefix) = prefix {
        keys = keys.filter(api_keys::prefix.eq(prefix.as_str().to_owned()));
    }
    if let Some(within) = within("api_keys.owner", patterns) {
        keys = keys.filter(within);
    }
    keys = match status {
        Some(KeyStatus::Revoked) => keys.filter(api_keys::revoked_at.is_not_null()),
        _ => keys.filter(api_keys::revoked_at.is_null()),
    };
    let now = search.now.unix_millis();
    let lives = || api_keys::expires_at.is_null().or(api_keys::expires_at.gt(now));
    let is_on = || api_keys::disabled_at.is_null();
    keys = match status {
        None | Some(KeyStatus::Revoked) => keys,
        Some(KeyStatus::Disabled) => keys.filter(api_keys::disabled_at.is_not_null()),
        Some(KeyStatus::Expired) => keys.filter(is_on()).filter(api_keys::expires_at.le(now)),
        Some(KeyStatus::Replaced) => {
            keys.filter(is_on()).filter(lives()).filter(api_keys::replaced_by.is_not_null())
        }
        Some(KeyStatus::Active) => {
            keys.filter(is_on()).filter(lives()).filter(api_keys::replaced_by.is_null())
        }
    };
    if let Some(part) = &search.name_part {
        // SQLite knows the small ones of ASCII letters alone.
        let has = literal::<Bool>("instr(lower(api_keys.name), ");
        keys = keys.filter(has.bind::<Text, _>(part.as_lower().to_owned()).sql(") > 0"));
    }
    if let Some(since) = search.unused_since.map(Timestamp::unix_millis) {
        let unused =
            last_uses::used_at.nullable().is_null().or(last_uses::used_at.nullable().le(since));
        keys = keys.filter(api_keys::created_at.lt(since)).filter(unused);
    }
    if let Some(KeyCursor { created_at, id }) = after {
        let behind = literal::<Bool>("(api_keys.created_at, api_keys.id) < (");
        let behind = behind.bind::<BigInt, _>(created_at.unix_millis()).sql(", ");
        keys = keys.filter(behind.bind::<Binary, _>(id_bytes(id.as_uuid())).sql(")"));
    }
    keys
}

/// The unrevoked keys that a selection means.
pub(crate) fn selected(selection: &Selection, limit: u32) -> Selected {
    let mut keys = api_keys::table
        .select((api_keys::id, api_keys::owner, api_keys::replaced_by))
        .into_boxed()
        .filter(api_keys::revoked_at.is_null())
        .limit(limit.into());
    if let Some(owner) = selection.owner() {
        keys = keys.filter(api_keys::owner.eq(owner.as_str().to_owned()));
    }
    if let Some(creator) = selection.created_by() {
        keys = keys.filter(api_keys::created_by.eq(creator.as_str().to_owned()));
    }
    if let Some(within) = within("api_keys.owner", selection.patterns()) {
        keys = keys.filter(within);
    }
    keys
}

type Selected = IntoBoxed<
    'static,
    Select<api_keys::table, (api_keys::id, api_keys::owner, api_keys::replaced_by)>,
    Sqlite,
>;

#[expect(clippy::elidable_lifetime_names, reason = "the macro names the type by it")]
#[auto_type]
fn events_before<'a>(owner: &'a str, before: Option<EventId>) -> _ {
    let before: Vec<u8> = id_bytes(before.map_or(Uuid::max(), EventId::as_uuid));
    let row: AsSelect<EventRow, Sqlite> = EventRow::as_select();
    audit_events::table
        .filter(audit_events::owner.eq(owner))
        .filter(audit_events::id.lt(before))
        .select(row)
}

#[auto_type(no_type_alias)]
pub(crate) fn all_events(after: Option<EventId>, limit: u32) -> _ {
    let after: Vec<u8> = id_bytes(after.map_or(Uuid::nil(), EventId::as_uuid));
    let limit: i64 = i64::from(limit);
    let row: AsSelect<EventRow, Sqlite> = EventRow::as_select();
    audit_events::table
        .filter(audit_events::id.gt(after))
        .order(audit_events::id.asc())
        .limit(limit)
        .select(row)
}

/// Keys, since when their owners are suspended, and their budgets.
#[auto_type]
fn as_verified() -> _ {
    let budgets: BudgetsOfKey = BudgetsOfKey;
    let row: AsSelect<KeyRow, Sqlite> = KeyRow::as_select();
    api_keys::table.left_join(key_owners::table.on(key_owners::owner.eq(api_keys::owner))).select((
        row,
        key_owners::suspended_at.nullable(),
        budgets,
    ))
}

#[auto_type]
fn keys_in_use() -> _ {
    with_last_use().filter(api_keys::revoked_at.is_null())
}

#[auto_type]
fn with_last_use() -> _ {
    let row: AsSelect<KeyRow, Sqlite> = KeyRow::as_select();
    let credits: CreditsOfKey = CreditsOfKey;
    api_keys::table.left_join(last_uses::table.on(last_uses::key_id.eq(api_keys::id))).select((
        row,
        last_uses::used_at.nullable(),
        credits,
    ))
}

/// One of the digests a secret may be stored under, the first one again where there are fewer: a
/// statement that always has the same form is prepared only once.
pub(crate) fn slot(digests: &Candidates, slot: usize) -> Vec<u8> {
    const { assert!(MAX_LIVE_PEPPERS == 3, "the statements have three slots") };
    let digests = digests.as_slice();
    let digest = digests.get(slot).or(digests.first());
    digest.map(|keyed| keyed.digest.as_bytes().to_vec()).unwrap_or_default()
}
