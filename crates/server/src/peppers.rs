use std::path::Path;

use latchkey_domain::error_chain;
use latchkey_domain::ports::{EntropyError, StoreError};
use latchkey_hasher_hmac::{ConfirmError, PepperFile, PepperFileError};
use thiserror::Error;

/// Why the server does not start with the peppers it has.
#[derive(Debug, Error)]
pub(crate) enum PepperError {
    #[error("LATCHKEY_PEPPERS: {0}")]
    Unfit(ConfirmError),
    #[error("LATCHKEY_PEPPERS: {}", error_chain(.0))]
    File(PepperFileError),
    #[error(transparent)]
    Entropy(#[from] EntropyError),
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl From<ConfirmError> for PepperError {
    fn from(error: ConfirmError) -> Self {
        match error {
            ConfirmError::Store(error) => Self::Store(error),
            unfit => Self::Unfit(unfit),
        }
    }
}

impl From<PepperFileError> for PepperError {
    fn from(error: PepperFileError) -> Self {
        match error {
            PepperFileError::Store(error) => Self::Store(error),
            PepperFileError::Entropy(error) => Self::Entropy(error),
            unfit => Self::File(unfit),
        }
    }
}

/// Where the ring is that was not given.
pub(crate) fn file(data_dir: &Path) -> PepperFile {
    PepperFile::at(data_dir.join("peppers"))
}
