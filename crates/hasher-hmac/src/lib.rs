//! HMAC-SHA256 under a ring of peppers: the digests stored in place of key texts and, with the
//! feature `accounts`, of session tokens and management tokens.
//!
//! A key has 190 random bits, so a fast hash is enough; the pepper makes a stolen database useless
//! for confirming a guess. A service gives its ring as text, or keeps it in a [`PepperFile`].
//!
//! ```
//! use latchkey_domain::ports::KeyHasher as _;
//! use latchkey_domain::{Brand, Environment, Secret};
//! use latchkey_hasher_hmac::{HmacHasher, PepperRing};
//! use latchkey_system::OsEntropy;
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let old = HmacHasher::new(&PepperRing::parse("1:a2tra2tra2tra2tra2tra2tra2tra2tra2tra2tra2s=")?);
//! let secret = Secret::generate(&Brand::parse("sk")?, Environment::Live, &OsEntropy)?;
//! let stored = old.digest(&secret);
//!
//! // Another pepper signs from now on; the old one still verifies.
//! let ring = "2:bGtra2tra2tra2tra2tra2tra2tra2tra2tra2tra2s=,1:a2tra2tra2tra2tra2tra2tra2tra2tra2tra2tra2s=";
//! let new = HmacHasher::new(&PepperRing::parse(ring)?);
//! assert!(new.candidates(&secret).contain(&stored.digest));
//! # Ok(())
//! # }
//! ```

mod file;
mod ring;

pub use file::{PepperFile, PepperFileError};
pub use ring::{Pepper, PepperRing, RingError};

use std::fmt;

use hmac::{Hmac, KeyInit as _, Mac as _};
#[cfg(feature = "accounts")]
use latchkey_accounts::{
    SessionToken,
    ports::{ManagementTokenHasher, TokenHasher},
};
#[cfg(feature = "accounts")]
use latchkey_domain::ManagementTokenText;
use latchkey_domain::ports::{KeyHasher, PepperRepository, StoreError};
use latchkey_domain::{Candidates, Digest, KeyedDigest, PepperId, Secret};
use sha2::Sha256;
use thiserror::Error;

/// What a session token's digest is made of besides the token. No key text begins like this, so a
/// digest of one kind is never a digest of the other.
#[cfg(feature = "accounts")]
const SESSION: &[u8] = b"session:";
/// The same for a management token. No session token's digest is made of a text that begins like this.
#[cfg(feature = "accounts")]
const MANAGEMENT_TOKEN: &[u8] = b"management token:";
/// The fixed text whose digest tells one pepper from another.
const CHECK: &[u8] = b"latchkey pepper check";

/// HMAC-SHA256 under a [`PepperRing`]. The first pepper signs; all of them verify.
pub struct HmacHasher {
    signing: Keyed,
    verifying: Vec<Keyed>,
}

/// A pepper after its key schedule, which is cloned for each digest instead of computed.
struct Keyed {
    pepper: PepperId,
    state: Hmac<Sha256>,
}

impl HmacHasher {
    /// Prepares every pepper of the ring.
    pub fn new(ring: &PepperRing) -> Self {
        let keyed = |pepper: &Pepper| Keyed {
            pepper: pepper.id(),
            state: Hmac::new_from_slice(pepper.expose()).expect("HMAC takes keys of any length"),
        };
        Self {
            signing: keyed(ring.signing()),
            verifying: ring.verifying().iter().map(keyed).collect(),
        }
    }

    /// For each pepper, the signing one first, the digest of a fixed text: a store keeps it
    /// to tell a wrong pepper from a right one.
    pub fn checks(&self) -> impl Iterator<Item = KeyedDigest> {
        std::iter::once(&self.signing).chain(&self.verifying).map(|keyed| keyed.digest(&[CHECK]))
    }

    /// Whether this ring fits what `peppers` holds: each pepper is the one that made the stored
    /// digests, and none is missing that unrevoked keys need. Otherwise every such key would be
    /// refused. The digest of a new pepper is stored. A new pepper may not sign while other instances run, which
    /// `other_instances_alive` says: they would refuse the keys that it makes.
    pub async fn confirm(
        &self,
        peppers: &dyn PepperRepository,
        other_instances_alive: impl Future<Output = Result<bool, StoreError>> + Send,
    ) -> Result<(), ConfirmError> {
        let checks: Vec<KeyedDigest> = self.checks().collect();
        let in_ring = |pepper: &PepperId| checks.iter().any(|check| check.pepper == *pepper);
        if let Some(missing) = peppers.in_use().await?.into_iter().find(|it| !in_ring(it)) {
            return Err(ConfirmError::Missing(missing));
        }
        let (known, signing) = (peppers.known().await?, self.signing.pepper);
        if !known.is_empty() && !known.contains(&signing) && other_instances_alive.await? {
            return Err(ConfirmError::Unannounced(signing));
        }
        for check in &checks {
            if !peppers.confirm(check).await? {
                return Err(ConfirmError::Wrong(check.pepper));
            }
        }
        Ok(())
    }

    fn candidates_of(&self, parts: &[&[u8]]) -> Candidates {
        let rest = self.verifying.iter().map(|keyed| keyed.digest(parts));
        Candidates::new(self.signing.digest(parts), rest)
    }
}

impl Keyed {
    fn digest(&self, parts: &[&[u8]]) -> KeyedDigest {
        let mut state = self.state.clone();
        for part in parts {
            state.update(part);
        }
        let digest = Digest::new(state.finalize().into_bytes().into());
        KeyedDigest { pepper: self.pepper, digest }
    }
}

impl KeyHasher for HmacHasher {
    fn digest(&self, secret: &Secret) -> KeyedDigest {
        self.signing.digest(&[secret.expose_bytes()])
    }

    fn candidates(&self, secret: &Secret) -> Candidates {
        self.candidates_of(&[secret.expose_bytes()])
    }
}

#[cfg(feature = "accounts")]
impl TokenHasher for HmacHasher {
    fn digest(&self, token: &SessionToken) -> KeyedDigest {
        self.signing.digest(&[SESSION, token.expose_bytes()])
    }

    fn candidates(&self, token: &SessionToken) -> Candidates {
        self.candidates_of(&[SESSION, token.expose_bytes()])
    }
}

#[cfg(feature = "accounts")]
impl ManagementTokenHasher for HmacHasher {
    fn digest(&self, token: &ManagementTokenText) -> KeyedDigest {
        self.signing.digest(&[MANAGEMENT_TOKEN, token.expose_bytes()])
    }

    fn candidates(&self, token: &ManagementTokenText) -> Candidates {
        self.candidates_of(&[MANAGEMENT_TOKEN, token.expose_bytes()])
    }
}

impl fmt::Debug for HmacHasher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HmacHasher").field("signing", &self.signing.pepper).finish_non_exhaustive()
    }
}

/// Why a ring does not fit what is stored.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum ConfirmError {
    /// Another pepper has this number.
    #[error("pepper {0} is not the one that made the stored digests")]
    Wrong(PepperId),
    /// A new pepper is to sign, and the instances that run may not know it.
    #[error(
        "pepper {0} was never seen and is to sign, while other instances run that may not know it; \
         put it behind the pepper that signs now, everywhere, and in front after that"
    )]
    Unannounced(PepperId),
    /// Keys depend on a pepper that is not in the ring.
    #[error("pepper {0} is missing, and keys that are not revoked need it")]
    Missing(PepperId),
    /// Management tokens depend on a pepper that is not in the ring.
    #[cfg(feature = "accounts")]
    #[error(
        "pepper {0} is missing, and management tokens that are not revoked need it; without it, revoke \
         them with `latchkey token revoke`"
    )]
    MissingForTokens(PepperId),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: &[u8] = b"sk_live_0123456789ABCDEFGHIJKLMNOPQRSTUV28hqg7";

    fn ring(setting: &str) -> HmacHasher {
        HmacHasher::new(&PepperRing::parse(setting).expect("well-formed"))
    }

    fn entry(id: u16, byte: u8) -> String {
        Pepper::new(PepperId::new(id).expect("not zero"), [byte; 32]).to_setting().to_string()
    }

    fn bytes(hex: &str) -> Vec<u8> {
        let digits = |at| hex.get(at..at + 2).expect("an even number of digits");
        (0..hex.len())
            .step_by(2)
            .map(|at| u8::from_str_radix(digits(at), 16).expect("hex"))
            .collect()
    }

    #[test]
    fn digests_are_hmac_sha_256_as_in_rfc_4231() {
        // Cases 2 and 6: a key shorter than a pepper and one longer than a block.
        let pepper = PepperId::new(1).expect("not zero");
        let state = Hmac::new_from_slice(b"Jefe").expect("any length");
        let digest = Keyed { pepper, state }.digest(&[b"what do ya want ", b"for nothing?"]).digest;
        let expected = "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843";
        assert_eq!(digest.as_bytes().as_slice(), bytes(expected));

        let state = Hmac::new_from_slice(&[0xaa; 131]).expect("any length");
        let text = b"Test Using Larger Than Block-Size Key - Hash Key First";
        let digest = Keyed { pepper, state }.digest(&[text]).digest;
        let expected = "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54";
        assert_eq!(digest.as_bytes().as_slice(), bytes(expected));
    }

    #[test]
    fn each_pepper_gives_another_digest_and_the_first_one_signs() {
        let secret = Secret::parse(KEY).expect("well-formed");
        let hasher = ring(&format!("{},{}", entry(2, 9), entry(1, 7)));
        let candidates = KeyHasher::candidates(&hasher, &secret);
        let ids: Vec<u16> = candidates.as_slice().iter().map(|c| c.pepper.get()).collect();
        assert_eq!(ids, [2, 1]);
        let signed = KeyHasher::digest(&hasher, &secret);
        assert!(signed.digest.matches(&candidates.as_slice()[0].digest));
        assert!(!signed.digest.matches(&candidates.as_slice()[1].digest));
        let old = KeyHasher::digest(&ring(&entry(1, 7)), &secret);
        assert!(candidates.contain(&old.digest));
    }

    #[test]
    fn a_session_token_and_a_key_never_share_a_digest() {
        let hasher = ring(&entry(1, 7));
        let token = SessionToken::parse(&[b'A'; 43]).expect("43 base64url characters");
        let plain = hasher.signing.digest(&[token.expose_bytes()]);
        assert!(!TokenHasher::digest(&hasher, &token).digest.matches(&plain.digest));
    }

    #[test]
    fn a_management_token_shares_no_digest_with_its_text_or_a_session_token() {
        let hasher = ring(&format!("{},{}", entry(2, 9), entry(1, 7)));
        let text = b"lk_admin_0123456789ABCDEFGHIJKLMNOPQRSTUV0sTd4W";
        let token = ManagementTokenText::parse(text).expect("well-formed");
        let stored = ManagementTokenHasher::digest(&hasher, &token);
        for other in [hasher.signing.digest(&[text]), hasher.signing.digest(&[SESSION, text])] {
            assert!(!stored.digest.matches(&other.digest));
        }
        let candidates = ManagementTokenHasher::candidates(&hasher, &token);
        assert!(stored.digest.matches(&candidates.as_slice()[0].digest));
        let old = ManagementTokenHasher::digest(&ring(&entry(1, 7)), &token);
        assert!(candidates.contain(&old.digest));
    }

    #[test]
    fn the_checks_tell_peppers_apart_even_under_one_id() {
        let (a, b) = (ring(&entry(1, 7)), ring(&entry(1, 8)));
        let (a, b) = (a.checks().next().expect("one"), b.checks().next().expect("one"));
        assert!(!a.digest.matches(&b.digest));
    }
}
