use async_trait::async_trait;
use diesel::dsl::{AsSelect, auto_type, exists};
use diesel::prelude::*;
use diesel::sqlite::Sqlite;
use latchkey_accounts::ports::SessionRepository;
use latchkey_accounts::{Account, LiveSessions, Session};
use latchkey_domain::ports::StoreError;
use latchkey_domain::{AuditEvent, Candidates, Digest, Timestamp};

use crate::SqliteStore;
use crate::audit;
use crate::fault::Fault;
use crate::query::slot;
use crate::row::{AccountRow, EventRow, SessionRow, id_bytes};
use crate::schema::{accounts, sessions};

#[async_trait]
impl SessionRepository for SqliteStore {
    async fn insert(
        &self,
        session: &Session,
        event: Option<&AuditEvent>,
    ) -> Result<(), StoreError> {
        let (row, event) = (SessionRow::from(session), event.map(EventRow::from));
        self.write(move |db| {
            diesel::insert_into(sessions::table).values(row).execute(db)?;
            Ok(event.map_or(Ok(()), |event| audit::add(db, event))?)
        })
        .await
    }

    async fn find(&self, digests: &Candidates) -> Result<Option<(Session, Account)>, StoreError> {
        let digests = *digests;
        self.read(move |db| {
            let found: Option<(SessionRow, AccountRow)> =
                with_one_of(&digests).get_result(db).optional()?;
            let Some((session, account)) = found else { return Ok(None) };
            Ok(Some((session.try_into()?, account.try_into()?)))
        })
        .await
    }

    async fn touch(&self, digest: &Digest, at: Timestamp) -> Result<(), StoreError> {
        let digest = *digest;
        self.write(move |db| {
            let at = at.unix_millis();
            let session = sessions::table
                .filter(sessions::digest.eq(digest.as_bytes().as_slice()))
                .filter(sessions::last_seen_at.lt(at));
            diesel::update(session).set(sessions::last_seen_at.eq(at)).execute(db)?;
            Ok(())
        })
        .await
    }

    async fn remove(&self, digest: &Digest, event: Option<&AuditEvent>) -> Result<(), StoreError> {
        let (digest, event) = (*digest, event.map(EventRow::from));
        self.write(move |db| {
            let session = sessions::table.find(digest.as_bytes().as_slice());
            let removed = diesel::delete(session).execute(db)?;
            Ok(event.filter(|_| removed == 1).map_or(Ok(()), |event| audit::add(db, event))?)
        })
        .await
    }

    async fn live(&self, live: &LiveSessions, limit: u32) -> Result<Vec<Session>, StoreError> {
        let live = *live;
        self.read(move |db| {
            let rows: Vec<SessionRow> = sessions::table
                .filter(are(&live))
                .order((sessions::created_at.desc(), sessions::id.desc(), sessions::digest))
                .limit(limit.into())
                .select(SessionRow::as_select())
                .load(db)?;
            Ok(rows.into_iter().map(Session::try_from).collect::<Result<_, _>>()?)
        })
        .await
    }

    async fn remove_others(
        &self,
        live: &LiveSessions,
        keep: &Digest,
        event: &AuditEvent,
    ) -> Result<Option<u64>, StoreError> {
        let (live, keep, event) = (*live, *keep, EventRow::from(event));
        self.write(move |db| {
            let kept = sessions::table.find(keep.as_bytes().as_slice());
            if !diesel::select(exists(kept)).get_result::<bool>(db)? {
                return Ok(None);
            }
            let others = sessions::table
                .filter(are(&live))
                .filter(sessions::digest.ne(keep.as_bytes().as_slice()));
            let removed = diesel::delete(others).execute(db)?;
            if removed > 0 {
                audit::add(db, event)?;
            }
            u64::try_from(removed).map(Some).map_err(StoreError::new).map_err(Fault)
        })
        .await
    }

    async fn record_proof(&self, digest: &Digest, at: Timestamp) -> Result<(), StoreError> {
        let digest = *digest;
        self.write(move |db| {
            let at = Some(at.unix_millis());
            let before = sessions::confirmed_at.is_null().or(sessions::confirmed_at.lt(at));
            let session = sessions::table
                .filter(sessions::digest.eq(digest.as_bytes().as_slice()))
                .filter(before);
            diesel::update(session).set(sessions::confirmed_at.eq(at)).execute(db)?;
            Ok(())
        })
        .await
    }

    async fn purge(&self, began: Timestamp, last_used: Timestamp) -> Result<(), StoreError> {
        self.write(move |db| {
            let over = sessions::created_at
                .lt(began.unix_millis())
                .or(sessions::last_seen_at.lt(last_used.unix_millis()));
            diesel::delete(sessions::table.filter(over)).execute(db)?;
            Ok(())
        })
        .await
    }
}

/// Which sessions these are.
#[auto_type(no_type_alias)]
fn are(live: &LiveSessions) -> _ {
    let account: Vec<u8> = id_bytes(live.account.as_uuid());
    let version: i64 = i64::from(live.version);
    let (began_after, used_after): (i64, i64) =
        (live.began_after.unix_millis(), live.used_after.unix_millis());
    sessions::account_id
        .eq(account)
        .and(sessions::account_version.eq(version))
        .and(sessions::created_at.gt(began_after))
        .and(sessions::last_seen_at.gt(used_after))
}

/// A session and its account; `plans.rs` holds it to its plan.
#[auto_type(no_type_alias)]
pub(crate) fn with_one_of(digests: &Candidates) -> _ {
    let a: Vec<u8> = slot(digests, 0);
    let b: Vec<u8> = slot(digests, 1);
    let c: Vec<u8> = slot(digests, 2);
    let session: AsSelect<SessionRow, Sqlite> = SessionRow::as_select();
    let account: AsSelect<AccountRow, Sqlite> = AccountRow::as_select();
    let one_of = sessions::digest.eq(a).or(sessions::digest.eq(b)).or(sessions::digest.eq(c));
    sessions::table.inner_join(accounts::table).filter(one_of).select((session, account))
}
