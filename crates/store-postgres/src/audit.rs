use async_trait::async_trait;
use diesel::dsl::{AsSelect, auto_type};
use diesel::pg::Pg;
use diesel::prelude::*;
use diesel::query_dsl::positional_order_dsl::{OrderColumn, PositionalOrderDsl as _};
use diesel_async::RunQueryDsl;
use latchkey_domain::ports::{AuditTrail, StoreError};
use latchkey_domain::{ApiKeyId, AuditEvent, EventId, OwnerId};
use uuid::Uuid;

use crate::PostgresStore;
use crate::cached_sql::cached;
use crate::fault::failed;
use crate::row::EventRow;
use crate::schema::audit_events;
use crate::sql::{Sql, new_row};

/// An event, for `insert into audit_events`.
pub(crate) fn event_row(event: &AuditEvent) -> Sql {
    new_row(EventRow::from(event))
}

#[expect(clippy::elidable_lifetime_names, reason = "the macro names the type by it")]
#[auto_type]
fn events_of<'a>(owner: &'a str, before: Uuid) -> _ {
    let row: AsSelect<EventRow, Pg> = EventRow::as_select();
    audit_events::table
        .filter(audit_events::owner.eq(owner))
        .filter(audit_events::id.lt(before))
        .select(row)
}

#[async_trait]
impl AuditTrail for PostgresStore {
    async fn record(&self, event: &AuditEvent) -> Result<(), StoreError> {
        let record = diesel::insert_into(audit_events::table).values(EventRow::from(event));
        let record = cached(record.on_conflict_do_nothing());
        record.execute(&mut *self.connection().await?).await.map_err(failed)?;
        Ok(())
    }

    async fn events_of(
        &self,
        owner: &OwnerId,
        key: Option<ApiKeyId>,
        before: Option<EventId>,
        limit: u32,
    ) -> Result<Vec<AuditEvent>, StoreError> {
        let (before, limit) = (before.map_or(Uuid::max(), EventId::as_uuid), i64::from(limit));
        let reader = self.readers.get().await?;
        let mut connection = reader.connection();
        let events: QueryResult<Vec<EventRow>> = match key.map(ApiKeyId::as_uuid) {
            None => {
                let newest_first = events_of(owner.as_str(), before).order(audit_events::id.desc());
                reader.answer(newest_first.limit(limit).load(&mut connection)).await?
            }
            // Each part has an index to walk; both joined by `or` have none in the order of ids.
            Some(key) => {
                let done = events_of(owner.as_str(), before).filter(audit_events::key_id.eq(key));
                let issued =
                    events_of(owner.as_str(), before).filter(audit_events::replaced_by.eq(key));
                let id = OrderColumn::from(1);
                let newest_first = done.union_all(issued).positional_order_by(id.desc());
                reader.answer(newest_first.limit(limit).load(&mut connection)).await?
            }
        };
        events.map_err(failed)?.into_iter().map(TryInto::try_into).collect()
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
