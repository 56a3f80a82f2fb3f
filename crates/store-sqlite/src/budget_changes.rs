//! Changes of how much may be used: rows of `budgets`. Who changes them has the writer alone, and tells the keys for which
//! a budget begins or ceases to count.

use std::collections::BTreeSet;

use diesel::dsl::{exists, not};
use diesel::prelude::*;
use latchkey_domain::ports::{CreditsError, StoreError};
use latchkey_domain::{
    ApiKey, ApiKeyId, ApiKeyParts, CreditChange, Credits, Limits, OwnerId, Window,
};

use crate::budgets::credits_from;
use crate::fault::{DbResult, Fault};
use crate::query;
use crate::row::{id_bytes, id_from};
use crate::schema::{api_keys, budgets};

/// The name of the kind of budgets that windows don't have.
const CREDITS: &str = "credits";

/// A statement has room for 32,766 arguments.
const SOME: usize = 1_000;

/// Whose budgets.
#[derive(Debug, Clone)]
pub(crate) enum Holder {
    /// Of a family, by the bytes of the id of its first key.
    Family(Vec<u8>),
    Owner(String),
}

/// A budget: its id, what it counts, and how much of it was handed out.
type Budget = (i64, Option<i64>, i64);

impl Holder {
    pub(crate) fn family_of(key: &ApiKey) -> Self {
        Self::Family(id_bytes(key.parts().family.as_uuid()))
    }

    pub(crate) fn owner(owner: &OwnerId) -> Self {
        Self::Owner(owner.as_str().to_owned())
    }

    fn found(&self, db: &mut SqliteConnection, kind: &str) -> QueryResult<Option<Budget>> {
        let of_kind = budgets::table.filter(budgets::kind.eq(kind));
        let columns = (budgets::id, budgets::amount, budgets::handed_out);
        match self {
            Self::Family(id) => {
                of_kind.filter(budgets::family.eq(id)).select(columns).get_result(db)
            }
            Self::Owner(owner) => {
                of_kind.filter(budgets::owner.eq(owner)).select(columns).get_result(db)
            }
        }
        .optional()
    }

    fn add(&self, db: &mut SqliteConnection, kind: &str, amount: i64) -> QueryResult<usize> {
        let (family, owner) = match self {
            Self::Family(id) => (Some(id), None),
            Self::Owner(owner) => (None, Some(owner)),
        };
        let row = (
            budgets::family.eq(family),
            budgets::owner.eq(owner),
            budgets::kind.eq(kind),
            budgets::amount.eq(Some(amount)),
        );
        diesel::insert_into(budgets::table).values(row).execute(db)
    }

    /// The unrevoked keys that its budgets hold for.
    pub(crate) fn keys<E>(&self, db: &mut SqliteConnection) -> DbResult<Vec<ApiKeyId>, E>
    where
        E: From<StoreError>,
    {
        let ids: Vec<Vec<u8>> = match self {
            Self::Family(first) => query::live_keys_of_family(first).load(db)?,
            Self::Owner(owner) => query::live_keys_of(owner).select(api_keys::id).load(db)?,
        };
        let ids: Option<Vec<ApiKeyId>> =
            ids.iter().map(|bytes| id_from(bytes).map(ApiKeyId::new)).collect();
        ids.ok_or_else(|| Fault(StoreError::new("a key has an id that is no UUID").into()))
    }
}

/// Adds the budgets of a new key.
pub(crate) fn begin(
    db: &mut SqliteConnection,
    holder: &Holder,
    limits: &Limits,
    credits: Option<Credits>,
) -> QueryResult<()> {
    for (window, limit) in limits.iter() {
        holder.add(db, window.as_str(), limit.get().into())?;
    }
    if let Some(credits) = credits {
        holder.add(db, CREDITS, credits.get().cast_signed())?;
    }
    Ok(())
}

/// Sets the budgets of a holder to its limits, and says whether one begins or ceases to count. Where a limit was taken
/// away, the row stays, because what the present window has used stays used.
pub(crate) fn limit(
    db: &mut SqliteConnection,
    holder: &Holder,
    limits: &Limits,
) -> QueryResult<bool> {
    let mut is_told = false;
    for window in Window::ALL {
        let amount = limits.of(window).map(|limit| i64::from(limit.get()));
        match (holder.found(db, window.as_str())?, amount) {
            (None, None) => {}
            (None, Some(amount)) => {
                is_told = true;
                holder.add(db, window.as_str(), amount)?;
            }
            (Some((id, before, _)), amount) => {
                is_told |= before.is_some() != amount.is_some();
                let row = budgets::table.find(id);
                diesel::update(row).set(budgets::amount.eq(amount)).execute(db)?;
            }
        }
    }
    Ok(is_told)
}

/// What is left of a holder's credits.
pub(crate) fn credits_of(db: &mut SqliteConnection, holder: &Holder) -> DbResult<Option<Credits>> {
    let Some((_, amount, handed_out)) = holder.found(db, CREDITS)? else { return Ok(None) };
    Ok(credits_from(amount.map(|amount| amount - handed_out))?)
}

/// Changes a holder's credits; answers what was left before and after. Where nothing was counted, counting begins again in
/// a new period, so that nothing can be given back of what was handed out before.
pub(crate) fn change_credits(
    db: &mut SqliteConnection,
    holder: &Holder,
    change: CreditChange,
) -> DbResult<[Option<Credits>; 2], CreditsError> {
    let row = holder.found(db, CREDITS)?;
    let left = row.and_then(|(_, amount, handed_out)| Some(amount? - handed_out));
    let before = credits_from(left)?;
    let after = change.of(before).map_err(|refused| Fault(refused.into()))?;
    let amount = after.map(|credits| credits.get().cast_signed());
    match (row, amount) {
        (None | Some((_, None, _)), None) => {}
        (None, Some(amount)) => {
            holder.add(db, CREDITS, amount)?;
        }
        (Some((id, Some(_), handed_out)), amount) => {
            let amount = amount.map(|left| left + handed_out);
            diesel::update(budgets::table.find(id)).set(budgets::amount.eq(amount)).execute(db)?;
        }
        (Some((id, None, _)), Some(amount)) => {
            diesel::update(budgets::table.find(id))
                .set((
                    budgets::amount.eq(Some(amount)),
                    budgets::period.eq(budgets::period + 1),
                    budgets::handed_out.eq(0),
                ))
                .execute(db)?;
        }
    }
    Ok([before, after])
}

/// Removes the budgets of the families of some keys that are gone, where no key of the family is left. Of each key come its
/// id and its family.
pub(crate) fn forget(
    db: &mut SqliteConnection,
    gone: Vec<(Vec<u8>, Option<Vec<u8>>)>,
) -> QueryResult<()> {
    let families: BTreeSet<_> = gone.into_iter().map(|(id, family)| family.unwrap_or(id)).collect();
    let families: Vec<_> = families.into_iter().collect();
    for some in families.chunks(SOME) {
        let is_first = api_keys::table.filter(api_keys::id.nullable().eq(budgets::family));
        let is_of_it = api_keys::table.filter(api_keys::family.eq(budgets::family));
        let left = budgets::table
            .filter(budgets::family.eq_any(some))
            .filter(not(exists(is_first)))
            .filter(not(exists(is_of_it)));
        diesel::delete(left).execute(db)?;
    }
    Ok(())
}

/// Gives the other unrevoked keys of the family the limits of `key`, each in its next version; answers which changed.
pub(crate) fn share_limits<E>(db: &mut SqliteConnection, key: &ApiKey) -> DbResult<Vec<ApiKeyId>, E>
where
    E: From<StoreError>,
{
    let ApiKeyParts { id, limits, .. } = key.parts();
    let mut changed = Holder::family_of(key).keys(db)?;
    changed.retain(|other| other != id);
    let limits = (!limits.is_empty()).then(|| limits.to_string());
    for other in &changed {
        let other = api_keys::table
            .find(id_bytes(other.as_uuid()))
            .filter(api_keys::limits.is_not(&limits));
        diesel::update(other)
            .set((api_keys::limits.eq(&limits), api_keys::version.eq(api_keys::version + 1)))
            .execute(db)?;
    }
    Ok(changed)
}
