//! A stream to the server of a configuration, for what must stand between that and the driver: the
//! driver makes its own in the same way.

use std::io;

use socket2::{SockRef, TcpKeepalive};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::{TcpStream, UnixStream};
use tokio::time::timeout;
use tokio_postgres::Config;
use tokio_postgres::config::{Host, SslMode};
use tokio_postgres::tls::{MakeTlsConnect, TlsConnect as _};
use tokio_postgres_rustls::MakeRustlsConnect;

const DEFAULT_PORT: u16 = 5432;
/// Asks whether the server has TLS. The answer is one letter.
const TLS_REQUEST: [u8; 8] = [0, 0, 0, 8, 0x04, 0xd2, 0x16, 0x2f];

/// Both directions of a connection.
pub(crate) trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}

impl<S: AsyncRead + AsyncWrite + Send + Unpin> Stream for S {}

/// A stream to the one server that `config` names.
pub(crate) async fn dial(
    config: &Config,
    tls: Option<&MakeRustlsConnect>,
) -> io::Result<Box<dyn Stream>> {
    let port = config.get_ports().first().copied().unwrap_or(DEFAULT_PORT);
    let name = match config.get_hosts().first() {
        Some(Host::Unix(folder)) => {
            let path = folder.join(format!(".s.PGSQL.{port}"));
            return Ok(Box::new(within(config, UnixStream::connect(path)).await?));
        }
        Some(Host::Tcp(name)) => name.as_str(),
        None => "",
    };
    let stream = match config.get_hostaddrs().first() {
        Some(address) => within(config, TcpStream::connect((*address, port))).await?,
        None => within(config, TcpStream::connect((name, port))).await?,
    };
    set_up(config, &stream)?;
    match tls {
        Some(tls) => encrypt(config, stream, tls, name).await,
        None => Ok(Box::new(stream)),
    }
}

async fn within<S>(config: &Config, connect: impl Future<Output = io::Result<S>>) -> io::Result<S> {
    match config.get_connect_timeout() {
        Some(limit) => timeout(*limit, connect).await?,
        None => connect.await,
    }
}

fn set_up(config: &Config, stream: &TcpStream) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let socket = SockRef::from(stream);
    #[cfg(target_os = "linux")]
    socket.set_tcp_user_timeout(config.get_tcp_user_timeout().copied())?;
    if !config.get_keepalives() {
        return Ok(());
    }
    let mut keepalive = TcpKeepalive::new().with_time(config.get_keepalives_idle());
    if let Some(interval) = config.get_keepalives_interval() {
        keepalive = keepalive.with_interval(interval);
    }
    if let Some(retries) = config.get_keepalives_retries() {
        keepalive = keepalive.with_retries(retries);
    }
    socket.set_tcp_keepalive(&keepalive)
}

async fn encrypt(
    config: &Config,
    mut stream: TcpStream,
    tls: &MakeRustlsConnect,
    name: &str,
) -> io::Result<Box<dyn Stream>> {
    stream.write_all(&TLS_REQUEST).await?;
    match stream.read_u8().await? {
        b'S' => {
            let connect = MakeTlsConnect::<TcpStream>::make_tls_connect(&mut tls.clone(), name);
            let stream = connect.map_err(io::Error::other)?.connect(stream).await;
            Ok(Box::new(stream.map_err(io::Error::other)?))
        }
        _ if config.get_ssl_mode() == SslMode::Prefer => Ok(Box::new(stream)),
        _ => Err(io::Error::new(io::ErrorKind::InvalidData, "the server has no TLS")),
    }
}
