use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

use latchkey_accounts::SessionLifetime;
use latchkey_domain::{Failover, IssuePolicy, ScopeCatalogue};
use latchkey_hasher_hmac::PepperRing;
use latchkey_listener::Address;
use latchkey_store_postgres::Pooler;
use zeroize::Zeroizing;

use latchkey_http::{HttpSettings, Origin, SignUp};

mod injected;
mod jwt;
mod product;
mod raw;
mod resolve;
mod scopes_file;
mod sqlite_url;
mod values;

pub(crate) use jwt::{JwtKeys, JwtSettings};
pub(crate) use raw::RawSettings;
pub(crate) use scopes_file::read_scopes;

/// The setting of the catalogue of scopes.
pub(crate) const SCOPES_FILE: &str = "LATCHKEY_SCOPES_FILE";

/// What the program needs, checked and complete. Past start-up nobody reads the environment.
#[derive(Debug)]
pub(crate) struct Settings {
    /// One at least.
    pub(crate) listen: Vec<Address>,
    pub(crate) http: HttpSettings,
    pub(crate) data_dir: PathBuf,
    pub(crate) database: Database,
    /// The ring, if it was given; otherwise it is in the data directory.
    pub(crate) peppers: Option<PepperRing>,
    pub(crate) issue_policy: IssuePolicy,
    /// The file of the scopes that keys may be given, if there is one.
    pub(crate) scopes_file: Option<PathBuf>,
    pub(crate) session_lifetime: SessionLifetime,
    /// Which JWTs are sessions too, if any.
    pub(crate) jwt: Option<JwtSettings>,
    /// Wrong passwords; other limits follow.
    pub(crate) sign_in_attempts_per_minute: u32,
    /// Whether verification is answered from the cache.
    pub(crate) verify_cache: bool,
    /// The most connections from one address.
    pub(crate) connections_per_address: usize,
    /// How long revoked keys are kept; `None`: they all are.
    pub(crate) keep_revoked: Option<Duration>,
    /// How long audit events are kept; `None`: they all are.
    pub(crate) keep_audit: Option<Duration>,
    /// A listener for `/metrics` alone.
    pub(crate) metrics_listen: Option<SocketAddr>,
    /// Where calls with a management token are answered alone.
    pub(crate) admin_listen: Option<SocketAddr>,
    /// How long it goes on answering after a stop was asked for.
    pub(crate) drain_delay: Duration,
    /// What a failover of the database keeps, if somebody said so.
    pub(crate) failover: Option<Failover>,
    /// The file of the product's logo, which the pages have already.
    pub(crate) logo: Option<PathBuf>,
    /// A tracing filter that was checked.
    pub(crate) log: String,
}

/// Which store keeps everything.
#[derive(Clone)]
pub(crate) enum Database {
    /// One file, for one server.
    Sqlite(PathBuf),
    /// Another server's.
    Postgres {
        /// With its password.
        url: Zeroizing<String>,
        /// What stands before it.
        pooler: Option<Pooler>,
    },
}

/// Everything that is wrong with the settings, a sentence each, beginning with the name.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Problems(Vec<String>);

impl Settings {
    /// The address under which this machine itself reaches the server.
    pub(crate) fn local_address(&self) -> Option<Address> {
        let first = self.listen.first()?;
        let Address::Tcp(listen) = first else { return Some(first.clone()) };
        let ip = match listen.ip() {
            IpAddr::V4(ip) if ip.is_unspecified() => IpAddr::from([127, 0, 0, 1]),
            IpAddr::V6(ip) if ip.is_unspecified() => IpAddr::from([0, 0, 0, 0, 0, 0, 0, 1]),
            ip => ip,
        };
        Some(SocketAddr::new(ip, listen.port()).into())
    }

    /// How often one owner may change keys in a minute.
    pub(crate) const fn key_changes_per_minute(&self) -> u32 {
        self.sign_in_attempts_per_minute.saturating_mul(60)
    }

    /// The scopes that keys may be given, as their file says now.
    pub(crate) fn scope_catalogue(&self) -> Result<ScopeCatalogue, Problems> {
        let read =
            self.scopes_file.as_deref().map_or_else(|| Ok(ScopeCatalogue::default()), read_scopes);
        read.map_err(|problem| Problems(vec![format!("{SCOPES_FILE}: {problem}")]))
    }

    fn show_what_keys_may_be(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "LATCHKEY_MAX_KEYS_PER_OWNER={}", self.issue_policy.max_keys_per_owner)?;
        writeln!(
            f,
            "LATCHKEY_KEY_NAMES={}",
            choice(self.issue_policy.names_optional, "optional", "required")
        )?;
        writeln!(f, "LATCHKEY_KEY_PREFIX={}", self.issue_policy.brand)?;
        let scopes = self.scopes_file.as_ref().map(|path| path.display().to_string());
        writeln!(f, "{SCOPES_FILE}={}", scopes.as_deref().unwrap_or("none"))
    }
}

/// Which of two words a setting is.
const fn choice(yes: bool, if_yes: &'static str, if_no: &'static str) -> &'static str {
    if yes { if_yes } else { if_no }
}

impl fmt::Display for Settings {
    /// One `NAME=value` a line, for `check-config`; secrets show only that they are there.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let joined =
            |list: Vec<String>| if list.is_empty() { "none".into() } else { list.join(",") };
        let texts = |origins: &[Origin]| joined(origins.iter().map(ToString::to_string).collect());
        let proxies = joined(self.http.trusted_proxies.iter().map(ToString::to_string).collect());
        let public =
            self.http.public_url.as_ref().map_or("the host asked".into(), ToString::to_string);
        let seconds = |span: Duration| humantime::format_duration(span);
        let peppers = match (&self.peppers, &self.database) {
            (Some(ring), _) => joined(ring.ids().map(|id| format!("{id}:[redacted]")).collect()),
            (None, _) => self.data_dir.join("peppers").display().to_string(),
        };
        let listen = joined(self.listen.iter().map(ToString::to_string).collect());
        writeln!(f, "LATCHKEY_LISTEN={listen}")?;
        writeln!(f, "LATCHKEY_PUBLIC_URL={public}")?;
        writeln!(f, "LATCHKEY_TRUSTED_ORIGINS={}", texts(&self.http.trusted_origins))?;
        writeln!(f, "LATCHKEY_TRUSTED_PROXIES={proxies}")?;
        writeln!(f, "LATCHKEY_DATA_DIR={}", self.data_dir.display())?;
        writeln!(f, "DATABASE_URL={:?}", self.database)?;
        writeln!(f, "LATCHKEY_PEPPERS={peppers}")?;
        writeln!(
            f,
            "LATCHKEY_SIGN_UP={}",
            choice(self.http.sign_up != SignUp::Closed, "open", "closed")
        )?;
        self.show_what_keys_may_be(f)?;
        writeln!(f, "LATCHKEY_ACCOUNTS={}", choice(self.http.accounts, "on", "off"))?;
        writeln!(f, "LATCHKEY_DOCS={}", choice(self.http.reference, "on", "off"))?;
        let limit_headers = choice(self.http.limit_headers, "on", "off");
        writeln!(f, "LATCHKEY_RATELIMIT_HEADERS={limit_headers}")?;
        JwtSettings::show(self.jwt.as_ref(), f)?;
        let sign_in = self.http.sign_in_url.as_ref().map_or("none", |url| url.as_str());
        writeln!(f, "LATCHKEY_SIGN_IN_URL={sign_in}")?;
        product::show(&self.http.product, self.logo.as_deref(), f)?;
        writeln!(f, "LATCHKEY_SESSION_COOKIE={}", self.http.session_cookie)?;
        writeln!(f, "LATCHKEY_SESSION_IDLE={}", seconds(self.session_lifetime.idle))?;
        writeln!(f, "LATCHKEY_SESSION_ABSOLUTE={}", seconds(self.session_lifetime.absolute))?;
        let reauth = self.session_lifetime.reauth_after;
        let reauth = reauth.map_or("off".into(), |span| seconds(span).to_string());
        writeln!(f, "LATCHKEY_REAUTH_AFTER={reauth}")?;
        writeln!(f, "LATCHKEY_SIGN_IN_ATTEMPTS_PER_MINUTE={}", self.sign_in_attempts_per_minute)?;
        writeln!(f, "LATCHKEY_VERIFY_CACHE={}", choice(self.verify_cache, "on", "off"))?;
        writeln!(f, "LATCHKEY_CONNECTIONS_PER_ADDRESS={}", self.connections_per_address)?;
        let kept = |keep: Option<Duration>| keep.map_or("forever".into(), days);
        writeln!(f, "LATCHKEY_KEEP_REVOKED={}", kept(self.keep_revoked))?;
        writeln!(f, "LATCHKEY_KEEP_AUDIT={}", kept(self.keep_audit))?;
        let own = |at: Option<SocketAddr>| at.map_or("none".into(), |address| address.to_string());
        writeln!(f, "LATCHKEY_METRICS_LISTEN={}", own(self.metrics_listen))?;
        writeln!(f, "LATCHKEY_ADMIN_LISTEN={}", own(self.admin_listen))?;
        writeln!(f, "LATCHKEY_DRAIN_DELAY={}", seconds(self.drain_delay))?;
        let pooler = match &self.database {
            Database::Postgres { pooler: Some(pooler), .. } => pooler.as_str(),
            Database::Postgres { .. } | Database::Sqlite(_) => "none",
        };
        writeln!(f, "LATCHKEY_DATABASE_POOLER={pooler}")?;
        writeln!(f, "LATCHKEY_FAILOVER={}", self.failover.map_or("as seen", Failover::as_str))?;
        write!(f, "LATCHKEY_LOG={}", self.log)
    }
}

/// As it is written: a year of humantime's is no whole number of days.
fn days(span: Duration) -> String {
    const DAY: u64 = 24 * 60 * 60;
    match span.as_secs() {
        seconds if seconds % DAY == 0 => format!("{}d", seconds / DAY),
        _ => humantime::format_duration(span).to_string(),
    }
}

impl fmt::Debug for Database {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Sqlite(path) => f.write_str(&sqlite_url::url(path)),
            Self::Postgres { .. } => f.write_str("postgres://[redacted]"),
        }
    }
}

impl Problems {
    pub(crate) fn add(&mut self, name: &str, what: impl fmt::Display) {
        self.0.push(format!("{name}: {what}"));
    }

    /// Keeps a good value; remembers a bad one.
    pub(crate) fn keep<T, E: fmt::Display>(
        &mut self,
        name: &str,
        result: Result<T, E>,
    ) -> Option<T> {
        result.map_err(|error| self.add(name, error)).ok()
    }

    fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl fmt::Display for Problems {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.join("\n"))
    }
}
