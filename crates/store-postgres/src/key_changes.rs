//! The statements that change keys. Each locks the keys, then their owners, then budgets, adds the events, and then
//! changes the keys, whose trigger takes the clock of changes: all changes wait for that, so it is locked last.

use diesel::dsl::sql as literal;
use diesel::prelude::*;
use diesel::sql_types::{Array, BigInt, Integer, Nullable, Text, Timestamptz, Uuid as SqlUuid};
use latchkey_domain::ports::{Replacement, SelectedKey};
use latchkey_domain::{ApiKey, ApiKeyId, AuditEvent, Credits, OwnerId};
use time::OffsetDateTime;

use crate::audit::event_row;
use crate::budget_changes::{Shared, begun};
use crate::row::{EventRow, KeyRow};
use crate::schema::audit_events;
use crate::sql::{Sql, changes, new_row, sql, value};

/// Takes a place for the owner, under the lock of the owner's row, and the key with it or neither. The
/// limit of the owner itself goes before that of the policy.
pub(crate) fn insert(
    key: &ApiKey,
    credits: Option<Credits>,
    limit: u32,
    event: &AuditEvent,
) -> Sql {
    let budgets = begun(key, credits);
    let owner = value::<Text, _>(key.parts().owner.as_str().to_owned());
    let limit = value::<BigInt, _>(i64::from(limit));
    let (key, event) = (new_row(KeyRow::from(key)), event_row(event));
    sql!(
        "with place as ( \
            insert into key_owners as mine (owner, held) \
            select " owner ", 1 where " limit " > 0 \
                or exists(select from key_owners where owner = " owner " and max_keys > 0) \
            on conflict (owner) do update set held = mine.held + 1 \
            where mine.held < coalesce(mine.max_keys, " limit ") \
                and mine.closed_at is null and mine.suspended_at is null \
            returning owner \
        ), " budgets "event as ( \
            insert into audit_events " event " from place \
        ) \
        insert into api_keys " key " from place"
    )
}

/// The next version of a key, and what it is found by.
struct Next {
    id: Sql,
    version: Sql,
    changes: Sql,
}

impl Next {
    fn of(key: &ApiKey) -> Self {
        let row = KeyRow::from(key);
        let (id, version) = (value::<SqlUuid, _>(row.id), value::<Integer, _>(row.version));
        Self { id, version, changes: changes(row) }
    }
}

/// Answers the number of the change, or no row.
pub(crate) fn update(key: &ApiKey, event: &AuditEvent) -> Sql {
    let Shared { lock, locked, budgets, set, siblings } =
        Shared::of(key, event, &sql!("(select from found) as go"));
    let (Next { id, version, changes }, event) = (Next::of(key), event_row(event));
    sql!(
        "with " lock "found as ( \
            select from api_keys \
            where id = " id " and version = " version " - 1 and revoked_at is null" locked " for update \
        ), " budgets "event as ( \
            insert into audit_events " event " from found" set " returning id \
        )" siblings " \
        update api_keys as key set " changes " from event where key.id = " id " \
        returning latest_change"
    )
}

/// As [`update`], where no more replaced keys work than may: the owner's row is locked for that, and as
/// everywhere after the key. Answers the limit too, if that was what hindered it.
pub(crate) fn revive(key: &ApiKey, limit: u32, event: &AuditEvent) -> Sql {
    let now = value::<Timestamptz, _>(OffsetDateTime::from(event.at));
    let limit = value::<BigInt, _>(i64::from(limit));
    let Shared { lock, locked, budgets, set, siblings } =
        Shared::of(key, event, &sql!("(select from room where working < most) as go"));
    let (Next { id, version, changes }, event) = (Next::of(key), event_row(event));
    sql!(
        "with " lock "found as ( \
            select owner from api_keys \
            where id = " id " and version = " version " - 1 and revoked_at is null" locked " for update \
        ), room as ( \
            select overlap.* from found, overlap_of_owner(owner, " now ", null, " limit ") as overlap \
        ), " budgets "event as ( \
            insert into audit_events " event " from room" set " where working < most returning id \
        )" siblings ", revived as ( \
            update api_keys as key set " changes " from event where key.id = " id " \
            returning latest_change \
        ) \
        select (select latest_change from revived), \
            (select most from room where working >= most), false"
    )
}

/// As [`revive`], with the predecessor, if one is to end; answers also whether the owner is suspended,
/// which hinders it. It takes a place for the successor as [`insert`]
/// does, whatever the limit: the trigger gives that of the old key back. The keys are locked first, in
/// the order of their ids, then their owner, as the triggers do; each step feeds the next, so that it
/// is all or nothing. Both changes have one number.
pub(crate) fn replace(replacement: &Replacement) -> Sql {
    let Replacement { key, successor, ended, limit, event } = replacement;
    let now = value::<Timestamptz, _>(OffsetDateTime::from(event.at));
    let limit = value::<Nullable<BigInt>, _>(limit.map(i64::from));
    let keys = value::<BigInt, _>(1 + i64::from(ended.is_some()));
    let Predecessor { id: but, which, event: end_event, change: end } = match ended {
        Some((key, event)) => Predecessor::ended(key, event),
        None => Predecessor::none(),
    };
    let (Next { id, version, changes }, event) = (Next::of(key), event_row(event));
    let successor = new_row(KeyRow::from(successor));
    sql!(
        "with found as ( \
            select owner from api_keys \
            where (id, version) in ((" id ", " version " - 1)" which ") and revoked_at is null \
            order by id for update \
        ), whole as ( \
            select max(owner) as owner from found having count(*) = " keys " \
        ), room as ( \
            select owner, overlap.* \
            from whole, overlap_of_owner(owner, " now ", " but ", " limit ") as overlap \
        ), place as ( \
            insert into key_owners as mine (owner, held) select owner, 1 from room \
            where not is_suspended and (most is null or working < most) \
            on conflict (owner) do update set held = mine.held + 1 where mine.closed_at is null \
            returning owner \
        ), " end_event "event as ( \
            insert into audit_events " event " from place returning id \
        ), " end "replaced as ( \
            update api_keys as key set " changes " from event where key.id = " id " \
            returning latest_change \
        ), added as ( \
            insert into api_keys " successor " from replaced \
        ) \
        select (select latest_change from replaced), \
            (select most from room where working >= most), \
            coalesce((select is_suspended from room), false)"
    )
}

/// What [`replace`] says of the key that ends because its successor is replaced.
struct Predecessor {
    id: Sql,
    which: Sql,
    event: Sql,
    change: Sql,
}

impl Predecessor {
    fn ended(key: &ApiKey, event: &AuditEvent) -> Self {
        let (Next { id, version, changes }, event) = (Next::of(key), event_row(event));
        Self {
            which: sql!(", (" id ", " version " - 1)"),
            event: sql!("end_event as (insert into audit_events " event " from place), "),
            change: sql!(
                "ended as (update api_keys as key set " changes " from event where key.id = " id "), "
            ),
            id,
        }
    }

    fn none() -> Self {
        Self { id: sql!("null"), which: sql!(""), event: sql!(""), change: sql!("") }
    }
}

/// As [`update`]. What the key is called is known here alone.
pub(crate) fn revoke(owner: &OwnerId, id: ApiKeyId, event: &AuditEvent) -> Sql {
    let (id, owner) =
        (value::<SqlUuid, _>(id.as_uuid()), value::<Text, _>(owner.as_str().to_owned()));
    let EventRow { whose, deed, label: _, keys, changes } = EventRow::from(event);
    let name = audit_events::key_name.eq(literal::<Nullable<Text>>("found.name"));
    let prefix = audit_events::key_prefix.eq(literal::<Nullable<Text>>("found.prefix"));
    let event = new_row((whose, deed, name, prefix, keys, changes));
    sql!(
        "with found as ( \
            select name, prefix from api_keys \
            where id = " id " and owner = " owner " and revoked_at is null for update \
        ), event as ( \
            insert into audit_events " event " from found returning at \
        ) \
        update api_keys as key set revoked_at = event.at, version = key.version + 1 \
        from event where key.id = " id " returning latest_change"
    )
}

/// Revokes many keys. As everywhere the keys are locked first, in the order of their ids, then their owners, in
/// the order of theirs, then the clock; the last step waits until all events are there. What a key was replaced
/// by is read under its lock: a rotation that committed since the keys were read shows there.
///
/// Answers one row: the keys that were revoked, the number of the change, and whether a key was replaced
/// meanwhile, so that none was revoked.
pub(crate) fn revoke_all(keys: &[SelectedKey], events: &[AuditEvent]) -> Option<Sql> {
    let EventRow { whose: _, deed, label, keys: _, changes } = EventRow::from(events.first()?);
    let at = value::<Timestamptz, _>(OffsetDateTime::from(events.first()?.at));
    let ids: Vec<_> = keys.iter().map(|key| key.id.as_uuid()).collect();
    let successors: Vec<_> =
        keys.iter().map(|key| key.replaced_by.map(ApiKeyId::as_uuid)).collect();
    let ids = value::<Array<SqlUuid>, _>(ids);
    let successors = value::<Array<Nullable<SqlUuid>>, _>(successors);
    let event_ids: Vec<_> = events.iter().map(|event| event.id.as_uuid()).collect();
    let owners: Vec<_> = events
        .iter()
        .map(|event| event.owner.as_ref().map(|owner| owner.as_str().to_owned()))
        .collect();
    let event_ids = value::<Array<SqlUuid>, _>(event_ids);
    let owners = value::<Array<Nullable<Text>>, _>(owners);
    let event = new_row((
        audit_events::id.eq(literal::<SqlUuid>("told.id")),
        audit_events::owner.eq(literal::<Nullable<Text>>("told.owner")),
        deed,
        label,
        audit_events::key_ids.eq(literal::<Nullable<Array<SqlUuid>>>("told.key_ids")),
        changes,
    ));
    Some(sql!(
        "with locked as materialized ( \
            select key.id, key.owner, key.revoked_at is null as is_left, \
                key.replaced_by is distinct from given.successor as is_replaced \
            from unnest(" ids ", " successors ") as given (id, successor) \
            join api_keys as key on key.id = given.id \
            order by key.id for update of key \
        ), found as materialized ( \
            select id, owner from locked \
            where is_left and not exists(select from locked where is_replaced) \
        ), places as materialized ( \
            select owner from key_owners where owner in (select owner from found) \
            order by owner for update \
        ), told as materialized ( \
            select event.id, event.owner, array_agg(found.id order by found.id) as key_ids \
            from unnest(" event_ids ", " owners ") as event (id, owner) \
            join found on found.owner = event.owner \
            where (select count(*) from places) >= 0 \
            group by event.id, event.owner \
        ), events as ( \
            insert into audit_events " event " from told returning id \
        ), revoked as ( \
            update api_keys as key set revoked_at = " at ", version = key.version + 1 \
            from found where key.id = found.id and (select count(*) from events) > 0 \
            returning key.id, latest_change \
        ) \
        select (select array_agg(id order by id) from revoked), \
            (select max(latest_change) from revoked), \
            exists(select from locked where is_replaced)"
    ))
}
