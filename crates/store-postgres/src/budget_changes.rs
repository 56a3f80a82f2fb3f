//! The parts of statements that change how much may be used: rows of `budgets`, in the order of their ids. Those of keys
//! and owners are locked before, the clock of changes afterwards, by the triggers.

use diesel::sql_types::{Array, BigInt, Nullable, Text, Uuid as SqlUuid};
use latchkey_domain::{ApiKey, ApiKeyParts, AuditEvent, Credits, Limits, OwnerId, Window};

use crate::sql::{Sql, sql, value};

/// Whose budgets.
pub(crate) struct Holder {
    column: Sql,
    id: Sql,
}

impl Holder {
    fn family_of(key: &ApiKey) -> Self {
        let id = value::<SqlUuid, _>(key.parts().family.as_uuid());
        Self { column: sql!("family"), id }
    }

    pub(crate) fn owner(owner: &OwnerId) -> Self {
        Self { column: sql!("owner"), id: value::<Text, _>(owner.as_str().to_owned()) }
    }
}

/// The budgets that begin with a new key, if it has any, where `place` has a row.
pub(crate) fn begun(key: &ApiKey, credits: Option<Credits>) -> Sql {
    let ApiKeyParts { family, limits, .. } = key.parts();
    let limits = limits.iter().map(|(window, limit)| (window.as_str(), i64::from(limit.get())));
    let credits = credits.map(|credits| ("credits", credits.get().cast_signed()));
    let (kinds, amounts): (Vec<_>, Vec<_>) = limits.chain(credits).unzip();
    if kinds.is_empty() {
        return sql!("");
    }
    let family = value::<SqlUuid, _>(family.as_uuid());
    let (kinds, amounts) = (value::<Array<Text>, _>(kinds), value::<Array<BigInt>, _>(amounts));
    // A family that is there already is that of a key with the same id, which is refused.
    sql!(
        "begun as ( \
            insert into budgets (family, kind, amount) select " family ", given.kind, given.amount \
            from place, unnest(" kinds ", " amounts ") as given (kind, amount) \
            on conflict do nothing \
        ), "
    )
}

/// Sets the budgets of a holder to its limits, if `go` has a row. Where a limit was taken away, the row stays, because
/// what the present window has used stays used. `limited` is what was changed.
pub(crate) fn limited(holder: &Holder, limits: &Limits, go: &Sql) -> Sql {
    let Holder { column, id } = holder;
    let kinds = Window::ALL.map(Window::as_str).to_vec();
    let amount = |window| limits.of(window).map(|limit| i64::from(limit.get()));
    let kinds = value::<Array<Text>, _>(kinds);
    let amounts = value::<Array<Nullable<BigInt>>, _>(Window::ALL.map(amount).to_vec());
    sql!(
        "known as materialized ( \
            select kind from budgets \
            where " column " = " id " and kind <> 'credits' and exists(select from " go ") \
            order by id for update \
        ), limited as ( \
            insert into budgets as mine (" column ", kind, amount) \
            select " id ", given.kind, given.amount \
            from " go " \
            cross join (select coalesce(array_agg(kind), '{}') as kinds from known) as known \
            cross join unnest(" kinds ", " amounts ") as given (kind, amount) \
            where given.amount is not null or given.kind = any(known.kinds) \
            on conflict (" column ", kind) where " column " is not null \
            do update set amount = excluded.amount \
            where mine.amount is distinct from excluded.amount returning id \
        ), "
    )
}

/// What a statement that changes a key says besides where the limits of the key change: all keys of its family have them.
/// Otherwise nothing.
pub(crate) struct Shared {
    /// A part that locks the keys of the family, in the order of their ids.
    pub(crate) lock: Sql,
    /// Waits for them where the key itself is locked.
    pub(crate) locked: Sql,
    /// Parts that set the budgets.
    pub(crate) budgets: Sql,
    /// Waits for them.
    pub(crate) set: Sql,
    /// A part that gives the other keys the same limits, if `event` has a row.
    pub(crate) siblings: Sql,
}

impl Shared {
    /// Budgets are set if `go` has a row.
    pub(crate) fn of(key: &ApiKey, event: &AuditEvent, go: &Sql) -> Self {
        let Some(given) = event.action.limits_given() else {
            let [lock, locked, budgets, set, siblings] = std::array::from_fn(|_| sql!(""));
            return Self { lock, locked, budgets, set, siblings };
        };
        let holder = Holder::family_of(key);
        let (family, id) = (&holder.id, value::<SqlUuid, _>(key.parts().id.as_uuid()));
        let limits = (!given.is_empty()).then(|| given.to_string());
        let limits = value::<Nullable<Text>, _>(limits);
        Self {
            lock: sql!(
                "family as materialized ( \
                    select id from api_keys \
                    where (id = " family " or family = " family ") and revoked_at is null \
                    order by id for update \
                ), "
            ),
            locked: sql!(" and (select count(*) from family) > 0"),
            budgets: limited(&holder, &given, go),
            set: sql!(" cross join (select count(*) from limited) as limited"),
            siblings: sql!(
                ", siblings as ( \
                    update api_keys as key set limits = " limits ", version = key.version + 1 \
                    from event, family where key.id = family.id and key.id <> " id " \
                    and key.limits is distinct from " limits " \
                )"
            ),
        }
    }
}

/// A part of a statement that removes keys: it removes the budgets of the families of which no key is left. The keys are
/// the rows of the part that is named, with `id` and `family`.
macro_rules! forgotten {
    ($gone:literal) => {
        concat!(
            "forgotten as ( \
                delete from budgets where family = any(array(select family from ",
            $gone,
            ")) and not exists( \
                    select from api_keys as other \
                    where (other.id = budgets.family or other.family = budgets.family) \
                    and other.id <> all(array(select id from ",
            $gone,
            "))) \
                returning 1 \
            )"
        )
    };
}
pub(crate) use forgotten;
