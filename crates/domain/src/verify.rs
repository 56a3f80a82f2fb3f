use thiserror::Error;

use crate::ports::StoreError;
use crate::{ApiKey, ApiKeyService, Refusal, Refused, Secret};

/// Why a presented secret was not accepted.
#[derive(Debug, Error)]
pub enum VerifyError {
    /// It is not good. The presenter is told only that.
    #[error("the secret is not that of a good key")]
    Refused(Refused),
    /// The store failed, and no cache can vouch for the secret: whether it is good is unknown.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl ApiKeyService {
    /// The key that has this secret, if the key may be used now. Each call asks the store; the crate
    /// `latchkey-verifier` answers the same from a cache. No use of the key is noted, and
    /// its [`Restrictions`](crate::Restrictions) are not judged: the caller knows the address and what the call needs.
    pub async fn verify(&self, secret: &Secret) -> Result<ApiKey, VerifyError> {
        let candidates = self.hasher.candidates(secret);
        let found = self.lookup.find_by_digest(&candidates, None).await?;
        let found = found
            .filter(|found| candidates.contain(&found.key.parts().digest.digest))
            .ok_or(VerifyError::Refused(Refusal::Unknown.into()))?;
        let key = Some(found.key.parts().id);
        let of_key = |why| VerifyError::Refused(Refused { why, key });
        found.check(self.clock.now()).map_err(of_key)?;
        Ok(found.key)
    }
}
