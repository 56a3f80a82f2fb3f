use async_trait::async_trait;
use diesel::prelude::*;
use diesel::sql_types::Binary;
use diesel_async::RunQueryDsl;
use latchkey_accounts::ports::SessionRepository;
use latchkey_accounts::{Account, Session};
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
