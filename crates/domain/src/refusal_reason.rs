use std::net::IpAddr;

use crate::{ApiKeyId, Denial, Refusal};

/// Why a call with a known key was refused, as it is counted for the key. Only the owner of the key and operators see it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum RefusalReason {
    /// The key is switched off.
    Disabled,
    /// The time of the key is over.
    Expired,
    /// The key is dead.
    Revoked,
    /// The owner of the key is suspended.
    Suspended,
    /// The key may not be used from that address.
    Network,
    /// The key lacks a scope.
    Scope,
    /// The key, or its owner, has reached a limit.
    Rate,
    /// The key, or its owner, has no credits left.
    Credits,
}

/// The name of no [`RefusalReason`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a reason to refuse a call")]
pub struct UnknownReason;

impl RefusalReason {
    /// All of them.
    pub const ALL: [Self; 8] = [
        Self::Disabled,
        Self::Expired,
        Self::Revoked,
        Self::Suspended,
        Self::Network,
        Self::Scope,
        Self::Rate,
        Self::Credits,
    ];

    /// Its name, for answers and storage.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Disabled => "disabled",
            Self::Expired => "expired",
            Self::Revoked => "revoked",
            Self::Suspended => "suspended",
            Self::Network => "network",
            Self::Scope => "scope",
            Self::Rate => "rate",
            Self::Credits => "credits",
        }
    }

    /// Reads a name as [`as_str`](Self::as_str) gives it.
    pub fn parse(name: &str) -> Result<Self, UnknownReason> {
        Self::ALL.into_iter().find(|reason| reason.as_str() == name).ok_or(UnknownReason)
    }
}

impl From<Denial> for RefusalReason {
    fn from(denial: Denial) -> Self {
        match denial {
            Denial::Network => Self::Network,
            Denial::Scope => Self::Scope,
        }
    }
}

/// What is kept of a refused call besides its key, its reason and its time.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RefusedCall {
    /// Where it came from, as far as is known.
    pub address: Option<IpAddr>,
    /// The id that it was answered with.
    pub request_id: Option<String>,
    /// The scopes that it required, in the words of the call.
    pub required: Option<String>,
}

/// A presented secret that is not good: why, and which key it is of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Refused {
    /// Why.
    pub why: Refusal,
    /// The key; `None` for a text that is that of no key.
    pub key: Option<ApiKeyId>,
}

impl Refused {
    /// The key, and why calls with it are refused; `None` where no key is known.
    pub fn of_key(self) -> Option<(ApiKeyId, RefusalReason)> {
        let reason = match self.why {
            Refusal::Malformed | Refusal::Unknown => return None,
            Refusal::Disabled => RefusalReason::Disabled,
            Refusal::Expired => RefusalReason::Expired,
            Refusal::Revoked => RefusalReason::Revoked,
            Refusal::OwnerSuspended => RefusalReason::Suspended,
        };
        Some((self.key?, reason))
    }
}

impl From<Refusal> for Refused {
    /// Of no key.
    fn from(why: Refusal) -> Self {
        Self { why, key: None }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_reason_is_read_back_from_its_name() {
        for reason in RefusalReason::ALL {
            assert_eq!(RefusalReason::parse(reason.as_str()), Ok(reason));
        }
        assert_eq!(RefusalReason::parse("accepted"), Err(UnknownReason));
    }
}
