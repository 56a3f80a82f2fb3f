use std::sync::Arc;

use quick_cache::sync::Cache;
use ring::digest::{SHA256, digest};
use rustls_pki_types::pem::{PemObject as _, SectionKind};
use serde_json::Value;
use thiserror::Error;

use crate::json;
use crate::key::Key;
use crate::token::Token;

/// A token without a `kid` is tried against every key, so there must not be very many.
const MOST: usize = 100;
/// The tokens of so many sessions are remembered as signed. Few people use a dashboard at a time, and one who
/// is not remembered pays the proof of one signature.
const PROVED: usize = 4_096;
const PEM: &[u8] = b"-----BEGIN ";

/// The keys that an issuer's tokens are checked by.
#[derive(Debug, Clone)]
pub struct KeySet {
    keys: Vec<Key>,
    /// Whether the keys have no names, so that what a token says of its key does not matter.
    ignores_kid: bool,
    /// The SHA-256 of whole tokens that one of the keys has signed. A session sends the same token with
    /// each call, and the proof of an ES256 signature costs more than all else that a call does. Other
    /// keys are another set, which has proved nothing yet.
    proved: Arc<Cache<[u8; 32], ()>>,
}

/// Why a text gives no keys. None of these texts repeats what was read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum KeySetError {
    /// It is no JSON object with an array `keys` of objects, or a member occurs twice.
    #[error("is neither a JWKS, a JSON object with an array \"keys\", nor PEM")]
    Unreadable,
    /// It holds too many keys.
    #[error("holds more than {MOST} keys")]
    TooMany,
    /// A section of the file is no public key that can be used.
    #[error(
        "holds something else than public keys, each as BEGIN PUBLIC KEY: RSA of 2048 to 8192 bits, \
         P-256 or Ed25519"
    )]
    NoPublicKey,
}

/// The text is shorter than a secret of HS256 has to be (RFC 7518, section 3.2).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("must have at least 32 bytes")]
pub struct SecretTooShort;

impl KeySet {
    /// The fewest bytes of a secret.
    pub const MIN_SECRET: usize = 32;

    /// A secret that is shared with the issuer, which signs by HS256. Its bytes count as they are.
    pub fn of_secret(secret: &[u8]) -> Result<Self, SecretTooShort> {
        if secret.len() < Self::MIN_SECRET {
            return Err(SecretTooShort);
        }
        Ok(Self::new(vec![Key::secret(secret)], true))
    }

    fn new(keys: Vec<Key>, ignores_kid: bool) -> Self {
        Self { keys, ignores_kid, proved: Arc::new(Cache::new(PROVED)) }
    }

    /// Reads a file: PEM if it begins as PEM does, else a JWKS.
    pub fn of_file(text: &[u8]) -> Result<Self, KeySetError> {
        match text.windows(PEM.len()).filter(|window| *window == PEM).count() {
            0 => Self::of_jwks(text),
            sections => Self::of_pem(text, sections),
        }
    }

    /// Reads a JWKS (RFC 7517). Keys of other types and for other uses are left out, so there may be
    /// [none](Self::is_empty).
    pub fn of_jwks(text: &[u8]) -> Result<Self, KeySetError> {
        let set = json::object(text).ok_or(KeySetError::Unreadable)?;
        let Some(Value::Array(members)) = set.get("keys") else {
            return Err(KeySetError::Unreadable);
        };
        if members.len() > MOST {
            return Err(KeySetError::TooMany);
        }
        let mut keys = Vec::new();
        for member in members {
            let jwk = member.as_object().ok_or(KeySetError::Unreadable)?;
            keys.extend(Key::of_jwk(jwk));
        }
        Ok(Self::new(keys, false))
    }

    fn of_pem(text: &[u8], sections: usize) -> Result<Self, KeySetError> {
        if sections > MOST {
            return Err(KeySetError::TooMany);
        }
        let mut keys = Vec::new();
        for section in <(SectionKind, Vec<u8>)>::pem_slice_iter(text) {
            let (kind, der) = section.map_err(|_no_pem| KeySetError::Unreadable)?;
            keys.extend(Key::of_spki(&der).filter(|_| kind == SectionKind::PublicKey));
        }
        // The reader passes over what it does not know.
        if keys.len() < sections {
            return Err(KeySetError::NoPublicKey);
        }
        Ok(Self::new(keys, true))
    }

    /// Whether no token can be checked.
    pub const fn is_empty(&self) -> bool {
        self.keys.is_empty()
    }

    /// How many keys there are.
    pub const fn len(&self) -> usize {
        self.keys.len()
    }

    /// Whether a key has this name, or names don't matter.
    pub(crate) fn knows(&self, kid: &str) -> bool {
        self.ignores_kid || self.keys.iter().any(|key| key.kid.as_deref() == Some(kid))
    }

    /// Whether a key has signed the token: the one that it names, or any where it names none.
    pub(crate) fn have_signed(&self, token: &Token<'_>) -> bool {
        let mut fingerprint = [0; 32];
        fingerprint.copy_from_slice(digest(&SHA256, token.text).as_ref());
        if self.proved.get(&fingerprint).is_some() {
            return true;
        }
        let is_signed = self.prove(token);
        if is_signed {
            self.proved.insert(fingerprint, ());
        }
        is_signed
    }

    fn prove(&self, token: &Token<'_>) -> bool {
        let Token { algorithm, kid, message, signature, .. } = token;
        let is_meant = |key: &&Key| self.ignores_kid || kid.is_none() || key.kid == *kid;
        let mut meant = self.keys.iter().filter(is_meant);
        meant.any(|key| key.has_signed(*algorithm, message, signature))
    }
}
