use latchkey_domain::{ApiKeyId, Environment, KeyName, KeyPrefix, Metadata, OwnerId, Timestamp};

/// Who is calling: the good key that came with a request.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Principal {
    /// The key's public handle.
    pub key_id: ApiKeyId,
    /// Whose key it is.
    pub owner_id: OwnerId,
    /// What its owner calls it.
    pub name: KeyName,
    /// The public beginning of its text.
    pub key_prefix: KeyPrefix,
    /// What it is meant for.
    pub environment: Environment,
    /// The first instant at which it no longer works, if any.
    pub expires_at: Option<Timestamp>,
    /// What another system keeps with it: the text of a JSON object, `{}` where there is nothing.
    pub metadata: Metadata,
}

impl Principal {
    /// A key that works until it is revoked, for a [`Verify`](crate::Verify) of your own.
    pub fn new(
        key_id: ApiKeyId,
        owner_id: OwnerId,
        name: KeyName,
        key_prefix: KeyPrefix,
        environment: Environment,
    ) -> Self {
        let metadata = Metadata::default();
        Self { key_id, owner_id, name, key_prefix, environment, expires_at: None, metadata }
    }
}
