use latchkey_domain::NotNow;
use latchkey_domain::ports::{EntropyError, StoreError, UpdateError};
use thiserror::Error;

use crate::ports::HashError;

/// Why an account was not made.
#[derive(Debug, Error)]
pub enum CreateAccountError {
    /// Another account has the address.
    #[error("another account has the address")]
    AddressTaken,
    /// The password could not be hashed.
    #[error(transparent)]
    Hash(#[from] HashError),
    /// No randomness to make an id from.
    #[error(transparent)]
    Entropy(#[from] EntropyError),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Why somebody could not sign up.
#[derive(Debug, Error)]
pub enum SignUpError {
    /// Too many sign-ups from the caller's network.
    #[error(transparent)]
    NotNow(#[from] NotNow),
    /// The account was not made, or its session did not begin.
    #[error(transparent)]
    NotMade(#[from] CreateAccountError),
}

/// Why somebody was not signed in.
#[derive(Debug, Error)]
pub enum SignInError {
    /// Too many wrong passwords, or too many sessions began.
    #[error(transparent)]
    NotNow(#[from] NotNow),
    /// No such account, a wrong password or a disabled account: which of them is not told.
    #[error("no active account has the address and the password")]
    Rejected,
    /// The password could not be checked.
    #[error(transparent)]
    Hash(#[from] HashError),
    /// No randomness to make a token from.
    #[error(transparent)]
    Entropy(#[from] EntropyError),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Why a session was not ended.
#[derive(Debug, Error)]
pub enum EndSessionError {
    /// No randomness to make an id from.
    #[error(transparent)]
    Entropy(#[from] EntropyError),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Why a person's change of the own account was not made.
#[derive(Debug, Error)]
pub enum OwnAccountError {
    /// Too many wrong passwords.
    #[error(transparent)]
    NotNow(#[from] NotNow),
    /// The current password is another one.
    #[error("the current password is another one")]
    WrongPassword,
    /// Another account has the address.
    #[error("another account has the address")]
    AddressTaken,
    /// Somebody changed the account at the same time.
    #[error("the account was changed at the same time")]
    Stale,
    /// The password could not be checked or hashed.
    #[error(transparent)]
    Hash(#[from] HashError),
    /// No randomness to make an id from.
    #[error(transparent)]
    Entropy(#[from] EntropyError),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Why an operator's change to an account was not made.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum OperatorError {
    /// No account has the address.
    #[error("no account has this email address")]
    NotFound,
    /// A disabled account signs in with no password.
    #[error("the account is disabled")]
    Disabled,
    /// Somebody changed the account at the same time.
    #[error("the account was changed at the same time")]
    Stale,
    /// The password could not be hashed.
    #[error(transparent)]
    Hash(#[from] HashError),
    /// No randomness to make an id from.
    #[error(transparent)]
    Entropy(#[from] EntropyError),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl From<UpdateError> for OperatorError {
    fn from(error: UpdateError) -> Self {
        match error {
            UpdateError::Stale => Self::Stale,
            UpdateError::Store(error) => Self::Store(error),
        }
    }
}
