use diesel::result::{DatabaseErrorKind, Error};
use latchkey_domain::ports::StoreError;
use thiserror::Error as ThisError;
use uuid::Uuid;

/// Why a unit of work ended without a value: the port's own error, which every failure of the
/// driver turns into by way of [`StoreError`].
#[derive(Debug)]
pub(crate) struct Fault<E>(pub(crate) E);

/// What a unit of work comes to.
pub(crate) type DbResult<T, E = StoreError> = Result<T, Fault<E>>;

impl<E: From<StoreError>> From<Error> for Fault<E> {
    fn from(error: Error) -> Self {
        Self(StoreError::new(error).into())
    }
}

impl<E: From<StoreError>> From<Corrupt> for Fault<E> {
    fn from(corrupt: Corrupt) -> Self {
        Self(StoreError::new(corrupt).into())
    }
}

/// Whether `error` is the violation of a unique constraint on one of these columns, each given as
/// `table.column`. SQLite names the columns of a constraint, in the message only.
pub(crate) fn is_taken(error: &Error, columns: &[&str]) -> bool {
    let Error::DatabaseError(DatabaseErrorKind::UniqueViolation, information) = error else {
        return false;
    };
    information
        .message()
        .strip_prefix("UNIQUE constraint failed: ")
        .is_some_and(|violated| columns.contains(&violated))
}

/// A value that cannot be read back. It names the place and never shows the value.
#[derive(Debug, ThisError)]
#[error("{table}.{column} can't be read back (id {row})")]
pub(crate) struct Corrupt {
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
    /// What the domain made of the stored value of `column`, or where it could not.
    pub(crate) fn read<T>(self, column: &'static str, value: Option<T>) -> Result<T, Corrupt> {
        value.ok_or(Corrupt { table: self.table, column, row: self.row })
    }
}
