use std::io;
use std::path::{Path, PathBuf};

use latchkey_domain::PepperId;
use latchkey_domain::ports::{Entropy, EntropyError, PepperRepository, StoreError};
use latchkey_system::{close_to_others, rights_of_others, write_private};
use thiserror::Error;
use zeroize::Zeroizing;

use crate::{Pepper, PepperRing, RingError};

/// A file that holds a ring, for its owner alone.
///
/// ```
/// use latchkey_hasher_hmac::{HmacHasher, PepperFile};
/// use latchkey_store_sqlite::SqliteStore;
/// use latchkey_system::OsEntropy;
///
/// # #[tokio::main]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let folder = tempfile::tempdir()?;
/// # let (path, ring) = (folder.path().join("keys.db"), folder.path().join("peppers"));
/// let store = SqliteStore::open(&path)?;
/// store.migrate().await?;
/// let file = PepperFile::at(ring);
/// let hasher = HmacHasher::new(&file.read_or_generate(&store, &OsEntropy).await?);
/// hasher.confirm(&store, async { Ok(false) }).await?;
///
/// // From the next start on the ring is read.
/// assert!(file.read()?.is_some());
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone)]
pub struct PepperFile(PathBuf);

/// Why a file gives no ring.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum PepperFileError {
    /// It is gone, and keys depend on the ring that was in it.
    #[error(
        "{path} is missing, but the database was made with one; \
         restore it from a backup, without it every key would be refused"
    )]
    Lost {
        /// Where it should be.
        path: String,
    },
    /// The ring in it is no secret any more.
    #[error("everybody on this machine can read {path}; run: chmod 600 {path}")]
    OpenToAll {
        /// Where it is.
        path: String,
    },
    /// It holds no ring.
    #[error("can't use {path}")]
    Malformed {
        /// Where it is.
        path: String,
        /// What is wrong with it.
        source: RingError,
    },
    /// It can't be read or written.
    #[error("can't read or write {path}")]
    File {
        /// Where it is.
        path: String,
        /// What the system says.
        source: io::Error,
    },
    /// No randomness to make a pepper from.
    #[error(transparent)]
    Entropy(#[from] EntropyError),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl PepperFile {
    /// The file at `path`, which need not be there.
    pub fn at(path: impl Into<PathBuf>) -> Self {
        Self(path.into())
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.0
    }

    /// Keys depend on the ring that was in it.
    pub fn lost(&self) -> PepperFileError {
        PepperFileError::Lost { path: self.name() }
    }

    /// The ring in it; `None` where there is no file. A file that everybody can read is refused. One that the
    /// group can read is closed to the group; where that can't be done, the group may be one of the owner's
    /// choice, and the log warns.
    pub fn read(&self) -> Result<Option<PepperRing>, PepperFileError> {
        let text = match std::fs::read_to_string(&self.0) {
            Ok(text) => Zeroizing::new(text),
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(source) => return Err(self.failed(source)),
        };
        let path = self.name();
        match rights_of_others(&self.0).map_err(|source| self.failed(source))? {
            0 => {}
            rights if rights & 0o007 != 0 => return Err(PepperFileError::OpenToAll { path }),
            _ if close_to_others(&self.0).map_err(|source| self.failed(source))? => {
                tracing::warn!("the group could read {path}; closed the file to the group");
            }
            _ => tracing::warn!("the group can read {path}, and so knows the peppers"),
        }
        let ring = PepperRing::parse(&text);
        ring.map(Some).map_err(|source| PepperFileError::Malformed { path, source })
    }

    /// The ring in it, which is generated on the first start: with a number that `store` does not know yet.
    /// While keys depend on a pepper, no other is generated in its place, since they would all be refused.
    pub async fn read_or_generate(
        &self,
        store: &dyn PepperRepository,
        entropy: &dyn Entropy,
    ) -> Result<PepperRing, PepperFileError> {
        if let Some(ring) = self.read()? {
            return Ok(ring);
        }
        if !store.in_use().await?.is_empty() {
            return Err(self.lost());
        }
        let last = store.known().await?.last().map_or(0, |pepper| pepper.get());
        let next =
            PepperId::new(last.saturating_add(1)).expect("one more than something is not zero");
        let pepper = Pepper::generate(next, entropy)?;
        let line = Zeroizing::new(format!("{}\n", *pepper.to_setting()));
        write_private(&self.0, line.as_bytes()).map_err(|source| self.failed(source))?;
        tracing::info!(
            file = self.name(),
            "generated a pepper: back it up together with the database, a restore needs both"
        );
        Ok(PepperRing::of(pepper))
    }

    fn name(&self) -> String {
        self.0.display().to_string()
    }

    fn failed(&self, source: io::Error) -> PepperFileError {
        PepperFileError::File { path: self.name(), source }
    }
}
