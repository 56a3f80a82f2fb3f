use async_trait::async_trait;
use diesel::dsl::exists;
use diesel::prelude::*;
use diesel::sql_query;
use diesel::sql_types::{Text, Timestamptz, Uuid as SqlUuid};
use diesel_async::RunQueryDsl;
use latchkey_accounts::ports::NetworkRepository;
use latchkey_accounts::{AccountId, Email};
use latchkey_domain::ports::StoreError;
use latchkey_domain::{Network, Timestamp};
use time::OffsetDateTime;

use crate::PostgresStore;
use crate::cached_sql::cached;
use crate::fault::{Place, failed};
use crate::schema::{accounts, known_networks};

const RECORD: &str = "\
insert into known_networks (account_id, network, signed_in_at) values ($1, $2, $3) \
on conflict (account_id, network) do update set signed_in_at = excluded.signed_in_at \
where known_networks.signed_in_at < excluded.signed_in_at";

#[async_trait]
impl NetworkRepository for PostgresStore {
    async fn record(
        &self,
        account: AccountId,
        network: Network,
        at: Timestamp,
    ) -> Result<(), StoreError> {
        let record = sql_query(RECORD)
            .bind::<SqlUuid, _>(account.as_uuid())
            .bind::<Text, _>(network.to_string())
            .bind::<Timestamptz, _>(OffsetDateTime::from(at));
        cached(record).execute(&mut *self.connection().await?).await.map_err(failed)?;
        Ok(())
    }

    async fn knows(
        &self,
        email: &Email,
        network: Network,
        since: Timestamp,
    ) -> Result<bool, StoreError> {
        let known = known_networks::table
            .inner_join(accounts::table)
            .filter(accounts::email.eq(email.as_str()))
            .filter(known_networks::network.eq(network.to_string()))
            .filter(known_networks::signed_in_at.ge(OffsetDateTime::from(since)));
        let known = diesel::select(exists(known));
        let reader = self.readers.get().await?;
        let mut connection = reader.connection();
        reader.look_up(known.first(&mut connection)).await?.map_err(failed)
    }

    async fn networks_of(
        &self,
        account: AccountId,
    ) -> Result<Vec<(Network, Timestamp)>, StoreError> {
        let known: Vec<(String, OffsetDateTime)> = known_networks::table
            .filter(known_networks::account_id.eq(account.as_uuid()))
            .order(known_networks::signed_in_at.desc())
            .select((known_networks::network, known_networks::signed_in_at))
            .load(&mut *self.connection().await?)
            .await
            .map_err(failed)?;
        let place = Place { table: "known_networks", row: account.as_uuid() };
        let read = |(network, at): (String, OffsetDateTime)| {
            let network = place.read("network", network.parse().ok())?;
            Ok((Network::of(network), at.into()))
        };
        known.into_iter().map(read).collect()
    }

    async fn purge(&self, before: Timestamp) -> Result<(), StoreError> {
        let old = known_networks::signed_in_at.lt(OffsetDateTime::from(before));
        diesel::delete(known_networks::table.filter(old))
            .execute(&mut *self.connection().await?)
            .await
            .map_err(failed)?;
        Ok(())
    }
}
