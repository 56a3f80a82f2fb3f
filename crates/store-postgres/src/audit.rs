use async_trait::async_trait;
use diesel::prelude::*;
use diesel::query_builder::{BoxedSqlQuery, SqlQuery};
use diesel::sql_query;
use diesel::sql_types::{Nullable, Text, Timestamptz, Uuid as SqlUuid};
use diesel_async::RunQueryDsl;
use latchkey_domain::ports::{AuditTrail, StoreError};
use latchkey_domain::{AuditEvent, EventId, OwnerId};
use uuid::Uuid;

use crate::PostgresStore;
use crate::cached_sql::cached;
use crate::fault::failed;
use crate::row::EventRow;
use crate::schema::audit_events;

/// Adds the event that a statement begins its arguments with; what follows says when: `from` a part
/// of the statement that has a row where the change can be made. The change itself comes after it,
/// so that the change clock is taken last.
macro_rules! add_event {
    () => {
        "insert into audit_events (id, at, owner, action, key_id, replaced_by, actor, address, \
         user_agent, request_id) select $1, $2, $3, $4, $5, $6, $7, $8, $9, $10 "
    };
}
pub(crate) use add_event;

/// A statement whose first ten arguments are an event.
pub(crate) fn with_event(
    sql: &str,
    event: &AuditEvent,
) -> BoxedSqlQuery<'static, diesel::pg::Pg, SqlQuery> {
    let row = EventRow::from(event);
    sql_query(sql)
        .into_boxed()
        .bind::<SqlUuid, _>(row.id)
        .bind::<Timestamptz, _>(row.at)
        .bind::<Nullable<Text>, _>(row.owner)
        .bind::<Text, _>(row.action)
        .bind::<Nullable<SqlUuid>, _>(row.key_id)
        .bind::<Nullable<SqlUuid>, _>(row.replaced_by)
        .bind::<Text, _>(row.actor)
        .bind::<Nullable<Text>, _>(row.address)
        .bind::<Nullable<Text>, _>(row.user_agent)
        .bind::<Nullable<Text>, _>(row.request_id)
}

#[async_trait]
impl AuditTrail for PostgresStore {
    async fn record(&self, event: &AuditEvent) -> Result<(), StoreError> {
        let record = cached(with_event(add_event!(), event));
        record.execute(&mut *self.connection().await?).await.map_err(failed)?;
        Ok(())
    }

    async fn events_of(
        &self,
        owner: &OwnerId,
        before: Option<EventId>,
        limit: u32,
    ) -> Result<Vec<AuditEvent>, StoreError> {
        let before = before.map_or(Uuid::max(), EventId::as_uuid);
        let events: Vec<EventRow> = audit_events::table
            .filter(audit_events::owner.eq(owner.as_str()))
            .filter(audit_events::id.lt(before))
            .order(audit_events::id.desc())
            .limit(limit.into())
            .select(EventRow::as_select())
            .load(&mut &*self.readers.get().await?)
            .await
            .map_err(failed)?;
        events.into_iter().map(TryInto::try_into).collect()
    }

    async fn all_events(
        &self,
        after: Option<EventId>,
        limit: u32,
    ) -> Result<Vec<AuditEvent>, StoreError> {
        let after = after.map_or(Uuid::nil(), EventId::as_uuid);
        let events: Vec<EventRow> = audit_events::table
            .filter(audit_events::id.gt(after))
            .order(audit_events::id)
            .limit(limit.into())
            .select(EventRow::as_select())
            .load(&mut *self.connection().await?)
            .await
            .map_err(failed)?;
        events.into_iter().map(TryInto::try_into).collect()
    }
}
