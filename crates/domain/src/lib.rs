//! What an API key is and what may happen to it.
//!
//! This crate knows no database, no HTTP, no JSON and no async runtime: it holds the
//! [`ApiKey`] aggregate, the values it is made of, the [`ports`] it needs from outside, and
//! the use cases in [`ApiKeyService`]. Any Rust service can use it without the server:
//!
//! ```
//! use std::sync::Arc;
//!
//! use latchkey_domain::ports::NoBarrier;
//! use latchkey_domain::{
//!     ApiKeyPorts, ApiKeyService, Brand, Caller, Environment, IssuePolicy, KeyLimits, KeyName,
//!     NewKey, OwnerId,
//! };
//! use latchkey_hasher_hmac::{HmacHasher, PepperRing};
//! use latchkey_store_sqlite::SqliteStore;
//! use latchkey_system::{BootClock, OsEntropy, SystemClock};
//!
//! # #[tokio::main]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let folder = tempfile::tempdir()?;
//! # let path = folder.path().join("keys.db");
//! # let peppers = "1:a2tra2tra2tra2tra2tra2tra2tra2tra2tra2tra2s=";
//! let store = Arc::new(SqliteStore::open(&path)?);
//! store.migrate().await?;
//! let hasher = Arc::new(HmacHasher::new(&PepperRing::parse(peppers)?));
//! // No barrier: only this process verifies, and keeps no cache.
//! let (barrier, clock, entropy) = (Arc::new(NoBarrier), Arc::new(SystemClock), Arc::new(OsEntropy));
//! let ports = ApiKeyPorts::of(&store, barrier, hasher, clock, entropy);
//! let brand = Brand::parse("acme")?;
//! let policy = IssuePolicy { brand, max_keys_per_owner: 10, names_optional: false };
//! let limits = KeyLimits::new(600, Arc::new(BootClock)); // changes by one owner in a minute
//! let keys = ApiKeyService::new(ports, policy, limits);
//!
//! let ada = OwnerId::parse("user_123")?;
//! let name = KeyName::parse("Production")?;
//! let new = NewKey::new(name, Environment::Live);
//! let issued = keys.issue(ada.clone(), new, &Caller::of(&ada)).await?;
//! assert!(issued.secret.expose().starts_with("acme_live_"));
//!
//! let key = keys.verify(&issued.secret).await?;
//! keys.revoke(&ada, key.parts().id, &Caller::of(&ada)).await?;
//! assert!(keys.verify(&issued.secret).await.is_err());
//! # Ok(())
//! # }
//! ```
//!
//! # Errors as HTTP statuses
//!
//! The texts of errors are for logs. A service that speaks HTTP answers them in its own words, with
//! these statuses; Latchkey's own mapping is `crates/http/src/error/refusals.rs`.
//!
//! | error | status |
//! |---|---|
//! | no key was sent, [`MalformedSecret`], [`VerifyError::Refused`] | 401 |
//! | [`IssueError::ExpiryNotInFuture`], [`ChangeError::ExpiryNotInFuture`], [`ChangeError::Nothing`], [`NameError`], [`MetadataError`] | 400 |
//! | [`NameMissing`], [`NamePartError`], [`OverlapTooLong`], [`ReportLeaksError::NoKey`] | 400 |
//! | [`IssueError::Scopes`], [`ChangeError::Scopes`], [`GrantsError`], [`AllowedNetworksError`] | 400 |
//! | [`MalformedLimits`], [`TooManyCredits`], [`MalformedAddition`] | 400 |
//! | [`AddCreditsError::Refused`] | 409 |
//! | [`IssueError::LimitReached`], [`ChangeError::LimitReached`], [`RevokeAllError::TooMany`] | 409 |
//! | [`IssueError::OwnerSuspended`], [`ChangeError::OwnerSuspended`] | 409 |
//! | [`IssueError::OwnerClosed`] | 401: the owner's account is disabled |
//! | [`ChangeError::NotFound`], [`RevokeError::NotFound`], [`AddCreditsError::NotFound`] | 404 |
//! | [`ChangeError::Refused`], [`ChangeError::Contended`], [`ChangeOwnerError::Contended`], [`RevokeAllError::Contended`] | 409 |
//! | the [`NotNow`] variant of any error above | 429, with `Retry-After` |
//! | the `Store` or `Entropy` variant of any error above | 503, and a line in the log |
//!
//! Where to look: [`ApiKey`] for states and rules, [`Secret`] for the text a client holds,
//! [`Digest`] for the form in which a store keeps it.
#![warn(clippy::future_not_send)]

mod actor;
mod add_credits;
mod allowed_networks;
mod api_key;
mod attempts;
mod audit;
mod boot_time;
mod brand;
mod budget;
mod change;
mod characters;
mod checked_text;
mod cost;
mod creator;
mod credits;
mod digest;
mod environment;
mod error_chain;
mod failover;
mod find_in;
mod found_key;
mod id;
mod issue;
mod key_limits;
mod key_prefix;
mod limits;
mod management_token;
mod metadata;
mod name;
mod network;
mod over_budget;
mod owner;
mod owner_pattern;
mod owner_settings;
pub mod ports;
mod presented;
mod recent_usage;
mod recover;
mod refusal_reason;
mod report_leaks;
mod restrictions;
mod revoke_all;
mod rotate;
mod scope_catalogue;
mod scopes;
mod search;
mod secret;
mod selection;
mod service;
mod timestamp;
mod told;
mod usage;
mod usage_service;
mod verify;

// In signatures of this crate: an adapter needs these versions and no other.
pub use async_trait::async_trait;
pub use {time, uuid};

pub use actor::Actor;
pub use add_credits::AddCreditsError;
pub use allowed_networks::{AllowedNetworks, AllowedNetworksError, NetworkError, read_network};
pub use api_key::{ApiKey, ApiKeyParts, KeyState, Refusal, TransitionError, has_expired};
pub use attempts::{Attempt, Attempts, NotNow};
pub use audit::{Action, AuditEvent, Caller, EventId, UserAgent};
pub use boot_time::BootTime;
pub use brand::{Brand, BrandError};
pub use budget::{BudgetHolder, BudgetId, BudgetKind, KeyBudget};
pub use change::{ChangeError, ChangeNumber, KeyChange};
pub use characters::is_plain;
pub use cost::{Cost, CostTooHigh};
pub use creator::Creator;
pub use credits::{
    Addition, CreditChange, Credits, CreditsRefused, MalformedAddition, TooManyCredits,
};
pub use digest::{Candidates, Digest, KeyedDigest, MAX_LIVE_PEPPERS, PepperId};
pub use environment::{Environment, UnknownEnvironment};
pub use error_chain::error_chain;
pub use failover::{Failover, UnknownFailover};
pub use find_in::FoundSecret;
pub use found_key::{Bar, FoundKey};
pub use id::{ApiKeyId, IdSequence, MalformedId};
pub use issue::{IssueError, IssuedKey, NewKey};
pub use key_limits::KeyLimits;
pub use key_prefix::{KeyPrefix, MalformedPrefix};
pub use limits::{Limit, Limits, MalformedLimits, OutOfRange, Window};
pub use management_token::{MalformedManagementToken, ManagementTokenText, TokenId};
pub use metadata::{Metadata, MetadataError};
pub use name::{KeyName, NameError};
pub use network::Network;
pub use over_budget::{OverBudget, seconds_up};
pub use owner::{OwnerError, OwnerId};
pub use owner_pattern::{OwnerPattern, OwnerPatternError};
pub use owner_settings::{ChangeOwnerError, MaxKeys, OwnerChange, OwnerSettings, TooManyKeys};
pub use presented::presented;
pub use recent_usage::RecentUsage;
pub use refusal_reason::{RefusalReason, Refused, RefusedCall, UnknownReason};
pub use report_leaks::ReportLeaksError;
pub use restrictions::{Denial, Restrictions};
pub use revoke_all::RevokeAllError;
pub use rotate::{Overlap, OverlapTooLong, Rotation};
pub use scope_catalogue::{
    CatalogueError, CatalogueProblem, CataloguedScope, ScopeCatalogue, ScopeRefused,
};
pub use scopes::{Grants, GrantsError, MalformedRequirement, MalformedScope, Requirement, Scope};
pub use search::{KeyCursor, KeySearch, KeyStatus, NamePart, NamePartError, TrailSearch};
pub use secret::{MalformedSecret, Secret};
pub use selection::Selection;
pub use service::{ApiKeyPorts, ApiKeyService, IssuePolicy, NameMissing, RevokeError};
pub use timestamp::{Rfc3339, Timestamp};
pub use told::{KeyDifference, KeyLabel, OwnerDifference};
pub use usage::{
    CountedCalls, KeptRefusal, KeyRefused, KeyUse, UnknownSpan, UsageBatch, UsageCounts,
    UsagePeriod, UsagePeriodError, UsageSpan, UsageWriterId,
};
pub use usage_service::{UsageError, UsageService};
pub use verify::VerifyError;
