//! The line between an instance and its database, which can be made bad, and led to another one.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::tcp::{ReadHalf, WriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch::{self, error::RecvError};
use tokio::task::JoinHandle;

/// What becomes of the bytes on the line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Line {
    Good,
    /// They vanish from sight, and arrive late once the line lets them through: what a network
    /// that is parted and heals does to TCP.
    Blackhole(Way),
    /// Each piece arrives that much later.
    Slow(Duration),
    /// Connections are reset, new ones too.
    Cut,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Way {
    Both,
    ToDatabase,
    FromDatabase,
}

#[derive(Debug, Clone, Copy)]
struct State {
    line: Line,
    resets: u64,
    database: SocketAddr,
}

/// A TCP proxy in front of one database, for one instance.
#[derive(Debug)]
pub(crate) struct Proxy {
    port: u16,
    state: watch::Sender<State>,
    accepting: JoinHandle<()>,
}

impl Proxy {
    pub(crate) async fn start(database: SocketAddr) -> io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let port = listener.local_addr()?.port();
        let (state, watched) = watch::channel(State { line: Line::Good, resets: 0, database });
        let accepting = tokio::spawn(accept(listener, watched));
        Ok(Self { port, state, accepting })
    }

    pub(crate) fn port(&self) -> u16 {
        self.port
    }

    pub(crate) fn set(&self, line: Line) {
        self.state.send_modify(|state| state.line = line);
    }

    /// Leads new connections there. Those that there are stay, as with a balancer or a name.
    pub(crate) fn lead_to(&self, database: SocketAddr) {
        self.state.send_modify(|state| state.database = database);
    }

    /// Resets the connections there are; new ones go through.
    pub(crate) fn reset(&self) {
        self.state.send_modify(|state| state.resets += 1);
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

impl Line {
    fn swallows(self, way: Way) -> bool {
        matches!(self, Self::Blackhole(lost) if lost == Way::Both || lost == way)
    }
}

async fn accept(listener: TcpListener, state: watch::Receiver<State>) {
    // Nothing but a lack of files makes it fail, which the instance notices.
    while let Ok((instance, _address)) = listener.accept().await {
        tokio::spawn(carry(instance, state.clone()));
    }
}

/// Carries one connection until an end closes it or the line breaks it.
async fn carry(mut instance: TcpStream, state: watch::Receiver<State>) {
    let mut watched = state.clone();
    let before = watched.borrow().resets;
    let broken = watched.wait_for(|now| now.resets != before || now.line == Line::Cut);
    let carried = tokio::select! {
        _ = broken => Err(io::ErrorKind::ConnectionReset.into()),
        carried = carry_whole(&mut instance, state) => carried,
    };
    if carried.is_err() {
        // Dropped with this set, a socket sends a reset; one that is closed already can't.
        drop(instance.set_zero_linger());
    }
}

async fn carry_whole(
    instance: &mut TcpStream,
    mut state: watch::Receiver<State>,
) -> io::Result<()> {
    passing(&mut state, Way::ToDatabase).await.map_err(io::Error::other)?;
    let database = state.borrow().database;
    let mut database = TcpStream::connect(database).await?;
    database.set_zero_linger()?;
    database.set_nodelay(true)?;
    instance.set_nodelay(true)?;
    let (from_instance, to_instance) = instance.split();
    let (from_database, to_database) = database.split();
    let requests = pump(from_instance, to_database, Way::ToDatabase, state.clone());
    let answers = pump(from_database, to_instance, Way::FromDatabase, state);
    tokio::try_join!(requests, answers)?;
    Ok(())
}

async fn pump(
    mut from: ReadHalf<'_>,
    mut to: WriteHalf<'_>,
    way: Way,
    mut state: watch::Receiver<State>,
) -> io::Result<()> {
    let mut buffer = vec![0; 16 * 1024];
    loop {
        let count = from.read(&mut buffer).await?;
        let line = passing(&mut state, way).await.map_err(io::Error::other)?;
        if let Line::Slow(delay) = line {
            tokio::time::sleep(delay).await;
        }
        match &buffer[..count] {
            [] => return to.shutdown().await,
            bytes => to.write_all(bytes).await?,
        }
    }
}

/// Waits until the line lets bytes through that way.
async fn passing(state: &mut watch::Receiver<State>, way: Way) -> Result<Line, RecvError> {
    Ok(state.wait_for(|now| !now.line.swallows(way)).await?.line)
}
