use std::num::NonZeroU16;
use std::path::PathBuf;

use clap::builder::Resettable;
use clap::{Arg, ArgMatches, Args, CommandFactory as _, FromArgMatches as _, Parser, Subcommand};

use crate::settings::RawSettings;

/// API keys for your service: issue them, verify them, revoke them.
#[derive(Debug, Parser)]
#[command(name = "latchkey", version, about)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Option<Command>,
    #[command(flatten)]
    pub(crate) settings: RawSettings,
}

impl Cli {
    /// What this process was started with. An empty variable counts as not given, like one that a
    /// compose file passes on without having it. Where it can't be read, the process ends.
    pub(crate) fn read() -> Self {
        let mut command = Self::command().mut_args(without_empty_variable);
        let matches: ArgMatches = command.get_matches_mut();
        Self::from_arg_matches(&matches).unwrap_or_else(|error| error.format(&mut command).exit())
    }
}

fn without_empty_variable(arg: Arg) -> Arg {
    let value = arg.get_env().and_then(std::env::var_os);
    if value.is_some_and(|value| value.is_empty()) { arg.env(Resettable::Reset) } else { arg }
}

#[derive(Debug, Clone, Subcommand)]
pub(crate) enum Command {
    /// Run the server (this is the default)
    Serve,
    /// Bring the database's schema up to date, and stop
    Migrate,
    /// Create and manage accounts
    #[command(subcommand)]
    Account(AccountCommand),
    /// List and revoke keys of any owner
    #[command(subcommand)]
    Keys(KeysCommand),
    /// Read the audit trail
    #[command(subcommand)]
    Audit(AuditCommand),
    /// Copy the embedded database into a new file; a server may run on it
    Backup { file: PathBuf },
    /// Move everything from the embedded database into an empty Postgres; stop the server first
    Move {
        /// A postgres:// URL without its password, which is read from a prompt or from standard input
        #[arg(long, value_name = "URL")]
        to: String,
    },
    /// Print all accounts and keys, without secrets and digests, one JSON object on each line
    Export,
    /// Generate peppers and count the keys that depend on each
    #[command(subcommand)]
    Pepper(PepperCommand),
    /// Look for keys in files and folders; print the place and the prefix of each
    Scan {
        #[arg(required = true)]
        paths: Vec<PathBuf>,
    },
    /// Check the settings and print them, without secrets
    CheckConfig,
    /// Print the OpenAPI description
    Openapi,
    /// Ask the running server whether it is ready
    Healthcheck,
}

#[derive(Debug, Clone, Subcommand)]
pub(crate) enum AccountCommand {
    /// Create an account; the password is read from a prompt or from standard input
    Create { email: String },
    /// End an account's sessions and revoke its keys
    Disable { email: String },
    /// Let a disabled account sign in again; its keys stay revoked
    Enable { email: String },
    /// List the accounts
    List,
    /// Disable an account, then remove it, its keys, and personal data from its audit events
    Delete { email: String },
    /// Set another password, read from a prompt or from standard input
    ResetPassword { email: String },
}

#[derive(Debug, Clone, Subcommand)]
pub(crate) enum KeysCommand {
    /// List the keys that are not revoked
    List {
        /// Only keys of this owner; for an account of the dashboard, the account's id
        #[arg(long)]
        owner: Option<String>,
    },
    /// Revoke a key, or all keys that depend on a pepper
    Revoke {
        #[command(flatten)]
        which: RevokeTarget,
    },
}

#[derive(Debug, Clone, Args)]
#[group(required = true, multiple = false)]
pub(crate) struct RevokeTarget {
    /// The key with this id
    pub(crate) id: Option<String>,
    /// Every key that depends on this pepper; not allowed for the pepper that signs
    #[arg(long, value_name = "ID")]
    pub(crate) pepper: Option<NonZeroU16>,
}

#[derive(Debug, Clone, Subcommand)]
pub(crate) enum AuditCommand {
    /// Print every event, oldest first, one JSON object on each line
    Export,
}

#[derive(Debug, Clone, Subcommand)]
pub(crate) enum PepperCommand {
    /// Print a new entry for the ring
    Generate {
        /// Its number in the ring
        #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u16).range(1..))]
        id: u16,
    },
    /// Count the keys that depend on each pepper, and print when one of them was last used
    Status,
}
