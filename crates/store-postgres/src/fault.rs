//! What the driver says, in the words of the ports.

use std::error::Error as StdError;

use diesel::result::{DatabaseErrorKind, Error as DieselError};
use latchkey_accounts::ports::InsertAccountError;
pub(crate) use latchkey_domain::error_chain as chain;
use latchkey_domain::ports::{InsertError, StoreError, UpdateError};
use thiserror::Error;

/// A stored value that the domain refuses: somebody wrote to the table behind Latchkey's back.
#[derive(Debug, Error)]
#[error("the column {column} of {table} holds something that Latchkey didn't write")]
pub(crate) struct Corrupt {
    pub(crate) table: &'static str,
    pub(crate) column: &'static str,
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
pub(crate) fn insert_account(error: DieselError) -> InsertAccountError {
    match violated(&error) {
        Some("accounts_email_key") => InsertAccountError::AddressTaken,
        _ => failed(error).into(),
    }
}

/// A change guarded by the version touches one row, or somebody was faster.
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
