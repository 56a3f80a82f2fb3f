//! What the driver says, in the words of the ports.

use std::error::Error as StdError;

use diesel::result::{DatabaseErrorKind, Error as DieselError};
#[cfg(feature = "accounts")]
use latchkey_accounts::ports::{ChangeEmailError, InsertAccountError};
pub(crate) use latchkey_domain::error_chain as chain;
use latchkey_domain::ports::{InsertError, StoreError, UpdateError};
use thiserror::Error;
use uuid::Uuid;

/// A value that cannot be read back. It names the place and never shows the value.
#[derive(Debug, Error)]
#[error("{table}.{column} can't be read back (id {row})")]
struct Corrupt {
    table: &'static str,
    column: &'static str,
    row: Uuid,
}

/// The row a value was read from. A session is named by its account: its own key is a digest.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Place {
    pub(crate) table: &'static str,
    pub(crate) row: Uuid,
}

impl Place {
    /// What the domain made of the stored value of `column`; it refuses what somebody wrote to the table
    /// behind Latchkey's back.
    pub(crate) fn read<T>(self, column: &'static str, value: Option<T>) -> Result<T, StoreError> {
        value.ok_or_else(|| failed(Corrupt { table: self.table, column, row: self.row }))
    }
}

/// Any failure without a named answer.
pub(crate) fn failed(error: impl Into<Box<dyn StdError + Send + Sync>>) -> StoreError {
    StoreError::new(error)
}

/// Why a key was not inserted.
pub(crate) fn insert_key(error: DieselError) -> InsertError {
    match violated(&error) {
        Some("api_keys_pkey" | "api_keys_digest_key") => InsertError::Duplicate,
        _ => failed(error).into(),
    }
}

/// Why an account was not inserted.
#[cfg(feature = "accounts")]
pub(crate) fn insert_account(error: DieselError) -> InsertAccountError {
    match violated(&error) {
        Some("accounts_email_key") => InsertAccountError::AddressTaken,
        _ => failed(error).into(),
    }
}

/// Why an account did not get another address.
#[cfg(feature = "accounts")]
pub(crate) fn change_email(error: DieselError) -> ChangeEmailError {
    match violated(&error) {
        Some("accounts_email_key") => ChangeEmailError::AddressTaken,
        _ => failed(error).into(),
    }
}

/// A change guarded by what it found touches one row, or somebody was faster.
pub(crate) fn changed(rows: usize) -> Result<(), UpdateError> {
    if rows == 0 { Err(UpdateError::Stale) } else { Ok(()) }
}

/// The unique constraint that the statement would have broken.
fn violated(error: &DieselError) -> Option<&str> {
    match error {
        DieselError::DatabaseError(DatabaseErrorKind::UniqueViolation, told) => {
            told.constraint_name()
        }
        _ => None,
    }
}
