use std::sync::Arc;

use latchkey_accounts::{Email, Network};
use latchkey_verifier::LeaseClock;

use super::attempts::{Attempt, Attempts, NotNow};

const LEAK_REPORTS: u32 = 60;

/// How much one client or one account may do in a minute, counted on this instance alone.
///
/// All but the leak reports follow `LATCHKEY_SIGN_IN_ATTEMPTS_PER_MINUTE`.
#[derive(Debug)]
pub struct Limits {
    /// Passwords that are tried to sign in.
    pub(crate) sign_in: Guesses,
    /// Current passwords that are tried to set another.
    pub(crate) current_password: Guesses,
    /// Accounts that somebody tries to make, for each network.
    pub(crate) sign_ups: Attempts,
    /// Sessions that begin, for each address of an account.
    pub(crate) good_sign_ins: Attempts,
    /// Creations, changes, rotations and revocations by session, for each owner.
    pub(crate) key_changes: Attempts,
    /// For each network.
    pub(crate) leak_reports: Attempts,
}

impl Limits {
    /// The limits of one instance: `attempts` is how many wrong passwords one network may try in a minute.
    pub fn new(attempts: u32, clock: &Arc<dyn LeaseClock>) -> Self {
        let up_to = |limit: u32| Attempts::new(limit, Arc::clone(clock));
        let guesses = || Guesses { by_network: up_to(attempts), by_account: up_to(attempts) };
        Self {
            sign_in: guesses(),
            current_password: guesses(),
            sign_ups: up_to(attempts.saturating_mul(6)),
            good_sign_ins: up_to(attempts.saturating_mul(6)),
            key_changes: up_to(attempts.saturating_mul(60)),
            leak_reports: up_to(LEAK_REPORTS),
        }
    }
}

/// Bounds the wrong passwords: for each network, and for each account from all the networks from
/// which it did not sign in lately.
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
        network.map_or(Ok(()), |network| self.by_network.check(network))
    }

    /// Counts a try from `network` for the account with the address `email`, or says how long to
    /// wait. `is_known`: the account signed in from there lately.
    pub(crate) fn begin(
        &self,
        network: Option<Network>,
        email: Option<&Email>,
        is_known: bool,
    ) -> Result<Guess, NotNow> {
        let by_network = match network.map(|network| self.by_network.begin(network)) {
            None => Attempt::UNCOUNTED,
            Some(Err(NotNow::NoRoom(_))) if is_known => Attempt::UNCOUNTED,
            Some(counted) => counted?,
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
