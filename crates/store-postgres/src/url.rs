//! Where the database is: what `DATABASE_URL` says, and what Latchkey adds to it.

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use percent_encoding::percent_decode_str;
use thiserror::Error;
use tokio_postgres::Config;
use tokio_postgres::config::{Host, SslMode, TargetSessionAttrs};

use crate::fault::chain;
use crate::pooler::Pooler;
use crate::session;

const CONNECT_TIMEOUT: Duration = Duration::from_secs(3);
/// A peer that vanished is noticed within about 20 s when idle, 10 s when it owes an answer.
const KEEPALIVE_IDLE: Duration = Duration::from_secs(10);
const KEEPALIVE_INTERVAL: Duration = Duration::from_secs(3);
const KEEPALIVE_RETRIES: u32 = 3;
const UNACKNOWLEDGED_LIMIT: Duration = Duration::from_secs(10);

/// Parameters of a URL that are passed on as they are.
const PASSED_ON: [&str; 17] = [
    "application_name",
    "channel_binding",
    "connect_timeout",
    "dbname",
    "host",
    "hostaddr",
    "keepalives",
    "keepalives_idle",
    "keepalives_interval",
    "keepalives_retries",
    "load_balance_hosts",
    "options",
    "password",
    "port",
    "target_session_attrs",
    "tcp_user_timeout",
    "user",
];

/// Where the database is, and how many connections to keep.
///
/// # TLS
///
/// | `sslmode` | means |
/// |---|---|
/// | `disable` | plain text; the default where every host is a loopback address, `localhost` or a Unix socket |
/// | `prefer` | TLS if the server has it, else plain text |
/// | `require`, `verify-ca`, `verify-full` | TLS or nothing; the default for every other host |
///
/// Whenever TLS is used, the certificate's chain and host name are checked, whichever mode asked
/// for it (libpq does so for `verify-full` alone). `sslrootcert=<file>` names the authorities to
/// trust, in PEM; without it, or with `system`, they are those of the operating system. Connections
/// through a Unix socket never use TLS, as in libpq.
#[derive(Clone)]
pub struct PostgresSettings {
    pub(crate) config: Config,
    pub(crate) roots: Roots,
    pub(crate) pool_size: usize,
    pub(crate) pooler: Option<Pooler>,
}

/// Whom to believe that a server is who it says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Roots {
    /// The authorities that the operating system trusts.
    System,
    /// The authorities in a PEM file.
    File(PathBuf),
}

/// What is wrong with a database URL. No message holds a part that may be secret.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum PostgresUrlError {
    /// Another scheme.
    #[error("must begin with postgres:// or postgresql://")]
    Scheme,
    /// A character in the user name or the password that has a meaning of its own.
    #[error(
        "the user name and the password must be percent-encoded: @ is %40, / is %2F, ? is %3F, \
         # is %23, % is %25"
    )]
    Unencoded,
    /// Nowhere to connect to.
    #[error("names no host; for a Unix socket the host is its directory, percent-encoded")]
    NoHost,
    /// A query without `=`.
    #[error("what follows the question mark must be name=value pairs joined by &")]
    Query,
    /// A parameter that this driver does not have.
    #[error("the parameter {0:?} is not supported")]
    Parameter(String),
    /// Not one of the modes.
    #[error("sslmode must be disable, prefer, require, verify-ca or verify-full")]
    SslMode,
    /// Latchkey writes.
    #[error("target_session_attrs must not be read-only; Latchkey needs the primary")]
    ReadOnlyHosts,
    /// One of several hosts, whatever it is.
    #[error("target_session_attrs must be read-write where several hosts are named, or left out")]
    AnyHost,
    /// A pooler takes them away.
    #[error("options don't pass a pooler; set them for the role: `alter role … set …`")]
    OptionsThroughPooler,
    /// Transactions would have several, too.
    #[error("must name one host where a pooler in transaction mode stands between")]
    SeveralPoolers,
    /// The driver refuses it.
    #[error("{0}")]
    Driver(String),
}

impl PostgresSettings {
    /// Connections per instance: on few cores, more make each statement slower (measured).
    pub const DEFAULT_POOL_SIZE: usize = 8;

    /// Reads a URL such as `postgres://user:password@host:5432/database?sslmode=verify-full`.
    /// Of several hosts the one that takes writes is used; `postgres://user@%2Fvar%2Frun%2Fpostgresql/database` is a
    /// Unix socket.
    pub fn parse(url: &str) -> Result<Self, PostgresUrlError> {
        check_authority(url)?;
        let (base, query) = url.split_once('?').unwrap_or((url, ""));
        let mut passed_on = Vec::new();
        let mut names = Vec::new();
        let mut mode = None;
        let mut roots = Roots::System;
        for pair in query.split('&').filter(|pair| !pair.is_empty()) {
            let (name, value) = pair.split_once('=').ok_or(PostgresUrlError::Query)?;
            match name {
                "sslmode" => mode = Some(parse_mode(value)?),
                "sslrootcert" => roots = parse_roots(value),
                known if PASSED_ON.contains(&known) => {
                    passed_on.push(pair);
                    names.push(known);
                }
                other => return Err(PostgresUrlError::Parameter(other.to_owned())),
            }
        }
        let mut config: Config = format!("{base}?{}", passed_on.join("&"))
            .parse()
            .map_err(|error| PostgresUrlError::Driver(chain(&error)))?;
        if config.get_hosts().is_empty() && config.get_hostaddrs().is_empty() {
            return Err(PostgresUrlError::NoHost);
        }
        if config.get_target_session_attrs() == TargetSessionAttrs::ReadOnly {
            return Err(PostgresUrlError::ReadOnlyHosts);
        }
        if host_count(&config) > 1 {
            if names.contains(&"target_session_attrs")
                && config.get_target_session_attrs() != TargetSessionAttrs::ReadWrite
            {
                return Err(PostgresUrlError::AnyHost);
            }
            // One of them is the primary, and not always the first.
            config.target_session_attrs(TargetSessionAttrs::ReadWrite);
        }
        config.ssl_mode(resolve_mode(&config, mode));
        complete(&mut config, &names);
        Ok(Self { config, roots, pool_size: Self::DEFAULT_POOL_SIZE, pooler: None })
    }

    /// The same through a pooler. Options in the URL are refused: none passes.
    pub fn through(self, pooler: Pooler) -> Result<Self, PostgresUrlError> {
        if self.config.get_options().is_some() {
            return Err(PostgresUrlError::OptionsThroughPooler);
        }
        if pooler == Pooler::Transaction && host_count(&self.config) > 1 {
            return Err(PostgresUrlError::SeveralPoolers);
        }
        Ok(Self { pooler: Some(pooler), ..self })
    }

    /// What the driver is to connect by. Options of the URL come last, so that they win.
    pub(crate) fn driver_config(&self) -> Config {
        let mut config = self.config.clone();
        if self.pooler.is_none() {
            let own = self.config.get_options().unwrap_or_default();
            config.options(session::options() + own);
        }
        config
    }

    /// Whether the URL has a password in it.
    pub fn has_password(&self) -> bool {
        self.config.get_password().is_some()
    }

    /// The same with this password; an empty one is none.
    #[must_use]
    pub fn with_password(mut self, password: &str) -> Self {
        if !password.is_empty() {
            self.config.password(password);
        }
        self
    }

    /// The same with another number of connections.
    #[must_use]
    pub fn with_pool_size(self, pool_size: usize) -> Self {
        Self { pool_size: pool_size.max(1), ..self }
    }
}

/// Tells where it is, without the password.
impl fmt::Display for PostgresSettings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let hosts: Vec<String> = (self.config.get_hosts().iter())
            .map(|host| match host {
                Host::Tcp(name) => name.clone(),
                #[cfg(unix)]
                Host::Unix(path) => path.display().to_string(),
            })
            .chain(self.config.get_hostaddrs().iter().map(ToString::to_string))
            .collect();
        let database = self.config.get_dbname().unwrap_or_default();
        write!(f, "database {database:?} at {}", hosts.join(", "))
    }
}

impl fmt::Debug for PostgresSettings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PostgresSettings({self})")
    }
}

pub(crate) fn host_count(config: &Config) -> usize {
    config.get_hosts().len().max(config.get_hostaddrs().len())
}

/// The driver cuts at the first `@`, `/` or `?` wherever it is; a password with one of them would
/// end up as a host name, in errors and logs.
fn check_authority(url: &str) -> Result<(), PostgresUrlError> {
    let rest = (url.strip_prefix("postgres://"))
        .or_else(|| url.strip_prefix("postgresql://"))
        .ok_or(PostgresUrlError::Scheme)?;
    match rest.split_once('@') {
        Some((user, rest)) if user.contains(['/', '?', '#']) || rest.contains('@') => {
            Err(PostgresUrlError::Unencoded)
        }
        _ => Ok(()),
    }
}

fn parse_mode(value: &str) -> Result<SslMode, PostgresUrlError> {
    match value {
        "disable" => Ok(SslMode::Disable),
        "prefer" => Ok(SslMode::Prefer),
        "require" | "verify-ca" | "verify-full" => Ok(SslMode::Require),
        _ => Err(PostgresUrlError::SslMode),
    }
}

fn parse_roots(value: &str) -> Roots {
    match value {
        "system" => Roots::System,
        path => Roots::File(percent_decode_str(path).decode_utf8_lossy().into_owned().into()),
    }
}

fn resolve_mode(config: &Config, asked: Option<SslMode>) -> SslMode {
    let sockets_only = config.get_hostaddrs().is_empty()
        && config.get_hosts().iter().all(|host| !matches!(host, Host::Tcp(_)));
    match asked {
        _ if sockets_only => SslMode::Disable,
        Some(mode) => mode,
        None if is_local(config) => SslMode::Disable,
        None => SslMode::Require,
    }
}

/// Whether nothing leaves this machine.
fn is_local(config: &Config) -> bool {
    if !config.get_hostaddrs().is_empty() {
        return config.get_hostaddrs().iter().all(std::net::IpAddr::is_loopback);
    }
    config.get_hosts().iter().all(|host| match host {
        Host::Tcp(name) => {
            name == "localhost"
                || name.parse().is_ok_and(|address: std::net::IpAddr| address.is_loopback())
        }
        #[cfg(unix)]
        Host::Unix(_) => true,
    })
}

/// Adds what the URL leaves open.
fn complete(config: &mut Config, given: &[&str]) {
    let open = |name| !given.contains(&name);
    if open("application_name") {
        config.application_name("latchkey");
    }
    if open("connect_timeout") {
        config.connect_timeout(CONNECT_TIMEOUT);
    }
    if open("keepalives_idle") {
        config.keepalives_idle(KEEPALIVE_IDLE);
    }
    if open("keepalives_interval") {
        config.keepalives_interval(KEEPALIVE_INTERVAL);
    }
    if open("keepalives_retries") {
        config.keepalives_retries(KEEPALIVE_RETRIES);
    }
    if open("tcp_user_timeout") {
        config.tcp_user_timeout(UNACKNOWLEDGED_LIMIT);
    }
}

#[cfg(test)]
mod tests;
