//! The read that a verification does: one key, and how far the server that shows it has come.

use diesel::prelude::*;
use diesel_async::RunQueryDsl;
use latchkey_domain::ports::{Position, StoreError};
use latchkey_domain::{ApiKey, Candidates};
use uuid::Uuid;

use crate::changes::change_number;
use crate::fault::failed;
use crate::readers::{Reader, Readers};
use crate::row::KeyRow;
use crate::schema::{api_keys, change_clock};

/// The key with one of these digests, as it was at `since` or later. A server that hangs, lags or has
/// another history is left, and another connection is tried, once.
pub(crate) async fn find(
    readers: &Readers,
    digests: &Candidates,
    since: Option<Position>,
) -> Result<Option<ApiKey>, StoreError> {
    let mut refused = None;
    for _attempt in 0..2 {
        let reader = readers.get().await?;
        match reader.look_up(look_up(&reader, digests)).await {
            Ok(Ok(seen)) => {
                let found = seen.key.map(TryInto::try_into).transpose()?;
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

/// What a look-up sees: the row, and how many changes had been made then.
#[derive(Queryable)]
struct Seen {
    change: i64,
    nonce: Uuid,
    key: Option<KeyRow>,
}

/// The clock is read with the row, in one snapshot.
async fn look_up(reader: &Reader, digests: &Candidates) -> QueryResult<Seen> {
    let mut connection = reader.connection();
    let seen = (change_clock::seq, change_clock::nonce, Option::<KeyRow>::as_select());
    // One pepper is the rule. A plain `=` gets a plan that Postgres keeps; for an array it makes a
    // new plan each time.
    match digests.as_slice() {
        [only] => {
            let is_it = api_keys::digest.eq(only.digest.as_bytes().as_slice());
            let keys = change_clock::table.left_join(api_keys::table.on(is_it));
            keys.select(seen).first(&mut connection).await
        }
        several => {
            let digests: Vec<&[u8]> =
                several.iter().map(|keyed| keyed.digest.as_bytes().as_slice()).collect();
            let is_one = api_keys::digest.eq_any(digests);
            let keys = change_clock::table.left_join(api_keys::table.on(is_one));
            keys.select(seen).first(&mut connection).await
        }
    }
}
