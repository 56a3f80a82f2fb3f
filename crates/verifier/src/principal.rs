use std::fmt;
use std::sync::Arc;

use latchkey_domain::{ApiKey, ApiKeyId, Environment, Timestamp};

use crate::last_uses::LastUse;

/// Who presents a good key: what a verification answers. Cheap to clone.
///
/// A million of them are remembered, so the texts lie in one piece.
#[derive(Clone)]
pub struct Principal(Arc<Record>);

struct Record {
    key: ApiKeyId,
    expires_at: Option<Timestamp>,
    /// Owner, prefix and name, one after the other.
    text: Box<str>,
    owner_len: u8,
    prefix_len: u8,
    environment: Environment,
    last_use: LastUse,
}

impl Principal {
    /// Whom the key stands for.
    pub(crate) fn of(key: &ApiKey) -> Self {
        let key = key.parts();
        let (owner, prefix, name) = (key.owner.as_str(), key.prefix.as_str(), key.name.as_str());
        Self(Arc::new(Record {
            key: key.id,
            expires_at: key.expires_at,
            text: [owner, prefix, name].concat().into(),
            owner_len: u8::try_from(owner.len()).expect("an owner has at most 255 bytes"),
            prefix_len: u8::try_from(prefix.len()).expect("a prefix has at most 26 bytes"),
            environment: key.environment,
            last_use: LastUse::default(),
        }))
    }

    /// Whether this is still what the key says.
    pub(crate) fn is(&self, key: &ApiKey) -> bool {
        let key = key.parts();
        self.key() == key.id
            && self.expires_at() == key.expires_at
            && self.owner() == key.owner.as_str()
            && self.name() == key.name.as_str()
            && self.prefix() == key.prefix.as_str()
            && self.environment() == key.environment
    }

    pub(crate) fn last_use(&self) -> &LastUse {
        &self.0.last_use
    }

    /// The key's id.
    pub fn key(&self) -> ApiKeyId {
        self.0.key
    }

    /// Whose key it is; visible ASCII.
    pub fn owner(&self) -> &str {
        self.0.text.split_at(self.0.owner_len.into()).0
    }

    /// The public beginning of the key's text.
    pub fn prefix(&self) -> &str {
        self.rest().split_at(self.0.prefix_len.into()).0
    }

    /// What its owner calls the key.
    pub fn name(&self) -> &str {
        self.rest().split_at(self.0.prefix_len.into()).1
    }

    /// What the key is meant for.
    pub fn environment(&self) -> Environment {
        self.0.environment
    }

    /// The first instant at which the key no longer works, if any.
    pub fn expires_at(&self) -> Option<Timestamp> {
        self.0.expires_at
    }

    fn rest(&self) -> &str {
        self.0.text.split_at(self.0.owner_len.into()).1
    }
}

impl fmt::Debug for Principal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Principal")
            .field("key", &self.key())
            .field("owner", &self.owner())
            .finish_non_exhaustive()
    }
}
