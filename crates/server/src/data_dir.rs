use std::fs::{self, DirBuilder, File, OpenOptions, Permissions};
use std::io::{self, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _, PermissionsExt as _};
use std::path::Path;

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
    let is_closed =
        if is_ours { close(dir) } else { Ok(rights_of_others(dir).map_err(&failed)? == 0) };
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

/// What group and others may do with a file, as the bits of its mode: `0o070` and `0o007`.
pub(crate) fn rights_of_others(path: &Path) -> io::Result<u32> {
    Ok(fs::metadata(path)?.permissions().mode() & 0o077)
}

/// Takes group and others their rights, unless the file belongs to somebody else or its file system
/// knows no modes; says whether they have none now.
pub(crate) fn close(path: &Path) -> io::Result<bool> {
    let found = fs::metadata(path)?;
    let mode = found.permissions().mode();
    let wanted = mode & 0o7000 | if found.is_dir() { 0o700 } else { 0o600 };
    if mode & 0o7777 != wanted
        && let Err(error) = fs::set_permissions(path, Permissions::from_mode(wanted))
        && error.kind() != io::ErrorKind::PermissionDenied
    {
        return Err(error);
    }
    Ok(rights_of_others(path)? == 0)
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
