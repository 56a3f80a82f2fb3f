use thiserror::Error;

use crate::ports::StoreError;
use crate::{ApiKey, ApiKeyService, MalformedSecret, Refusal, Secret};

/// Why a presented secret was not accepted.
#[derive(Debug, Error)]
pub enum VerifyError {
    /// It is not good. The presenter is told only that.
    #[error("Invalid API key")]
    Refused(Refusal),
    /// The store failed, so nobody can say.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl From<Refusal> for VerifyError {
    fn from(refusal: Refusal) -> Self {
        Self::Refused(refusal)
    }
}

impl ApiKeyService {
    /// The key that `presented` is the secret of, if it may be used now. Text that does not have
    /// the form of a key is refused without asking the store.
    pub async fn verify(&self, presented: &[u8]) -> Result<ApiKey, VerifyError> {
        let secret = Secret::parse(presented).map_err(|MalformedSecret| Refusal::Malformed)?;
        let candidates = self.hasher.candidates(&secret);
        let key = self.keys.find_by_digest(&candidates).await?;
        let key = key
            .filter(|key| candidates.contain(&key.parts().digest.digest))
            .ok_or(Refusal::Unknown)?;
        key.check(self.clock.now())?;
        Ok(key)
    }
}
