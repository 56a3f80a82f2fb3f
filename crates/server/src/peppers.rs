use std::io;
use std::path::{Path, PathBuf};

use latchkey_domain::PepperId;
use latchkey_domain::ports::{Entropy, EntropyError, PepperRepository, StoreError};
use latchkey_hasher_hmac::{ConfirmError, Pepper, PepperRing, RingError};
use thiserror::Error;
use zeroize::{Zeroize as _, Zeroizing};

use crate::data_dir::{close, rights_of_others, write_private};

/// Why the server does not start with the peppers it has.
#[derive(Debug, Error)]
pub(crate) enum PepperError {
    #[error("LATCHKEY_PEPPERS: {0}")]
    Unfit(ConfirmError),
    #[error(
        "LATCHKEY_PEPPERS: {path} is missing, but the database was made with one; \
         restore it from a backup, without it every key would be refused"
    )]
    Lost { path: String },
    #[error("LATCHKEY_PEPPERS: everybody on this machine can read {path}; run: chmod 600 {path}")]
    OpenToAll { path: String },
    #[error("LATCHKEY_PEPPERS: can't use {path}")]
    Malformed { path: String, source: RingError },
    #[error("LATCHKEY_PEPPERS: can't read or write {path}")]
    File { path: String, source: io::Error },
    #[error(transparent)]
    Entropy(#[from] EntropyError),
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl PepperError {
    /// Keys depend on the ring that was in this file.
    pub(crate) fn lost(file: &Path) -> Self {
        Self::Lost { path: file.display().to_string() }
    }
}

impl From<ConfirmError> for PepperError {
    fn from(error: ConfirmError) -> Self {
        match error {
            ConfirmError::Store(error) => Self::Store(error),
            unfit => Self::Unfit(unfit),
        }
    }
}

/// Where the ring is that was not given.
pub(crate) fn file(data_dir: &Path) -> PathBuf {
    data_dir.join("peppers")
}

/// The ring in the data directory, made on the first start. While keys depend on a pepper, no other
/// is made in its place: a lost ring must not be papered over.
pub(crate) async fn load_or_generate(
    data_dir: &Path,
    store: &dyn PepperRepository,
    entropy: &dyn Entropy,
) -> Result<PepperRing, PepperError> {
    let file = file(data_dir);
    let path = file.display().to_string();
    if let Some(ring) = load(&file)? {
        return Ok(ring);
    }
    if !store.in_use().await?.is_empty() {
        return Err(PepperError::lost(&file));
    }
    let last = store.known().await?.last().map_or(0, |pepper| pepper.get());
    let next = PepperId::new(last.saturating_add(1)).expect("one more than something is not zero");
    let pepper = generate(next, entropy)?;
    let line = Zeroizing::new(format!("{}\n", *pepper.to_setting()));
    write_private(&file, line.as_bytes()).map_err(|source| PepperError::File { path, source })?;
    tracing::info!(
        file = %file.display(),
        "generated a pepper: back it up together with the database, a restore needs both"
    );
    Ok(PepperRing::of(pepper))
}

/// Draws a new pepper.
pub(crate) fn generate(id: PepperId, entropy: &dyn Entropy) -> Result<Pepper, EntropyError> {
    let mut bytes = [0; 32];
    entropy.fill(&mut bytes)?;
    let pepper = Pepper::new(id, bytes);
    bytes.zeroize();
    Ok(pepper)
}

/// The ring in a file; `None` where there is none. What everybody can read is no secret any more;
/// the group may be one of the owner's choice.
pub(crate) fn load(file: &Path) -> Result<Option<PepperRing>, PepperError> {
    let path = file.display().to_string();
    let failed = |source| PepperError::File { path: file.display().to_string(), source };
    let text = match std::fs::read_to_string(file) {
        Ok(text) => Zeroizing::new(text),
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(source) => return Err(failed(source)),
    };
    match rights_of_others(file).map_err(failed)? {
        0 => {}
        rights if rights & 0o007 != 0 => return Err(PepperError::OpenToAll { path }),
        _ if close(file).map_err(failed)? => {
            tracing::warn!("the group could read {path}; closed the file to the group");
        }
        _ => tracing::warn!("the group can read {path}, and so knows the peppers"),
    }
    PepperRing::parse(&text).map(Some).map_err(|source| PepperError::Malformed { path, source })
}
