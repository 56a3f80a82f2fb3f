use async_trait::async_trait;
use diesel::prelude::*;
use latchkey_domain::ports::{AuditTrail, StoreError};
use latchkey_domain::{ApiKeyId, AuditEvent, EventId, OwnerId, TrailSearch};

use crate::SqliteStore;
use crate::fault::DbResult;
use crate::query;
use crate::row::EventRow;
use crate::schema::audit_events;

/// Adds an event, in the transaction of its change.
pub(crate) fn add(db: &mut SqliteConnection, event: EventRow) -> QueryResult<()> {
    diesel::insert_into(audit_events::table).values(event).execute(db).map(drop)
}

#[async_trait]
impl AuditTrail for SqliteStore {
    async fn record(&self, event: &AuditEvent) -> Result<(), StoreError> {
        let event = EventRow::from(event);
        self.write(move |db| {
            let record = diesel::insert_into(audit_events::table).values(event);
            record.on_conflict(audit_events::id).do_nothing().execute(db)?;
            Ok(())
        })
        .await
    }

    async fn events_of(
        &self,
        owner: &OwnerId,
        key: Option<ApiKeyId>,
        before: Option<EventId>,
        limit: u32,
    ) -> Result<Vec<AuditEvent>, StoreError> {
        let owner = owner.as_str().to_owned();
        self.read(move |db| {
            all(match key {
                None => query::events_of(&owner, before, limit).load(db)?,
                Some(key) => query::events_of_key(&owner, key, before, limit).load(db)?,
            })
        })
        .await
    }

    async fn search(
        &self,
        search: &TrailSearch,
        before: Option<EventId>,
        limit: u32,
    ) -> Result<Vec<AuditEvent>, StoreError> {
        let search = search.clone();
        self.read(move |db| {
            let events = || query::events_sought(&search, before, limit);
            let Some(key) = search.key else { return all(events().load(db)?) };
            // Each part has an index to walk. An event is in one of them.
            let mut rows: Vec<EventRow> = Vec::new();
            for part in query::those_about(key, events) {
                rows.extend(part.load(db)?);
            }
            rows.sort_by(|one, other| other.id().cmp(one.id()));
            rows.truncate(usize::try_from(limit).unwrap_or(usize::MAX));
            all(rows)
        })
        .await
    }

    async fn all_events(
        &self,
        after: Option<EventId>,
        limit: u32,
    ) -> Result<Vec<AuditEvent>, StoreError> {
        self.read(move |db| all(query::all_events(after, limit).load(db)?)).await
    }
}

fn all(rows: Vec<EventRow>) -> DbResult<Vec<AuditEvent>> {
    Ok(rows.into_iter().map(AuditEvent::try_from).collect::<Result<_, _>>()?)
}
