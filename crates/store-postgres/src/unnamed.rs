//! Statements without names, for a pooler that gives each transaction another connection.
//!
//! The driver gives each statement a name, has it described once and later sends the name alone. A
//! connection that another client had before does not know the name, or knows another statement by
//! it. So, between the driver and the pooler, each use of a name becomes the text that it stands for,
//! and the limits of the transaction go before it. The driver does not see what is answered to that.
//! It costs the database some work for each use, and no round trip.
//!
//! Messages are those of the [protocol](https://www.postgresql.org/docs/current/protocol-message-formats.html).

use std::collections::{HashMap, VecDeque};
use std::io;
use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio::io::{
    AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _, BufReader, BufWriter,
    DuplexStream, duplex, split,
};

use crate::fault::chain;
use crate::session;

const BUFFER: usize = 64 * 1024;
/// What answers the limits: they are parsed and bound, have a row and are done.
const OF_LIMITS: u8 = 4;

/// A stream for the driver, which leads to `pooler`. It ends when either end does.
pub(crate) fn without_names(pooler: impl AsyncRead + AsyncWrite + Send + 'static) -> DuplexStream {
    let (driver, ours) = duplex(BUFFER);
    tokio::spawn(async move {
        let (from_driver, to_driver) = split(ours);
        let (from_pooler, to_pooler) = split(pooler);
        let hidden = Hidden::default();
        let ended = tokio::select! {
            ended = ask(BufReader::new(from_driver), to_pooler, &hidden) => ended,
            ended = answer(BufReader::new(from_pooler), to_driver, &hidden) => ended,
        };
        if let Err(error) = ended {
            tracing::debug!(error = chain(&error), "a connection to the pooler has ended");
        }
    });
    driver
}

/// How many answers the driver must not see, before each time that the database is ready again.
struct Hidden(Mutex<VecDeque<u8>>);

impl Default for Hidden {
    /// The database is ready once before anything was asked.
    fn default() -> Self {
        Self(Mutex::new(VecDeque::from([0])))
    }
}

impl Hidden {
    fn all(&self) -> MutexGuard<'_, VecDeque<u8>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether the next answer is one of them.
    fn take_one(&self) -> bool {
        let take = |left: &mut u8| left.checked_sub(1).map(|less| *left = less);
        self.all().front_mut().and_then(take).is_some()
    }
}

async fn ask(
    mut driver: BufReader<impl AsyncRead + Unpin>,
    pooler: impl AsyncWrite + Unpin,
    hidden: &Hidden,
) -> io::Result<()> {
    let mut pooler = BufWriter::new(pooler);
    let limits = limits()?;
    // By name: its text, and the types of its arguments.
    let mut statements: HashMap<Vec<u8>, Vec<u8>> = HashMap::new();
    let mut to_hide = 0;
    // The first message has no kind.
    let start = read_body(&mut driver).await?;
    pooler.write_all(&[length_of(&start)?.as_slice(), &start].concat()).await?;
    pooler.flush().await?;
    while let Some((kind, body)) = read(&mut driver).await? {
        match (kind, body.as_slice()) {
            (b'P', body) => {
                let (name, statement) = split_name(body)?;
                statements.insert(name.to_vec(), statement.to_vec());
                // To parse it, the database locks its tables.
                pooler.write_all(&limits).await?;
                to_hide = OF_LIMITS;
                pooler.write_all(&message(b'P', &[b"\0", statement])?).await?;
            }
            (b'D' | b'C', [b'S', name @ ..]) => {
                if kind == b'C' {
                    statements.remove(split_name(name)?.0);
                }
                pooler.write_all(&message(kind, &[b"S\0"])?).await?;
            }
            (b'B', body) => {
                let (portal, rest) = split_name(body)?;
                let (name, arguments) = split_name(rest)?;
                let statement = statements.get(name).ok_or(io::ErrorKind::InvalidData)?;
                pooler.write_all(&limits).await?;
                pooler.write_all(&message(b'P', &[b"\0", statement])?).await?;
                let bind = message(b'B', &[portal, b"\0\0", arguments])?;
                pooler.write_all(&bind).await?;
                to_hide = OF_LIMITS + 1;
            }
            (kind, body) => {
                if matches!(kind, b'S' | b'Q') {
                    hidden.all().push_back(std::mem::take(&mut to_hide));
                }
                pooler.write_all(&message(kind, &[body])?).await?;
            }
        }
        if driver.buffer().is_empty() {
            pooler.flush().await?;
        }
    }
    Ok(())
}

async fn answer(
    mut pooler: BufReader<impl AsyncRead + Unpin>,
    driver: impl AsyncWrite + Unpin,
    hidden: &Hidden,
) -> io::Result<()> {
    let mut driver = BufWriter::new(driver);
    while let Some((kind, body)) = read(&mut pooler).await? {
        match kind {
            b'1' | b'2' | b'D' | b'C' if hidden.take_one() => {}
            _ => {
                match kind {
                    // What was asked after that, up to the next time it is ready, is skipped.
                    b'E' => hidden.all().front_mut().into_iter().for_each(|left| *left = 0),
                    b'Z' => drop(hidden.all().pop_front()),
                    _ => {}
                }
                driver.write_all(&message(kind, &[&body])?).await?;
            }
        }
        if pooler.buffer().is_empty() {
            driver.flush().await?;
        }
    }
    driver.flush().await
}

/// The messages that set the limits of a transaction.
fn limits() -> io::Result<Vec<u8>> {
    let text = session::limits_of_transaction();
    let parse = message(b'P', &[b"\0", text.as_bytes(), b"\0\0\0"])?;
    // Without arguments; the row comes as text.
    let bind = message(b'B', &[b"\0\0\0\0\0\0\0\0"])?;
    // Every row.
    let execute = message(b'E', &[b"\0\0\0\0\0"])?;
    Ok([parse, bind, execute].concat())
}

fn message(kind: u8, parts: &[&[u8]]) -> io::Result<Vec<u8>> {
    let body = parts.concat();
    Ok([[kind].as_slice(), &length_of(&body)?, &body].concat())
}

/// The length counts itself.
fn length_of(body: &[u8]) -> io::Result<[u8; 4]> {
    let length = u32::try_from(body.len() + 4).map_err(io::Error::other)?;
    Ok(length.to_be_bytes())
}

/// A name ends with a zero.
fn split_name(bytes: &[u8]) -> io::Result<(&[u8], &[u8])> {
    let mut parts = bytes.splitn(2, |byte| *byte == 0);
    match (parts.next(), parts.next()) {
        (Some(name), Some(rest)) => Ok((name, rest)),
        _ => Err(io::ErrorKind::InvalidData.into()),
    }
}

/// A message, or `None` at the end.
async fn read(from: &mut BufReader<impl AsyncRead + Unpin>) -> io::Result<Option<(u8, Vec<u8>)>> {
    match from.read_u8().await {
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => Ok(None),
        kind => Ok(Some((kind?, read_body(from).await?))),
    }
}

async fn read_body(from: &mut BufReader<impl AsyncRead + Unpin>) -> io::Result<Vec<u8>> {
    let length = from.read_u32().await?.checked_sub(4).ok_or(io::ErrorKind::InvalidData)?;
    let mut body = Vec::new();
    let read = (&mut *from).take(length.into()).read_to_end(&mut body).await?;
    let is_whole = u32::try_from(read).is_ok_and(|read| read == length);
    if is_whole { Ok(body) } else { Err(io::ErrorKind::UnexpectedEof.into()) }
}
