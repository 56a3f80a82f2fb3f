use std::future::Future as _;
use std::io;
use std::mem::MaybeUninit;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, ReadBuf, Take};
use tokio::time::{Instant, Sleep, sleep_until};

use crate::refusal::{Bare, Refusals};
use crate::registry::Place;
use crate::socket::Socket;
use latchkey_http::Progress;

/// How much is read before what it asks for is answered. The framework parses all the requests it
/// is given before it answers the first, and keeps 7 kB for each, though it be of 25 bytes.
const SIP: u64 = 2 * 1024;
/// How long after it was accepted a connection may take for its first head.
const HEAD_DEADLINE: Duration = Duration::from_secs(5);

/// A socket that is read in sips, and not at all while an answer waits to be written or a request
/// is being handled.
#[derive(Debug)]
pub(crate) struct Stream {
    socket: Take<Socket>,
    place: Place,
    refusals: Refusals,
    /// What is left to write in place of a bare refusal.
    completed: Vec<u8>,
    output_waits: bool,
    /// Somebody wanted to read and was put off.
    reader_waits: bool,
    first_head: FirstHead,
}

/// Whether the first head of a connection is there.
#[derive(Debug)]
enum FirstHead {
    /// It is due then. Most heads come with their connection and need no timer.
    Due(Instant),
    Awaited(Pin<Box<Sleep>>),
    /// It was read or refused.
    Over,
}

impl Stream {
    pub(crate) fn new(socket: Socket, place: Place, refusals: Refusals) -> Self {
        Self {
            socket: socket.take(SIP),
            place,
            refusals,
            completed: Vec::new(),
            output_waits: false,
            reader_waits: false,
            first_head: FirstHead::Due(Instant::now() + HEAD_DEADLINE),
        }
    }

    /// What handlers say of the request that the connection carries.
    pub(crate) fn progress(&self) -> &Arc<Progress> {
        self.place.connection.progress()
    }

    /// Whether the peer has no address, but came by a Unix socket.
    pub(crate) fn is_local(&self) -> bool {
        self.socket.get_ref().is_unix()
    }

    fn write(&mut self, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let written = Pin::new(self.socket.get_mut()).poll_write(cx, bytes);
        self.output_waits = written.is_pending();
        match written {
            Poll::Pending => self.place.connection.waits(),
            Poll::Ready(_) => self.place.connection.sent(),
        }
        written
    }

    /// Ready when the first head is late; never once a head is there.
    fn head_is_late(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        if self.place.connection.is_handling() {
            self.first_head = FirstHead::Over;
        }
        if let FirstHead::Due(deadline) = self.first_head {
            self.first_head = FirstHead::Awaited(Box::pin(sleep_until(deadline)));
        }
        let FirstHead::Awaited(timer) = &mut self.first_head else { return Poll::Pending };
        ready!(timer.as_mut().poll(cx));
        if self.socket.limit() < SIP {
            // The framework flushes before it comes again, and parses before that what was read.
            cx.waker().wake_by_ref();
            return Poll::Pending;
        }
        // A process that stood still may find a timer over before it is told what arrived.
        let arrived = self.socket.get_ref().options().peek(&mut [MaybeUninit::uninit()]);
        if arrived.is_ok() { Poll::Pending } else { Poll::Ready(()) }
    }

    fn write_completed(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        while !self.completed.is_empty() {
            let rest = std::mem::take(&mut self.completed);
            let written = self.write(cx, &rest);
            self.completed = rest;
            match ready!(written)? {
                0 => return Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
                written => drop(self.completed.drain(..written)),
            }
        }
        Poll::Ready(Ok(()))
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
        if Pin::new(&mut this.socket).poll_read(cx, buffer)?.is_pending() {
            ready!(this.head_is_late(cx));
            this.completed = this.refusals.late_head();
            this.first_head = FirstHead::Over;
            // Nothing was written to this socket before, which therefore takes all of it. The
            // framework is told that nothing follows, and closes.
            return this.write_completed(cx);
        }
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
        this.first_head = FirstHead::Over;
        match Bare::at_the_end_of(bytes) {
            None => this.write(cx, bytes),
            Some(bare) if bare.before.is_empty() => {
                if this.completed.is_empty() {
                    this.completed = this.refusals.complete(&bare);
                }
                ready!(this.write_completed(cx))?;
                Poll::Ready(Ok(bytes.len()))
            }
            Some(bare) => this.write(cx, bare.before),
        }
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
