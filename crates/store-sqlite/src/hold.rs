use std::fs::{self, File, OpenOptions, Permissions, TryLockError};
use std::io;
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use thiserror::Error;

use crate::OpenError;

/// How long a look at the files counts.
const COUNTS: Duration = Duration::from_millis(250);
/// Whether a lock on a whole file is apart from SQLite's own on parts of it. Where it is not, it
/// would keep SQLite off too, and the lock file has to do.
const APART: bool = cfg!(any(target_os = "linux", target_os = "android"));

/// The exclusive hold of one process on one database, for as long as this value lives; the operating
/// system lets go of it however the process ends.
///
/// Two files are locked: one beside the database, and the database itself, so that a second process
/// is kept off by whatever name it reaches the file. Both stay open all the time: as soon as a
/// process closes any descriptor of a file, it loses the locks that SQLite has on it.
#[derive(Debug)]
pub(crate) struct Hold {
    _database: File,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    lock: (File, Place),
    /// The database, its log and the log's index.
    files: Vec<Place>,
    looked: Instant,
    seen: Result<(), Lost>,
}

/// Where a file was when it was opened, and which one.
#[derive(Debug)]
struct Place {
    path: PathBuf,
    device: u64,
    inode: u64,
}

/// Why nothing is read from the database any more, nor written to it.
#[derive(Debug, Clone, Error)]
pub(crate) enum Lost {
    #[error(
        "{} was moved, removed or replaced while a server runs on it; \
         put it back, or restart the server on the file that is to count", path.display()
    )]
    Moved { path: PathBuf },
    #[error(
        "{} was removed while a server runs on it; \
         stop the server, which saves what the log held, and start it again", path.display()
    )]
    LogRemoved { path: PathBuf },
    #[error(
        "{} was replaced, and another process holds it; stop that process", path.display()
    )]
    LockTaken { path: PathBuf },
    #[error("can't see {}: {kind}", path.display())]
    Unseen { path: PathBuf, kind: io::ErrorKind },
}

impl Hold {
    /// Takes hold of a database, by its canonical path. A missing file is made.
    pub(crate) fn acquire(database: &Path) -> Result<Self, OpenError> {
        let path = beside(database, ".lock");
        let file = open_private(&path).map_err(OpenError::file(&path))?;
        lock(&file, database, &path)?;
        let place = Place::of(&path).map_err(OpenError::file(&path))?;
        refuse_lost_log(database)?;
        // Made here and not by SQLite, which asks the umask; its other files copy this one's mode.
        let held = open_private(database).map_err(OpenError::file(database))?;
        if APART {
            lock(&held, database, database)?;
        }
        for log in [beside(database, "-wal"), beside(database, "-shm")] {
            tighten(&log).map_err(OpenError::file(&log))?;
        }
        let files = vec![Place::of(database).map_err(OpenError::file(database))?];
        let state = State { lock: (file, place), files, looked: Instant::now(), seen: Ok(()) };
        Ok(Self { _database: held, state: Mutex::new(state) })
    }

    /// Looks after the log of the database too, which is there from the first connection on.
    pub(crate) fn watch_log(&self, database: &Path) -> Result<(), OpenError> {
        for log in [beside(database, "-wal"), beside(database, "-shm")] {
            let place = Place::of(&log).map_err(OpenError::file(&log))?;
            self.state().files.push(place);
        }
        Ok(())
    }

    /// Looks whether the files are still where they were opened. A lock file that was only removed
    /// is made again.
    pub(crate) fn look(&self) -> Result<(), Lost> {
        self.state().look()
    }

    /// What a look says that is at most a quarter of a second old.
    pub(crate) fn check(&self) -> Result<(), Lost> {
        let mut state = self.state();
        state.recent().unwrap_or_else(|| state.look())
    }

    /// The same where that needs no look and no waiting.
    pub(crate) fn recent(&self) -> Option<Result<(), Lost>> {
        self.state.try_lock().ok()?.recent()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn recent(&self) -> Option<Result<(), Lost>> {
        (self.looked.elapsed() < COUNTS).then(|| self.seen.clone())
    }

    fn look(&mut self) -> Result<(), Lost> {
        self.looked = Instant::now();
        self.seen = self.files_are_there().and_then(|()| self.keep_lock());
        self.seen.clone()
    }

    fn files_are_there(&self) -> Result<(), Lost> {
        for (number, place) in self.files.iter().enumerate() {
            let path = || place.path.clone();
            match place.is_kept() {
                Ok(true) => {}
                Ok(false) if number == 0 => return Err(Lost::Moved { path: path() }),
                Ok(false) => return Err(Lost::LogRemoved { path: path() }),
                Err(error) => return Err(Lost::Unseen { path: path(), kind: error.kind() }),
            }
        }
        Ok(())
    }

    fn keep_lock(&mut self) -> Result<(), Lost> {
        let path = self.lock.1.path.clone();
        let unseen = |error: io::Error| Lost::Unseen { path: path.clone(), kind: error.kind() };
        if self.lock.1.is_kept().map_err(unseen)? {
            return Ok(());
        }
        let file = open_private(&path).map_err(unseen)?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Err(Lost::LockTaken { path }),
            Err(TryLockError::Error(error)) => return Err(unseen(error)),
        }
        let place = Place::of(&path).map_err(unseen)?;
        self.lock = (file, place);
        Ok(())
    }
}

impl Place {
    fn of(path: &Path) -> io::Result<Self> {
        let seen = fs::metadata(path)?;
        Ok(Self { path: path.to_owned(), device: seen.dev(), inode: seen.ino() })
    }

    fn is_kept(&self) -> io::Result<bool> {
        match fs::metadata(&self.path) {
            Ok(seen) => Ok(seen.dev() == self.device && seen.ino() == self.inode),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
            Err(error) => Err(error),
        }
    }
}

/// Where a database is, by whatever links it is reached, or where it is to be made.
pub(crate) fn canonical(path: &Path) -> io::Result<PathBuf> {
    match fs::canonicalize(path) {
        Ok(path) if path.is_dir() => Err(io::ErrorKind::IsADirectory.into()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
            let folder = fs::canonicalize(folder.unwrap_or(Path::new(".")))?;
            Ok(folder.join(path.file_name().ok_or(error)?))
        }
        found => found,
    }
}

fn beside(database: &Path, ending: &str) -> PathBuf {
    let mut path = database.as_os_str().to_owned();
    path.push(ending);
    path.into()
}

/// SQLite removes the log's index before the log, so that it is alone only where somebody removed the
/// log of a process that was killed.
fn refuse_lost_log(database: &Path) -> Result<(), OpenError> {
    let [log, index] = ["-wal", "-shm"].map(|ending| beside(database, ending));
    if log.exists() || !index.exists() {
        return Ok(());
    }
    Err(OpenError::LogLost { database: database.to_owned(), log, index })
}

fn lock(file: &File, database: &Path, path: &Path) -> Result<(), OpenError> {
    match file.try_lock() {
        Ok(()) => Ok(()),
        Err(TryLockError::WouldBlock) => Err(OpenError::InUse { path: database.to_owned() }),
        Err(TryLockError::Error(error)) => Err(OpenError::file(path)(error)),
    }
}

/// Opens a file, and makes it for its owner alone if it is missing, whatever the umask is.
fn open_private(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.read(true).write(true);
    match options.clone().create_new(true).mode(0o600).open(path) {
        Ok(file) => {
            file.set_permissions(Permissions::from_mode(0o600))?;
            Ok(file)
        }
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
            tighten(path)?;
            options.open(path)
        }
        Err(error) => Err(error),
    }
}

/// Takes group and others their rights to a file, which a copy from elsewhere may have brought
/// along. Where the file is somebody else's, that is not for this process to decide.
fn tighten(path: &Path) -> io::Result<()> {
    let mode = match fs::metadata(path) {
        Ok(seen) => seen.permissions().mode(),
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(error),
    };
    let closed = mode & 0o7700;
    if mode & 0o7777 == closed {
        return Ok(());
    }
    match fs::set_permissions(path, Permissions::from_mode(closed)) {
        Err(error) if error.kind() == io::ErrorKind::PermissionDenied => Ok(()),
        outcome => outcome,
    }
}
