use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::{Args as _, Command};
use latchkey_accounts::SessionLifetime;
use latchkey_domain::{Brand, Failover, IssuePolicy, read_network};
use latchkey_hasher_hmac::PepperRing;
use latchkey_listener::Address;
use latchkey_store_postgres::Pooler;
use zeroize::Zeroizing;

use super::injected::is_injected;
use super::jwt;
use super::values::{
    Bad, address, addresses, collide, cookie, count, delay, either, filter, keep, list, reauth,
    span, utf8,
};
use super::{Database, Problems, RawSettings, Settings, sqlite_url};
use crate::postgres;
use latchkey_http::{HttpSettings, Origin, SettingNames, SignUp};

const PEPPERS: &str = "LATCHKEY_PEPPERS";
const DATABASE_URL: &str = "DATABASE_URL";
const METRICS_LISTEN: &str = "LATCHKEY_METRICS_LISTEN";
const DATABASE_POOLER: &str = "LATCHKEY_DATABASE_POOLER";
const DEFAULT_IDLE: Duration = Duration::from_hours(12);
const DEFAULT_ABSOLUTE: Duration = Duration::from_hours(24 * 7);

/// What hints of the routes call the settings.
const NAMES: SettingNames = SettingNames {
    public_url: "LATCHKEY_PUBLIC_URL",
    trusted_origins: "LATCHKEY_TRUSTED_ORIGINS",
    trusted_proxies: "LATCHKEY_TRUSTED_PROXIES",
    session_cookie: "LATCHKEY_SESSION_COOKIE",
    open_sign_up: "LATCHKEY_SIGN_UP=open",
    metrics_listener: "LATCHKEY_METRICS_LISTEN",
};

impl RawSettings {
    /// What the program needs, or everything that is wrong, each by the setting's name and without
    /// the value of a secret.
    pub(crate) fn resolve(&self) -> Result<Settings, Problems> {
        let mut problems = Problems::default();
        self.refuse_unknown(&mut problems);
        let settings = self.assemble(&mut problems);
        settings.filter(|_| problems.is_empty()).ok_or(problems)
    }

    #[expect(clippy::too_many_lines, reason = "a line or two for each setting")]
    fn assemble(&self, problems: &mut Problems) -> Option<Settings> {
        let p = problems;
        let listen = addresses(self.listen.as_deref().unwrap_or("127.0.0.1:8080"));
        let listen = p.keep("LATCHKEY_LISTEN", listen);
        let is_reached_here =
            listen.as_ref().map(|all| all.iter().all(Address::is_of_this_machine));
        let public_url = self.public_url(is_reached_here, p);
        let trusted_origins = p
            .keep("LATCHKEY_TRUSTED_ORIGINS", list(self.trusted_origins.as_deref(), Origin::parse));
        let trusted_proxies =
            p.keep("LATCHKEY_TRUSTED_PROXIES", list(self.trusted_proxies.as_deref(), read_network));
        let data_dir = PathBuf::from(self.data_dir.as_deref().unwrap_or("./latchkey-data"));
        let database = self.database(&data_dir, p);
        let peppers = self.peppers(database.as_ref(), p);
        let local = is_reached_here == Some(true)
            && public_url.as_ref().is_some_and(|url| url.as_ref().is_none_or(Origin::is_loopback));
        let sign_up = p.keep("LATCHKEY_SIGN_UP", self.sign_up(local));
        let max_keys =
            p.keep("LATCHKEY_MAX_KEYS_PER_OWNER", count(self.max_keys_per_owner.as_deref(), 100));
        let names = self.key_names.as_deref();
        let names = names.map_or(Ok(false), |it| either(it, "optional", "required"));
        let names_optional = p.keep("LATCHKEY_KEY_NAMES", names);
        let brand = Brand::parse(self.brand.as_deref().unwrap_or("sk"));
        let brand = p.keep("LATCHKEY_KEY_PREFIX", brand);
        let https =
            public_url.as_ref().is_some_and(|url| url.as_ref().is_some_and(Origin::is_secure));
        let session_cookie =
            p.keep("LATCHKEY_SESSION_COOKIE", cookie(self.session_cookie.as_deref(), https));
        let session_lifetime = self.session_lifetime(p);
        let on = |setting: Option<&str>| setting.map_or(Ok(true), |it| either(it, "on", "off"));
        let accounts = p.keep("LATCHKEY_ACCOUNTS", on(self.accounts.as_deref()));
        let docs = p.keep("LATCHKEY_DOCS", on(self.docs.as_deref()));
        let limit_headers = on(self.ratelimit_headers.as_deref());
        let limit_headers = p.keep("LATCHKEY_RATELIMIT_HEADERS", limit_headers);
        let jwt = self.jwt(p);
        let product = self.product(p);
        let sign_in_url = self.sign_in_url(p);
        let attempts = count(self.sign_in_attempts_per_minute.as_deref(), 10);
        let attempts = p.keep("LATCHKEY_SIGN_IN_ATTEMPTS_PER_MINUTE", attempts);
        let verify_cache = p.keep("LATCHKEY_VERIFY_CACHE", on(self.verify_cache.as_deref()));
        let connections = count(self.connections_per_address.as_deref(), 1_000);
        let connections_per_address = p.keep("LATCHKEY_CONNECTIONS_PER_ADDRESS", connections);
        let keep_revoked = self.keep_revoked.as_deref().unwrap_or("365d");
        let keep_revoked = p.keep("LATCHKEY_KEEP_REVOKED", keep(keep_revoked));
        let keep_audit = p.keep("LATCHKEY_KEEP_AUDIT", self.keep_audit());
        let mut others: Vec<_> =
            listen.iter().flatten().map(|main| ("LATCHKEY_LISTEN", main.clone())).collect();
        let metrics_listen = Self::own_listener(self.metrics_listen.as_deref(), &others);
        let metrics_listen = p.keep(METRICS_LISTEN, metrics_listen);
        others.extend(metrics_listen.flatten().map(|at| (METRICS_LISTEN, at.into())));
        let admin_listen = Self::own_listener(self.admin_listen.as_deref(), &others);
        let admin_listen = p.keep("LATCHKEY_ADMIN_LISTEN", admin_listen);
        let drain_delay = p.keep("LATCHKEY_DRAIN_DELAY", delay(self.drain_delay.as_deref(), local));
        let failover = self.failover.as_deref().map(Failover::parse).transpose();
        let failover = p.keep("LATCHKEY_FAILOVER", failover);
        let log = p.keep("LATCHKEY_LOG", filter(self.log.as_deref().unwrap_or("info")));
        // Only where this machine alone reaches the service.
        let reached_locally =
            public_url.as_ref()?.as_ref().map_or(is_reached_here?, Origin::is_loopback);
        let metrics = metrics_listen?.is_none() && reached_locally;
        Some(Settings {
            listen: listen?,
            http: HttpSettings {
                public_url: public_url?,
                trusted_origins: trusted_origins?,
                trusted_proxies: trusted_proxies?,
                sign_up: sign_up?,
                accounts: accounts?,
                sign_in_url: sign_in_url?,
                session_cookie: session_cookie?,
                metrics,
                admin: admin_listen?.is_none(),
                pages: true,
                product: product?,
                reference: docs?,
                limit_headers: limit_headers?,
                names: NAMES,
            },
            data_dir,
            database: database?,
            peppers: peppers?,
            issue_policy: IssuePolicy {
                brand: brand?,
                max_keys_per_owner: max_keys?,
                names_optional: names_optional?,
            },
            scopes_file: self.scopes_file.as_ref().map(PathBuf::from),
            session_lifetime: session_lifetime?,
            jwt: jwt?,
            sign_in_attempts_per_minute: attempts?,
            verify_cache: verify_cache?,
            connections_per_address: usize::try_from(connections_per_address?).ok()?,
            keep_revoked: keep_revoked?,
            keep_audit: keep_audit?,
            metrics_listen: metrics_listen?,
            admin_listen: admin_listen?,
            drain_delay: drain_delay?,
            failover: failover?,
            logo: self.brand_logo.as_ref().map(PathBuf::from),
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
            let secret =
                [PEPPERS, jwt::SECRET].contains(&name.strip_suffix("_FILE").unwrap_or(&name));
            if ours && !secret && !known(&name) && !is_injected(&name) {
                problems.add(&name, "is not a setting of Latchkey");
            }
        }
    }

    #[expect(clippy::option_option, reason = "outside: was it good; inside: was it given")]
    fn public_url(
        &self,
        is_reached_here: Option<bool>,
        problems: &mut Problems,
    ) -> Option<Option<Origin>> {
        const NAME: &str = "LATCHKEY_PUBLIC_URL";
        if let Some(text) = &self.public_url {
            return problems.keep(NAME, Origin::parse(text)).map(Some);
        }
        if is_reached_here == Some(false) {
            let why = "is required where LATCHKEY_LISTEN is not a loopback address, \
                       for example https://keys.example.com";
            problems.add(NAME, why);
            return None;
        }
        Some(None)
    }

    fn sign_up(&self, local: bool) -> Result<SignUp, String> {
        let said =
            self.sign_up.as_deref().map(|text| either(text, "open", "closed")).transpose()?;
        Ok(match said {
            Some(true) => SignUp::Open,
            None if local => SignUp::OpenToThisMachine,
            Some(false) | None => SignUp::Closed,
        })
    }

    fn keep_audit(&self) -> Result<Option<Duration>, Bad> {
        keep(self.keep_audit.as_deref().unwrap_or("forever"))
    }

    /// The idle limit that nobody chose gives way to a shorter absolute one.
    fn session_lifetime(&self, problems: &mut Problems) -> Option<SessionLifetime> {
        const IDLE: &str = "LATCHKEY_SESSION_IDLE";
        let absolute = self.session_absolute.as_deref().map_or(Ok(DEFAULT_ABSOLUTE), span);
        let absolute = problems.keep("LATCHKEY_SESSION_ABSOLUTE", absolute);
        let idle = problems.keep(IDLE, self.session_idle.as_deref().map(span).transpose());
        let reauth_after = self.reauth_after.as_deref().map_or(Ok(None), reauth);
        let reauth_after = problems.keep("LATCHKEY_REAUTH_AFTER", reauth_after);
        let (absolute, idle, reauth_after) = (absolute?, idle?, reauth_after?);
        if idle.is_some_and(|idle| idle > absolute) {
            let absolute = humantime::format_duration(absolute);
            let why = format!("must not be longer than LATCHKEY_SESSION_ABSOLUTE, {absolute}");
            problems.add(IDLE, why);
            return None;
        }
        let idle = idle.unwrap_or(DEFAULT_IDLE.min(absolute));
        Some(SessionLifetime { idle, absolute, reauth_after })
    }

    /// A listener of its own, if there is to be one: elsewhere than those that are named.
    fn own_listener(
        text: Option<&str>,
        others: &[(&'static str, Address)],
    ) -> Result<Option<SocketAddr>, String> {
        let Some(text) = text else { return Ok(None) };
        let own = address(text).map_err(|bad| bad.to_string())?;
        let taken = others.iter().find(|(_, other)| collide(&own.into(), other));
        taken.map_or(Ok(Some(own)), |(name, _)| Err(format!("must be another address than {name}")))
    }

    fn database(&self, data_dir: &Path, problems: &mut Problems) -> Option<Database> {
        let pooler = self.database_pooler.as_deref().map(Pooler::parse).transpose();
        let pooler = problems.keep(DATABASE_POOLER, pooler)?;
        let url = self.secret(DATABASE_URL, problems)?;
        if let Some(url) = &url
            && (url.starts_with("postgres://") || url.starts_with("postgresql://"))
        {
            problems.keep(DATABASE_URL, postgres::settings(url, pooler))?;
            return Some(Database::Postgres { url: url.clone(), pooler });
        }
        if pooler.is_some() {
            problems.add(DATABASE_POOLER, "needs a DATABASE_URL that begins with postgres://");
        }
        let Some(url) = url else {
            return Some(Database::Sqlite(data_dir.join("latchkey.db")));
        };
        if let Some(path) = url.strip_prefix("sqlite://") {
            return problems.keep(DATABASE_URL, sqlite_url::parse(path)).map(Database::Sqlite);
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
            if matches!(database, Some(Database::Postgres { .. })) {
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
    pub(super) fn secret(
        &self,
        name: &str,
        problems: &mut Problems,
    ) -> Option<Option<Zeroizing<String>>> {
        let file_name = format!("{name}_FILE");
        match (self.variable(name), self.variable(&file_name)) {
            (None, None) => Some(None),
            (Some(value), None) => problems.keep(name, utf8(value)).map(Some),
            (None, Some(path)) => {
                let text = std::fs::read_to_string(path).map(Zeroizing::new);
                let text = problems.keep(&file_name, text)?;
                if text.trim().is_empty() {
                    problems.add(&file_name, "the file is empty");
                    return None;
                }
                Some(Some(Zeroizing::new(text.trim().to_owned())))
            }
            (Some(_), Some(_)) => {
                problems.add(name, format_args!("is given twice, also by {file_name}; keep one"));
                None
            }
        }
    }
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
        assert_eq!(settings.listen, ["127.0.0.1:8080".parse().expect("an address")]);
        assert_eq!(settings.http.sign_up, SignUp::OpenToThisMachine);
        assert!(!settings.http.is_https());
        assert!(settings.http.metrics);
        assert_eq!(format!("{:?}", settings.database), "sqlite://./latchkey-data/latchkey.db");
    }

    #[test]
    fn a_unix_socket_is_reached_by_this_machine_alone_and_needs_no_public_url() {
        let listening = |text: &str| {
            let settings = RawSettings { listen: Some(text.into()), ..raw(&[]) }.resolve();
            settings.map(|it| (it.http.sign_up, it.http.metrics, it.drain_delay))
        };
        for local in ["unix:/run/a.sock", "127.0.0.1:80,unix:/run/a.sock"] {
            let expected = (SignUp::OpenToThisMachine, true, Duration::ZERO);
            assert_eq!(listening(local), Ok(expected), "{local}");
        }
        let problems = listening("unix:/run/a.sock,0.0.0.0:80").expect_err("no public URL");
        assert!(problems.to_string().starts_with("LATCHKEY_PUBLIC_URL: "), "{problems}");
    }

    #[test]
    fn beyond_loopback_it_needs_a_public_url_and_closes_sign_up() {
        let open = RawSettings { listen: Some("0.0.0.0:80".into()), ..raw(&[]) };
        let problems = open.resolve().expect_err("no public URL").to_string();
        assert!(problems.starts_with("LATCHKEY_PUBLIC_URL: is required"), "{problems}");
        let public = RawSettings { public_url: Some("https://keys.example.com".into()), ..open };
        let http = public.resolve().expect("complete").http;
        assert_eq!((http.sign_up, http.metrics), (SignUp::Closed, false));
        let proxied =
            RawSettings { public_url: Some("https://keys.example.com".into()), ..raw(&[]) };
        assert_eq!(proxied.resolve().expect("complete").http.sign_up, SignUp::Closed);
    }

    #[test]
    fn a_stop_waits_for_balancers_only_where_others_reach_the_service() {
        let delay = |settings: RawSettings| settings.resolve().map(|it| it.drain_delay.as_secs());
        let beyond = || RawSettings {
            listen: Some("0.0.0.0:80".into()),
            public_url: Some("https://keys.example.com".into()),
            ..raw(&[])
        };
        assert_eq!(delay(raw(&[])), Ok(0));
        assert_eq!(delay(beyond()), Ok(5));
        assert_eq!(delay(RawSettings { drain_delay: Some("0s".into()), ..beyond() }), Ok(0));
        for bad in ["5", "soon", "11m"] {
            let refused = RawSettings { drain_delay: Some(bad.into()), ..raw(&[]) }.resolve();
            let problems = refused.expect_err(bad).to_string();
            assert!(problems.starts_with("LATCHKEY_DRAIN_DELAY: "), "{problems}");
        }
    }

    #[test]
    fn every_problem_is_named_and_no_secret_is_printed() {
        let settings = RawSettings {
            listen: Some("here".into()),
            session_idle: Some("soon".into()),
            session_cookie: Some("__Host-session".into()),
            ..raw(&[
                ("LATCHKEY_SINGUP", "open"),
                ("LATCHKEY_POSTGRESQL_PORT", "tcp://10.0.0.1:5432"),
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
    #[test]
    fn a_session_may_not_be_idle_for_longer_than_it_lasts() {
        let limits = |idle: Option<&str>, absolute: Option<&str>| {
            let [session_idle, session_absolute] =
                [idle, absolute].map(|text| text.map(ToOwned::to_owned));
            RawSettings { session_idle, session_absolute, ..raw(&[]) }.resolve()
        };
        for (idle, absolute) in [("8d", None), ("2h", Some("1h"))] {
            let problems = limits(Some(idle), absolute).expect_err("too long").to_string();
            assert!(problems.starts_with("LATCHKEY_SESSION_IDLE: "), "{problems}");
            assert!(problems.contains("LATCHKEY_SESSION_ABSOLUTE"), "{problems}");
        }
        let short = limits(None, Some("1h")).expect("only the absolute limit was chosen");
        assert_eq!(short.session_lifetime.idle, Duration::from_hours(1));
        limits(Some("1h"), Some("1h")).expect("equal");
    }

    #[test]
    fn the_metrics_have_no_listener_that_the_server_has() {
        let settings =
            RawSettings { metrics_listen: Some("0.0.0.0:8080".into()), ..raw(&[]) }.resolve();
        let problems = settings.expect_err("8080 is taken").to_string();
        assert!(problems.starts_with("LATCHKEY_METRICS_LISTEN: "), "{problems}");
    }
}
