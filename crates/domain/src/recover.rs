use crate::ports::AuditTrail;
use crate::{Action, ApiKeyId, ApiKeyService, AuditEvent, Caller, RevokeError};

impl ApiKeyService {
    /// After the store has lost a part of its history: keeps an event of that, and revokes those of
    /// `keys` that work again. All of them must have been revoked before, so that it is right
    /// whatever the store knows of them. Tells how many worked again.
    ///
    /// It can be repeated; what was done then is not done twice, but for the event.
    pub async fn recover(
        &self,
        trail: &dyn AuditTrail,
        keys: &[ApiKeyId],
    ) -> Result<u64, RevokeError> {
        let caller = &Caller::RECOVERY;
        let lost = AuditEvent::new(&self.ids, self.clock.now(), None, Action::HistoryLost, caller)?;
        trail.record(&lost).await?;
        let mut revoked = 0;
        for key in keys {
            // Without an owner it is gone, and was never there as far as the store knows.
            let Some(owner) = self.keys.owner_of(*key).await? else { continue };
            let event = self.ending(&owner, Action::KeyRevoked(*key), caller)?;
            revoked += u64::from(self.keys.revoke(&owner, *key, &event).await?.is_some());
        }
        self.barrier.pass(self.keys.last_change().await?).await;
        Ok(revoked)
    }
}
