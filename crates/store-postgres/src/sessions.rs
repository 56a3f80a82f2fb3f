use async_trait::async_trait;
use diesel::prelude::*;
use diesel::sql_types::{BigInt, Binary, Integer, Timestamptz, Uuid as SqlUuid};
use diesel_async::RunQueryDsl;
use latchkey_accounts::ports::SessionRepository;
use latchkey_accounts::{Account, LiveSessions, Session};
use latchkey_domain::ports::StoreError;
use latchkey_domain::{AuditEvent, Candidates, Digest, Timestamp};
use time::OffsetDateTime;

use crate::PostgresStore;
use crate::audit::event_row;
use crate::cached_sql::cached;
use crate::fault::failed;
use crate::row::{AccountRow, SessionRow};
use crate::schema::{accounts, sessions};
use crate::sql::{new_row, sql, value};

#[async_trait]
impl SessionRepository for PostgresStore {
    async fn insert(
        &self,
        session: &Session,
        event: Option<&AuditEvent>,
    ) -> Result<(), StoreError> {
        let row = SessionRow::from(session);
        let mut connection = self.connection().await?;
        let added = match event {
            None => {
                let insert = diesel::insert_into(sessions::table).values(row);
                insert.execute(&mut *connection).await
            }
            Some(event) => {
                let (session, event) = (new_row(row), event_row(event));
                let insert = sql!(
                    "with event as (insert into audit_events " event ") \
                    insert into sessions " session
                );
                cached(insert).execute(&mut *connection).await
            }
        };
        added.map(drop).map_err(failed)
    }

    async fn find(&self, digests: &Candidates) -> Result<Option<(Session, Account)>, StoreError> {
        let reader = self.readers.get().await?;
        let mut connection = reader.connection();
        let sessions = sessions::table
            .inner_join(accounts::table)
            .select((SessionRow::as_select(), AccountRow::as_select()));
        // As for keys: only the plan for a single digest is kept.
        let found: QueryResult<(SessionRow, AccountRow)> = match digests.as_slice() {
            [only] => {
                let digest = only.digest.as_bytes().as_slice();
                let found = sessions.filter(sessions::digest.eq(digest)).first(&mut connection);
                reader.look_up(found).await?
            }
            several => {
                let digests: Vec<&[u8]> =
                    several.iter().map(|keyed| keyed.digest.as_bytes().as_slice()).collect();
                let found =
                    sessions.filter(sessions::digest.eq_any(digests)).first(&mut connection);
                reader.look_up(found).await?
            }
        };
        let found = found.optional().map_err(failed)?;
        found.map(|(session, account)| Ok((session.try_into()?, account.into()))).transpose()
    }

    async fn touch(&self, digest: &Digest, at: Timestamp) -> Result<(), StoreError> {
        let at = OffsetDateTime::from(at);
        let session = sessions::table
            .find(digest.as_bytes().as_slice())
            .filter(sessions::last_seen_at.lt(at));
        let touch = diesel::update(session).set(sessions::last_seen_at.eq(at));
        cached(touch).execute(&mut *self.connection().await?).await.map_err(failed)?;
        Ok(())
    }

    async fn remove(&self, digest: &Digest, event: Option<&AuditEvent>) -> Result<(), StoreError> {
        let digest = digest.as_bytes().as_slice();
        let mut connection = self.connection().await?;
        let removed = match event {
            None => diesel::delete(sessions::table.find(digest)).execute(&mut *connection).await,
            Some(event) => {
                let (digest, event) = (value::<Binary, _>(digest.to_vec()), event_row(event));
                let remove = sql!(
                    "with gone as (delete from sessions where digest = " digest " returning digest) \
                    insert into audit_events " event " from gone"
                );
                cached(remove).execute(&mut *connection).await
            }
        };
        removed.map(drop).map_err(failed)
    }

    async fn live(&self, live: &LiveSessions, limit: u32) -> Result<Vec<Session>, StoreError> {
        let LiveSessions { account, version, began_after, used_after } = *live;
        let rows: Vec<SessionRow> = sessions::table
            .filter(sessions::account_id.eq(account.as_uuid()))
            .filter(sessions::account_version.eq(version))
            .filter(sessions::created_at.gt(OffsetDateTime::from(began_after)))
            .filter(sessions::last_seen_at.gt(OffsetDateTime::from(used_after)))
            .order((sessions::created_at.desc(), sessions::id.desc(), sessions::digest))
            .limit(limit.into())
            .select(SessionRow::as_select())
            .load(&mut *self.connection().await?)
            .await
            .map_err(failed)?;
        rows.into_iter().map(TryInto::try_into).collect()
    }

    // The account's row is locked first: of two such calls one waits, and then finds its own session gone.
    async fn remove_others(
        &self,
        live: &LiveSessions,
        keep: &Digest,
        event: &AuditEvent,
    ) -> Result<Option<u64>, StoreError> {
        let LiveSessions { account, version, began_after, used_after } = *live;
        let account = value::<SqlUuid, _>(account.as_uuid());
        let version = value::<Integer, _>(version);
        let began_after = value::<Timestamptz, _>(OffsetDateTime::from(began_after));
        let used_after = value::<Timestamptz, _>(OffsetDateTime::from(used_after));
        let keep = value::<Binary, _>(keep.as_bytes().to_vec());
        let event = event_row(event);
        let remove = sql!(
            "with locked as materialized ( \
                select id from accounts where id = " account " for no key update \
            ), kept as materialized ( \
                select digest from sessions join locked on locked.id = account_id \
                where digest = " keep " for update of sessions \
            ), gone as ( \
                delete from sessions where account_id = " account " and account_version = " version " \
                    and created_at > " began_after " and last_seen_at > " used_after " \
                    and digest <> (select digest from kept) returning digest \
            ), event as ( \
                insert into audit_events " event " from (select from gone limit 1) as one \
            ) \
            select (select count(*) from gone) from kept"
        );
        let remove = cached(remove).answering::<BigInt>();
        let mut counts: Vec<i64> =
            remove.load(&mut *self.connection().await?).await.map_err(failed)?;
        counts.pop().map(|count| u64::try_from(count).map_err(failed)).transpose()
    }

    async fn record_proof(&self, digest: &Digest, at: Timestamp) -> Result<(), StoreError> {
        let at = OffsetDateTime::from(at);
        let before = sessions::confirmed_at.is_null().or(sessions::confirmed_at.lt(at));
        let session = sessions::table.find(digest.as_bytes().as_slice()).filter(before);
        let confirm = diesel::update(session).set(sessions::confirmed_at.eq(at));
        cached(confirm).execute(&mut *self.connection().await?).await.map_err(failed)?;
        Ok(())
    }

    async fn purge(&self, began: Timestamp, last_used: Timestamp) -> Result<(), StoreError> {
        let over = sessions::created_at
            .lt(OffsetDateTime::from(began))
            .or(sessions::last_seen_at.lt(OffsetDateTime::from(last_used)));
        diesel::delete(sessions::table.filter(over))
            .execute(&mut *self.connection().await?)
            .await
            .map_err(failed)?;
        Ok(())
    }
}
