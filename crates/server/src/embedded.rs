use std::path::{Path, PathBuf};
use std::time::Duration;

use latchkey_domain::error_chain;
use latchkey_domain::ports::{PepperRepository as _, StoreError};
use latchkey_hasher_hmac::{ConfirmError, PepperFile, PepperRing};
use latchkey_store_sqlite::{MigrateError, OpenError, SqliteStore};
use thiserror::Error;
use tokio::time::{MissedTickBehavior, interval};

use crate::data_dir::{self, DataDirError};
use crate::operator::control;
use crate::peppers::{self, PepperError};
use crate::settings::Settings;

/// How often the server looks whether the database is still the file that it opened.
const WATCH_EVERY: Duration = Duration::from_secs(1);

/// Why the embedded database can't be used.
#[derive(Debug, Error)]
pub(crate) enum EmbeddedError {
    #[error(transparent)]
    DataDir(#[from] DataDirError),
    #[error("DATABASE_URL: the folder {} is not there; make it, or name another file", folder.display())]
    NoFolder { folder: PathBuf },
    #[error("DATABASE_URL: {} is a directory; name a file", path.display())]
    Directory { path: PathBuf },
    #[error("{setting}")]
    Unusable { setting: &'static str, source: OpenError },
    #[error(
        "LATCHKEY_DATA_DIR: {} is empty, but {} is that of a database which had keys; \
         restore the database from a backup, or, to begin afresh, move the ring away. \
         (A ring made beforehand is given by LATCHKEY_PEPPERS_FILE.)",
        database.display(), ring.display()
    )]
    DatabaseLost { database: PathBuf, ring: PathBuf },
    #[error(transparent)]
    Schema(#[from] MigrateError),
    #[error(transparent)]
    Peppers(#[from] PepperError),
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Opens the database, with its schema as it is. An empty one beside a ring is refused: somebody
/// lost the other half.
pub(crate) async fn open(path: &Path, settings: &Settings) -> Result<SqliteStore, EmbeddedError> {
    data_dir::prepare(&settings.data_dir)?;
    open_file(path, settings).await
}

async fn open_file(path: &Path, settings: &Settings) -> Result<SqliteStore, EmbeddedError> {
    check_place(path, settings)?;
    let setting = if is_default(path, settings) { "LATCHKEY_DATA_DIR" } else { "DATABASE_URL" };
    let store =
        SqliteStore::open(path).map_err(|source| EmbeddedError::Unusable { setting, source })?;
    let ring = peppers::file(&settings.data_dir);
    let ring = ring.path();
    if settings.peppers.is_none() && ring.exists() && store.is_empty().await? {
        let (database, ring) = (path.to_owned(), ring.to_owned());
        return Err(EmbeddedError::DatabaseLost { database, ring });
    }
    Ok(store)
}

/// Tries what the server needs, and leaves files and schema as they are, but for modes. A database that a
/// server holds is that server's to try.
pub(crate) async fn check(path: &Path, settings: &Settings) -> Result<(), EmbeddedError> {
    data_dir::check(&settings.data_dir)?;
    let file = peppers::file(&settings.data_dir);
    let ring = match &settings.peppers {
        None => file.read().map_err(PepperError::from)?,
        Some(_) => None,
    };
    if control::is_served(&settings.data_dir).await {
        return Ok(());
    }
    if !path.exists() {
        check_place(path, settings)?;
        let (database, lost_by) = (path.to_owned(), file.path().to_owned());
        let lost = || EmbeddedError::DatabaseLost { database, ring: lost_by };
        return ring.map_or(Ok(()), |_ring| Err(lost()));
    }
    let store = open_file(path, settings).await?;
    let fits = fits(&store, ring.as_ref().or(settings.peppers.as_ref()), &file).await;
    store.close().await;
    fits
}

/// Whether this release knows the schema, and the ring has every pepper that keys need.
async fn fits(
    store: &SqliteStore,
    ring: Option<&PepperRing>,
    file: &PepperFile,
) -> Result<(), EmbeddedError> {
    if store.is_empty().await? {
        return Ok(());
    }
    store.check_schema().await?;
    for pepper in store.in_use().await? {
        match ring {
            None => return Err(PepperError::File(file.lost()).into()),
            Some(ring) if ring.ids().any(|id| id == pepper) => {}
            Some(_) => return Err(PepperError::Unfit(ConfirmError::Missing(pepper)).into()),
        }
    }
    Ok(())
}

/// Says when the database is not the file any more that was opened, and when it is again. Nothing is
/// answered from it meanwhile.
pub(crate) async fn watch(store: &SqliteStore) {
    let mut looks = interval(WATCH_EVERY);
    looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut lost = false;
    loop {
        looks.tick().await;
        match store.held().await {
            Err(error) if !lost => {
                lost = true;
                let error = error_chain(&error);
                tracing::error!(error, "every request that needs the database is refused");
            }
            Ok(()) if lost => {
                lost = false;
                tracing::info!("the database file is back: requests are answered again");
            }
            _ => {}
        }
    }
}

/// Whether a database can lie there.
fn check_place(path: &Path, settings: &Settings) -> Result<(), EmbeddedError> {
    if path.is_dir() {
        return Err(EmbeddedError::Directory { path: path.to_owned() });
    }
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
    match folder {
        Some(folder) if !folder.is_dir() && !is_default(path, settings) => {
            Err(EmbeddedError::NoFolder { folder: folder.to_owned() })
        }
        _ => Ok(()),
    }
}

fn is_default(path: &Path, settings: &Settings) -> bool {
    path.parent() == Some(&*settings.data_dir)
}
