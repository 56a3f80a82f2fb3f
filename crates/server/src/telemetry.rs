use std::error::Error;
use std::io::{self, IsTerminal as _};

use tracing_subscriber::EnvFilter;

/// Starts the log on standard error: lines for a person at a terminal, JSON for everything else.
pub(crate) fn start(filter: &str) {
    let builder = tracing_subscriber::fmt()
        .with_env_filter(EnvFilter::new(filter))
        .with_writer(io::stderr)
        .with_target(false);
    if io::stderr().is_terminal() {
        builder.init();
    } else {
        builder.json().flatten_event(true).init();
    }
}

/// What went wrong, and why, and why that: one line.
pub(crate) fn error_chain(error: &(dyn Error + 'static)) -> String {
    let mut chain = error.to_string();
    let mut source = error.source();
    while let Some(error) = source {
        chain = format!("{chain}: {error}");
        source = error.source();
    }
    chain
}
