//! Builders with one obvious default. Ids, digests and addresses differ from call to call.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use latchkey_accounts::{
    Account, AccountId, AccountParts, AccountState, Email, ManagementToken, PasswordHash, Right,
    Session, SessionId,
};
use latchkey_domain::ports::Replacement;
use latchkey_domain::{
    Action, Actor, AllowedNetworks, ApiKey, ApiKeyId, ApiKeyParts, AuditEvent, Caller, Creator,
    Digest, Environment, EventId, Grants, KeyName, KeyPrefix, KeyState, KeyUse, KeyedDigest,
    Limits, Metadata, OwnerId, OwnerPattern, PepperId, Restrictions, Timestamp, TokenId,
    UsageBatch, UsageWriterId, UserAgent,
};
use uuid::Uuid;

/// The instant `offset_millis` away from 2026-03-24T15:30:00.123Z, at which fixtures are made.
pub fn moment(offset_millis: i64) -> Timestamp {
    Timestamp::from_unix_millis(1_774_366_200_123 + offset_millis).expect("in range")
}

/// The pepper with this id.
pub fn pepper(id: u16) -> PepperId {
    PepperId::new(id).expect("pepper ids count from 1")
}

/// The owner with this name.
pub fn owner(text: &str) -> OwnerId {
    OwnerId::parse(text).expect("visible ASCII")
}

/// This JSON object.
pub fn metadata(json: &str) -> Metadata {
    Metadata::parse(json).expect("metadata")
}

/// These scopes and networks.
pub fn restrictions(scopes: &[&str], networks: &[&str]) -> Restrictions {
    Restrictions { scopes: scopes_of(scopes), networks: networks_of(networks) }
}

/// These scopes.
pub fn scopes_of(texts: &[&str]) -> Grants {
    Grants::parse(texts.iter().copied()).expect("scopes")
}

/// These networks.
pub fn networks_of(texts: &[&str]) -> AllowedNetworks {
    AllowedNetworks::parse(texts.iter().copied()).expect("networks")
}

/// These limits: `minute=100 day=1000`.
pub fn limits_of(text: &str) -> Limits {
    Limits::from_storage(text).expect("limits")
}

/// A digest that nothing else has, under pepper 1.
pub fn a_digest() -> KeyedDigest {
    let count = next();
    let mut bytes = [0; 32];
    for (chunk, part) in bytes.chunks_exact_mut(8).zip(0..) {
        chunk.copy_from_slice(&scatter(count * 4 + part).to_le_bytes());
    }
    KeyedDigest { pepper: pepper(1), digest: Digest::new(bytes) }
}

/// An id that nothing else has; later ones are greater.
pub fn an_id() -> ApiKeyId {
    ApiKeyId::new(a_uuid())
}

/// Somebody who writes usage and has written none yet.
pub fn a_writer() -> UsageWriterId {
    UsageWriterId::new(a_uuid())
}

/// The first batch of a writer: one accepted call for each.
pub fn a_batch(uses: &[(ApiKeyId, Timestamp)]) -> UsageBatch {
    let call = |(key, at): &(ApiKeyId, Timestamp)| KeyUse {
        key: *key,
        last_used_at: *at,
        accepted: 1,
        cost: 1,
    };
    UsageBatch::new(a_writer(), 1, uses.iter().map(call).collect(), Vec::new())
}

/// An active key called "ci" of the owner "owner", without expiry.
pub fn a_key() -> KeyBuilder {
    let id = an_id();
    KeyBuilder(ApiKeyParts {
        id,
        family: id,
        owner: owner("owner"),
        name: KeyName::parse("ci").expect("a name"),
        prefix: KeyPrefix::parse("sk_live_abc1").expect("a prefix"),
        environment: Environment::Live,
        digest: a_digest(),
        created_by: None,
        created_at: moment(0),
        expires_at: None,
        metadata: Metadata::default(),
        restrictions: Restrictions::NONE,
        limits: Limits::NONE,
        state: KeyState::Active,
        replaced_by: None,
        version: 1,
    })
}

/// An active account with an address of its own.
pub fn an_account() -> AccountBuilder {
    AccountBuilder(AccountParts {
        id: AccountId::new(a_uuid()),
        email: Email::parse(&format!("ada{}@example.com", next())).expect("an address"),
        password: PasswordHash::new("$argon2id$v=19$m=1,t=1,p=1$c2FsdA$aGFzaA".to_owned()),
        created_at: moment(0),
        state: AccountState::Active,
        is_operator: false,
        version: 1,
    })
}

/// A session of `account` that has just begun, under its present version.
pub fn a_session(account: &Account) -> SessionBuilder {
    SessionBuilder(Session {
        id: SessionId::new(a_uuid()),
        digest: a_digest(),
        account: account.parts().id,
        account_version: account.parts().version,
        created_at: moment(0),
        last_seen_at: moment(0),
        confirmed_at: moment(0),
        address: None,
        user_agent: None,
    })
}

/// A management token called "backend" that reads keys of every owner and expires after an hour.
pub fn a_token() -> TokenBuilder {
    TokenBuilder(ManagementToken {
        id: TokenId::new(a_uuid()),
        name: KeyName::parse("backend").expect("a name"),
        rights: [Right::KeysRead].into_iter().collect(),
        owners: vec![OwnerPattern::any()],
        prefix: KeyPrefix::parse("lk_admin_abc1").expect("a prefix"),
        digest: a_digest(),
        created_at: moment(0),
        expires_at: moment(3_600_000),
        revoked_at: None,
        last_used_at: None,
    })
}

/// An event of a management token, which belongs to nobody's trail.
pub fn an_event_of(action: Action) -> AuditEvent {
    AuditEvent { owner: None, action, ..an_event() }
}

/// A change of some key of the owner "owner", by somebody of whom nothing is known.
pub fn an_event() -> AuditEvent {
    an_event_at(moment(0))
}

/// The same at `at`.
pub fn an_event_at(at: Timestamp) -> AuditEvent {
    AuditEvent {
        id: EventId::new(a_uuid()),
        at,
        owner: Some(owner("owner")),
        action: Action::KeyChanged { key: an_id(), difference: None },
        label: None,
        caller: a_caller(),
    }
}

/// Somebody of whom nothing is known.
pub const fn a_caller() -> Caller {
    Caller { actor: Actor::Anonymous, address: None, user_agent: None, request_id: None }
}

/// `key` makes room for `successor`; nothing else ends by it, and no limit holds.
pub fn a_replacement(key: &ApiKey, successor: &ApiKey, event: &AuditEvent) -> Replacement {
    let (key, successor, event) = (key.clone(), successor.clone(), event.clone());
    Replacement { key, successor, ended: None, limit: None, event }
}

/// The next version of `key`, changed in whatever way a test needs.
pub fn changed(key: &ApiKey, change: impl FnOnce(&mut ApiKeyParts)) -> ApiKey {
    let mut parts = key.parts().clone();
    parts.version += 1;
    change(&mut parts);
    ApiKey::restore(parts)
}

/// The next version of `key`, called `name`.
pub fn renamed(key: &ApiKey, name: &str) -> ApiKey {
    changed(key, |parts| parts.name = KeyName::parse(name).expect("a name"))
}

/// The next version of `key`, switched off at `at`.
pub fn disabled(key: &ApiKey, at: Timestamp) -> ApiKey {
    changed(key, |parts| parts.state = KeyState::Disabled { at })
}

/// The next version of `key`, switched on.
pub fn enabled(key: &ApiKey) -> ApiKey {
    changed(key, |parts| parts.state = KeyState::Active)
}

/// The next version of an account, with another password hash.
pub fn account_with_password(account: &Account, phc: &str) -> Account {
    changed_account(account, |parts| parts.password = PasswordHash::new(phc.to_owned()))
}

/// The same version of an account, with another address.
pub fn account_with_email(account: &Account, email: &str) -> Account {
    let email = Email::parse(email).expect("an address");
    Account::restore(AccountParts { email, ..account.parts().clone() })
}

/// The same version of an account, of an operator or not.
pub fn account_with_operator(account: &Account, is_operator: bool) -> Account {
    Account::restore(AccountParts { is_operator, ..account.parts().clone() })
}

/// The next version of an account, disabled at `at`, if it was not before.
pub fn disabled_account(account: &Account, at: Timestamp) -> Account {
    changed_account(account, |parts| {
        if parts.state == AccountState::Active {
            parts.state = AccountState::Disabled { at };
        }
    })
}

/// The next version of an account, active.
pub fn enabled_account(account: &Account) -> Account {
    changed_account(account, |parts| parts.state = AccountState::Active)
}

fn changed_account(account: &Account, change: impl FnOnce(&mut AccountParts)) -> Account {
    let mut parts = account.parts().clone();
    change(&mut parts);
    parts.version += 1;
    Account::restore(parts)
}

/// The next version of `key`, working until `end`.
pub fn ending(key: &ApiKey, end: Timestamp) -> ApiKey {
    changed(key, |parts| parts.expires_at = Some(end))
}

/// The next version of `key`, which had no expiry, with `successor` in its place since `at`: it works on for
/// `overlap`, and without one it is revoked.
pub fn replaced(key: &ApiKey, successor: &ApiKey, overlap: Duration, at: Timestamp) -> ApiKey {
    changed(key, |parts| {
        parts.replaced_by = Some(successor.parts().id);
        parts.expires_at = Some(at.saturating_add(overlap));
        if overlap.is_zero() {
            parts.state = KeyState::Revoked { at };
        }
    })
}

/// Makes an [`ApiKey`].
#[derive(Debug, Clone)]
#[must_use]
pub struct KeyBuilder(ApiKeyParts);

impl KeyBuilder {
    /// With this id, and the first of its family.
    pub const fn with_id(mut self, id: ApiKeyId) -> Self {
        self.0.id = id;
        self.0.family = id;
        self
    }

    /// Of the family of `key`.
    pub const fn of_family(mut self, key: &ApiKey) -> Self {
        self.0.family = key.parts().family;
        self
    }

    /// Owned by `text`.
    pub fn owned_by(mut self, text: &str) -> Self {
        self.0.owner = owner(text);
        self
    }

    /// Owned by `account`.
    pub fn owned_by_account(mut self, account: &Account) -> Self {
        self.0.owner = account.parts().id.owner();
        self
    }

    /// Called `name`.
    pub fn named(mut self, name: &str) -> Self {
        self.0.name = KeyName::parse(name).expect("a name");
        self
    }

    /// With this public beginning.
    pub fn with_prefix(mut self, prefix: &str) -> Self {
        self.0.prefix = KeyPrefix::parse(prefix).expect("a prefix");
        self
    }

    /// Meant for `environment`.
    pub const fn meant_for(mut self, environment: Environment) -> Self {
        self.0.environment = environment;
        self
    }

    /// Stored under this digest.
    pub const fn with_digest(mut self, digest: KeyedDigest) -> Self {
        self.0.digest = digest;
        self
    }

    /// Stored under a digest that pepper `id` made.
    pub fn under_pepper(mut self, id: u16) -> Self {
        self.0.digest.pepper = pepper(id);
        self
    }

    /// Issued at `at`.
    pub const fn created_at(mut self, at: Timestamp) -> Self {
        self.0.created_at = at;
        self
    }

    /// Made by `creator`.
    pub fn created_by(mut self, creator: &str) -> Self {
        self.0.created_by = Some(Creator::parse(creator).expect("a creator"));
        self
    }

    /// With this JSON object.
    pub fn with_metadata(mut self, json: &str) -> Self {
        self.0.metadata = metadata(json);
        self
    }

    /// For these uses and from these places.
    pub fn restricted_to(mut self, restrictions: Restrictions) -> Self {
        self.0.restrictions = restrictions;
        self
    }

    /// With these limits: `minute=100 day=1000`.
    pub fn limited_to(mut self, limits: &str) -> Self {
        self.0.limits = limits_of(limits);
        self
    }

    /// Working until `at`.
    pub const fn expiring(mut self, at: Timestamp) -> Self {
        self.0.expires_at = Some(at);
        self
    }

    /// The key.
    pub fn build(self) -> ApiKey {
        ApiKey::restore(self.0)
    }
}

/// Makes an [`Account`].
#[derive(Debug, Clone)]
#[must_use]
pub struct AccountBuilder(AccountParts);

impl AccountBuilder {
    /// With this address.
    pub fn with_email(mut self, email: &str) -> Self {
        self.0.email = Email::parse(email).expect("an address");
        self
    }

    /// With this password hash, a PHC string.
    pub fn with_password_hash(mut self, phc: &str) -> Self {
        self.0.password = PasswordHash::new(phc.to_owned());
        self
    }

    /// Made at `at`.
    pub const fn created_at(mut self, at: Timestamp) -> Self {
        self.0.created_at = at;
        self
    }

    /// The account.
    pub fn build(self) -> Account {
        Account::restore(self.0)
    }
}

/// Makes a [`Session`].
#[derive(Debug, Clone)]
#[must_use]
pub struct SessionBuilder(Session);

impl SessionBuilder {
    /// Begun at `at`.
    pub const fn created_at(mut self, at: Timestamp) -> Self {
        self.0.created_at = at;
        self
    }

    /// Last used at `at`.
    pub const fn last_seen_at(mut self, at: Timestamp) -> Self {
        self.0.last_seen_at = at;
        self
    }

    /// Confirmed at `at`.
    pub const fn confirmed_at(mut self, at: Timestamp) -> Self {
        self.0.confirmed_at = at;
        self
    }

    /// Begun from this address, with this program.
    pub fn begun_from(mut self, address: &str, user_agent: &str) -> Self {
        self.0.address = Some(address.parse().expect("an address"));
        self.0.user_agent = UserAgent::of(user_agent);
        self
    }

    /// Stored under a digest that pepper `id` made.
    pub fn under_pepper(mut self, id: u16) -> Self {
        self.0.digest.pepper = pepper(id);
        self
    }

    /// The session.
    pub fn build(self) -> Session {
        self.0
    }
}

/// Makes a [`ManagementToken`].
#[derive(Debug, Clone)]
#[must_use]
pub struct TokenBuilder(ManagementToken);

impl TokenBuilder {
    /// With these rights.
    pub fn allowed(mut self, rights: impl IntoIterator<Item = Right>) -> Self {
        self.0.rights = rights.into_iter().collect();
        self
    }

    /// For the owners of these patterns.
    pub fn acting_for(mut self, owners: &[&str]) -> Self {
        let pattern = |text: &&str| OwnerPattern::parse(*text).expect("a pattern");
        self.0.owners = owners.iter().map(pattern).collect();
        self
    }

    /// Stored under this digest.
    pub const fn with_digest(mut self, digest: KeyedDigest) -> Self {
        self.0.digest = digest;
        self
    }

    /// Revoked at `at`.
    pub const fn revoked(mut self, at: Timestamp) -> Self {
        self.0.revoked_at = Some(at);
        self
    }

    /// Last used at `at`.
    pub const fn last_used_at(mut self, at: Timestamp) -> Self {
        self.0.last_used_at = Some(at);
        self
    }

    /// The token.
    pub fn build(self) -> ManagementToken {
        self.0
    }
}

fn a_uuid() -> Uuid {
    let count = next();
    let tail = scatter(count).to_be_bytes();
    let mut ten = [0; 10];
    ten.iter_mut().zip(tail).for_each(|(byte, drawn)| *byte = drawn);
    uuid::Builder::from_unix_timestamp_millis(1_774_366_200_123 + count, &ten).into_uuid()
}

fn next() -> u64 {
    static COUNT: AtomicU64 = AtomicU64::new(0);
    COUNT.fetch_add(1, Ordering::Relaxed)
}

/// Spreads a count over all 64 bits, one to one (the steps of `SplitMix64`), so that what is
/// made from it doesn't look alike.
pub(crate) const fn scatter(count: u64) -> u64 {
    let mut bits = count.wrapping_add(1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    bits ^ (bits >> 31)
}
