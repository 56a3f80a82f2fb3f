use std::collections::BTreeMap;

use thiserror::Error;

use crate::change::ATTEMPTS;
use crate::ports::{EntropyError, KeyRegister, SelectedKey, StoreError, UpdateError};
use crate::{
    Action, ApiKeyId, ApiKeyService, AuditEvent, Caller, ChangeNumber, NotNow, OwnerId, Selection,
};

/// The most keys that one call revokes: all other changes wait for its transaction.
const MOST: u32 = 10_000;

/// Why keys were not revoked.
#[derive(Debug, Error)]
pub enum RevokeAllError {
    /// The selection means more keys than one call revokes; none of them was.
    #[error("more than {most} keys are meant, which is the most that one call revokes")]
    TooMany {
        /// The most that one call revokes.
        most: u32,
    },
    /// The owner has made too many changes of keys.
    #[error(transparent)]
    NotNow(#[from] NotNow),
    /// Rotations of the keys won five times; try again.
    #[error("concurrent rotations of the keys kept conflicting")]
    Contended,
    /// No randomness to make an id from.
    #[error(transparent)]
    Entropy(#[from] EntropyError),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl ApiKeyService {
    /// Revokes all keys that `selection` means, permanently, in one transaction with one event for each owner, and
    /// returns the ids of those that this call revoked, ascending. Once this returns, no instance accepts any of them,
    /// nor any that another call revoked before. A key that is issued while this runs may be left.
    pub async fn revoke_all(
        &self,
        register: &dyn KeyRegister,
        selection: &Selection,
        caller: &Caller,
    ) -> Result<Vec<ApiKeyId>, RevokeAllError> {
        if let Some(owner) = selection.owner() {
            self.limits.count_change(owner, caller)?;
        }
        let (revoked, change) = self.end_all(selection, caller).await?;
        let change = match change {
            Some(change) => change,
            // Somebody else has revoked them, whose change may not be answered yet.
            None => register.last_change().await?,
        };
        self.barrier.pass(change).await;
        Ok(revoked)
    }

    async fn end_all(
        &self,
        selection: &Selection,
        caller: &Caller,
    ) -> Result<(Vec<ApiKeyId>, Option<ChangeNumber>), RevokeAllError> {
        for _attempt in 0..ATTEMPTS {
            let keys = self.keys.selected(selection, MOST + 1).await?;
            if keys.is_empty() {
                return Ok((Vec::new(), None));
            }
            if keys.len() > usize::try_from(MOST).unwrap_or(usize::MAX) {
                return Err(RevokeAllError::TooMany { most: MOST });
            }
            let events = self.ending_of_each_owner(&keys, caller)?;
            match self.keys.revoke_all(&keys, &events).await {
                Ok(Some((revoked, change))) => return Ok((revoked, Some(change))),
                Ok(None) => return Ok((Vec::new(), None)),
                Err(UpdateError::Stale) => {}
                Err(UpdateError::Store(error)) => return Err(error.into()),
            }
        }
        Err(RevokeAllError::Contended)
    }

    fn ending_of_each_owner(
        &self,
        keys: &[SelectedKey],
        caller: &Caller,
    ) -> Result<Vec<AuditEvent>, EntropyError> {
        let mut of_owners = BTreeMap::<&OwnerId, Vec<ApiKeyId>>::new();
        for SelectedKey { id, owner, replaced_by: _ } in keys {
            of_owners.entry(owner).or_default().push(*id);
        }
        let now = self.clock.now();
        let event = |(owner, mut keys): (&OwnerId, Vec<ApiKeyId>)| {
            keys.sort_unstable();
            let action = Action::KeysRevoked(keys);
            AuditEvent::new(&self.ids, now, Some(owner.clone()), action, caller)
        };
        of_owners.into_iter().map(event).collect()
    }
}
