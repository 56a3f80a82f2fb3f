use std::sync::Arc;

use crate::ports::SteadyClock;
use crate::{Attempts, Caller, Network, NotNow, OwnerId};

const LEAK_REPORTS: u32 = 60;

/// How often keys may be changed and reported as leaked in a minute, counted on this instance alone.
///
/// [`ApiKeyService`](crate::ApiKeyService) counts, whatever protocol its caller speaks.
#[derive(Debug)]
pub struct KeyLimits(Option<Buckets>);

#[derive(Debug)]
struct Buckets {
    /// Issues, changes, rotations and revocations, for each owner.
    changes: Attempts,
    /// For each network.
    leak_reports: Attempts,
}

impl KeyLimits {
    /// Each owner may issue, change, rotate and revoke keys `changes` times in a minute of `clock`; each
    /// network may report leaked keys 60 times.
    pub fn new(changes: u32, clock: Arc<dyn SteadyClock>) -> Self {
        Self(Some(Buckets {
            changes: Attempts::new(changes, Arc::clone(&clock)),
            leak_reports: Attempts::new(LEAK_REPORTS, clock),
        }))
    }

    /// No limits, for a service that limits its callers itself.
    pub const fn unlimited() -> Self {
        Self(None)
    }

    /// Counts a change of a key of `owner`. The changes that an operator, a recovery or a management token
    /// makes don't count: a backend acts for all its users, and knows itself how often each may ask.
    pub(crate) fn count_change(&self, owner: &OwnerId, caller: &Caller) -> Result<(), NotNow> {
        match &self.0 {
            Some(buckets) if !caller.actor.manages_for_others() => {
                buckets.changes.begin(owner).map(drop)
            }
            _ => Ok(()),
        }
    }

    /// Counts a report of leaked keys for the network of the caller. Callers without an address share one
    /// count.
    pub(crate) fn count_leak_report(&self, caller: &Caller) -> Result<(), NotNow> {
        let Some(buckets) = &self.0 else { return Ok(()) };
        buckets.leak_reports.begin(caller.address.map(Network::of)).map(drop)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Actor, BootTime, TokenId};

    /// A clock that stands.
    #[derive(Debug)]
    struct Standing;

    impl SteadyClock for Standing {
        fn now(&self) -> BootTime {
            BootTime::ZERO
        }
    }

    fn owner(id: &str) -> OwnerId {
        OwnerId::parse(id).expect("an owner")
    }

    #[test]
    fn changes_are_limited_for_each_owner_and_not_for_operators_and_tokens() {
        let limits = KeyLimits::new(1, Arc::new(Standing));
        let (ada, bob) = (owner("ada"), owner("bob"));
        assert_eq!(limits.count_change(&ada, &Caller::of(&ada)), Ok(()));
        assert!(limits.count_change(&ada, &Caller::of(&ada)).is_err());
        assert_eq!(limits.count_change(&ada, &Caller::OPERATOR), Ok(()));
        assert_eq!(limits.count_change(&ada, &Caller::RECOVERY), Ok(()));
        let token = Actor::Token(TokenId::new(uuid::Uuid::nil()));
        let token = Caller { actor: token, ..Caller::OPERATOR };
        assert_eq!(limits.count_change(&ada, &token), Ok(()));
        let operator = Actor::OperatorAccount(uuid::Uuid::nil());
        let operator = Caller { actor: operator, ..Caller::OPERATOR };
        assert_eq!(limits.count_change(&ada, &operator), Ok(()));
        assert_eq!(limits.count_change(&bob, &Caller::of(&bob)), Ok(()));
    }

    #[test]
    fn leak_reports_are_limited_for_each_network() {
        let limits = KeyLimits::new(1, Arc::new(Standing));
        let from = |address: &str| Caller {
            actor: Actor::LeakReport,
            address: Some(address.parse().expect("an address")),
            ..Caller::OPERATOR
        };
        for host in 0..LEAK_REPORTS {
            assert_eq!(limits.count_leak_report(&from(&format!("2001:db8::{host}"))), Ok(()));
        }
        assert!(limits.count_leak_report(&from("2001:db8::ffff")).is_err());
        assert_eq!(limits.count_leak_report(&from("2001:db8:0:1::1")), Ok(()));
        let unknown = Caller { actor: Actor::LeakReport, ..Caller::OPERATOR };
        for _report in 0..LEAK_REPORTS {
            assert_eq!(limits.count_leak_report(&unknown), Ok(()));
        }
        assert!(limits.count_leak_report(&unknown).is_err());
    }

    #[test]
    fn without_limits_nothing_is_refused() {
        let (limits, ada) = (KeyLimits::unlimited(), owner("ada"));
        for _call in 0..10_000 {
            assert_eq!(limits.count_change(&ada, &Caller::of(&ada)), Ok(()));
        }
    }
}
