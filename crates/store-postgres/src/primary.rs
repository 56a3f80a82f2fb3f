use diesel::dsl::sql as literal;
use diesel::sql_types::Text;
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use latchkey_domain::ports::StoreError;

use crate::fault::failed;

/// Fails, or never answers, where a synchronous standby has taken over from the server of this connection: for an answer that
/// says that something is done already, or is not there.
///
/// What a primary that was left behind shows is old. A statement that writes is safe there, since its commit waits for the
/// standby. One that only reads is not, so this commits a message that nobody reads.
pub(crate) async fn prove_primary(connection: &mut AsyncPgConnection) -> Result<(), StoreError> {
    let message = literal::<Text>("pg_logical_emit_message(true, 'latchkey', '')::text");
    // Read to its end: a row arrives before the commit.
    let _position: Vec<String> = diesel::select(message).load(connection).await.map_err(failed)?;
    Ok(())
}
