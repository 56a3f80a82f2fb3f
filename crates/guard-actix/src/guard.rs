use std::error::Error as StdError;
use std::fmt;
use std::sync::Arc;

use actix_web::http::header::HeaderMap;
use async_trait::async_trait;
use latchkey_domain::{Secret, error_chain};
use thiserror::Error;

use crate::presented::presented;
use crate::{ApiKeyPrincipal, GuardError, Remote};

/// Where a [`Guard`] learns whether a secret is good, and whose it is.
///
/// [`Remote`] is one; a test of your own service may bring another.
#[async_trait]
pub trait Verify: Send + Sync + fmt::Debug {
    /// The key that `secret` is the text of, if it may be used now.
    async fn verify(&self, secret: &Secret) -> Result<Option<ApiKeyPrincipal>, Unavailable>;
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

/// Admits requests that present a good key. It belongs into the application's data, as it is:
/// `App::new().app_data(guard)`. Clones are one guard.
#[derive(Debug, Clone)]
pub struct Guard(Arc<dyn Verify>);

impl Guard {
    /// A guard that believes `verify`.
    pub fn new(verify: impl Verify + 'static) -> Self {
        Self(Arc::new(verify))
    }

    /// A guard that asks a Latchkey over HTTP, on connections of its own, which it keeps open.
    /// Make one for each worker, in the function that makes the `App`: then a connection is served
    /// by the thread that uses it, and never waits for another worker.
    pub fn remote(latchkey: &Remote) -> Self {
        Self::new(latchkey.client())
    }

    /// A guard that verifies in this process.
    #[cfg(feature = "embedded")]
    pub fn embedded(latchkey: &crate::Embedded) -> Self {
        Self::new(latchkey.clone())
    }

    /// Whether `other` is this guard.
    pub(crate) fn is(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }

    pub(crate) async fn admit(&self, headers: &HeaderMap) -> Result<ApiKeyPrincipal, GuardError> {
        let secret = presented(headers)?;
        match self.0.verify(&secret).await {
            Ok(principal) => principal.ok_or(GuardError::KeyRefused),
            Err(unavailable) => {
                let cause = error_chain(&unavailable);
                tracing::error!(cause, "refused a request with 503");
                Err(unavailable.into())
            }
        }
    }
}
