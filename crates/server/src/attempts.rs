use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use latchkey_accounts::Email;
use latchkey_domain::Timestamp;
use latchkey_domain::ports::Clock;

const WINDOW: Duration = Duration::from_mins(1);
/// Beyond this many names, windows that are over are swept out.
const SWEEP_ABOVE: usize = 10_000;

/// Bounds how many attempts are made in a minute, for each client address and each account.
///
/// An attempt is counted when it begins. A sign-in is given back when it succeeds, so that only
/// failures count and yet many at once can't slip through together.
#[derive(Debug)]
pub(crate) struct Attempts {
    limit: u32,
    clock: Arc<dyn Clock>,
    windows: Mutex<HashMap<Subject, Window>>,
}

/// Whose attempts are counted together.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
enum Subject {
    Address(IpAddr),
    Account(Email),
}

#[derive(Debug, Clone, Copy)]
struct Window {
    began: Timestamp,
    count: u32,
}

/// One that was let through.
#[derive(Debug)]
pub(crate) struct Attempt(Vec<Subject>);

/// Too many were made; ask again after this long.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct TooMany {
    pub(crate) retry_after: Duration,
}

impl Attempts {
    pub(crate) fn new(limit: u32, clock: Arc<dyn Clock>) -> Self {
        Self { limit, clock, windows: Mutex::default() }
    }

    /// Lets one through, or says how long to wait.
    pub(crate) fn begin(
        &self,
        address: Option<IpAddr>,
        email: Option<Email>,
    ) -> Result<Attempt, TooMany> {
        let now = self.clock.now();
        let address = address.map(network).map(Subject::Address);
        let account = email.map(Subject::Account);
        let subjects: Vec<_> = address.into_iter().chain(account).collect();

        let mut windows = self.windows.lock().unwrap_or_else(PoisonError::into_inner);
        if windows.len() > SWEEP_ABOVE {
            windows.retain(|_, window| now.since(window.began) < WINDOW);
        }
        let full = subjects.iter().filter_map(|subject| {
            let window = windows.get(subject)?;
            let left =
                WINDOW.checked_sub(now.since(window.began)).filter(|left| !left.is_zero())?;
            (window.count >= self.limit).then_some(left)
        });
        if let Some(retry_after) = full.max() {
            return Err(TooMany { retry_after });
        }
        for subject in &subjects {
            let fresh = Window { began: now, count: 0 };
            let window = windows.entry(subject.clone()).or_insert(fresh);
            if now.since(window.began) >= WINDOW {
                *window = fresh;
            }
            window.count += 1;
        }
        drop(windows);
        Ok(Attempt(subjects))
    }

    /// The attempt was no failure after all.
    pub(crate) fn forgive(&self, attempt: &Attempt) {
        let mut windows = self.windows.lock().unwrap_or_else(PoisonError::into_inner);
        for subject in &attempt.0 {
            if let Entry::Occupied(mut entry) = windows.entry(subject.clone()) {
                entry.get_mut().count = entry.get().count.saturating_sub(1);
            }
        }
    }
}

/// One customer of a provider has a whole /64 of IPv6.
fn network(address: IpAddr) -> IpAddr {
    match address {
        IpAddr::V4(_) => address,
        IpAddr::V6(v6) => IpAddr::V6((v6.to_bits() & (u128::MAX << 64)).into()),
    }
}

#[cfg(test)]
mod tests {
    use latchkey_testkit::fakes::FakeClock;

    use super::*;

    fn attempts(limit: u32) -> (Attempts, Arc<FakeClock>) {
        let clock = Arc::new(FakeClock::default());
        (Attempts::new(limit, Arc::<FakeClock>::clone(&clock)), clock)
    }

    fn begin(attempts: &Attempts, address: u8, email: &str) -> Result<Attempt, TooMany> {
        attempts.begin(Some([192, 0, 2, address].into()), Email::parse(email).ok())
    }

    #[test]
    fn failures_are_bounded_for_an_account_whatever_the_address() {
        let (attempts, clock) = attempts(2);
        assert!(begin(&attempts, 1, "ada@example.com").is_ok());
        clock.advance(Duration::from_secs(20));
        assert!(begin(&attempts, 2, "Ada@example.com").is_ok());
        let refused = begin(&attempts, 3, "ada@example.com").expect_err("too many");
        assert_eq!(refused.retry_after, Duration::from_secs(40));
        clock.advance(Duration::from_secs(40));
        assert!(begin(&attempts, 3, "ada@example.com").is_ok());
    }

    #[test]
    fn failures_are_bounded_for_an_address_whatever_the_account() {
        let (attempts, _clock) = attempts(2);
        assert!(begin(&attempts, 1, "a@example.com").is_ok());
        assert!(begin(&attempts, 1, "b@example.com").is_ok());
        assert!(begin(&attempts, 1, "c@example.com").is_err());
        assert!(begin(&attempts, 2, "c@example.com").is_ok());
    }

    #[test]
    fn successes_do_not_count() {
        let (attempts, _clock) = attempts(1);
        for _ in 0..10 {
            let attempt = begin(&attempts, 1, "ada@example.com").expect("let through");
            attempts.forgive(&attempt);
        }
    }
}
