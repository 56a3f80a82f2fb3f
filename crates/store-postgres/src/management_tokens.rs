use async_trait::async_trait;
use diesel::prelude::*;
use diesel::sql_types::{Timestamptz, Uuid as SqlUuid};
use diesel_async::RunQueryDsl;
use latchkey_accounts::ManagementToken;
use latchkey_accounts::ports::ManagementTokenRepository;
use latchkey_domain::ports::StoreError;
use latchkey_domain::{AuditEvent, Candidates, Digest, KeyedDigest, Timestamp, TokenId};
use time::OffsetDateTime;
use uuid::Uuid;

use crate::PostgresStore;
use crate::audit::event_row;
use crate::cached_sql::cached;
use crate::fault::failed;
use crate::row::TokenRow;
use crate::schema::management_tokens;
use crate::sql::{new_row, sql, value};

#[async_trait]
impl ManagementTokenRepository for PostgresStore {
    async fn insert(&self, token: &ManagementToken, event: &AuditEvent) -> Result<(), StoreError> {
        let (token, event) = (new_row(TokenRow::from(token)), event_row(event));
        let insert = sql!(
            "with event as (insert into audit_events " event ") \
            insert into management_tokens " token
        );
        cached(insert).execute(&mut *self.connection().await?).await.map_err(failed)?;
        Ok(())
    }

    async fn find(&self, digests: &Candidates) -> Result<Option<ManagementToken>, StoreError> {
        let reader = self.readers.get().await?;
        let mut connection = reader.connection();
        let tokens = management_tokens::table.select(TokenRow::as_select());
        // As for keys: only the plan for a single digest is kept.
        let found: QueryResult<TokenRow> = match digests.as_slice() {
            [only] => {
                let digest = only.digest.as_bytes().as_slice();
                let found = tokens.filter(management_tokens::digest.eq(digest));
                reader.look_up(found.first(&mut connection)).await?
            }
            several => {
                let digests: Vec<&[u8]> =
                    several.iter().map(|keyed| keyed.digest.as_bytes().as_slice()).collect();
                let found = tokens.filter(management_tokens::digest.eq_any(digests));
                reader.look_up(found.first(&mut connection)).await?
            }
        };
        found.optional().map_err(failed)?.map(TryInto::try_into).transpose()
    }

    async fn page(
        &self,
        after: Option<TokenId>,
        limit: u32,
    ) -> Result<Vec<ManagementToken>, StoreError> {
        let page: Vec<TokenRow> = management_tokens::table
            .filter(management_tokens::id.gt(after.map_or(Uuid::nil(), TokenId::as_uuid)))
            .filter(management_tokens::revoked_at.is_null())
            .order(management_tokens::id)
            .limit(limit.into())
            .select(TokenRow::as_select())
            .load(&mut *self.connection().await?)
            .await
            .map_err(failed)?;
        page.into_iter().map(TryInto::try_into).collect()
    }

    async fn revoke(
        &self,
        id: TokenId,
        at: Timestamp,
        event: &AuditEvent,
    ) -> Result<bool, StoreError> {
        let (id, event) = (value::<SqlUuid, _>(id.as_uuid()), event_row(event));
        let at = value::<Timestamptz, _>(OffsetDateTime::from(at));
        let revoke = sql!(
            "with revoked as ( \
                update management_tokens set revoked_at = " at " \
                where id = " id " and revoked_at is null returning id \
            ), event as ( \
                insert into audit_events " event " from revoked \
            ) \
            select from revoked"
        );
        let revoked = cached(revoke).execute(&mut *self.connection().await?).await;
        Ok(revoked.map_err(failed)? == 1)
    }

    async fn touch(&self, id: TokenId, at: Timestamp) -> Result<(), StoreError> {
        let (id, at) =
            (value::<SqlUuid, _>(id.as_uuid()), value::<Timestamptz, _>(OffsetDateTime::from(at)));
        let touch = sql!(
            "update management_tokens set last_used_at = " at " \
            where id = " id " and (last_used_at is null or last_used_at < " at ")"
        );
        cached(touch).execute(&mut *self.connection().await?).await.map_err(failed)?;
        Ok(())
    }

    async fn redigest(
        &self,
        id: TokenId,
        stored: &Digest,
        renewed: &KeyedDigest,
    ) -> Result<(), StoreError> {
        let unrevoked = management_tokens::table
            .find(id.as_uuid())
            .filter(management_tokens::digest.eq(stored.as_bytes().as_slice()))
            .filter(management_tokens::revoked_at.is_null());
        let redigest = diesel::update(unrevoked).set((
            management_tokens::digest.eq(renewed.digest.as_bytes().as_slice()),
            management_tokens::pepper_id.eq(i32::from(renewed.pepper.get())),
        ));
        cached(redigest).execute(&mut *self.connection().await?).await.map_err(failed)?;
        Ok(())
    }
}
