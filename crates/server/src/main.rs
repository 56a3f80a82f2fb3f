//! The Latchkey server: settings, commands and wiring. What an API key is, is said in
//! `latchkey-domain`; the routes are in `latchkey-http`.

mod app;
mod cli;
mod data_dir;
mod embedded;
mod host;
mod housekeeping;
mod issuer_keys;
mod metrics;
mod operator;
mod peppers;
mod postgres;
mod private_memory;
mod recovery;
mod serve;
mod settings;
mod telemetry;

use std::io::{self, Write as _};
use std::process::ExitCode;

use latchkey_domain::error_chain;

use crate::cli::{Cli, Command};
use crate::operator::commands::{self, Failure};

/// A request makes many small allocations, which this allocator does for less than the system's.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Exits with 0 when all went well, 1 when a command failed, 2 when the settings are wrong.
fn main() -> ExitCode {
    let Cli { command, settings } = Cli::read();
    if let Err(error) = private_memory::keep_private() {
        complain(&format!("core files may hold secrets: {error}"));
    }
    let command = command.unwrap_or(Command::Serve);
    let outcome = tokio::runtime::Runtime::new()
        .map_err(|error| Failure::Other(error.into()))
        .and_then(|runtime| runtime.block_on(commands::run(command, &settings.with_environment())));
    telemetry::flush();
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(Failure::Settings(problems)) => {
            complain(&problems);
            ExitCode::from(2)
        }
        Err(Failure::Other(error)) => {
            complain(&error_chain(&*error));
            ExitCode::FAILURE
        }
    }
}

/// Says what is wrong. Where nobody can be told, the exit code still does.
fn complain(what: &dyn std::fmt::Display) {
    let text = format!("latchkey: {}\n", what.to_string().replace('\n', "\nlatchkey: "));
    drop(io::stderr().write_all(text.as_bytes()));
}
