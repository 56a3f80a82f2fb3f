//! The line between an instance and its database, which can be long or bad, and led to another one.

use std::hash::{BuildHasher as _, RandomState};
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::tcp::{ReadHalf, WriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio::sync::watch::{self, error::RecvError};
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep, sleep_until};

/// Pieces that are on the line at a time, each way.
const UNDER_WAY: usize = 1_024;
/// What Linux adds to the round trip before it sends again.
const RESEND_AFTER: Duration = Duration::from_millis(200);

/// What becomes of the bytes on the line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Line {
    /// They arrive.
    Good,
    /// They vanish from sight, and arrive late once the line lets them through: what a network
    /// that is parted and heals does to TCP.
    Blackhole(Way),
    /// Each piece arrives that much later. Of a thousand, `lost` get lost and are sent again when
    /// nobody has confirmed them in time.
    Slow {
        /// Half a round trip.
        by: Duration,
        /// Of a thousand.
        lost: u64,
    },
    /// Connections are reset, new ones too.
    Cut,
}

/// A way along the line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Way {
    /// There and back.
    Both,
    /// From the instance.
    ToDatabase,
    /// To the instance.
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
pub struct Proxy {
    port: u16,
    state: watch::Sender<State>,
    accepting: JoinHandle<()>,
}

impl Proxy {
    /// Begins to listen, in the runtime that this is called in.
    pub async fn start(database: SocketAddr) -> io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let port = listener.local_addr()?.port();
        let (state, watched) = watch::channel(State { line: Line::Good, resets: 0, database });
        let accepting = tokio::spawn(accept(listener, watched));
        Ok(Self { port, state, accepting })
    }

    /// Where it listens, on 127.0.0.1.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Makes the line good or bad, for the connections there are and for new ones.
    pub fn set(&self, line: Line) {
        self.state.send_modify(|state| state.line = line);
    }

    /// Leads new connections there. Those that there are stay, as with a balancer or a name.
    pub fn lead_to(&self, database: SocketAddr) {
        self.state.send_modify(|state| state.database = database);
    }

    /// Resets the connections there are; new ones go through.
    pub fn reset(&self) {
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

    /// How long a piece is under way, by a draw of its own.
    fn delay(self, draw: impl Fn(u64) -> u64) -> Duration {
        let Self::Slow { by, lost } = self else { return Duration::ZERO };
        let mut delay = by;
        let mut again = 2 * by + RESEND_AFTER;
        for _attempt in (0..).take_while(|attempt| draw(*attempt) % 1_000 < lost) {
            delay += again;
            again *= 2;
        }
        delay
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
    if let Line::Slow { by, .. } = passing(&mut state, Way::ToDatabase).await.map_err(gone)? {
        // Also the first of all pieces has to be confirmed.
        sleep(2 * by).await;
    }
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
    let (sent, mut under_way) = mpsc::channel::<(Instant, Vec<u8>)>(UNDER_WAY);
    let chance = RandomState::new();
    let departures = async move {
        for number in 0_u64.. {
            let mut piece = Vec::with_capacity(16 * 1024);
            let is_last = from.read_buf(&mut piece).await? == 0;
            let line = passing(&mut state, way).await.map_err(gone)?;
            let arrives = Instant::now() + line.delay(|it| chance.hash_one((number, it)));
            if sent.send((arrives, piece)).await.is_err() || is_last {
                break;
            }
        }
        Ok(())
    };
    let arrivals = async move {
        // In their order: what follows a piece that is sent again waits for it.
        while let Some((arrives, piece)) = under_way.recv().await {
            if arrives > Instant::now() {
                sleep_until(arrives).await;
            }
            match piece.as_slice() {
                [] => return to.shutdown().await,
                bytes => to.write_all(bytes).await?,
            }
        }
        Ok(())
    };
    tokio::try_join!(departures, arrivals).map(drop)
}

/// Waits until the line lets bytes through that way.
async fn passing(state: &mut watch::Receiver<State>, way: Way) -> Result<Line, RecvError> {
    Ok(state.wait_for(|now| !now.line.swallows(way)).await?.line)
}

fn gone(proxy: RecvError) -> io::Error {
    io::Error::other(proxy)
}
