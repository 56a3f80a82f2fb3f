use crate::ports::{AuditTrail, EntropyError, KeyRegister};
use crate::{Action, ApiKeyId, ApiKeyService, AuditEvent, Caller, RevokeError};

impl ApiKeyService {
    /// What tells that the store has lost a part of its history.
    pub fn history_lost(&self) -> Result<AuditEvent, EntropyError> {
        let (now, caller) = (self.clock.now(), &Caller::RECOVERY);
        AuditEvent::new(&self.ids, now, None, Action::HistoryLost, caller)
    }

    /// After the store has lost a part of its history: keeps the event of that, and revokes those of
    /// `keys` that work again. All of them must have been revoked before, so that it is right
    /// also where the store does not know the revocation. Returns how many worked again.
    ///
    /// It can be repeated with the same event; what was done then is not done twice.
    pub async fn recover(
        &self,
        register: &dyn KeyRegister,
        trail: &dyn AuditTrail,
        lost: &AuditEvent,
        keys: &[ApiKeyId],
    ) -> Result<u64, RevokeError> {
        let caller = &Caller::RECOVERY;
        trail.record(lost).await?;
        let mut revoked = 0;
        for key in keys {
            // Without an owner it is gone, and was never there as far as the store knows.
            let Some(owner) = register.owner_of(*key).await? else { continue };
            let event = self.revocation_event(&owner, Action::KeyRevoked(*key), caller)?;
            revoked += u64::from(self.keys.revoke(&owner, *key, &event).await?.is_some());
        }
        self.barrier.pass(register.last_change().await?).await;
        Ok(revoked)
    }
}
