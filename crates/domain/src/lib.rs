//! What an API key is and what may happen to it.
//!
//! This crate knows no database, no HTTP, no JSON and no async runtime: it holds the
//! [`ApiKey`] aggregate, the values it is made of, the [`ports`] it needs from outside, and
//! the use cases in [`ApiKeyService`]. Any Rust service can use it without the server.
//!
//! Where to look: [`ApiKey`] for states and rules, [`Secret`] for the text a client holds,
//! [`Digest`] for what is stored in its place.
#![warn(clippy::future_not_send)]

mod actor;
mod api_key;
mod audit;
mod brand;
mod change;
mod characters;
mod digest;
mod environment;
mod error_chain;
mod failover;
mod find_in;
mod id;
mod issue;
mod key_prefix;
mod name;
mod owner;
pub mod ports;
mod presented;
mod recover;
mod rotate;
mod secret;
mod service;
mod timestamp;
mod told;
mod verify;

pub use actor::Actor;
pub use api_key::{ApiKey, ApiKeyParts, KeyState, Refusal, TransitionError, has_expired};
pub use audit::{Action, AuditEvent, Caller, EventId, UserAgent};
pub use brand::{Brand, BrandError};
pub use change::{ChangeError, ChangeNumber, KeyChange};
pub use characters::is_plain;
pub use digest::{Candidates, Digest, KeyedDigest, MAX_LIVE_PEPPERS, PepperId};
pub use environment::{Environment, UnknownEnvironment};
pub use error_chain::error_chain;
pub use failover::{Failover, UnknownFailover};
pub use id::{ApiKeyId, IdSequence, MalformedId};
pub use issue::{IssueError, IssuedKey, NewKey};
pub use key_prefix::{KeyPrefix, MalformedPrefix};
pub use name::{KeyName, NameError};
pub use owner::{OwnerError, OwnerId};
pub use presented::presented;
pub use rotate::{Overlap, OverlapTooLong};
pub use secret::{MalformedSecret, Secret};
pub use service::{ApiKeyPorts, ApiKeyService, IssuePolicy, NameMissing, RevokeError};
pub use timestamp::Timestamp;
pub use told::{KeyDifference, KeyLabel};
pub use verify::VerifyError;
