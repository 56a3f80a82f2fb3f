use std::fs::{self, File, OpenOptions, Permissions};
use std::io::{self, Write as _};
use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _};
use std::path::Path;

/// Writes a file for its owner alone, wholly or not at all, and on the disk when this returns.
pub fn write_private(path: &Path, content: &[u8]) -> io::Result<()> {
    let unfinished = path.with_extension("new");
    match fs::remove_file(&unfinished) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&unfinished)?;
    file.write_all(content)?;
    file.sync_all()?;
    fs::rename(&unfinished, path)?;
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
    File::open(folder.unwrap_or_else(|| Path::new(".")))?.sync_all()
}

/// What group and others may do with a file, as the bits of its mode: `0o070` and `0o007`.
pub fn rights_of_others(path: &Path) -> io::Result<u32> {
    Ok(fs::metadata(path)?.permissions().mode() & 0o077)
}

/// Takes group and others their rights to a file or a folder, unless it belongs to somebody else or its
/// file system knows no modes. Returns whether they have none now.
pub fn close_to_others(path: &Path) -> io::Result<bool> {
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
