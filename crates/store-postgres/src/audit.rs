use async_trait::async_trait;
use diesel::dsl::{AsSelect, auto_type};
use diesel::pg::Pg;
use diesel::prelude::*;
use diesel::query_dsl::positional_order_dsl::{OrderColumn, PositionalOrderDsl as _};
use diesel_async::RunQueryDsl;
use latchkey_domain::ports::{AuditTrail, StoreError};
use latchkey_domain::{ApiKeyId, AuditEvent, EventId, OwnerId, TrailSearch};
use uuid::Uuid;

use crate::cached_sql::cached;
use crate::fault::failed;
use crate::row::EventRow;
use crate::schema::audit_events;
use crate::sql::{Sql, new_row};
use crate::{PostgresStore, patterns};

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
            // Each part has an index to walk; all joined by `or` have none in the order of ids.
            Some(key) => {
                let done = events_of(owner.as_str(), before).filter(audit_events::key_id.eq(key));
                let issued =
                    events_of(owner.as_str(), before).filter(audit_events::replaced_by.eq(key));
                let among = events_of(owner.as_str(), before)
                    .filter(audit_events::key_ids.contains(vec![key]));
                let id = OrderColumn::from(1);
                let all = done.union_all(issued).union_all(among);
                let newest_first = all.positional_order_by(id.desc());
                reader.answer(newest_first.limit(limit).load(&mut connection)).await?
            }
        };
        events.map_err(failed)?.into_iter().map(TryInto::try_into).collect()
    }

    async fn search(
        &self,
        search: &TrailSearch,
        before: Option<EventId>,
        limit: u32,
    ) -> Result<Vec<AuditEvent>, StoreError> {
        let before = before.map_or(Uuid::max(), EventId::as_uuid);
        let TrailSearch { within, owner, key, action, .. } = search;
        let matching = || {
            let mut events = audit_events::table
                .filter(audit_events::id.lt(before))
                .order(audit_events::id.desc())
                .limit(limit.into())
                .select(EventRow::as_select())
                .into_boxed();
            if let Some(owner) = owner {
                events = events.filter(audit_events::owner.eq(owner.as_str().to_owned()));
            }
            if let Some(action) = action {
                events = events.filter(audit_events::action.eq(*action));
            }
            if let Some(within) = patterns::within("audit_events.owner", within) {
                events = events.filter(within);
            }
            events
        };
        let connection = &mut *self.connection().await?;
        let mut rows: Vec<EventRow> = Vec::new();
        match key.map(ApiKeyId::as_uuid) {
            None => rows.extend(matching().load(connection).await.map_err(failed)?),
            // Each part has an index to walk. An event is in one of them.
            Some(key) => {
                let done = matching().filter(audit_events::key_id.eq(key));
                let issued = matching().filter(audit_events::replaced_by.eq(key));
                let among = matching().filter(audit_events::key_ids.contains(vec![key]));
                for part in [done, issued, among] {
                    let part: Vec<EventRow> = part.load(connection).await.map_err(failed)?;
                    rows.extend(part);
                }
                rows.sort_by_key(|row| std::cmp::Reverse(row.whose.id));
                rows.truncate(usize::try_from(limit).unwrap_or(usize::MAX));
            }
        }
        rows.into_iter().map(TryInto::try_into).collect()
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
