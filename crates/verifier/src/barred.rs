use latchkey_domain::{ApiKeyId, Bar, Refusal, Refused, Timestamp};
use triomphe::Arc;

/// A secret that is refused until its key or the key's owner is changed. One word: a million of them are cached.
#[derive(Debug, Clone)]
pub(crate) struct Barred(Option<Arc<(ApiKeyId, Bar)>>);

impl Barred {
    /// The secret of no key.
    pub(crate) const UNKNOWN: Self = Self(None);

    pub(crate) fn of(key: ApiKeyId, bar: Bar) -> Self {
        Self(Some(Arc::new((key, bar))))
    }

    /// Why it is refused at `now`.
    pub(crate) fn at(&self, now: Timestamp) -> Refused {
        match self.0.as_deref() {
            Some((key, bar)) => Refused { why: bar.at(now), key: Some(*key) },
            None => Refusal::Unknown.into(),
        }
    }
}
