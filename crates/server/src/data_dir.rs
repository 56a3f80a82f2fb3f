use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _, PermissionsExt as _};
use std::path::Path;

use thiserror::Error;

/// The data directory can't be used.
#[derive(Debug, Error)]
#[error("LATCHKEY_DATA_DIR: can't use {path}")]
pub(crate) struct DataDirError {
    path: String,
    source: io::Error,
}

/// Makes the directory for its owner alone. One that is there already is closed to others while it
/// is still empty; afterwards its files, of mode 0600, speak for themselves.
pub(crate) fn prepare(dir: &Path) -> Result<(), DataDirError> {
    let failed = |source| DataDirError { path: dir.display().to_string(), source };
    DirBuilder::new().recursive(true).mode(0o700).create(dir).map_err(failed)?;
    let is_empty = fs::read_dir(dir).map_err(failed)?.next().is_none();
    if is_empty {
        fs::set_permissions(dir, fs::Permissions::from_mode(0o700)).map_err(failed)?;
    }
    Ok(())
}

/// Writes a file for its owner alone, wholly or not at all, and on the disk when this returns.
pub(crate) fn write_private(path: &Path, content: &[u8]) -> io::Result<()> {
    let unfinished = path.with_extension("new");
    match fs::remove_file(&unfinished) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&unfinished)?;
    file.write_all(content)?;
    file.sync_all()?;
    fs::rename(&unfinished, path)?;
    File::open(path.parent().unwrap_or_else(|| Path::new(".")))?.sync_all()
}

/// Whether others than the owner may read or write the file.
pub(crate) fn is_open_to_others(path: &Path) -> io::Result<bool> {
    Ok(fs::metadata(path)?.permissions().mode() & 0o077 != 0)
}
