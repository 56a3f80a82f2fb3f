use std::ffi::OsString;
use std::fmt::Display;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::time::Duration;

use clap::{Args as _, Command};
use latchkey_accounts::SessionLifetime;
use latchkey_domain::{Brand, IssuePolicy};
use latchkey_hasher_hmac::PepperRing;
use latchkey_store_postgres::PostgresSettings;
use thiserror::Error;
use tracing_subscriber::EnvFilter;
use zeroize::Zeroizing;

use super::{Database, Problems, RawSettings, Settings, sqlite_url};
use crate::origin::Origin;

const PEPPERS: &str = "LATCHKEY_PEPPERS";
const DATABASE_URL: &str = "DATABASE_URL";
/// What Kubernetes puts into every pod for a service called latchkey.
const INJECTED: [&str; 2] = ["LATCHKEY_PORT", "LATCHKEY_SERVICE_"];
const MAX_LIFETIME: Duration = Duration::from_hours(24 * 400);

#[derive(Debug, Error)]
#[error("{0}")]
struct Bad(&'static str);

impl RawSettings {
    /// What the program needs, or everything that is wrong, each by the setting's name and without
    /// the value of a secret.
    pub(crate) fn resolve(&self) -> Result<Settings, Problems> {
        let mut problems = Problems::default();
        self.refuse_unknown(&mut problems);
        let settings = self.assemble(&mut problems);
        settings.filter(|_| problems.is_empty()).ok_or(problems)
    }

    fn assemble(&self, problems: &mut Problems) -> Option<Settings> {
        let p = problems;
        let listen =
            p.keep("LATCHKEY_LISTEN", address(self.listen.as_deref().unwrap_or("127.0.0.1:8080")));
        let public_url = self.public_url(listen, p);
        let trusted_origins = p
            .keep("LATCHKEY_TRUSTED_ORIGINS", list(self.trusted_origins.as_deref(), Origin::parse));
        let trusted_proxies =
            p.keep("LATCHKEY_TRUSTED_PROXIES", list(self.trusted_proxies.as_deref(), network));
        let data_dir = PathBuf::from(self.data_dir.as_deref().unwrap_or("./latchkey-data"));
        let database = self.database(&data_dir, p);
        let peppers = self.peppers(database.as_ref(), p);
        let local = listen.is_some_and(|listen| listen.ip().is_loopback())
            && public_url.as_ref().is_some_and(|url| url.as_ref().is_none_or(Origin::is_loopback));
        let sign_up = either(self.sign_up.as_deref(), "open", "closed", local);
        let sign_up_open = p.keep("LATCHKEY_SIGN_UP", sign_up);
        let max_keys =
            p.keep("LATCHKEY_MAX_KEYS_PER_OWNER", count(self.max_keys_per_owner.as_deref(), 100));
        let names = either(self.key_names.as_deref(), "optional", "required", false);
        let names_optional = p.keep("LATCHKEY_KEY_NAMES", names);
        let brand = Brand::parse(self.key_prefix.as_deref().unwrap_or("sk"));
        let brand = p.keep("LATCHKEY_KEY_PREFIX", brand);
        let https =
            public_url.as_ref().is_some_and(|url| url.as_ref().is_some_and(Origin::is_secure));
        let session_cookie =
            p.keep("LATCHKEY_SESSION_COOKIE", cookie(self.session_cookie.as_deref(), https));
        let idle =
            p.keep("LATCHKEY_SESSION_IDLE", span(self.session_idle.as_deref().unwrap_or("12h")));
        let absolute = p.keep(
            "LATCHKEY_SESSION_ABSOLUTE",
            span(self.session_absolute.as_deref().unwrap_or("7d")),
        );
        let attempts = count(self.sign_in_attempts_per_minute.as_deref(), 10);
        let attempts = p.keep("LATCHKEY_SIGN_IN_ATTEMPTS_PER_MINUTE", attempts);
        let cache = either(self.verify_cache.as_deref(), "on", "off", true);
        let verify_cache = p.keep("LATCHKEY_VERIFY_CACHE", cache);
        let metrics = self.metrics_listen.as_deref().map(address).transpose();
        let metrics_listen = p.keep("LATCHKEY_METRICS_LISTEN", metrics);
        let log = p.keep("LATCHKEY_LOG", filter(self.log.as_deref().unwrap_or("info")));
        Some(Settings {
            listen: listen?,
            public_url: public_url?,
            trusted_origins: trusted_origins?,
            trusted_proxies: trusted_proxies?,
            data_dir,
            database: database?,
            peppers: peppers?,
            sign_up_open: sign_up_open?,
            issue_policy: IssuePolicy { brand: brand?, max_keys_per_owner: max_keys? },
            names_optional: names_optional?,
            session_cookie: session_cookie?,
            session_lifetime: SessionLifetime { idle: idle?, absolute: absolute? },
            sign_in_attempts_per_minute: attempts?,
            verify_cache: verify_cache?,
            metrics_listen: metrics_listen?,
            log: log?,
        })
    }

    fn refuse_unknown(&self, problems: &mut Problems) {
        let flags = Self::augment_args(Command::new("settings"));
        let known = |name: &str| {
            flags.get_arguments().any(|arg| arg.get_env().is_some_and(|env| env == name))
        };
        for (name, _) in &self.environment {
            let name = name.to_string_lossy();
            let ours = name.starts_with("LATCHKEY_");
            let secret = name.strip_suffix("_FILE").unwrap_or(&name) == PEPPERS;
            let injected = INJECTED.iter().any(|prefix| name.starts_with(prefix));
            if ours && !secret && !injected && !known(&name) {
                problems.add(&name, "is not a setting of Latchkey");
            }
        }
    }

    #[expect(clippy::option_option, reason = "outside: was it good; inside: was it given")]
    fn public_url(
        &self,
        listen: Option<SocketAddr>,
        problems: &mut Problems,
    ) -> Option<Option<Origin>> {
        const NAME: &str = "LATCHKEY_PUBLIC_URL";
        if let Some(text) = &self.public_url {
            return problems.keep(NAME, Origin::parse(text)).map(Some);
        }
        if listen.is_some_and(|listen| !listen.ip().is_loopback()) {
            let why = "is required where LATCHKEY_LISTEN is not a loopback address, \
                       for example https://keys.example.com";
            problems.add(NAME, why);
            return None;
        }
        Some(None)
    }

    fn database(&self, data_dir: &Path, problems: &mut Problems) -> Option<Database> {
        let Some(url) = self.secret(DATABASE_URL, problems)? else {
            return Some(Database::Sqlite(data_dir.join("latchkey.db")));
        };
        if let Some(path) = url.strip_prefix("sqlite://") {
            return problems.keep(DATABASE_URL, sqlite_url::parse(path)).map(Database::Sqlite);
        }
        if url.starts_with("postgres://") || url.starts_with("postgresql://") {
            problems.keep(DATABASE_URL, PostgresSettings::parse(&url))?;
            return Some(Database::Postgres(url));
        }
        problems.add(DATABASE_URL, "must begin with sqlite:// or postgres://");
        None
    }

    #[expect(clippy::option_option, reason = "outside: was it good; inside: was it given")]
    fn peppers(
        &self,
        database: Option<&Database>,
        problems: &mut Problems,
    ) -> Option<Option<PepperRing>> {
        let Some(text) = self.secret(PEPPERS, problems)? else {
            if matches!(database, Some(Database::Postgres(_))) {
                let why = "is required with Postgres, so that all instances share it; \
                           make one with `latchkey pepper generate`";
                problems.add(PEPPERS, why);
                return None;
            }
            return Some(None);
        };
        problems.keep(PEPPERS, PepperRing::parse(&text)).map(Some)
    }

    /// A secret from its variable or from the file that `…_FILE` names; `None` if it is bad.
    #[expect(clippy::option_option, reason = "outside: was it good; inside: was it given")]
    fn secret(&self, name: &str, problems: &mut Problems) -> Option<Option<Zeroizing<String>>> {
        let file_name = format!("{name}_FILE");
        match (self.variable(name), self.variable(&file_name)) {
            (None, None) => Some(None),
            (Some(value), None) => problems.keep(name, utf8(value)).map(Some),
            (None, Some(path)) => {
                let text = std::fs::read_to_string(path).map(Zeroizing::new);
                let text = problems.keep(&file_name, text)?;
                Some(Some(Zeroizing::new(text.trim().to_owned())))
            }
            (Some(_), Some(_)) => {
                problems.add(name, format_args!("is given twice, also by {file_name}; keep one"));
                None
            }
        }
    }
}

fn utf8(value: &OsString) -> Result<Zeroizing<String>, Bad> {
    value.to_str().map(|text| Zeroizing::new(text.to_owned())).ok_or(Bad("must be UTF-8 text"))
}

fn address(text: &str) -> Result<SocketAddr, Bad> {
    let wrong = Bad("must be an address and a port such as 127.0.0.1:8080");
    text.parse().map_err(|_unparsable| wrong)
}

fn list<T, E: Display>(
    text: Option<&str>,
    parse: impl Fn(&str) -> Result<T, E>,
) -> Result<Vec<T>, String> {
    let entries = text.into_iter().flat_map(|text| text.split(',')).map(str::trim);
    let entries = entries.filter(|entry| !entry.is_empty());
    entries.map(|entry| parse(entry).map_err(|error| format!("{entry}: {error}"))).collect()
}

fn network(text: &str) -> Result<ipnet::IpNet, Bad> {
    let alone = || text.parse().map(|address: std::net::IpAddr| address.into()).ok();
    let wrong = Bad("must be an address or a network such as 10.0.0.0/8");
    text.parse().ok().or_else(alone).ok_or(wrong)
}

fn either(text: Option<&str>, yes: &str, no: &str, default: bool) -> Result<bool, String> {
    match text {
        None => Ok(default),
        Some(text) if text == yes => Ok(true),
        Some(text) if text == no => Ok(false),
        Some(_) => Err(format!("must be {yes} or {no}")),
    }
}

fn count(text: Option<&str>, default: u32) -> Result<u32, Bad> {
    let count = text.map_or(Ok(default), u32::from_str).ok();
    count.filter(|count| (1..=1_000_000).contains(count)).ok_or(Bad("must be from 1 to 1000000"))
}

/// A token of RFC 6265; the `__Host-` prefix promises what only https can hold.
fn cookie(text: Option<&str>, https: bool) -> Result<String, Bad> {
    let name = text.unwrap_or("session");
    let token = |b: u8| b.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&b);
    let promising = name.starts_with("__Host-") || name.starts_with("__Secure-");
    match name {
        "" => Err(Bad("must not be empty")),
        _ if name.len() > 64 || !name.bytes().all(token) => {
            Err(Bad("must be at most 64 letters, digits or any of !#$%&'*+-.^_`|~"))
        }
        _ if promising && !https => Err(Bad("needs an https LATCHKEY_PUBLIC_URL for this name")),
        _ => Ok(name.to_owned()),
    }
}

fn span(text: &str) -> Result<Duration, Bad> {
    let span = humantime::parse_duration(text).ok();
    let wrong = Bad("must be a time from 1s to 400d, such as 12h");
    span.filter(|span| (Duration::from_secs(1)..=MAX_LIFETIME).contains(span)).ok_or(wrong)
}

fn filter(text: &str) -> Result<String, Bad> {
    let wrong = Bad("must be a tracing filter such as info or latchkey=debug");
    EnvFilter::try_new(text).map(|_| text.to_owned()).map_err(|_unparsable| wrong)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn raw(environment: &[(&str, &str)]) -> RawSettings {
        let pairs = environment.iter().map(|(name, value)| (name.into(), value.into()));
        RawSettings { environment: pairs.collect(), ..RawSettings::default() }
    }

    #[test]
    fn with_nothing_set_it_runs_on_loopback_with_the_embedded_database() {
        let settings = raw(&[]).resolve().expect("the defaults are good");
        assert_eq!(settings.listen.to_string(), "127.0.0.1:8080");
        assert!(settings.sign_up_open && !settings.is_https());
        assert_eq!(format!("{:?}", settings.database), "sqlite://./latchkey-data/latchkey.db");
    }

    #[test]
    fn beyond_loopback_it_needs_a_public_url_and_closes_sign_up() {
        let open = RawSettings { listen: Some("0.0.0.0:80".into()), ..raw(&[]) };
        let problems = open.resolve().expect_err("no public URL").to_string();
        assert!(problems.starts_with("LATCHKEY_PUBLIC_URL: is required"), "{problems}");
        let public = RawSettings { public_url: Some("https://keys.example.com".into()), ..open };
        assert!(!public.resolve().expect("complete").sign_up_open);
        let proxied =
            RawSettings { public_url: Some("https://keys.example.com".into()), ..raw(&[]) };
        assert!(!proxied.resolve().expect("complete").sign_up_open);
    }

    #[test]
    fn every_problem_is_named_and_no_secret_is_printed() {
        let settings = RawSettings {
            listen: Some("here".into()),
            session_idle: Some("soon".into()),
            session_cookie: Some("__Host-session".into()),
            ..raw(&[
                ("LATCHKEY_SINGUP", "open"),
                ("LATCHKEY_PORT_8080_TCP", "tcp://10.0.0.1:8080"),
                ("LATCHKEY_SERVICE_HOST", "10.0.0.1"),
                ("LATCHKEY_PEPPERS", "1:hunter2"),
                ("DATABASE_URL", "mysql://root:hunter2@db/keys"),
            ])
        };
        let problems = settings.resolve().expect_err("all wrong").to_string();
        let names: Vec<_> = problems.lines().filter_map(|line| line.split(':').next()).collect();
        let expected = [
            "LATCHKEY_SINGUP",
            "LATCHKEY_LISTEN",
            "DATABASE_URL",
            "LATCHKEY_PEPPERS",
            "LATCHKEY_SESSION_COOKIE",
            "LATCHKEY_SESSION_IDLE",
        ];
        assert_eq!(names, expected);
        assert!(!problems.contains("hunter2"), "{problems}");
    }

    #[test]
    fn one_secret_from_two_sources_is_refused() {
        let twice = raw(&[("DATABASE_URL", "sqlite://a.db"), ("DATABASE_URL_FILE", "/nowhere")]);
        let problems = twice.resolve().expect_err("given twice").to_string();
        assert!(problems.contains("is given twice"), "{problems}");
    }

    #[test]
    fn postgres_needs_a_ring_that_all_instances_share() {
        let settings = raw(&[("DATABASE_URL", "postgres://u:hunter2@localhost/keys")]);
        let problems = settings.resolve().expect_err("no ring").to_string();
        assert!(problems.starts_with("LATCHKEY_PEPPERS: is required"), "{problems}");
    }
}
