use async_trait::async_trait;
use diesel::dsl::exists;
use diesel::prelude::*;
use diesel::upsert::excluded;
use latchkey_accounts::ports::NetworkRepository;
use latchkey_accounts::{AccountId, Email};
use latchkey_domain::ports::StoreError;
use latchkey_domain::{Network, Timestamp};

use crate::SqliteStore;
use crate::fault::{Corrupt, Place};
use crate::row::id_bytes;
use crate::schema::{accounts, known_networks};

#[async_trait]
impl NetworkRepository for SqliteStore {
    async fn record(
        &self,
        account: AccountId,
        network: Network,
        at: Timestamp,
    ) -> Result<(), StoreError> {
        use diesel::query_dsl::methods::FilterDsl as _;

        self.write(move |db| {
            diesel::insert_into(known_networks::table)
                .values((
                    known_networks::account_id.eq(id_bytes(account.as_uuid())),
                    known_networks::network.eq(network.to_string()),
                    known_networks::signed_in_at.eq(at.unix_millis()),
                ))
                .on_conflict((known_networks::account_id, known_networks::network))
                .do_update()
                .set(known_networks::signed_in_at.eq(excluded(known_networks::signed_in_at)))
                .filter(excluded(known_networks::signed_in_at).gt(known_networks::signed_in_at))
                .execute(db)?;
            Ok(())
        })
        .await
    }

    async fn knows(
        &self,
        email: &Email,
        network: Network,
        since: Timestamp,
    ) -> Result<bool, StoreError> {
        let email = email.as_str().to_owned();
        self.read(move |db| {
            let known = known_networks::table
                .inner_join(accounts::table)
                .filter(accounts::email.eq(email))
                .filter(known_networks::network.eq(network.to_string()))
                .filter(known_networks::signed_in_at.ge(since.unix_millis()));
            Ok(diesel::select(exists(known)).get_result(db)?)
        })
        .await
    }

    async fn networks_of(
        &self,
        account: AccountId,
    ) -> Result<Vec<(Network, Timestamp)>, StoreError> {
        self.read(move |db| {
            let known: Vec<(String, i64)> = known_networks::table
                .filter(known_networks::account_id.eq(id_bytes(account.as_uuid())))
                .order(known_networks::signed_in_at.desc())
                .select((known_networks::network, known_networks::signed_in_at))
                .load(db)?;
            let place = Place { table: "known_networks", row: account.as_uuid() };
            let read = |(network, at): (String, i64)| {
                let network = place.read("network", network.parse().ok())?;
                let at = place.read("signed_in_at", Timestamp::from_unix_millis(at))?;
                Ok((Network::of(network), at))
            };
            known.into_iter().map(read).collect::<Result<_, Corrupt>>().map_err(Into::into)
        })
        .await
    }

    async fn purge(&self, before: Timestamp) -> Result<(), StoreError> {
        self.write(move |db| {
            let old = known_networks::signed_in_at.lt(before.unix_millis());
            diesel::delete(known_networks::table.filter(old)).execute(db)?;
            Ok(())
        })
        .await
    }
}
