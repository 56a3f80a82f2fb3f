use std::time::Duration;

use diesel::prelude::*;
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use latchkey_domain::ports::StoreError;
use uuid::Uuid;

use crate::demands::{self, Need, SERVING, VERIFYING};
use crate::fault::failed;
use crate::schema::api_keys;
use crate::{PostgresStore, migrations};

const LIMIT: Duration = Duration::from_secs(1);

impl PostgresStore {
    /// Whether the server can do its work: the database answers a look-up within a second, has every
    /// migration that this version needs, and takes changes from this role.
    ///
    /// It asks on the connections by which keys are verified, and needs none of the pool: changes
    /// that wait for a lost standby may fill that, and make no server unready that verifies.
    pub async fn ready(&self) -> Result<(), StoreError> {
        self.ready_for(SERVING).await
    }

    /// The same for a service that verifies and changes nothing, whose role needs fewer privileges.
    pub async fn ready_to_verify(&self) -> Result<(), StoreError> {
        self.ready_for(VERIFYING).await
    }

    async fn ready_for(&self, needs: &[Need]) -> Result<(), StoreError> {
        let asked = async {
            let reader = self.readers.get().await?;
            if let Some(unmet) = demands::unmet(reader.connection(), needs).await.map_err(failed)? {
                return Err(failed(unmet));
            }
            if !migrations::is_current(reader.connection()).await.map_err(failed)? {
                return Err(failed("the database has not been migrated"));
            }
            look_up_nothing(reader.connection()).await.map_err(failed)
        };
        tokio::time::timeout(LIMIT, asked).await.map_err(failed)?
    }
}

/// Looks for a key with a digest that none has, the way a verification looks for one.
async fn look_up_nothing(mut connection: &AsyncPgConnection) -> QueryResult<()> {
    let nothing = api_keys::table.select(api_keys::id).filter(api_keys::digest.eq(&[][..]));
    let _none: Option<Uuid> = nothing.first(&mut connection).await.optional()?;
    Ok(())
}
