use diesel::prelude::*;
use diesel::result::Error as DieselError;
use diesel_async::{
    AsyncConnection as _, AsyncPgConnection, RunQueryDsl, SimpleAsyncConnection as _,
};
use latchkey_accounts::{Contents, Part, Record, StoredBudget, TakeOverError};
use latchkey_domain::{BudgetHolder, KeyedDigest, OwnerSettings};
use time::OffsetDateTime;
use uuid::Uuid;

use crate::PostgresStore;
use crate::attempts::Purpose;
use crate::fault::failed;
use crate::row::{AccountRow, EventRow, KeyRow, RefusalRow, SessionRow, TokenRow, UsageRow};
use crate::schema::{
    accounts, api_keys, audit_events, budgets, key_owners, key_refusals, key_usage, known_networks,
    last_uses, management_tokens, peppers, sessions,
};

/// Records in a statement. It has at most 65,535 arguments, and an event has fourteen.
const PAGE: u32 = 1_000;

/// Keeps out everybody who would write, to the end of the transaction; a server that starts now waits.
const LOCK: &str = "lock table accounts, api_keys, audit_events, budgets, key_owners, \
    key_refusals, key_usage, known_networks, \
    last_uses, management_tokens, peppers, sessions in exclusive mode";

impl PostgresStore {
    /// Takes over everything that `source` holds, in one transaction: all or nothing. A store that
    /// holds anything, if only the check of a pepper that a server left, is refused. Answers how
    /// many records of each part there are.
    pub async fn take_over(
        &self,
        source: &dyn Contents,
    ) -> Result<Vec<(Part, u64)>, TakeOverError> {
        let mut db = self.connector.connect(Purpose::Calls).await.map_err(failed)?.connection;
        let moved = db.transaction(async |db| take_over(db, source).await).await;
        moved.map_err(|Undone(error)| error)
    }
}

/// Why the transaction is undone.
struct Undone(TakeOverError);

impl From<DieselError> for Undone {
    fn from(error: DieselError) -> Self {
        Self(failed(error).into())
    }
}

impl From<TakeOverError> for Undone {
    fn from(error: TakeOverError) -> Self {
        Self(error)
    }
}

async fn take_over(
    db: &mut AsyncPgConnection,
    source: &dyn Contents,
) -> Result<Vec<(Part, u64)>, Undone> {
    db.batch_execute(LOCK).await?;
    for part in Part::ALL {
        if count(db, part).await? > 0 {
            return Err(TakeOverError::NotEmpty { part }.into());
        }
    }
    let mut counts = Vec::new();
    for part in Part::ALL {
        let mut last = None;
        loop {
            let page = source.page(part, last.as_ref(), PAGE).await.map_err(TakeOverError::from)?;
            let Some(record) = page.last() else { break };
            last = Some(record.clone());
            insert(db, part, &page).await?;
        }
        let sent = source.count(part).await.map_err(TakeOverError::from)?;
        let stored = count(db, part).await?.unsigned_abs();
        if sent != stored {
            return Err(TakeOverError::Miscounted { part, sent, stored }.into());
        }
        counts.push((part, stored));
    }
    Ok(counts)
}

async fn count(db: &mut AsyncPgConnection, part: Part) -> QueryResult<i64> {
    let counts: Vec<i64> = match part {
        Part::Peppers => peppers::table.count().load(db).await,
        Part::Accounts => accounts::table.count().load(db).await,
        Part::Networks => known_networks::table.count().load(db).await,
        Part::Sessions => sessions::table.count().load(db).await,
        Part::Tokens => management_tokens::table.count().load(db).await,
        Part::Owners => key_owners::table.count().load(db).await,
        Part::Keys => api_keys::table.count().load(db).await,
        Part::Budgets => budgets::table.count().load(db).await,
        Part::LastUses => last_uses::table.count().load(db).await,
        Part::Usage => key_usage::table.count().load(db).await,
        Part::Refusals => key_refusals::table.count().load(db).await,
        Part::Events => audit_events::table.count().load(db).await,
    }?;
    Ok(counts.into_iter().sum())
}

async fn insert(db: &mut AsyncPgConnection, part: Part, page: &[Record]) -> QueryResult<()> {
    match part {
        Part::Peppers => {
            let rows = rows(page, PepperRow::of);
            diesel::insert_into(peppers::table).values(rows).execute(db).await
        }
        Part::Accounts => {
            let rows = rows(page, |it| match it {
                Record::Account(account) => Some(AccountRow::from(account)),
                _ => None,
            });
            diesel::insert_into(accounts::table).values(rows).execute(db).await
        }
        Part::Networks => {
            let rows = rows(page, NetworkRow::of);
            diesel::insert_into(known_networks::table).values(rows).execute(db).await
        }
        Part::Sessions => {
            let rows = rows(page, |it| match it {
                Record::Session(session) => Some(SessionRow::from(session)),
                _ => None,
            });
            diesel::insert_into(sessions::table).values(rows).execute(db).await
        }
        Part::Tokens => {
            let rows = rows(page, |it| match it {
                Record::Token(token) => Some(TokenRow::from(token)),
                _ => None,
            });
            diesel::insert_into(management_tokens::table).values(rows).execute(db).await
        }
        Part::Owners => {
            let rows = rows(page, OwnerRow::of);
            diesel::insert_into(key_owners::table).values(rows).execute(db).await
        }
        Part::Keys => {
            let rows = rows(page, |it| match it {
                Record::Key(key) => Some(KeyRow::from(key)),
                _ => None,
            });
            diesel::insert_into(api_keys::table).values(rows).execute(db).await
        }
        Part::Budgets => {
            let rows = rows(page, BudgetRow::of);
            diesel::insert_into(budgets::table).values(rows).execute(db).await
        }
        Part::LastUses | Part::Usage | Part::Refusals => {
            return insert_usage(db, part, page).await;
        }
        Part::Events => {
            let rows = rows(page, |it| match it {
                Record::Event(event) => Some(EventRow::from(event)),
                _ => None,
            });
            diesel::insert_into(audit_events::table).values(rows).execute(db).await
        }
    }
    .map(drop)
}

async fn insert_usage(db: &mut AsyncPgConnection, part: Part, page: &[Record]) -> QueryResult<()> {
    match part {
        Part::LastUses => {
            let rows = rows(page, LastUseRow::of);
            diesel::insert_into(last_uses::table).values(rows).execute(db).await
        }
        Part::Usage => {
            let rows = rows(page, |it| match it {
                Record::Usage { key, span, counted } => UsageRow::of(*key, *span, counted),
                _ => None,
            });
            diesel::insert_into(key_usage::table).values(rows).execute(db).await
        }
        _ => {
            let rows = rows(page, |it| match it {
                Record::Refusal { key, kept } => Some(RefusalRow::of(*key, kept)),
                _ => None,
            });
            diesel::insert_into(key_refusals::table).values(rows).execute(db).await
        }
    }
    .map(drop)
}

/// A record of another part is left out, which the counts tell.
fn rows<T>(page: &[Record], row: impl Fn(&Record) -> Option<T>) -> Vec<T> {
    page.iter().filter_map(row).collect()
}

#[derive(Insertable)]
#[diesel(table_name = peppers)]
struct PepperRow {
    id: i32,
    check_digest: Vec<u8>,
}

#[derive(Insertable)]
#[diesel(table_name = known_networks)]
struct NetworkRow {
    account_id: Uuid,
    network: String,
    signed_in_at: OffsetDateTime,
}

#[derive(Insertable)]
#[diesel(table_name = key_owners)]
struct OwnerRow {
    owner: String,
    held: i32,
    closed_at: Option<OffsetDateTime>,
    max_keys: Option<i32>,
    suspended_at: Option<OffsetDateTime>,
    limits: Option<String>,
}

#[derive(Insertable)]
#[diesel(table_name = budgets)]
struct BudgetRow {
    family: Option<Uuid>,
    owner: Option<String>,
    kind: &'static str,
    amount: Option<i64>,
    period: i64,
    handed_out: i64,
}

#[derive(Insertable)]
#[diesel(table_name = last_uses)]
struct LastUseRow {
    key_id: Uuid,
    used_at: OffsetDateTime,
    hour: OffsetDateTime,
    accepted: i64,
    cost: i64,
}

impl PepperRow {
    fn of(record: &Record) -> Option<Self> {
        let Record::Pepper(KeyedDigest { pepper, digest }) = record else { return None };
        Some(Self { id: pepper.get().into(), check_digest: digest.as_bytes().to_vec() })
    }
}

impl NetworkRow {
    fn of(record: &Record) -> Option<Self> {
        let Record::Network { account, network, signed_in_at } = record else { return None };
        Some(Self {
            account_id: account.as_uuid(),
            network: network.to_string(),
            signed_in_at: (*signed_in_at).into(),
        })
    }
}

impl OwnerRow {
    fn of(record: &Record) -> Option<Self> {
        let Record::Owner { owner, held, closed_at, settings } = record else { return None };
        let OwnerSettings { max_keys, suspended_at, limits } = settings;
        let max_keys = max_keys.map(|limit| i32::try_from(limit.get())).transpose();
        Some(Self {
            owner: owner.as_str().to_owned(),
            held: i32::try_from(*held).ok()?,
            closed_at: closed_at.map(Into::into),
            max_keys: max_keys.ok()?,
            suspended_at: suspended_at.map(Into::into),
            limits: (!limits.is_empty()).then(|| limits.to_string()),
        })
    }
}

impl BudgetRow {
    fn of(record: &Record) -> Option<Self> {
        let Record::Budget(StoredBudget { holder, kind, amount, period, handed_out }) = record
        else {
            return None;
        };
        let (family, owner) = match holder {
            BudgetHolder::Family(first) => (Some(first.as_uuid()), None),
            BudgetHolder::Owner(owner) => (None, Some(owner.as_str().to_owned())),
        };
        Some(Self {
            family,
            owner,
            kind: kind.as_str(),
            amount: amount.map(u64::cast_signed),
            period: *period,
            handed_out: handed_out.cast_signed(),
        })
    }
}

impl LastUseRow {
    fn of(record: &Record) -> Option<Self> {
        let Record::LastUse { key, at, of_hour } = record else { return None };
        Some(Self {
            key_id: key.as_uuid(),
            used_at: (*at).into(),
            hour: of_hour.start.into(),
            accepted: i64::try_from(of_hour.calls).ok()?,
            cost: i64::try_from(of_hour.cost).ok()?,
        })
    }
}
