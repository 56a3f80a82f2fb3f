use std::sync::Arc;

use latchkey_domain::ports::SteadyClock;
use latchkey_domain::{Attempt, Attempts, Caller, Network, NotNow};

use crate::Email;

/// Sign-ups of a network and sessions of an account, for each wrong password that a network may try.
const GOOD: u32 = 6;

/// How often passwords may be tried, accounts be made and sessions begin in a minute, counted on this
/// instance alone.
///
/// [`AccountService`](crate::AccountService) counts, whatever protocol its caller speaks.
#[derive(Debug)]
pub struct AccountLimits {
    /// Passwords that are tried to sign in.
    pub(crate) sign_in: Guesses,
    /// Current passwords that are tried to set another.
    pub(crate) current_password: Guesses,
    /// Accounts that somebody tries to make, for each network.
    sign_ups: Attempts,
    /// Sessions that begin, for each address of an account.
    good_sign_ins: Attempts,
}

impl AccountLimits {
    /// Each network, and for each account all networks that it does not know, may try `attempts` wrong
    /// passwords in a minute of `clock`. Sign-ups of a network and sign-ins of an account may be six times
    /// as many.
    pub fn new(attempts: u32, clock: &Arc<dyn SteadyClock>) -> Self {
        let up_to = |limit: u32| Attempts::new(limit, Arc::clone(clock));
        let guesses = || Guesses { by_network: up_to(attempts), by_account: up_to(attempts) };
        Self {
            sign_in: guesses(),
            current_password: guesses(),
            sign_ups: up_to(attempts.saturating_mul(GOOD)),
            good_sign_ins: up_to(attempts.saturating_mul(GOOD)),
        }
    }

    /// Counts a sign-up for the network of the caller. Callers without an address share one count.
    pub(crate) fn count_sign_up(&self, caller: &Caller) -> Result<(), NotNow> {
        self.sign_ups.begin(caller.address.map(Network::of)).map(drop)
    }

    /// Counts a session that is about to begin.
    pub(crate) fn count_sign_in(&self, email: Option<&Email>) -> Result<Attempt, NotNow> {
        email.map_or(Ok(Attempt::UNCOUNTED), |email| self.good_sign_ins.begin(email))
    }

    /// The session did not begin.
    pub(crate) fn forgive_sign_in(&self, attempt: &Attempt) {
        self.good_sign_ins.forgive(attempt);
    }
}

/// Bounds the wrong passwords: for each network, and for each account from all the networks from
/// which it did not sign in lately.
///
/// Callers without an address share one network, which no account knows.
///
/// So a stranger's guesses slow strangers, and never an owner at home. All of it is the same for an
/// account that does not exist.
#[derive(Debug)]
pub(crate) struct Guesses {
    by_network: Attempts,
    by_account: Attempts,
}

/// A password that may be tried.
#[derive(Debug)]
#[must_use = "a right password has to be forgiven"]
pub(crate) struct Guess {
    by_network: Attempt,
    by_account: Attempt,
}

impl Guesses {
    /// Whether the network may try another; nothing is counted.
    pub(crate) fn check(&self, network: Option<Network>) -> Result<(), NotNow> {
        self.by_network.check(network)
    }

    /// Counts a try from `network` for the account with the address `email`, or says how long to
    /// wait. `is_known`: the account signed in from there lately.
    pub(crate) fn begin(
        &self,
        network: Option<Network>,
        email: Option<&Email>,
        is_known: bool,
    ) -> Result<Guess, NotNow> {
        let by_network = match self.by_network.begin(network) {
            Err(NotNow::NoRoom(_)) if is_known => Attempt::UNCOUNTED,
            counted => counted?,
        };
        let email = email.filter(|_| !is_known);
        match email.map_or(Ok(Attempt::UNCOUNTED), |email| self.by_account.begin(email)) {
            Ok(by_account) => Ok(Guess { by_network, by_account }),
            Err(not_now) => {
                self.by_network.forgive(&by_network);
                Err(not_now)
            }
        }
    }

    /// The password was right, or was not looked at.
    pub(crate) fn forgive(&self, guess: &Guess) {
        self.by_network.forgive(&guess.by_network);
        self.by_account.forgive(&guess.by_account);
    }
}

#[cfg(test)]
mod tests {
    use latchkey_domain::BootTime;

    use super::*;

    /// A clock that stands.
    #[derive(Debug)]
    struct Standing;

    impl SteadyClock for Standing {
        fn now(&self) -> BootTime {
            BootTime::ZERO
        }
    }

    fn limits(attempts: u32) -> AccountLimits {
        let clock: Arc<dyn SteadyClock> = Arc::new(Standing);
        AccountLimits::new(attempts, &clock)
    }

    fn network(address: &str) -> Network {
        Network::of(address.parse().expect("an address"))
    }

    fn ada() -> Email {
        Email::parse("ada@example.com").expect("an address")
    }

    #[test]
    fn strangers_share_the_guesses_of_an_account_and_a_known_network_has_its_own() {
        let (limits, ada) = (limits(2), ada());
        let guesses = &limits.sign_in;
        for stranger in ["192.0.2.1", "192.0.2.2"] {
            assert!(guesses.begin(Some(network(stranger)), Some(&ada), false).is_ok());
        }
        assert!(guesses.begin(Some(network("192.0.2.3")), Some(&ada), false).is_err());
        for _try in 0..2 {
            assert!(guesses.begin(Some(network("192.0.2.4")), Some(&ada), true).is_ok());
        }
        assert!(guesses.begin(Some(network("192.0.2.4")), Some(&ada), true).is_err());
        assert!(guesses.check(Some(network("192.0.2.4"))).is_err());
    }

    #[test]
    fn a_guess_that_is_refused_or_forgiven_counts_nowhere() {
        let (limits, ada) = (limits(1), ada());
        let guesses = &limits.current_password;
        let right =
            guesses.begin(Some(network("192.0.2.1")), Some(&ada), false).expect("the first");
        guesses.forgive(&right);
        assert!(guesses.begin(Some(network("192.0.2.1")), Some(&ada), false).is_ok());
        assert!(guesses.begin(Some(network("192.0.2.2")), Some(&ada), false).is_err());
        assert_eq!(guesses.check(Some(network("192.0.2.2"))), Ok(()));
    }

    #[test]
    fn callers_without_an_address_share_a_network() {
        let limits = limits(1);
        let guesses = &limits.sign_in;
        assert!(guesses.begin(None, None, false).is_ok());
        assert!(guesses.check(None).is_err());
        assert!(guesses.begin(None, Some(&ada()), false).is_err());
        assert_eq!(guesses.check(Some(network("192.0.2.1"))), Ok(()));
        for _call in 0..6 {
            assert_eq!(limits.count_sign_up(&Caller::OPERATOR), Ok(()));
        }
        assert!(limits.count_sign_up(&Caller::OPERATOR).is_err());
    }

    #[test]
    fn sign_ups_of_a_network_and_sessions_of_an_account_may_be_six_times_as_many() {
        let (limits, ada) = (limits(2), ada());
        let caller = |address: &str| Caller {
            address: Some(address.parse().expect("an address")),
            ..Caller::OPERATOR
        };
        for _call in 0..12 {
            assert_eq!(limits.count_sign_up(&caller("192.0.2.1")), Ok(()));
            assert!(limits.count_sign_in(Some(&ada)).is_ok());
        }
        assert!(limits.count_sign_up(&caller("192.0.2.1")).is_err());
        assert_eq!(limits.count_sign_up(&caller("192.0.2.2")), Ok(()));
        assert!(limits.count_sign_in(Some(&ada)).is_err());
    }
}
