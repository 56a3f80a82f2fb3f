use async_trait::async_trait;
use diesel::prelude::*;
use diesel::sql_types::{Binary, Integer, Timestamptz, Uuid as SqlUuid};
use diesel_async::RunQueryDsl;
use latchkey_accounts::ports::SessionRepository;
use latchkey_accounts::{Account, Session};
use latchkey_domain::ports::StoreError;
use latchkey_domain::{AuditEvent, Candidates, Digest, Timestamp};
use time::OffsetDateTime;

use crate::PostgresStore;
use crate::audit::{add_event, with_event};
use crate::cached_sql::cached;
use crate::fault::failed;
use crate::row::{AccountRow, SessionRow};
use crate::schema::{accounts, sessions};

const INSERT: &str = concat!(
    "with event as (",
    add_event!(),
    ") \
    insert into sessions (digest, pepper_id, account_id, account_version, created_at, last_seen_at) \
    values ($14, $15, $16, $17, $18, $19)"
);

const REMOVE: &str = concat!(
    "with gone as (delete from sessions where digest = $14 returning digest) ",
    add_event!(),
    "from gone"
);

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
                let insert = with_event(INSERT, event)
                    .bind::<Binary, _>(row.digest)
                    .bind::<Integer, _>(row.pepper_id)
                    .bind::<SqlUuid, _>(row.account_id)
                    .bind::<Integer, _>(row.account_version)
                    .bind::<Timestamptz, _>(row.created_at)
                    .bind::<Timestamptz, _>(row.last_seen_at);
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
                let remove = with_event(REMOVE, event).bind::<Binary, _>(digest.to_vec());
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
