use std::fs::{self, File};
use std::io;
use std::os::fd::AsRawFd as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use latchkey_system::close_to_others;
use serde::{Deserialize, Serialize};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{UnixListener, UnixStream};
use tokio::time::timeout;
use zeroize::Zeroizing;

use super::{AdminCommand, Done};
use crate::app::App;

/// The most bytes a command has.
const MAX_COMMAND: u64 = 16 * 1024;
/// The longest path that every system takes as a socket's.
const LONGEST_PATH: usize = 103;
/// How long a client may take to send its command.
const PATIENCE: Duration = Duration::from_secs(10);

/// The control socket of a server: through it the server's own user, and root, send commands.
/// It is removed on drop.
#[derive(Debug)]
pub(crate) struct Control {
    listener: UnixListener,
    path: PathBuf,
}

/// What a server answers to a command.
#[derive(Serialize, Deserialize)]
enum Reply {
    Done(Done),
    Failed(String),
}

impl Control {
    /// Binds the socket. The caller holds the database's lock and found nobody [serving](is_served)
    /// here, so that what is there is a leftover.
    pub(crate) fn bind(data_dir: &Path) -> io::Result<Self> {
        let path = socket(data_dir);
        match fs::remove_file(&path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        let address = Address::in_dir(data_dir)?;
        let listener = UnixListener::bind(&address.path)?;
        // Where its file system knows no modes, those who call are looked at all the same.
        close_to_others(&path)?;
        Ok(Self { listener, path })
    }

    /// Runs commands; never returns.
    pub(crate) async fn serve(&self, app: Arc<App>) {
        loop {
            match self.listener.accept().await {
                Ok((stream, _)) if is_of_this_user(&stream) => {
                    tokio::spawn(answer(stream, Arc::clone(&app)));
                }
                Ok(_) => tracing::warn!("another user's process called the control socket"),
                Err(error) => {
                    tracing::warn!(%error, "the control socket failed to accept");
                    tokio::time::sleep(Duration::from_millis(100)).await;
                }
            }
        }
    }
}

impl Drop for Control {
    fn drop(&mut self) {
        if let Err(error) = fs::remove_file(&self.path) {
            tracing::debug!(%error, "could not remove the control socket");
        }
    }
}

async fn answer(mut stream: UnixStream, app: Arc<App>) {
    let Ok(Ok(command)) = timeout(PATIENCE, receive(&mut stream)).await else { return };
    let answer = match command.run(&app).await {
        Ok(done) => Reply::Done(done),
        Err(error) => Reply::Failed(error.to_string()),
    };
    let text = serde_json::to_vec(&answer).unwrap_or_default();
    if let Err(error) = stream.write_all(&text).await {
        tracing::debug!(%error, "a command went away before its answer");
    }
}

async fn receive(stream: &mut UnixStream) -> io::Result<AdminCommand> {
    let mut text = Zeroizing::new(Vec::new());
    stream.take(MAX_COMMAND).read_to_end(&mut text).await?;
    serde_json::from_slice(&text).map_err(|_not_a_command| io::ErrorKind::InvalidData.into())
}

fn is_of_this_user(stream: &UnixStream) -> bool {
    let own = rustix::process::geteuid().as_raw();
    stream.peer_cred().is_ok_and(|peer| peer.uid() == own || peer.uid() == 0)
}

/// Whether a server is running on this data directory that takes commands. One that does not is
/// noticed by its lock on the database.
pub(crate) async fn is_served(data_dir: &Path) -> bool {
    connect(data_dir).await.is_ok()
}

/// Lets the server on this data directory run a command.
pub(crate) async fn send(
    data_dir: &Path,
    command: &AdminCommand,
) -> io::Result<Result<Done, String>> {
    let mut stream = connect(data_dir).await?;
    let text = Zeroizing::new(serde_json::to_vec(command)?);
    stream.write_all(&text).await?;
    stream.shutdown().await?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await?;
    match serde_json::from_slice(&answer)? {
        Reply::Done(done) => Ok(Ok(done)),
        Reply::Failed(text) => Ok(Err(text)),
    }
}

async fn connect(data_dir: &Path) -> io::Result<UnixStream> {
    let address = Address::in_dir(data_dir)?;
    UnixStream::connect(&address.path).await
}

/// Where the socket is reached: by its own path, or, where no socket may have a path so long, by one
/// through the open directory.
struct Address {
    path: PathBuf,
    _directory: Option<File>,
}

impl Address {
    fn in_dir(data_dir: &Path) -> io::Result<Self> {
        let path = socket(data_dir);
        if path.as_os_str().len() <= LONGEST_PATH {
            return Ok(Self { path, _directory: None });
        }
        let directory = File::open(data_dir)?;
        let path = socket(&Path::new("/proc/self/fd").join(directory.as_raw_fd().to_string()));
        Ok(Self { path, _directory: Some(directory) })
    }
}

fn socket(data_dir: &Path) -> PathBuf {
    data_dir.join("control.sock")
}
