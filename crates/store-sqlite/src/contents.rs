mod usage;

use async_trait::async_trait;
use diesel::dsl::sql as literal;
use diesel::prelude::*;
use diesel::sql_types::{Binary, Bool, Integer, Text};
use latchkey_accounts::{
    Account, AccountId, Contents, ManagementToken, Part, Record, Session, StoredBudget,
};
use latchkey_domain::ports::StoreError;
use latchkey_domain::{
    ApiKey, ApiKeyId, AuditEvent, BudgetHolder, BudgetKind, KeyedDigest, Network, OwnerId,
    Timestamp,
};
use uuid::Uuid;

use crate::SqliteStore;
use crate::fault::{DbResult, Place};
use crate::row::{
    AccountRow, EventRow, KeyRow, SessionRow, TokenRow, digest_from, id_bytes, id_from,
    instant_from, pepper_from, settings_from,
};
use crate::schema::{
    accounts, api_keys, audit_events, budgets, key_owners, key_refusals, key_usage, known_networks,
    last_uses, management_tokens, peppers, sessions,
};

/// Before any id.
const FIRST: Vec<u8> = Vec::new();

#[async_trait]
impl Contents for SqliteStore {
    async fn page(
        &self,
        part: Part,
        after: Option<&Record>,
        limit: u32,
    ) -> Result<Vec<Record>, StoreError> {
        let (after, limit) = (after.cloned(), i64::from(limit));
        self.read(move |db| match part {
            Part::Peppers => peppers(db, after.as_ref(), limit),
            Part::Accounts => accounts(db, after.as_ref(), limit),
            Part::Networks => networks(db, after.as_ref(), limit),
            Part::Sessions => sessions(db, after.as_ref(), limit),
            Part::Tokens => tokens(db, after.as_ref(), limit),
            Part::Owners => owners(db, after.as_ref(), limit),
            Part::Keys => keys(db, after.as_ref(), limit),
            Part::Budgets => budgets(db, after.as_ref(), limit),
            Part::LastUses => usage::last_uses(db, after.as_ref(), limit),
            Part::Usage => usage::counts(db, after.as_ref(), limit),
            Part::Refusals => usage::refusals(db, after.as_ref(), limit),
            Part::Events => events(db, after.as_ref(), limit),
        })
        .await
    }

    async fn count(&self, part: Part) -> Result<u64, StoreError> {
        let count: i64 = self
            .read(move |db| {
                Ok(match part {
                    Part::Peppers => peppers::table.count().get_result(db),
                    Part::Accounts => accounts::table.count().get_result(db),
                    Part::Networks => known_networks::table.count().get_result(db),
                    Part::Sessions => sessions::table.count().get_result(db),
                    Part::Tokens => management_tokens::table.count().get_result(db),
                    Part::Owners => key_owners::table.count().get_result(db),
                    Part::Keys => api_keys::table.count().get_result(db),
                    Part::Budgets => budgets::table.count().get_result(db),
                    Part::LastUses => last_uses::table.count().get_result(db),
                    Part::Usage => key_usage::table.count().get_result(db),
                    Part::Refusals => key_refusals::table.count().get_result(db),
                    Part::Events => audit_events::table.count().get_result(db),
                }?)
            })
            .await?;
        u64::try_from(count).map_err(StoreError::new)
    }
}

type Page = DbResult<Vec<Record>>;

fn peppers(db: &mut SqliteConnection, after: Option<&Record>, limit: i64) -> Page {
    let after = match after {
        Some(Record::Pepper(check)) => i64::from(check.pepper.get()),
        _ => 0,
    };
    let rows = peppers::table.filter(peppers::id.gt(after)).order(peppers::id).limit(limit);
    let place = Place { table: "peppers", row: Uuid::nil() };
    let rows = rows.load::<(i64, Vec<u8>)>(db)?.into_iter().map(|(id, digest)| {
        let pepper = place.read("id", pepper_from(id))?;
        let digest = place.read("check_digest", digest_from(&digest))?;
        Ok(Record::Pepper(KeyedDigest { pepper, digest }))
    });
    rows.collect()
}

fn accounts(db: &mut SqliteConnection, after: Option<&Record>, limit: i64) -> Page {
    let after = match after {
        Some(Record::Account(account)) => id_bytes(account.parts().id.as_uuid()),
        _ => FIRST,
    };
    let rows = accounts::table.filter(accounts::id.gt(after)).order(accounts::id).limit(limit);
    let rows = rows.select(AccountRow::as_select()).load(db)?;
    rows.into_iter().map(|row| Ok(Record::Account(Account::try_from(row)?))).collect()
}

fn networks(db: &mut SqliteConnection, after: Option<&Record>, limit: i64) -> Page {
    let (account, network) = match after {
        Some(Record::Network { account, network, .. }) => {
            (id_bytes(account.as_uuid()), network.to_string())
        }
        _ => (FIRST, String::new()),
    };
    let of_account = known_networks::account_id.eq(account.clone());
    let after = of_account.and(known_networks::network.gt(network));
    let rows = known_networks::table
        .filter(known_networks::account_id.gt(account).or(after))
        .order((known_networks::account_id, known_networks::network))
        .limit(limit)
        .load::<(Vec<u8>, String, i64)>(db)?;
    let rows = rows.into_iter().map(|(account, network, signed_in_at)| {
        let nowhere = Place { table: "known_networks", row: Uuid::nil() };
        let id = nowhere.read("account_id", id_from(&account))?;
        let place = Place { row: id, ..nowhere };
        Ok(Record::Network {
            account: AccountId::new(id),
            network: Network::of(place.read("network", network.parse().ok())?),
            signed_in_at: place.read("signed_in_at", Timestamp::from_unix_millis(signed_in_at))?,
        })
    });
    rows.collect()
}

fn sessions(db: &mut SqliteConnection, after: Option<&Record>, limit: i64) -> Page {
    let after = match after {
        Some(Record::Session(session)) => session.digest.digest.as_bytes().to_vec(),
        _ => FIRST,
    };
    let rows = sessions::table.filter(sessions::digest.gt(after)).order(sessions::digest);
    let rows = rows.limit(limit).select(SessionRow::as_select()).load(db)?;
    rows.into_iter().map(|row| Ok(Record::Session(Session::try_from(row)?))).collect()
}

fn tokens(db: &mut SqliteConnection, after: Option<&Record>, limit: i64) -> Page {
    let after = match after {
        Some(Record::Token(token)) => id_bytes(token.id.as_uuid()),
        _ => FIRST,
    };
    let rows = management_tokens::table.filter(management_tokens::id.gt(after));
    let rows = rows.order(management_tokens::id).limit(limit).select(TokenRow::as_select());
    let rows = rows.load(db)?;
    rows.into_iter().map(|row| Ok(Record::Token(ManagementToken::try_from(row)?))).collect()
}

/// The row of an owner.
type OwnerColumns = (String, i64, Option<i64>, Option<i64>, Option<i64>, Option<String>);

fn owners(db: &mut SqliteConnection, after: Option<&Record>, limit: i64) -> Page {
    let after = match after {
        Some(Record::Owner { owner, .. }) => owner.as_str().to_owned(),
        _ => String::new(),
    };
    let rows = key_owners::table.filter(key_owners::owner.gt(after)).order(key_owners::owner);
    let rows = rows.limit(limit).load::<OwnerColumns>(db)?;
    let place = Place { table: "key_owners", row: Uuid::nil() };
    let rows = rows.into_iter().map(|(owner, held, closed_at, max_keys, suspended_at, limits)| {
        Ok(Record::Owner {
            owner: place.read("owner", OwnerId::parse(owner).ok())?,
            held: place.read("held", u32::try_from(held).ok())?,
            closed_at: place.read("closed_at", instant_from(closed_at).ok())?,
            settings: settings_from(max_keys, suspended_at, limits.as_deref())?,
        })
    });
    rows.collect()
}

fn keys(db: &mut SqliteConnection, after: Option<&Record>, limit: i64) -> Page {
    let after = match after {
        Some(Record::Key(key)) => id_bytes(key.parts().id.as_uuid()),
        _ => FIRST,
    };
    let rows = api_keys::table.filter(api_keys::id.gt(after)).order(api_keys::id).limit(limit);
    let rows = rows.select(KeyRow::as_select()).load(db)?;
    rows.into_iter().map(|row| Ok(Record::Key(ApiKey::try_from(row)?))).collect()
}

/// The row of a budget.
type BudgetColumns = (Option<Vec<u8>>, Option<String>, String, Option<i64>, i64, i64);

/// Those of owners come before those of families, which are ordered by their first keys.
fn budgets(db: &mut SqliteConnection, after: Option<&Record>, limit: i64) -> Page {
    let (family, owner, kind) = match after {
        Some(Record::Budget(StoredBudget { holder: BudgetHolder::Owner(owner), kind, .. })) => {
            (FIRST, owner.as_str().to_owned(), kind.as_str())
        }
        Some(Record::Budget(StoredBudget { holder: BudgetHolder::Family(id), kind, .. })) => {
            (id_bytes(id.as_uuid()), String::new(), kind.as_str())
        }
        _ => (FIRST, String::new(), ""),
    };
    let place = literal::<Bool>("(coalesce(family, x''), coalesce(owner, ''), kind) > (");
    let behind = place.bind::<Binary, _>(family).sql(", ").bind::<Text, _>(owner).sql(", ");
    let order = literal::<Integer>("coalesce(family, x''), coalesce(owner, ''), kind");
    let rows = budgets::table
        .filter(behind.bind::<Text, _>(kind).sql(")"))
        .order(order)
        .limit(limit)
        .select((
            budgets::family,
            budgets::owner,
            budgets::kind,
            budgets::amount,
            budgets::period,
            budgets::handed_out,
        ))
        .load::<BudgetColumns>(db)?;
    let place = Place { table: "budgets", row: Uuid::nil() };
    let rows = rows.into_iter().map(|(family, owner, kind, amount, period, handed_out)| {
        let holder = match (family, owner) {
            (Some(id), None) => id_from(&id).map(ApiKeyId::new).map(BudgetHolder::Family),
            (_, Some(owner)) => OwnerId::parse(owner).ok().map(BudgetHolder::Owner),
            (None, None) => None,
        };
        Ok(Record::Budget(StoredBudget {
            holder: place.read("owner", holder)?,
            kind: place.read("kind", BudgetKind::parse(&kind))?,
            amount: place.read("amount", amount.map(u64::try_from).transpose().ok())?,
            period,
            handed_out: place.read("handed_out", u64::try_from(handed_out).ok())?,
        }))
    });
    rows.collect()
}

fn events(db: &mut SqliteConnection, after: Option<&Record>, limit: i64) -> Page {
    let after = match after {
        Some(Record::Event(event)) => id_bytes(event.id.as_uuid()),
        _ => FIRST,
    };
    let rows = audit_events::table.filter(audit_events::id.gt(after)).order(audit_events::id);
    let rows = rows.limit(limit).select(EventRow::as_select()).load(db)?;
    rows.into_iter().map(|row| Ok(Record::Event(AuditEvent::try_from(row)?))).collect()
}

#[cfg(test)]
mod tests {
    use diesel::sql_query;
    use diesel::sql_types::Text;

    use super::*;

    #[derive(QueryableByName)]
    struct Table {
        #[diesel(sql_type = Text)]
        name: String,
    }

    /// A new table is a part of the contents too, or says here why it is none. Shares are those of processes that run,
    /// and what they hold counts as spent.
    #[tokio::test]
    async fn every_table_but_those_about_the_schema_is_a_part() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let store = SqliteStore::open(&folder.path().join("latchkey.db")).expect("opens");
        store.migrate().await.expect("migrates");
        let tables = "select name from sqlite_schema where type = 'table' \
            and name not like '%schema%' and name not like 'sqlite_%' \
            and name not in ('budget_shares', 'recent_usage', 'usage_writers') order by name";
        let tables: Vec<Table> =
            store.read(move |db| Ok(sql_query(tables).load(db)?)).await.expect("the store answers");
        let names: Vec<_> = tables.into_iter().map(|table| table.name).collect();
        let parts = [
            "accounts",
            "api_keys",
            "audit_events",
            "budgets",
            "key_owners",
            "key_refusals",
            "key_usage",
            "known_networks",
            "last_uses",
            "management_tokens",
            "peppers",
            "sessions",
        ];
        assert_eq!(names, parts);
        assert_eq!(Part::ALL.len(), parts.len());
    }
}
