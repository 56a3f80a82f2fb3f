//! The read that a verification does: one key, and how far the server that shows it has come.

use std::sync::LazyLock;

use async_trait::async_trait;
use diesel::dsl::{AsSelect, IsNotNull, Nullable, SqlTypeOf, auto_type};
use diesel::pg::{Pg, PgQueryBuilder};
use diesel::prelude::*;
use diesel::query_builder::{AstPass, Query, QueryBuilder as _, QueryFragment, QueryId};
use diesel::sql_types::Binary;
use diesel_async::RunQueryDsl;
use latchkey_domain::ports::{KeyLookup, Position, StoreError};
use latchkey_domain::{ApiKey, ApiKeyId, Candidates, Digest, FoundKey, KeyedDigest};
use uuid::Uuid;

use crate::PostgresStore;
use crate::budgets::{BudgetsOfKey, budgets_from};
use crate::cached_sql::cached;
use crate::changes::change_number;
use crate::fault::failed;
use crate::readers::{Reader, Readers};
use crate::row::KeyRow;
use crate::schema::{api_keys, change_clock, key_owners};

#[async_trait]
impl KeyLookup for PostgresStore {
    async fn redigest(
        &self,
        id: ApiKeyId,
        stored: &Digest,
        renewed: &KeyedDigest,
    ) -> Result<(), StoreError> {
        let unrevoked = api_keys::table
            .find(id.as_uuid())
            .filter(api_keys::digest.eq(stored.as_bytes().as_slice()))
            .filter(api_keys::revoked_at.is_null());
        let redigest = cached(diesel::update(unrevoked).set((
            api_keys::digest.eq(renewed.digest.as_bytes().as_slice()),
            api_keys::pepper_id.eq(i32::from(renewed.pepper.get())),
        )));
        redigest.execute(&mut *self.connection().await?).await.map(drop).map_err(failed)
    }

    async fn find_by_digest(
        &self,
        digests: &Candidates,
        since: Option<Position>,
    ) -> Result<Option<FoundKey>, StoreError> {
        find(&self.readers, digests, since).await
    }
}

/// The key with one of these digests and its owner, as they were at `since` or later. A server that hangs, lags or has
/// another history is left, and another connection is tried, once.
async fn find(
    readers: &Readers,
    digests: &Candidates,
    since: Option<Position>,
) -> Result<Option<FoundKey>, StoreError> {
    let mut refused = None;
    for _attempt in 0..2 {
        let reader = readers.get().await?;
        match reader.look_up(look_up(&reader, digests)).await {
            Ok(Ok(seen)) => {
                let key: Option<ApiKey> = seen.key.map(TryInto::try_into).transpose()?;
                let (owner_suspended, budgets) =
                    (seen.owner_suspended, budgets_from(seen.budgets)?);
                let found = key.map(|key| FoundKey { key, owner_suspended, budgets });
                let at = Position { change: change_number(seen.change)?, nonce: seen.nonce };
                if since.is_none_or(|since| at.includes(since)) {
                    return Ok(found);
                }
                reader.end();
                refused = Some(failed("the database that answered lags, or has other changes"));
            }
            Ok(Err(error)) if !reader.is_closed() => return Err(failed(error)),
            Ok(Err(error)) => refused = Some(failed(error)),
            Err(error) => refused = Some(error),
        }
    }
    Err(refused.unwrap_or_else(|| failed("no connection was tried")))
}

/// What a look-up sees: the row, whether its owner is suspended, the budgets, and how many changes had been made then.
#[derive(Queryable)]
struct Seen {
    change: i64,
    nonce: Uuid,
    key: Option<KeyRow>,
    owner_suspended: bool,
    budgets: Vec<(i64, String, bool)>,
}

type SeenColumns = (
    change_clock::seq,
    change_clock::nonce,
    AsSelect<Option<KeyRow>, Pg>,
    IsNotNull<Nullable<key_owners::suspended_at>>,
    BudgetsOfKey,
);

fn seen() -> SeenColumns {
    let owner_suspended = key_owners::suspended_at.nullable().is_not_null();
    (change_clock::seq, change_clock::nonce, Option::as_select(), owner_suspended, BudgetsOfKey)
}

#[auto_type]
fn is_its_owner() -> _ {
    key_owners::owner.nullable().eq(api_keys::owner.nullable())
}

/// The clock is read with the row, in one snapshot.
#[expect(clippy::disallowed_methods, reason = "a look-up commits nothing")]
async fn look_up(reader: &Reader, digests: &Candidates) -> QueryResult<Seen> {
    let mut connection = reader.connection();
    // One pepper is the rule. A plain `=` gets a plan that Postgres keeps; for an array it makes a
    // new plan each time.
    match digests.as_slice() {
        [only] => ByDigest(only.digest.as_bytes()).get_result(&mut connection).await,
        several => {
            let digests: Vec<Vec<u8>> =
                several.iter().map(|keyed| keyed.digest.as_bytes().to_vec()).collect();
            let is_one = api_keys::digest.eq_any(digests);
            let keys = change_clock::table
                .left_join(api_keys::table.on(is_one))
                .left_join(key_owners::table.on(is_its_owner()));
            keys.select(seen()).first(&mut connection).await
        }
    }
}

/// The look-up by one digest. Diesel writes the text of a statement again for each call; here that would be
/// a tenth of the processor time of a verification, so the text is kept.
struct ByDigest<'d>(&'d [u8]);

/// What stands before the digest, and what stands behind.
static BY_DIGEST: LazyLock<(String, String)> = LazyLock::new(|| {
    let is_it = api_keys::digest.eq([].as_slice());
    let keys = change_clock::table
        .left_join(api_keys::table.on(is_it))
        .left_join(key_owners::table.on(is_its_owner()))
        .select(seen());
    let mut text = PgQueryBuilder::default();
    let written = QueryFragment::<Pg>::to_sql(&keys, &mut text, &Pg);
    written.expect("a statement of Diesel's own has a text");
    let text = text.finish();
    let (before, behind) = text.split_once("$1").expect("the digest is its argument");
    (before.to_owned(), behind.to_owned())
});

impl QueryFragment<Pg> for ByDigest<'_> {
    fn walk_ast<'b>(&'b self, mut pass: AstPass<'_, 'b, Pg>) -> QueryResult<()> {
        let (before, behind) = &*BY_DIGEST;
        pass.push_sql(before);
        pass.push_bind_param::<Binary, _>(&self.0)?;
        pass.push_sql(behind);
        Ok(())
    }
}

impl QueryId for ByDigest<'_> {
    type QueryId = ByDigest<'static>;
}

impl Query for ByDigest<'_> {
    type SqlType = SqlTypeOf<SeenColumns>;
}
