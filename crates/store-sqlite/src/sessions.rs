use async_trait::async_trait;
use diesel::prelude::*;
use latchkey_accounts::ports::SessionRepository;
use latchkey_accounts::{Account, Session};
use latchkey_domain::ports::StoreError;
use latchkey_domain::{Candidates, Digest, Timestamp};

use crate::SqliteStore;
use crate::query;
use crate::row::{AccountRow, SessionRow};
use crate::schema::sessions;

#[async_trait]
impl SessionRepository for SqliteStore {
    async fn insert(&self, session: &Session) -> Result<(), StoreError> {
        let row = SessionRow::from(session);
        self.write(move |db| {
            diesel::insert_into(sessions::table).values(row).execute(db)?;
            Ok(())
        })
        .await
    }

    async fn find(&self, digests: &Candidates) -> Result<Option<(Session, Account)>, StoreError> {
        let digests = *digests;
        self.read(move |db| {
            let found: Option<(SessionRow, AccountRow)> =
                query::session_with_one_of(&digests).get_result(db).optional()?;
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

    async fn remove(&self, digest: &Digest) -> Result<(), StoreError> {
        let digest = *digest;
        self.write(move |db| {
            diesel::delete(sessions::table.find(digest.as_bytes().as_slice())).execute(db)?;
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
