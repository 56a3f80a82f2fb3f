//! What the log tells the operator once: refusals whose cause is a setting.

use std::collections::BTreeSet;
use std::sync::{Mutex, Once, PoisonError};

use super::origin::Origin;

/// Strangers choose the origins: there is an end to what they can write into the log.
const MOST_ORIGINS: usize = 100;
const LONGEST_ORIGIN: usize = 300;

/// Each hint is one line, however often its cause occurs.
#[derive(Debug)]
pub(crate) struct Hints {
    origins: Mutex<BTreeSet<String>>,
    forwarded: Once,
    local_only: Once,
}

impl Default for Hints {
    fn default() -> Self {
        Self { origins: Mutex::default(), forwarded: Once::new(), local_only: Once::new() }
    }
}

impl Hints {
    /// A page of an origin that the settings don't name was refused.
    pub(crate) fn refused_page(&self, seen: &Origin, expected: Option<&Origin>, settings: &str) {
        let seen = seen.to_string();
        if seen.len() > LONGEST_ORIGIN || !self.is_new(&seen) {
            return;
        }
        let expected = expected.map(ToString::to_string).unwrap_or_default();
        tracing::warn!(
            seen,
            expected,
            "refused a call from a page of another origin than expected; \
             if it is a page of yours, name its origin in {settings}"
        );
    }

    /// A proxy stands in front, and no setting says where people reach the service.
    pub(crate) fn forwarded(&self, header: &str, setting: &str) {
        self.forwarded.call_once(|| {
            tracing::warn!(
                header,
                "a proxy forwards requests, but {setting} is not set: set it to the address that people \
                 use, which decides whose pages may call and whether cookies are Secure"
            );
        });
    }

    /// Something was asked for that is open to this machine only.
    pub(crate) fn local_only(&self, what: &str, setting: &str) {
        self.local_only.call_once(|| {
            tracing::warn!(
                "refused {what} to a request that a proxy forwarded, or that asked by another name \
                 than this machine's; {setting} opens it to others"
            );
        });
    }

    fn is_new(&self, origin: &str) -> bool {
        let mut origins = self.origins.lock().unwrap_or_else(PoisonError::into_inner);
        origins.len() < MOST_ORIGINS && origins.insert(origin.to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_origin_is_new_once_and_no_more_than_a_hundred_are() {
        let hints = Hints::default();
        assert!(hints.is_new("https://a.example"));
        assert!(!hints.is_new("https://a.example"));
        let new = (0..200).filter(|n| hints.is_new(&format!("https://{n}.example"))).count();
        assert_eq!(new, MOST_ORIGINS - 1);
    }
}
