use std::error::Error as StdError;
use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;

use async_trait::async_trait;
use http::HeaderMap;
use latchkey_domain::{Cost, CostTooHigh, Secret, error_chain};
use thiserror::Error;

use crate::presented::presented;
use crate::{Hops, Principal, Refusal, Remote};

/// Where a [`Guard`] learns whether a secret is good, and whose it is.
///
/// [`Remote`] is one; a test of your own service may bring another.
#[async_trait]
pub trait Verify: Send + Sync + fmt::Debug {
    /// The key that `secret` is the text of, if it may be used now from where the request came. Its budgets are charged
    /// `cost`.
    async fn verify(
        &self,
        secret: &Secret,
        hops: &Hops,
        cost: Cost,
    ) -> Result<Principal, NotVerified>;
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
pub struct Guard {
    by: Arc<dyn Verify>,
    cost: Cost,
}

impl Guard {
    /// A guard that believes `verify`.
    pub fn new(verify: impl Verify + 'static) -> Self {
        Self { by: Arc::new(verify), cost: Cost::ONE }
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

    /// The same guard for requests of which each costs so much of the budgets of its key: 0 to 1,000,000. 0 asks whether
    /// there is any room. Without this a request costs 1.
    ///
    /// It shares the connections of this one, so it may be made for a single request.
    pub fn at_cost(&self, cost: u32) -> Result<Self, CostTooHigh> {
        Ok(Self { cost: Cost::new(cost)?, ..self.clone() })
    }

    /// Whether `other` is this guard, at the same cost.
    pub fn is(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.by, &other.by) && self.cost == other.cost
    }

    /// The good key that a request with these headers presents, on a connection from `peer`, or what to answer in the
    /// service's place. Where the peer is `None`, keys with networks are refused.
    pub async fn admit(
        &self,
        headers: &HeaderMap,
        peer: Option<IpAddr>,
    ) -> Result<Principal, Refusal> {
        let secret = presented(headers)?;
        match self.by.verify(&secret, &Hops::of(headers, peer), self.cost).await {
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

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;

    /// The table of all clients.
    const CASES: &str = include_str!("../../../clients/cases.json");

    #[test]
    fn a_guard_takes_the_costs_that_a_call_may_have_and_no_other() {
        let cases: Value = serde_json::from_str(CASES).expect("JSON");
        let remote = Remote::new("http://127.0.0.1:8080").expect("an address");
        let guard = Guard::remote(&remote);
        for (taken, costs) in [(true, "taken"), (false, "refused")] {
            for cost in cases["costs"][costs].as_array().expect("a list") {
                // What is below 0 is no number of the parameter's type.
                let Some(cost) = cost.as_u64() else { continue };
                let costly = guard.at_cost(cost.try_into().expect("a number of 32 bits"));
                assert_eq!(costly.is_ok(), taken, "{cost}");
            }
        }
        let costly = guard.at_cost(5).expect("a cost");
        assert!(costly.is(&costly.clone()) && !costly.is(&guard));
    }
}
