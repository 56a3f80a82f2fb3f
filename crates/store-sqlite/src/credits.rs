use std::sync::Arc;

use diesel::prelude::*;
use latchkey_domain::ports::{AddedCredits, CreditsError};
use latchkey_domain::{Action, AuditEvent, CreditChange};

use crate::SqliteStore;
use crate::audit;
use crate::budget_changes::{Holder, change_credits};
use crate::fault::DbResult;
use crate::row::EventRow;

impl SqliteStore {
    /// Changes the credits of a holder, who is found in the same transaction, and stores the event with what was left.
    pub(crate) async fn change_credits(
        &self,
        change: CreditChange,
        event: &AuditEvent,
        holder: impl FnOnce(&mut SqliteConnection) -> DbResult<Holder, CreditsError> + Send + 'static,
    ) -> Result<AddedCredits, CreditsError> {
        let event = event.clone();
        let changes = Arc::clone(&self.0.changes);
        let work = move |db: &mut SqliteConnection| {
            let holder = holder(db)?;
            let [before, after] = change_credits(db, &holder, change)?;
            if before == after {
                return Ok((after, Vec::new()));
            }
            let key = event.action.key();
            let action = Action::CreditsAdded { key, credits: Some([before, after]) };
            audit::add(db, EventRow::from(&AuditEvent { action, ..event }))?;
            let is_told = before.is_some() != after.is_some();
            let told = if is_told { holder.keys(db)? } else { Vec::new() };
            Ok((after, told))
        };
        let tell = move |(left, told)| AddedCredits { left, as_of: changes.tell(told) };
        self.0.pool.write_then(work, tell).await
    }
}
