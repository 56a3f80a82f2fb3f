use std::fmt;

use latchkey_domain::{OwnerId, Timestamp};
use uuid::Uuid;

use crate::{Email, PasswordHash};

/// Names an account.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct AccountId(Uuid);

impl AccountId {
    /// Wraps a UUID from an id sequence or from storage.
    pub const fn new(id: Uuid) -> Self {
        Self(id)
    }

    /// The UUID, for an adapter to store.
    pub const fn as_uuid(self) -> Uuid {
        self.0
    }

    /// The account as an owner of keys.
    pub fn owner(self) -> OwnerId {
        OwnerId::parse(self.to_string()).expect("a UUID is visible ASCII")
    }
}

impl fmt::Display for AccountId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.hyphenated().fmt(f)
    }
}

/// A person who signs in.
///
/// An account changes by the use cases of [`AccountService`](crate::AccountService). Those that change the password
/// or the state give the next version. A session belongs to the version under which it began, and
/// ends when the account moves on: that is how a new password or a disabled account ends sessions,
/// also those that are just being made.
#[derive(Debug, Clone)]
pub struct Account(AccountParts);

/// Everything an [`Account`] consists of, for a store to keep and give back.
#[derive(Debug, Clone)]
pub struct AccountParts {
    /// Names the account, and owns its keys.
    pub id: AccountId,
    /// Where to reach the person; unique.
    pub email: Email,
    /// What the password is checked against.
    pub password: PasswordHash,
    /// When it was made.
    pub created_at: Timestamp,
    /// Whether the person may sign in.
    pub state: AccountState,
    /// Whether the person has the pages of operators.
    pub is_operator: bool,
    /// 1 when made, one more with each change of the password or the state.
    pub version: i32,
}

/// Whether an account may be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AccountState {
    /// It may.
    Active,
    /// An operator disabled it, ended its sessions and revoked its keys.
    Disabled {
        /// Since when.
        at: Timestamp,
    },
}

impl Account {
    /// Rebuilds an account from storage, or makes a new one.
    pub const fn restore(parts: AccountParts) -> Self {
        Self(parts)
    }

    /// Everything it consists of.
    pub const fn parts(&self) -> &AccountParts {
        &self.0
    }

    /// Whether the person may sign in.
    pub const fn is_active(&self) -> bool {
        matches!(self.0.state, AccountState::Active)
    }

    /// The same account with another address.
    #[must_use]
    pub(crate) fn with_email(&self, email: Email) -> Self {
        Self(AccountParts { email, ..self.0.clone() })
    }

    /// The same account, of an operator or no longer of one.
    #[must_use]
    pub(crate) fn with_operator(&self, is_operator: bool) -> Self {
        Self(AccountParts { is_operator, ..self.0.clone() })
    }

    /// The same account with another password.
    #[must_use]
    pub(crate) fn with_password(&self, password: PasswordHash) -> Self {
        Self(AccountParts { password, version: self.0.version + 1, ..self.0.clone() })
    }

    /// The same account, disabled. One that is disabled already keeps its instant.
    #[must_use]
    pub(crate) fn disable(&self, now: Timestamp) -> Self {
        let state = match self.0.state {
            AccountState::Active => AccountState::Disabled { at: now },
            disabled @ AccountState::Disabled { .. } => disabled,
        };
        Self(AccountParts { state, version: self.0.version + 1, ..self.0.clone() })
    }

    /// The same account, active again.
    #[must_use]
    pub(crate) fn enable(&self) -> Self {
        let state = AccountState::Active;
        Self(AccountParts { state, version: self.0.version + 1, ..self.0.clone() })
    }
}
