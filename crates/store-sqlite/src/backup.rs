use std::fs::{self, File, OpenOptions, Permissions};
use std::io;
use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::thread;

use diesel::prelude::*;
use diesel::sql_query;
use diesel::sql_types::Text;
use latchkey_domain::ports::StoreError;
use thiserror::Error;
use tokio::sync::oneshot;

use crate::SqliteStore;
use crate::connection::connect_copier;

/// Why there is no backup. Nothing is left of one that was begun.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum BackupError {
    /// A backup overwrites nothing.
    #[error("{} is there already; name a file that is not", path.display())]
    Exists {
        /// The file.
        path: PathBuf,
    },
    /// The file could not be made.
    #[error("can't write {}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// What the operating system said.
        #[source]
        source: io::Error,
    },
    /// The database could not be copied.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl SqliteStore {
    /// Copies the database into the new file `to`, readable for its owner only, while everything
    /// else goes on. The copy holds what was committed when this was called, and no log beside it.
    /// It is on the disk when this returns, and `to` is not there before it is
    /// complete. A process that is killed meanwhile leaves a file behind whose name ends in `.partial`.
    pub async fn back_up(&self, to: &Path) -> Result<(), BackupError> {
        self.held().await?;
        let (database, to) = (self.0.path.clone(), to.to_owned());
        let (reply, answer) = oneshot::channel();
        // A thread of its own: an end of the process does not wait for it.
        let copy = move || drop(reply.send(publish(&database, &to)));
        thread::Builder::new()
            .name("sqlite-backup".to_owned())
            .spawn(copy)
            .map_err(StoreError::new)?;
        answer.await.map_err(StoreError::new)?
    }
}

/// Copies into a file beside `to`, and gives it that name when it is complete.
fn publish(database: &Path, to: &Path) -> Result<(), BackupError> {
    let failed = |source| BackupError::File { path: to.to_owned(), source };
    if to.try_exists().map_err(failed)? {
        return Err(BackupError::Exists { path: to.to_owned() });
    }
    let mut partial = to.as_os_str().to_owned();
    partial.push(".partial");
    let partial = PathBuf::from(partial);
    make_private(&partial).map_err(failed)?;
    let published = copy(database, &partial).map_err(BackupError::from).and_then(|()| {
        File::open(&partial).and_then(|file| file.sync_all()).map_err(failed)?;
        rename_to_new(&partial, to).map_err(|error| match error.kind() {
            io::ErrorKind::AlreadyExists => BackupError::Exists { path: to.to_owned() },
            _ => failed(error),
        })
    });
    if published.is_err() {
        // Where it stays, its name says that it is not complete.
        drop(fs::remove_file(&partial));
    }
    published?;
    let folder = to.parent().filter(|folder| !folder.as_os_str().is_empty());
    File::open(folder.unwrap_or(Path::new("."))).and_then(|it| it.sync_all()).map_err(failed)
}

/// Makes an empty file for its owner alone; SQLite would ask the umask.
fn make_private(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
    file.set_permissions(Permissions::from_mode(0o600))
}

fn copy(database: &Path, to: &Path) -> Result<(), StoreError> {
    let to = to.to_str().ok_or_else(|| StoreError::new("the path is not UTF-8"))?;
    let mut db = connect_copier(database).map_err(StoreError::new)?;
    let copy = sql_query("vacuum into ?").bind::<Text, _>(to);
    copy.execute(&mut db).map(drop).map_err(StoreError::new)
}

/// A link is never made over a file that is there; `rename` would replace it.
fn rename_to_new(from: &Path, to: &Path) -> io::Result<()> {
    match fs::hard_link(from, to) {
        Ok(()) => fs::remove_file(from),
        // A file system that has no links.
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists && !to.try_exists()? => {
            fs::rename(from, to)
        }
        Err(error) => Err(error),
    }
}
