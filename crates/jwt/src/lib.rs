//! Sessions of another system: whether a JWT is one, and whose.
//!
//! A [`ForeignSessions`] knows who issues tokens, for whom, and by which keys: a shared secret, keys that
//! were given, or keys that the issuer publishes, which are fetched through the port [`PublishedKeys`].
//! Everything about a token that is not exactly as it must be refuses it. The signature is checked before
//! anything in the claims counts.
//!
//! The cryptography is ring's, which TLS here uses too; see decision 27 for why no JWT library stands
//! between.

mod algorithm;
mod claims;
mod json;
mod key;
mod key_set;
mod published;
mod rules;
mod sessions;
mod token;

pub use key_set::{KeySet, KeySetError, SecretTooShort};
pub use published::{FetchError, PublishedKeys};
pub use rules::{ClaimPath, ClaimPathError, Rules};
pub use sessions::{ForeignSession, ForeignSessions, JwtError, Keys};
pub use token::looks_like_jwt;
