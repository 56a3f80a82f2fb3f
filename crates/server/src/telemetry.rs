use std::backtrace::{Backtrace, BacktraceStatus};
use std::io::{self, IsTerminal as _, Write};
use std::panic::{self, PanicHookInfo};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread;
use std::time::Duration;

use tracing_subscriber::EnvFilter;
use tracing_subscriber::filter::LevelFilter;
use tracing_subscriber::fmt::MakeWriter;

/// Lines that wait for a reader of the log which is slower than what is logged, some 2 MB.
const WAITING: usize = 8_192;
/// How long the end of the process waits for them.
const PATIENCE: Duration = Duration::from_secs(1);

static LOG: OnceLock<SyncSender<Entry>> = OnceLock::new();
static LOST: AtomicU64 = AtomicU64::new(0);

/// Starts the log on standard error: lines for a person at a terminal, JSON for everything else.
///
/// The log is for show. A thread of its own writes it, so that nothing waits for its reader; a
/// line that can't be written, or for which there is no room, is [counted](lost_lines) and dropped.
pub(crate) fn start(filter: &str) -> io::Result<()> {
    let (lines, waiting) = sync_channel(WAITING);
    thread::Builder::new().name("log".to_owned()).spawn(move || write_out(&waiting))?;
    let builder = tracing_subscriber::fmt()
        .with_env_filter(without_strangers(filter))
        .with_writer(Log(LOG.get_or_init(|| lines)))
        .with_target(false)
        // Its own complaints would go to standard error, and panic where that is gone.
        .log_internal_errors(false);
    if io::stderr().is_terminal() {
        builder.init();
    } else {
        builder.with_ansi(false).json().flatten_event(true).init();
    }
    panic::set_hook(Box::new(log_panic));
    Ok(())
}

/// Waits a moment until everything logged so far is written, if that is possible.
pub(crate) fn flush() {
    let (written, is_written) = sync_channel(1);
    if LOG.get().is_some_and(|log| log.try_send(Entry::Flush(written)).is_ok()) {
        // Where nobody reads the log, the process ends without.
        let _ = is_written.recv_timeout(PATIENCE);
    }
}

/// How many lines were dropped.
pub(crate) fn lost_lines() -> u64 {
    LOST.load(Ordering::Relaxed)
}

/// The filter, without what actix logs at ERROR for each head that is no HTTP: anybody can send one, and
/// an error in this log is for an operator to act on. A filter that asks for DEBUG shows them.
fn without_strangers(filter: &str) -> EnvFilter {
    let filter = EnvFilter::new(filter);
    if filter.max_level_hint().is_none_or(|level| level >= LevelFilter::DEBUG) {
        return filter;
    }
    ["actix_http::h1::dispatcher=off", "actix_http::h1::decoder=off"]
        .into_iter()
        .fold(filter, |filter, quiet| filter.add_directive(quiet.parse().expect("a directive")))
}

/// What is sent to the thread that writes.
enum Entry {
    Line(Vec<u8>),
    /// To be answered when everything before is written.
    Flush(SyncSender<()>),
}

/// The way into the log; it never fails and never waits.
#[derive(Clone, Copy)]
struct Log(&'static SyncSender<Entry>);

impl MakeWriter<'_> for Log {
    type Writer = Self;

    fn make_writer(&self) -> Self {
        *self
    }
}

impl Write for Log {
    /// Takes a whole line, which is how the formatter writes.
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        if self.0.try_send(Entry::Line(line.to_owned())).is_err() {
            LOST.fetch_add(1, Ordering::Relaxed);
        }
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn write_out(entries: &Receiver<Entry>) {
    let mut stream = io::stderr();
    for entry in entries {
        match entry {
            Entry::Line(line) => {
                if stream.write_all(&line).is_err() {
                    LOST.fetch_add(1, Ordering::Relaxed);
                }
            }
            // Nobody waits any more where this fails.
            Entry::Flush(written) => drop(written.try_send(())),
        }
    }
}

fn log_panic(panicked: &PanicHookInfo<'_>) {
    let message = panicked.payload_as_str().unwrap_or("no message");
    let place = panicked.location().map(ToString::to_string);
    let backtrace = Backtrace::capture();
    let backtrace =
        (backtrace.status() == BacktraceStatus::Captured).then(|| backtrace.to_string());
    tracing::error!(place, backtrace, "panicked: {message}");
}
