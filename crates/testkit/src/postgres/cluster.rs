use std::fs::{self, DirBuilder, File, OpenOptions, Permissions};
use std::io::{self, ErrorKind, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _, OpenOptionsExt as _};
use std::os::unix::fs::{PermissionsExt as _, chown};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};
use std::{env, process, thread};

use super::binaries::{User, command, stand_in};

const START_SECONDS: &str = "60";

/// The folder of one machine user that all its throwaway clusters lie in.
#[derive(Debug)]
pub(super) struct Home {
    folder: PathBuf,
    /// Whom the servers run as, if not as ourselves.
    user: Option<User>,
}

/// A folder with a Postgres data directory in it, which goes away by itself after its last user.
#[derive(Debug)]
pub(super) struct Cluster {
    pub(super) folder: PathBuf,
    bin: PathBuf,
    user: Option<User>,
    /// Our end of the pipe by which the guard knows that somebody uses the cluster.
    _presence: File,
}

impl Home {
    /// Opens it, making it where it is missing.
    pub(super) fn open() -> io::Result<Self> {
        let temp = env::temp_dir();
        let uid = own_uid(&temp)?;
        let user = if uid == 0 { stand_in() } else { None };
        // Another user must get in, and the path of a socket has at most 103 bytes on some systems.
        let long = temp.as_os_str().len() > 50;
        let temp = if user.is_some() || long { PathBuf::from("/tmp") } else { temp };
        let folder = in_memory().unwrap_or(temp).join(format!("latchkey-pg-{uid}"));
        make_folder(&folder, 0o755)?;
        let found = fs::symlink_metadata(&folder)?;
        if !found.is_dir() || found.uid() != uid {
            return Err(io::Error::other(format!("{} is somebody else's", folder.display())));
        }
        fs::set_permissions(&folder, Permissions::from_mode(0o755))?;
        let home = Self { folder, user };
        make_folder(&home.clusters(), 0o700)?;
        home.hand_over(&home.clusters())?;
        Ok(home)
    }

    /// Waits until no other process makes or looks for clusters here; dropping the file ends it.
    pub(super) fn lock(&self) -> io::Result<File> {
        let file = File::create(self.folder.join("lock"))?;
        file.lock()?;
        Ok(file)
    }

    /// Removes what was left by guards that were killed. To be called under the lock.
    pub(super) fn sweep(&self, bin: &Path) -> io::Result<()> {
        for entry in fs::read_dir(self.clusters())? {
            let folder = entry?.path();
            if enter(&folder.join("users")).is_ok() {
                continue;
            }
            // Only where its socket answers does the number in its pid file surely mean it.
            if answers(&folder) {
                stop(bin, &folder, self.user)?;
            }
            match fs::remove_dir_all(&folder) {
                Err(error) if error.kind() != ErrorKind::NotFound => return Err(error),
                _gone => {}
            }
        }
        Ok(())
    }

    /// A cluster of other processes, made with the same settings, that is open to more users. To be
    /// called under the lock.
    pub(super) fn join(&self, bin: &Path, settings: &str) -> io::Result<Option<Cluster>> {
        for entry in fs::read_dir(self.clusters())? {
            let folder = entry?.path();
            let open = folder.join("open");
            let is_ours = || fs::read(&open).is_ok_and(|of| of == mark(bin, settings));
            if !is_ours() {
                continue;
            }
            let Ok(presence) = enter(&folder.join("users")) else { continue };
            // The guard takes the mark away before it looks for users for the last time.
            if is_ours() && answers(&folder) {
                return Ok(Some(self.cluster(folder, bin, presence)));
            }
            let _may_be_gone = fs::remove_file(&open);
        }
        Ok(None)
    }

    /// Makes a folder and its guard, who waits `grace_seconds` for the next user after the last.
    /// To be called under the lock.
    pub(super) fn make(&self, bin: &Path, grace_seconds: u32) -> io::Result<Cluster> {
        let folder = self.new_folder()?;
        let users = folder.join("users");
        succeed(command("mkfifo", self.user).arg(&users))?;
        let mut guard = command("sh", self.user)
            .args(["-c", include_str!("guard.sh"), "latchkey-pg-guard"])
            .args([bin, &folder])
            .arg(grace_seconds.to_string())
            .spawn()?;
        // Reaps it, should it end before us.
        thread::spawn(move || guard.wait());
        let presence = retry(|| enter(&users))?;
        Ok(self.cluster(folder, bin, presence))
    }

    fn new_folder(&self) -> io::Result<PathBuf> {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let name = format!("{}-{}", process::id(), COUNT.fetch_add(1, Ordering::Relaxed));
        let folder = self.clusters().join(name);
        DirBuilder::new().mode(0o700).create(&folder)?;
        self.hand_over(&folder)?;
        Ok(folder)
    }

    fn cluster(&self, folder: PathBuf, bin: &Path, presence: File) -> Cluster {
        Cluster { folder, bin: bin.to_owned(), user: self.user, _presence: presence }
    }

    fn clusters(&self) -> PathBuf {
        self.folder.join("c")
    }

    fn hand_over(&self, path: &Path) -> io::Result<()> {
        self.user.map_or(Ok(()), |User { uid, gid }| chown(path, Some(uid), Some(gid)))
    }
}

impl Cluster {
    /// Makes the data directory, with these arguments for `initdb` and these settings.
    pub(super) fn init(&self, arguments: &[&str], settings: &str) -> io::Result<()> {
        succeed(
            command(self.bin.join("initdb"), self.user)
                .args(["--no-sync", "--no-locale", "--encoding=UTF8", "--username=postgres"])
                .args(arguments)
                .arg("--pgdata")
                .arg(self.data()),
        )?;
        self.configure(settings)
    }

    /// Makes the data directory as a copy of one that no server runs on, with these settings.
    pub(super) fn clone_of(&self, other: &Self, settings: &str) -> io::Result<()> {
        succeed(command("cp", self.user).arg("-Rp").arg(other.data()).arg(self.data()))?;
        self.configure(settings)
    }

    /// Makes the data directory as a standby of another server, with these settings.
    pub(super) fn copy_of(&self, primary: &str, settings: &str) -> io::Result<()> {
        succeed(
            command(self.bin.join("pg_basebackup"), self.user)
                .args(["--no-sync", "--checkpoint=fast", "--write-recovery-conf", "--dbname"])
                .arg(primary)
                .arg("--pgdata")
                .arg(self.data()),
        )?;
        self.configure(settings)
    }

    fn configure(&self, settings: &str) -> io::Result<()> {
        let file = self.data().join("postgresql.conf");
        let mut file = OpenOptions::new().append(true).open(file)?;
        let socket = self.folder.display().to_string().replace('\'', "''");
        write!(file, "\nunix_socket_directories = '{socket}'\n{settings}")
    }

    /// Makes a standby a primary, and waits until it is.
    pub(super) fn promote(&self) -> io::Result<()> {
        succeed(
            command(self.bin.join("pg_ctl"), self.user)
                .args(["promote", "-w", "-t", START_SECONDS, "-D"])
                .arg(self.data()),
        )
    }

    /// Sends a signal by name to each process of the server: the one that started it, and those that
    /// it has started.
    pub(super) fn signal(&self, name: &str) -> io::Result<()> {
        let written = fs::read_to_string(self.data().join("postmaster.pid"))?;
        let first = written.lines().next().unwrap_or_default();
        let all = [vec![first.to_owned()], children_of(first)?].concat().join(" ");
        let line = format!("kill -{name} {all}");
        succeed(command("sh", self.user).args(["-c", &line]))
    }

    /// Starts the server and waits until it takes connections.
    pub(super) fn start(&self) -> io::Result<()> {
        let log = self.folder.join("log");
        let started = succeed(
            command(self.bin.join("pg_ctl"), self.user)
                .args(["start", "-w", "-t", START_SECONDS, "-D"])
                .arg(self.data())
                .arg("-l")
                .arg(&log),
        );
        started.map_err(|error| {
            let log = fs::read_to_string(log).unwrap_or_default();
            io::Error::other(format!("{error}\n{log}"))
        })
    }

    /// Stops the server at once, without letting it write anything down, and waits for its end.
    pub(super) fn stop(&self) -> io::Result<()> {
        stop(&self.bin, &self.folder, self.user)
    }

    /// Lets other processes [join](Home::join).
    pub(super) fn open_to_others(&self, settings: &str) -> io::Result<()> {
        // Written whole elsewhere first, so that nobody reads half of it.
        let draft = self.folder.join("open.draft");
        fs::write(&draft, mark(&self.bin, settings))?;
        fs::rename(draft, self.folder.join("open"))
    }

    fn data(&self) -> PathBuf {
        self.folder.join("data")
    }
}

/// The processes that a process has started, as Linux lists them.
fn children_of(parent: &str) -> io::Result<Vec<String>> {
    let mut children = Vec::new();
    for entry in fs::read_dir("/proc")? {
        let pid = entry?.file_name().to_string_lossy().into_owned();
        // It may be no process, or have ended since.
        let Ok(stat) = fs::read_to_string(format!("/proc/{pid}/stat")) else { continue };
        // Behind the name, which may hold anything, come the state and the parent.
        let fields = stat.rsplit_once(')').map_or("", |(_, rest)| rest);
        if fields.split_whitespace().nth(1) == Some(parent) {
            children.push(pid);
        }
    }
    Ok(children)
}

/// Tells which programs a cluster runs on, and with which settings.
fn mark(bin: &Path, settings: &str) -> Vec<u8> {
    [bin.as_os_str().as_encoded_bytes(), b"\n", settings.as_bytes()].concat()
}

/// A folder in memory, where the system has one with room. A database is some 300 files, and a disk's
/// file system is slow at making those while as many are removed.
fn in_memory() -> Option<PathBuf> {
    const ROOM: u64 = 4 << 30;
    let folder = PathBuf::from("/dev/shm");
    let found = rustix::fs::statvfs(&folder).ok()?;
    (found.f_bavail.saturating_mul(found.f_frsize) >= ROOM).then_some(folder)
}

fn make_folder(path: &Path, mode: u32) -> io::Result<()> {
    match DirBuilder::new().mode(mode).create(path) {
        Err(error) if error.kind() != ErrorKind::AlreadyExists => Err(error),
        _there => Ok(()),
    }
}

/// Takes the writing end of a cluster's pipe, and says so to its guard. Fails if there is none.
fn enter(users: &Path) -> io::Result<File> {
    // Without O_NONBLOCK, opening waits for a reader for ever.
    let mut pipe = OpenOptions::new().write(true).custom_flags(libc::O_NONBLOCK).open(users)?;
    pipe.write_all(b".")?;
    Ok(pipe)
}

fn answers(folder: &Path) -> bool {
    UnixStream::connect(folder.join(".s.PGSQL.5432")).is_ok()
}

fn stop(bin: &Path, folder: &Path, user: Option<User>) -> io::Result<()> {
    let data = folder.join("data");
    succeed(
        command(bin.join("pg_ctl"), user)
            .args(["stop", "-m", "immediate", "-w", "-t", START_SECONDS, "-D"])
            .arg(data),
    )
}

/// Runs a command that must succeed. What it says goes to a file, not to a pipe: a server that it
/// leaves running would hold a pipe open.
fn succeed(command: &mut process::Command) -> io::Result<()> {
    let name = command.get_program().display().to_string();
    let spoken = env::temp_dir().join(format!("latchkey-pg-said-{}", unique()));
    let file = File::create_new(&spoken)?;
    let status = command.stderr(file).status();
    let said = fs::read_to_string(&spoken).unwrap_or_default();
    let _only_clutter = fs::remove_file(&spoken);
    match status {
        Ok(status) if status.success() => Ok(()),
        Ok(status) => Err(io::Error::other(format!("{name}: {status}: {}", said.trim()))),
        Err(error) => Err(io::Error::other(format!("{name}: {error}"))),
    }
}

fn retry<T>(mut action: impl FnMut() -> io::Result<T>) -> io::Result<T> {
    let deadline = Instant::now() + Duration::from_secs(10);
    loop {
        match action() {
            Err(_not_yet) if Instant::now() < deadline => thread::sleep(Duration::from_millis(5)),
            outcome => return outcome,
        }
    }
}

/// Whose process this is: nothing in the standard library says it but the files we make.
fn own_uid(folder: &Path) -> io::Result<u32> {
    let path = folder.join(format!("latchkey-pg-whose-{}", unique()));
    let uid = File::create_new(&path)?.metadata()?.uid();
    fs::remove_file(path)?;
    Ok(uid)
}

fn unique() -> String {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    format!("{}-{}", process::id(), COUNT.fetch_add(1, Ordering::Relaxed))
}
