use async_trait::async_trait;
use diesel::prelude::*;
use diesel_async::RunQueryDsl;
use latchkey_accounts::ports::SessionRepository;
use latchkey_accounts::{Account, Session};
use latchkey_domain::ports::StoreError;
use latchkey_domain::{Candidates, Digest, Timestamp};
use time::OffsetDateTime;

use crate::PostgresStore;
use crate::cached_sql::cached;
use crate::fault::failed;
use crate::row::{AccountRow, SessionRow};
use crate::schema::{accounts, sessions};

#[async_trait]
impl SessionRepository for PostgresStore {
    async fn insert(&self, session: &Session) -> Result<(), StoreError> {
        diesel::insert_into(sessions::table)
            .values(SessionRow::from(session))
            .execute(&mut *self.connection().await?)
            .await
            .map_err(failed)?;
        Ok(())
    }

    async fn find(&self, digests: &Candidates) -> Result<Option<(Session, Account)>, StoreError> {
        let reader = self.readers.get().await?;
        let mut connection = &*reader;
        let sessions = sessions::table
            .inner_join(accounts::table)
            .select((SessionRow::as_select(), AccountRow::as_select()));
        // As for keys: only the plan for a single digest is kept.
        let found: QueryResult<(SessionRow, AccountRow)> = match digests.as_slice() {
            [only] => {
                let digest = only.digest.as_bytes().as_slice();
                sessions.filter(sessions::digest.eq(digest)).first(&mut connection).await
            }
            several => {
                let digests: Vec<&[u8]> =
                    several.iter().map(|keyed| keyed.digest.as_bytes().as_slice()).collect();
                sessions.filter(sessions::digest.eq_any(digests)).first(&mut connection).await
            }
        };
        let found = found.optional().map_err(failed)?;
        found.map(|(session, account)| Ok((session.try_into()?, account.try_into()?))).transpose()
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

    async fn remove(&self, digest: &Digest) -> Result<(), StoreError> {
        diesel::delete(sessions::table.find(digest.as_bytes().as_slice()))
            .execute(&mut *self.connection().await?)
            .await
            .map_err(failed)?;
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
