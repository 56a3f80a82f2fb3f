use thiserror::Error;

use crate::ports::{EntropyError, StoreError};
use crate::{Action, ApiKeyParts, ApiKeyService, Caller, FoundKey, NotNow, Secret};

/// Why a report of leaked keys was not carried out.
#[derive(Debug, Error)]
pub enum ReportLeaksError {
    /// The network of the caller has made too many reports.
    #[error(transparent)]
    NotNow(#[from] NotNow),
    /// The text holds no key.
    #[error("the text holds no key")]
    NoKey,
    /// No randomness to make an id from.
    #[error(transparent)]
    Entropy(#[from] EntropyError),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl ApiKeyService {
    /// Revokes every key whose secret is in `text`, of any owner: anybody who holds a key may revoke it.
    /// Returns `Ok` also for secrets of no key or of a revoked one, so that the caller learns nothing.
    /// Once this returns, no instance accepts any of them.
    ///
    /// The caller bounds the length of `text`, and so how many keys there can be.
    pub async fn report_leaks(&self, text: &[u8], caller: &Caller) -> Result<(), ReportLeaksError> {
        self.limits.count_leak_report(caller)?;
        let secrets: Vec<_> = Secret::find_in(text).map(|(_, secret)| secret).collect();
        if secrets.is_empty() {
            return Err(ReportLeaksError::NoKey);
        }
        let (mut last, mut found_all) = (None, true);
        for secret in &secrets {
            let candidates = self.hasher.candidates(secret);
            let found = self.lookup.find_by_digest(&candidates, None).await?;
            let is_it = |found: &FoundKey| candidates.contain(&found.key.parts().digest.digest);
            if let Some(FoundKey { key, .. }) = found.filter(is_it) {
                let ApiKeyParts { owner, id, .. } = key.parts();
                let event = self.revocation_event(owner, Action::KeyLeaked(*id), caller)?;
                let (_, change) = self.store_revocation(owner, *id, &event).await?;
                last = last.max(change);
            } else {
                found_all = false;
            }
        }
        if !found_all {
            self.keys.confirm().await?;
        }
        self.wait_for(last).await;
        Ok(())
    }
}
