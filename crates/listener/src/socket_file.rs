//! The file of a Unix socket: who made it, who may connect, and when it is removed.

use std::fs::{self, File, Permissions, TryLockError};
use std::io;
use std::os::unix::fs::{FileTypeExt as _, MetadataExt as _, PermissionsExt as _};
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

use socket2::{Domain, SockAddr, Socket, Type};

/// For the user and the group that own the file.
const MODE: u32 = 0o660;
/// How long another process may look at a folder, or change it.
const PATIENCE: Duration = Duration::from_secs(5);
const LOOK_EVERY: Duration = Duration::from_millis(10);

/// The file of a Unix socket that was bound here. It is removed on drop, unless another one is in its place by then.
#[derive(Debug)]
pub struct SocketFile {
    path: PathBuf,
    device: u64,
    inode: u64,
}

/// Binds a socket to `path` and listens. One that a process left behind is replaced. One where a process listens stays, and so does
/// what is no socket: both are errors.
///
/// Nobody connects before the mode is set, since a socket that does not listen yet refuses. Of two processes that start together
/// the second one finds that the first one listens, since each holds the folder's lock meanwhile.
pub(crate) fn bind(path: &Path, backlog: i32) -> io::Result<(UnixListener, SocketFile)> {
    let _lock = lock_folder_of(path)?;
    if is_left_behind(path)? {
        fs::remove_file(path)?;
    }
    let socket = Socket::new(Domain::UNIX, Type::STREAM, None)?;
    socket.bind(&SockAddr::unix(path)?)?;
    let bound = fs::symlink_metadata(path)?;
    let file = SocketFile { path: path.to_owned(), device: bound.dev(), inode: bound.ino() };
    fs::set_permissions(path, Permissions::from_mode(MODE))?;
    socket.listen(backlog)?;
    Ok((socket.into(), file))
}

/// Whether a socket is at `path` on which nobody listens. An error where something else is there.
fn is_left_behind(path: &Path) -> io::Result<bool> {
    match fs::symlink_metadata(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(false),
        Err(error) => return Err(error),
        Ok(found) if !found.file_type().is_socket() => {
            return Err(refused("a file that is no socket is there; it was not removed"));
        }
        Ok(_) => {}
    }
    let socket = Socket::new(Domain::UNIX, Type::STREAM, None)?;
    socket.set_nonblocking(true)?;
    match socket.connect(&SockAddr::unix(path)?) {
        Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => Ok(true),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        // Of one that listens and has more callers than may wait.
        Err(error) if error.kind() == io::ErrorKind::WouldBlock => Err(is_served()),
        Err(error) => {
            let why = "a socket is there, and whether a process listens on it can't be told";
            Err(io::Error::new(error.kind(), format!("{why}: {error}")))
        }
        Ok(()) => Err(is_served()),
    }
}

fn is_served() -> io::Error {
    let why = "another process listens on this socket; give each server a socket of its own";
    io::Error::new(io::ErrorKind::AddrInUse, why)
}

fn refused(why: &str) -> io::Error {
    io::Error::new(io::ErrorKind::AlreadyExists, why)
}

/// Until it is dropped, or this process ends, no other process binds or removes a socket in that folder by this code.
fn lock_folder_of(path: &Path) -> io::Result<File> {
    let folder = path.parent().unwrap_or(Path::new("/"));
    let in_folder = |error: io::Error| {
        io::Error::new(error.kind(), format!("the folder {}: {error}", folder.display()))
    };
    let opened = File::open(folder).map_err(in_folder)?;
    let deadline = Instant::now() + PATIENCE;
    loop {
        match opened.try_lock() {
            Ok(()) => return Ok(opened),
            Err(TryLockError::WouldBlock) if Instant::now() < deadline => thread::sleep(LOOK_EVERY),
            Err(TryLockError::WouldBlock) => {
                let why = "another process holds the lock of the folder";
                return Err(io::Error::new(io::ErrorKind::WouldBlock, why));
            }
            Err(TryLockError::Error(error)) => return Err(in_folder(error)),
        }
    }
}

impl SocketFile {
    /// While its socket is open, no other file has its inode.
    fn is_in_place(&self) -> bool {
        fs::symlink_metadata(&self.path)
            .is_ok_and(|found| (found.dev(), found.ino()) == (self.device, self.inode))
    }
}

impl Drop for SocketFile {
    fn drop(&mut self) {
        // Without the lock it is still right, but for an instant.
        let _lock = lock_folder_of(&self.path);
        if self.is_in_place()
            && let Err(error) = fs::remove_file(&self.path)
        {
            tracing::warn!(%error, path = %self.path.display(), "could not remove the socket");
        }
    }
}
