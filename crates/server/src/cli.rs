use std::num::NonZeroU16;
use std::path::PathBuf;
use std::time::Duration;

use clap::builder::Resettable;
use clap::{Arg, ArgMatches, Args, CommandFactory as _, FromArgMatches as _, Parser, Subcommand};
use latchkey_accounts::{Right, TokenLifetime};
use latchkey_domain::{KeyName, OwnerPattern};

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
    /// Create and manage the tokens of backends that manage keys for their own users
    #[command(subcommand)]
    Token(TokenCommand),
    /// List and revoke keys of any owner
    #[command(subcommand)]
    Keys(KeysCommand),
    /// Print how much each key was used in the last 30 days, and why calls were refused; revoked keys too
    Usage {
        /// Only keys of this owner; for an account of the dashboard, the account's id
        #[arg(long)]
        owner: Option<String>,
        /// Print it for spreadsheets
        #[arg(long)]
        csv: bool,
    },
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
    /// Look for keys and management tokens in files and folders; print the place and the prefix of each
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
    /// Give an account the pages of operators, or take them away
    Operator {
        email: String,
        #[command(flatten)]
        switch: Switch,
    },
}

#[derive(Debug, Clone, Copy, Args)]
#[group(required = true, multiple = false)]
pub(crate) struct Switch {
    /// From now on the account is one of an operator
    #[arg(long)]
    pub(crate) on: bool,
    /// From now on it is not
    #[arg(long)]
    pub(crate) off: bool,
}

#[derive(Debug, Clone, Subcommand)]
pub(crate) enum TokenCommand {
    /// Create a management token and print it; it is never shown again
    Create(NewToken),
    /// List the management tokens that are not revoked
    List,
    /// Revoke a management token; no instance accepts it afterwards
    Revoke {
        /// The id of the token, as `latchkey token list` prints it
        id: String,
    },
}

#[derive(Debug, Clone, Args)]
pub(crate) struct NewToken {
    /// Its name in lists: 1 to 100 characters
    #[arg(long, value_parser = |text: &str| KeyName::parse(text))]
    pub(crate) name: KeyName,
    /// What it may do: keys:read, keys:write (includes keys:read), audit:read, owners:write, usage:read
    #[arg(long, value_name = "RIGHT", value_delimiter = ',', required = true)]
    pub(crate) allow: Vec<Right>,
    /// Whose keys it manages: owner ids, or beginnings of ids followed by one *
    #[arg(
        long, value_name = "PATTERN", value_delimiter = ',', default_value = "*",
        value_parser = |text: &str| OwnerPattern::parse(text)
    )]
    pub(crate) owners: Vec<OwnerPattern>,
    /// How long it works, at most 400d: a number with s, m, h or d
    #[arg(long, value_name = "TIME", default_value = "365d", value_parser = lifetime)]
    pub(crate) expires: TokenLifetime,
}

fn lifetime(text: &str) -> Result<TokenLifetime, &'static str> {
    let wrong = "must be from 1s to 400d: a number with s, m, h or d";
    let (number, unit) = text.split_at_checked(text.len().saturating_sub(1)).ok_or(wrong)?;
    let seconds: u64 = match unit {
        "s" => 1,
        "m" => 60,
        "h" => 60 * 60,
        "d" => 24 * 60 * 60,
        _ => return Err(wrong),
    };
    let digits = number.bytes().all(|byte| byte.is_ascii_digit());
    let number: u64 = number.parse().ok().filter(|_| digits).ok_or(wrong)?;
    let span = number.checked_mul(seconds).map(Duration::from_secs).ok_or(wrong)?;
    TokenLifetime::new(span).map_err(|_out_of_bounds| wrong)
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
    /// Count the keys and management tokens that depend on each pepper, and print when one of them was last used
    Status,
}
