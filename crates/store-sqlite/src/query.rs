//! The reads that must stay cheap however many rows there are; `plans.rs` holds them to it.

use diesel::dsl::{AsSelect, auto_type};
use diesel::prelude::*;
use diesel::query_builder::QueryFragment;
use diesel::query_dsl::methods::LoadQuery;
use diesel::query_dsl::positional_order_dsl::{OrderColumn, PositionalOrderDsl as _};
use diesel::sqlite::Sqlite;
use latchkey_domain::{ApiKeyId, Candidates, EventId, KeyedDigest, MAX_LIVE_PEPPERS, Timestamp};
use uuid::Uuid;

use crate::row::{EventRow, KeyRow, id_bytes};
use crate::schema::{api_keys, audit_events, key_owners, last_uses};

#[auto_type(no_type_alias)]
pub(crate) fn key_with<'a>(only: &'a KeyedDigest) -> _ {
    let digest: &'a [u8] = only.digest.as_bytes();
    with_suspension().filter(api_keys::digest.eq(digest))
}

#[auto_type(no_type_alias)]
pub(crate) fn key_with_one_of(digests: &Candidates) -> _ {
    let a: Vec<u8> = slot(digests, 0);
    let b: Vec<u8> = slot(digests, 1);
    let c: Vec<u8> = slot(digests, 2);
    let one_of = api_keys::digest.eq(a).or(api_keys::digest.eq(b)).or(api_keys::digest.eq(c));
    with_suspension().filter(one_of)
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

pub(crate) fn events_of(
    owner: &str,
    before: Option<EventId>,
    limit: u32,
) -> impl LoadQuery<'_, SqliteConnection, EventRow> + QueryFragment<Sqlite> {
    events_before(owner, before).order(audit_events::id.desc()).limit(limit.into())
}

/// Of each part an index has the order; of both joined by `or` none has.
pub(crate) fn events_of_key(
    owner: &str,
    key: ApiKeyId,
    before: Option<EventId>,
    limit: u32,
) -> impl LoadQuery<'_, SqliteConnection, EventRow> + QueryFragment<Sqlite> {
    let key = id_bytes(key.as_uuid());
    let done = events_before(owner, before).filter(audit_events::key_id.eq(key.clone()));
    let issued = events_before(owner, before).filter(audit_events::replaced_by.eq(key));
    let id = OrderColumn::from(1);
    done.union_all(issued).positional_order_by(id.desc()).limit(limit.into())
}

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

/// Keys, and since when their owners are suspended.
#[auto_type]
fn with_suspension() -> _ {
    let row: AsSelect<KeyRow, Sqlite> = KeyRow::as_select();
    api_keys::table
        .left_join(key_owners::table.on(key_owners::owner.eq(api_keys::owner)))
        .select((row, key_owners::suspended_at.nullable()))
}

#[auto_type]
fn keys_in_use() -> _ {
    with_last_use().filter(api_keys::revoked_at.is_null())
}

#[auto_type]
fn with_last_use() -> _ {
    let row: AsSelect<KeyRow, Sqlite> = KeyRow::as_select();
    api_keys::table
        .left_join(last_uses::table.on(last_uses::key_id.eq(api_keys::id)))
        .select((row, last_uses::used_at.nullable()))
}

/// One of the digests a secret may be stored under, the first one again where there are fewer: a
/// statement that always has the same form is prepared only once.
pub(crate) fn slot(digests: &Candidates, slot: usize) -> Vec<u8> {
    const { assert!(MAX_LIVE_PEPPERS == 3, "the statements have three slots") };
    let digests = digests.as_slice();
    let digest = digests.get(slot).or(digests.first());
    digest.map(|keyed| keyed.digest.as_bytes().to_vec()).unwrap_or_default()
}
