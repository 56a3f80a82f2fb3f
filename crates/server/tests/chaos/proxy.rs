//! The network between an instance and its database, which can be made to fail.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::tcp::{ReadHalf, WriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::time::sleep;

/// One direction of all connections.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) enum Way {
    #[default]
    Open,
    /// Each piece of data waits so long.
    Slow(Duration),
    /// Nothing arrives, as if packets were dropped: what was sent meanwhile arrives when it opens.
    Shut,
}

/// A TCP proxy. It ends with its runtime.
#[derive(Debug)]
pub(crate) struct Proxy {
    pub(crate) address: SocketAddr,
    ways: Ways,
    cuts: watch::Sender<u64>,
}

/// From the client to the server, and back.
#[derive(Debug, Clone)]
struct Ways {
    there: watch::Sender<Way>,
    back: watch::Sender<Way>,
}

impl Proxy {
    pub(crate) async fn start(server: SocketAddr) -> io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let address = listener.local_addr()?;
        let (there, back) = (watch::Sender::default(), watch::Sender::default());
        let (ways, cuts) = (Ways { there, back }, watch::Sender::default());
        tokio::spawn(accept(listener, server, ways.clone(), cuts.clone()));
        Ok(Self { address, ways, cuts })
    }

    pub(crate) fn set(&self, there: Way, back: Way) {
        self.ways.there.send_replace(there);
        self.ways.back.send_replace(back);
    }

    /// Resets all connections.
    pub(crate) fn cut(&self) {
        self.cuts.send_modify(|cuts| *cuts += 1);
    }
}

async fn accept(
    listener: TcpListener,
    server: SocketAddr,
    ways: Ways,
    cuts: watch::Sender<u64>,
) -> io::Result<()> {
    loop {
        let (client, _) = listener.accept().await?;
        tokio::spawn(connect(client, server, ways.clone(), cuts.subscribe()));
    }
}

/// Carries one connection until either end closes it, or it is cut.
async fn connect(
    mut client: TcpStream,
    server: SocketAddr,
    ways: Ways,
    mut cuts: watch::Receiver<u64>,
) -> io::Result<()> {
    client.set_zero_linger()?;
    // While nothing gets through, nor does the first packet.
    pass(&mut ways.there.subscribe()).await;
    let mut server = TcpStream::connect(server).await?;
    server.set_zero_linger()?;
    for stream in [&client, &server] {
        stream.set_nodelay(true)?;
    }
    let ((from_client, to_client), (from_server, to_server)) = (client.split(), server.split());
    tokio::select! {
        ended = carry(from_client, to_server, ways.there.subscribe()) => ended,
        ended = carry(from_server, to_client, ways.back.subscribe()) => ended,
        _cut = cuts.changed() => Ok(()),
    }
}

async fn carry(
    mut from: ReadHalf<'_>,
    mut to: WriteHalf<'_>,
    mut way: watch::Receiver<Way>,
) -> io::Result<()> {
    let mut buffer = vec![0; 16 * 1024];
    loop {
        let count = from.read(&mut buffer).await?;
        pass(&mut way).await;
        if count == 0 {
            return Ok(());
        }
        to.write_all(&buffer[..count]).await?;
    }
}

/// Waits until something gets through.
async fn pass(way: &mut watch::Receiver<Way>) {
    let open = way.wait_for(|way| *way != Way::Shut).await.map(|way| *way);
    if let Ok(Way::Slow(delay)) = open {
        sleep(delay).await;
    }
}
