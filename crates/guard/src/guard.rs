use std::error::Error as StdError;
use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;

use async_trait::async_trait;
use http::HeaderMap;
use latchkey_domain::{Secret, error_chain};
use thiserror::Error;

use crate::presented::presented;
use crate::{Hops, Principal, Refusal, Remote};

/// Where a [`Guard`] learns whether a secret is good, and whose it is.
///
/// [`Remote`] is one; a test of your own service may bring another.
#[async_trait]
pub trait Verify: Send + Sync + fmt::Debug {
    /// The key that `secret` is the text of, if it may be used now from where the request came.
    async fn verify(&self, secret: &Secret, hops: &Hops) -> Result<Principal, NotVerified>;
}

/// Why there is no principal.
#[derive(Debug, Error)]
pub enum NotVerified {
    /// The key may not be used now; what its caller is answered.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// Nobody could say.
    #[error(transparent)]
    Unavailable(#[from] Unavailable),
}

/// Whether a key is good could not be told. To be logged, never matched.
#[derive(Debug, Error)]
#[error("a key could not be verified")]
pub struct Unavailable(#[source] Box<dyn StdError + Send + Sync>);

impl Unavailable {
    /// Wraps what went wrong.
    pub fn new(source: impl Into<Box<dyn StdError + Send + Sync>>) -> Self {
        Self(source.into())
    }
}

/// Admits requests that present a good key. Clones are one guard.
#[derive(Debug, Clone)]
pub struct Guard(Arc<dyn Verify>);

impl Guard {
    /// A guard that believes `verify`.
    pub fn new(verify: impl Verify + 'static) -> Self {
        Self(Arc::new(verify))
    }

    /// A guard that asks a Latchkey over HTTP, on connections of its own, which it keeps open.
    pub fn remote(latchkey: &Remote) -> Self {
        Self::new(latchkey.client())
    }

    /// A guard that verifies in this process.
    #[cfg(feature = "embedded")]
    pub fn embedded(latchkey: &crate::Embedded) -> Self {
        Self::new(latchkey.clone())
    }

    /// Whether `other` is this guard.
    pub fn is(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }

    /// The good key that a request with these headers presents, on a connection from `peer`, or what to answer in the
    /// service's place. Where the peer is `None`, keys with networks are refused.
    pub async fn admit(
        &self,
        headers: &HeaderMap,
        peer: Option<IpAddr>,
    ) -> Result<Principal, Refusal> {
        let secret = presented(headers)?;
        match self.0.verify(&secret, &Hops::of(headers, peer)).await {
            Ok(principal) => Ok(principal),
            Err(NotVerified::Refused(refusal)) => Err(refusal),
            Err(NotVerified::Unavailable(unavailable)) => {
                let cause = error_chain(&unavailable);
                tracing::error!(cause, "refused a request with 503");
                Err(Refusal::unavailable())
            }
        }
    }
}
