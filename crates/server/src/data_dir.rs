use std::fs::{self, DirBuilder};
use std::io;
use std::os::unix::fs::DirBuilderExt as _;
use std::path::Path;

use latchkey_system::{close_to_others, rights_of_others};
use rustix::fs::Access;
use thiserror::Error;

/// How the names of our own files begin, and of what every new file system has.
const OURS: [&str; 4] = ["latchkey.db", "peppers", "control.sock", "lost+found"];

/// The data directory can't be used.
#[derive(Debug, Error)]
#[error("LATCHKEY_DATA_DIR: can't use {path}")]
pub(crate) struct DataDirError {
    path: String,
    source: io::Error,
}

impl DataDirError {
    fn at(dir: &Path) -> impl Fn(io::Error) -> Self {
        move |source| Self { path: dir.display().to_string(), source }
    }
}

/// Makes the directory for its owner alone, and closes one that is there to others, where this
/// process may and nobody else has files in it. Otherwise the files, of mode 0600, speak for
/// themselves, and the log warns.
pub(crate) fn prepare(dir: &Path) -> Result<(), DataDirError> {
    let failed = DataDirError::at(dir);
    DirBuilder::new().recursive(true).mode(0o700).create(dir).map_err(&failed)?;
    let is_ours = holds_only_ours(dir).map_err(&failed)?;
    let is_closed = if is_ours {
        close_to_others(dir)
    } else {
        Ok(rights_of_others(dir).map_err(&failed)? == 0)
    };
    if !is_closed.map_err(&failed)? {
        let dir = dir.display();
        tracing::warn!(
            "others than this user can enter {dir}; unless they should, chmod 700 {dir}"
        );
    }
    Ok(())
}

/// Whether the directory is there and can be written, or could be made. Nothing is changed.
pub(crate) fn check(dir: &Path) -> Result<(), DataDirError> {
    let absolute = std::path::absolute(dir).map_err(DataDirError::at(dir))?;
    let nearest = absolute.ancestors().find(|it| it.exists()).unwrap_or(&absolute);
    if !nearest.is_dir() {
        return Err(DataDirError::at(nearest)(io::ErrorKind::NotADirectory.into()));
    }
    let may = rustix::fs::access(nearest, Access::WRITE_OK | Access::EXEC_OK);
    may.map_err(io::Error::from).map_err(DataDirError::at(nearest))
}

fn holds_only_ours(dir: &Path) -> io::Result<bool> {
    for entry in fs::read_dir(dir)? {
        let name = entry?.file_name();
        let name = name.to_string_lossy();
        if !OURS.iter().any(|ours| name.starts_with(ours)) {
            return Ok(false);
        }
    }
    Ok(true)
}
