//! Argon2id for passwords, with the parameters that OWASP recommends (19 MiB, 2 passes, 1 lane).
//!
//! Each hash takes memory and tens of milliseconds of a core, so the work runs on blocking threads,
//! no more at a time than there are cores, and a call that would wait too long is turned away.
#![warn(clippy::future_not_send)]

use std::sync::Arc;
use std::thread::available_parallelism;
use std::time::Duration;

use argon2::password_hash::Error as Argon2Error;
use argon2::{Argon2, PasswordHash as Phc, PasswordHasher as _, PasswordVerifier as _};
use async_trait::async_trait;
use latchkey_accounts::ports::{HashError, PasswordHasher};
use latchkey_accounts::{Password, PasswordHash};
use latchkey_domain::ports::Entropy;
use thiserror::Error;
use tokio::sync::Semaphore;
use tokio::time::timeout;

/// How long a hash may wait for its turn.
const MAX_WAIT: Duration = Duration::from_secs(5);
/// Of no known password, under the parameters of new hashes: checked against where there is no
/// account, so that an unknown address takes as long as a wrong password.
const NOBODY: &str = "$argon2id$v=19$m=19456,t=2,p=1$AAAAAAAAAAAAAAAAAAAAAA\
                      $AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";

/// Argon2id on blocking threads.
#[derive(Debug)]
pub struct Argon2Hasher {
    entropy: Arc<dyn Entropy>,
    turns: Arc<Semaphore>,
}

#[derive(Debug, Error)]
#[error("too many passwords are being checked")]
struct Busy;

impl Argon2Hasher {
    /// A hasher that draws salts from `entropy`.
    pub fn new(entropy: Arc<dyn Entropy>) -> Self {
        let cores = available_parallelism().map_or(1, usize::from);
        Self { entropy, turns: Arc::new(Semaphore::new(cores)) }
    }

    async fn in_turn<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> Result<T, HashError> + Send + 'static,
    ) -> Result<T, HashError> {
        let turn = timeout(MAX_WAIT, Arc::clone(&self.turns).acquire_owned())
            .await
            .map_err(|_elapsed| HashError::new(Busy))?
            .map_err(HashError::new)?;
        // The turn goes with the work: the caller may go away, the core stays busy.
        let work = move || {
            let _turn = turn;
            work()
        };
        tokio::task::spawn_blocking(work).await.map_err(HashError::new)?
    }
}

#[async_trait]
impl PasswordHasher for Argon2Hasher {
    async fn hash(&self, password: Password) -> Result<PasswordHash, HashError> {
        let mut salt = [0; 16];
        self.entropy.fill(&mut salt).map_err(HashError::new)?;
        self.in_turn(move || {
            let hash: Phc = Argon2::default()
                .hash_password_with_salt(password.expose().as_bytes(), &salt)
                .map_err(HashError::new)?;
            Ok(PasswordHash::new(hash.to_string()))
        })
        .await
    }

    async fn verify(
        &self,
        password: Password,
        hash: Option<PasswordHash>,
    ) -> Result<bool, HashError> {
        self.in_turn(move || {
            let phc = hash.as_ref().map_or(NOBODY, PasswordHash::as_str);
            let phc = Phc::new(phc).map_err(HashError::new)?;
            for text in password.expose_all() {
                match Argon2::default().verify_password(text.as_bytes(), &phc) {
                    Ok(()) => return Ok(hash.is_some()),
                    Err(Argon2Error::PasswordInvalid) => {}
                    Err(error) => return Err(HashError::new(error)),
                }
            }
            Ok(false)
        })
        .await
    }
}

#[cfg(test)]
mod tests {
    use latchkey_testkit::fakes::CountingEntropy;
    use zeroize::Zeroizing;

    use super::*;

    fn password(text: &str) -> Password {
        Password::presented(Zeroizing::new(text.to_owned())).expect("short enough")
    }

    #[tokio::test]
    async fn a_password_verifies_against_its_own_hash_only() {
        let hasher = Argon2Hasher::new(Arc::new(CountingEntropy::default()));
        let hash = hasher.hash(password("correct horse")).await.expect("hashes");
        let again = hasher.hash(password("correct horse")).await.expect("hashes");
        assert_ne!(hash.as_str(), again.as_str(), "salted");
        let right = hasher.verify(password("correct horse"), Some(hash.clone())).await;
        assert!(right.expect("verifies"));
        let wrong = hasher.verify(password("battery staple"), Some(hash)).await;
        assert!(!wrong.expect("verifies"));
    }

    #[tokio::test]
    async fn nobody_has_a_password_but_takes_the_parameters_of_everybody() {
        let hasher = Argon2Hasher::new(Arc::new(CountingEntropy::default()));
        assert!(!hasher.verify(password("anything"), None).await.expect("verifies"));
        let somebody = hasher.hash(password("anything")).await.expect("hashes");
        let parameters = |phc: &str| phc.split('$').take(4).collect::<Vec<_>>().join("$");
        assert_eq!(parameters(somebody.as_str()), parameters(NOBODY));
    }

    #[tokio::test]
    async fn a_hash_of_what_was_typed_still_verifies_beside_that_of_the_normal_form() {
        let hasher = Argon2Hasher::new(Arc::new(CountingEntropy::default()));
        let typed = "re\u{301}sume\u{301}";
        let once = Argon2::default().hash_password_with_salt(typed.as_bytes(), &[7; 16]);
        let once = PasswordHash::new(once.expect("hashes").to_string());
        assert!(hasher.verify(password(typed), Some(once)).await.expect("verifies"));
        let now = hasher.hash(password(typed)).await.expect("hashes");
        let composed = password("r\u{e9}sum\u{e9}");
        assert!(hasher.verify(composed, Some(now)).await.expect("verifies"));
    }
}
