use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, ReadBuf, Take};
use tokio::net::TcpStream;

use super::connection::Connection;
use super::registry::Place;

/// How much is read before what it asks for is answered. The framework parses all the requests it
/// is given before it answers the first, and keeps 7 kB for each, though it be of 25 bytes.
const SIP: u64 = 2 * 1024;

/// A socket that is read in sips, and not at all while an answer waits to be written or a request
/// is being handled.
#[derive(Debug)]
pub(super) struct Stream {
    socket: Take<TcpStream>,
    place: Place,
    output_waits: bool,
    /// Somebody wanted to read and was put off.
    reader_waits: bool,
}

impl Stream {
    pub(super) fn new(socket: TcpStream, place: Place) -> Self {
        Self { socket: socket.take(SIP), place, output_waits: false, reader_waits: false }
    }

    pub(super) fn connection(&self) -> &Arc<Connection> {
        &self.place.connection
    }
}

impl AsyncRead for Stream {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        if this.output_waits || !this.place.connection.wants_input() {
            this.reader_waits = true;
            return Poll::Pending;
        }
        if this.socket.limit() == 0 {
            // The framework flushes before it comes again, which allows the next sip.
            cx.waker().wake_by_ref();
            return Poll::Pending;
        }
        let before = buffer.filled().len();
        ready!(Pin::new(&mut this.socket).poll_read(cx, buffer))?;
        if buffer.filled().len() > before {
            this.place.connection.received();
        }
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Stream {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        let written = Pin::new(this.socket.get_mut()).poll_write(cx, bytes);
        this.output_waits = written.is_pending();
        match written {
            Poll::Pending => this.place.connection.waits(),
            Poll::Ready(_) => this.place.connection.sent(),
        }
        written
    }

    /// The framework comes here each time it has written all it had.
    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        this.socket.set_limit(SIP);
        if this.reader_waits && this.place.connection.wants_input() {
            this.reader_waits = false;
            cx.waker().wake_by_ref();
        }
        Pin::new(this.socket.get_mut()).poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(self.get_mut().socket.get_mut()).poll_shutdown(cx)
    }
}
