use async_trait::async_trait;
use diesel::dsl::{AsSelect, auto_type};
use diesel::prelude::*;
use diesel::sqlite::Sqlite;
use latchkey_accounts::ManagementToken;
use latchkey_accounts::ports::ManagementTokenRepository;
use latchkey_domain::ports::StoreError;
use latchkey_domain::{AuditEvent, Candidates, Digest, KeyedDigest, Timestamp, TokenId};

use crate::SqliteStore;
use crate::audit;
use crate::query::slot;
use crate::row::{EventRow, TokenRow, digest_columns, id_bytes};
use crate::schema::management_tokens;

#[async_trait]
impl ManagementTokenRepository for SqliteStore {
    async fn insert(&self, token: &ManagementToken, event: &AuditEvent) -> Result<(), StoreError> {
        let (row, event) = (TokenRow::from(token), EventRow::from(event));
        self.write(move |db| {
            diesel::insert_into(management_tokens::table).values(row).execute(db)?;
            Ok(audit::add(db, event)?)
        })
        .await
    }

    async fn find(&self, digests: &Candidates) -> Result<Option<ManagementToken>, StoreError> {
        let digests = *digests;
        self.read(move |db| {
            let found: Option<TokenRow> = with_one_of(&digests).get_result(db).optional()?;
            Ok(found.map(ManagementToken::try_from).transpose()?)
        })
        .await
    }

    async fn page(
        &self,
        after: Option<TokenId>,
        limit: u32,
    ) -> Result<Vec<ManagementToken>, StoreError> {
        self.read(move |db| {
            // Every id comes after no bytes at all.
            let after = after.map_or_else(Vec::new, |id| id_bytes(id.as_uuid()));
            let page: Vec<TokenRow> = management_tokens::table
                .filter(management_tokens::id.gt(after))
                .filter(management_tokens::revoked_at.is_null())
                .order(management_tokens::id)
                .limit(limit.into())
                .select(TokenRow::as_select())
                .load(db)?;
            Ok(page.into_iter().map(ManagementToken::try_from).collect::<Result<_, _>>()?)
        })
        .await
    }

    async fn revoke(
        &self,
        id: TokenId,
        at: Timestamp,
        event: &AuditEvent,
    ) -> Result<bool, StoreError> {
        let event = EventRow::from(event);
        self.write(move |db| {
            let unrevoked = management_tokens::table
                .filter(management_tokens::id.eq(id_bytes(id.as_uuid())))
                .filter(management_tokens::revoked_at.is_null());
            let revoked = diesel::update(unrevoked)
                .set(management_tokens::revoked_at.eq(at.unix_millis()))
                .execute(db)?;
            if revoked == 1 {
                audit::add(db, event)?;
            }
            Ok(revoked == 1)
        })
        .await
    }

    async fn touch(&self, id: TokenId, at: Timestamp) -> Result<(), StoreError> {
        self.write(move |db| {
            let at = at.unix_millis();
            let earlier = management_tokens::last_used_at
                .is_null()
                .or(management_tokens::last_used_at.lt(at).assume_not_null());
            let used_earlier = management_tokens::table
                .filter(management_tokens::id.eq(id_bytes(id.as_uuid())))
                .filter(earlier);
            diesel::update(used_earlier).set(management_tokens::last_used_at.eq(at)).execute(db)?;
            Ok(())
        })
        .await
    }

    async fn redigest(
        &self,
        id: TokenId,
        stored: &Digest,
        renewed: &KeyedDigest,
    ) -> Result<(), StoreError> {
        let (stored, (digest, pepper)) = (stored.as_bytes().to_vec(), digest_columns(renewed));
        self.write(move |db| {
            let unrevoked = management_tokens::table
                .filter(management_tokens::id.eq(id_bytes(id.as_uuid())))
                .filter(management_tokens::digest.eq(stored))
                .filter(management_tokens::revoked_at.is_null());
            diesel::update(unrevoked)
                .set((
                    management_tokens::digest.eq(digest),
                    management_tokens::pepper_id.eq(pepper),
                ))
                .execute(db)?;
            Ok(())
        })
        .await
    }
}

/// A token; `plans.rs` holds it to its plan.
#[auto_type(no_type_alias)]
pub(crate) fn with_one_of(digests: &Candidates) -> _ {
    let a: Vec<u8> = slot(digests, 0);
    let b: Vec<u8> = slot(digests, 1);
    let c: Vec<u8> = slot(digests, 2);
    let row: AsSelect<TokenRow, Sqlite> = TokenRow::as_select();
    let one_of = management_tokens::digest
        .eq(a)
        .or(management_tokens::digest.eq(b))
        .or(management_tokens::digest.eq(c));
    management_tokens::table.filter(one_of).select(row)
}
