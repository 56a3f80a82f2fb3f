use std::ffi::OsString;

use clap::Args;

/// The settings as given: each as text, from a flag or else from the environment.
///
/// Secrets have no flag, since arguments are visible to everybody on the machine.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "Settings")]
pub(crate) struct RawSettings {
    /// Addresses of the HTTP server, separated by commas; of a Unix socket, unix: and its path [default: 127.0.0.1:8080]
    #[arg(long, global = true, env = "LATCHKEY_LISTEN", hide_env_values = true)]
    pub(crate) listen: Option<String>,
    /// URL by which people reach the server; required unless it listens on loopback only
    #[arg(long, global = true, env = "LATCHKEY_PUBLIC_URL", hide_env_values = true)]
    pub(crate) public_url: Option<String>,
    /// Other origins whose pages may call with cookies, separated by commas
    #[arg(long, global = true, env = "LATCHKEY_TRUSTED_ORIGINS", hide_env_values = true)]
    pub(crate) trusted_origins: Option<String>,
    /// Networks (CIDR) whose X-Forwarded-For is believed, separated by commas
    #[arg(long, global = true, env = "LATCHKEY_TRUSTED_PROXIES", hide_env_values = true)]
    pub(crate) trusted_proxies: Option<String>,
    /// Folder of the embedded database and the generated pepper [default: ./latchkey-data]
    #[arg(long, global = true, env = "LATCHKEY_DATA_DIR", hide_env_values = true)]
    pub(crate) data_dir: Option<String>,
    /// Whether anybody may create an account: open or closed [default: open on loopback only]
    #[arg(long, global = true, env = "LATCHKEY_SIGN_UP", hide_env_values = true)]
    pub(crate) sign_up: Option<String>,
    /// The most keys, neither revoked nor replaced, that one owner holds [default: 100]
    #[arg(long, global = true, env = "LATCHKEY_MAX_KEYS_PER_OWNER", hide_env_values = true)]
    pub(crate) max_keys_per_owner: Option<String>,
    /// Whether a new key needs a name: required or optional [default: required]
    #[arg(long, global = true, env = "LATCHKEY_KEY_NAMES", hide_env_values = true)]
    pub(crate) key_names: Option<String>,
    /// Brand, the first part of new keys [default: sk]
    #[arg(long = "key-prefix", global = true, env = "LATCHKEY_KEY_PREFIX", hide_env_values = true)]
    pub(crate) brand: Option<String>,
    /// File of the scopes that keys may be given, TOML [default: all scopes may]
    #[arg(long, global = true, env = "LATCHKEY_SCOPES_FILE", hide_env_values = true)]
    pub(crate) scopes_file: Option<String>,
    /// Whether there are accounts here, beside sessions of another system: on or off [default: on]
    #[arg(long, global = true, env = "LATCHKEY_ACCOUNTS", hide_env_values = true)]
    pub(crate) accounts: Option<String>,
    /// Whether there is the API reference, /docs, /llms.txt and /openapi.json: on or off [default: on]
    #[arg(long, global = true, env = "LATCHKEY_DOCS", hide_env_values = true)]
    pub(crate) docs: Option<String>,
    /// Whether a verification answers how far the key is from its limits: on or off [default: on]
    #[arg(long, global = true, env = "LATCHKEY_RATELIMIT_HEADERS", hide_env_values = true)]
    pub(crate) ratelimit_headers: Option<String>,
    /// Issuer of JWTs that are sessions here, as in their claim iss
    #[arg(long, global = true, env = "LATCHKEY_JWT_ISSUER", hide_env_values = true)]
    pub(crate) jwt_issuer: Option<String>,
    /// Audience of these JWTs, one of those in their claim aud
    #[arg(long, global = true, env = "LATCHKEY_JWT_AUDIENCE", hide_env_values = true)]
    pub(crate) jwt_audience: Option<String>,
    /// Keys of the issuer: an https:// address of a JWKS, or a file, JWKS or PEM
    #[arg(long, global = true, env = "LATCHKEY_JWT_KEYS", hide_env_values = true)]
    pub(crate) jwt_keys: Option<String>,
    /// Claim with the owner of keys, such as org.id [default: sub]
    #[arg(long, global = true, env = "LATCHKEY_JWT_OWNER_CLAIM", hide_env_values = true)]
    pub(crate) jwt_owner_claim: Option<String>,
    /// Claim with the person who acts for the owner [default: sub]
    #[arg(long, global = true, env = "LATCHKEY_JWT_ACTOR_CLAIM", hide_env_values = true)]
    pub(crate) jwt_actor_claim: Option<String>,
    /// Where pages send visitors without a session [default: the sign-in page here]
    #[arg(long, global = true, env = "LATCHKEY_SIGN_IN_URL", hide_env_values = true)]
    pub(crate) sign_in_url: Option<String>,
    /// Name of the product, on the pages in the place of Latchkey's
    #[arg(long, global = true, env = "LATCHKEY_BRAND_NAME", hide_env_values = true)]
    pub(crate) brand_name: Option<String>,
    /// File of its logo, SVG or PNG, at most 256 KiB
    #[arg(long, global = true, env = "LATCHKEY_BRAND_LOGO", hide_env_values = true)]
    pub(crate) brand_logo: Option<String>,
    /// Colour of links and of the main button, such as #4338ca; or two, in light and in dark, with a comma between
    #[arg(long, global = true, env = "LATCHKEY_BRAND_COLOR", hide_env_values = true)]
    pub(crate) brand_color: Option<String>,
    /// Address of the product's documentation, in the place of the API reference here
    #[arg(long, global = true, env = "LATCHKEY_BRAND_DOCS_URL", hide_env_values = true)]
    pub(crate) brand_docs_url: Option<String>,
    /// Where people find help: an https:// or mailto: address
    #[arg(long, global = true, env = "LATCHKEY_BRAND_SUPPORT_URL", hide_env_values = true)]
    pub(crate) brand_support_url: Option<String>,
    /// What the code that comes with a new key sends: method, address, and perhaps JSON [default: a verification]
    #[arg(long, global = true, env = "LATCHKEY_EXAMPLE_REQUEST", hide_env_values = true)]
    pub(crate) example_request: Option<String>,
    /// Name of the session cookie [default: session]
    #[arg(long, global = true, env = "LATCHKEY_SESSION_COOKIE", hide_env_values = true)]
    pub(crate) session_cookie: Option<String>,
    /// How long a session may go unused [default: 12h]
    #[arg(long, global = true, env = "LATCHKEY_SESSION_IDLE", hide_env_values = true)]
    pub(crate) session_idle: Option<String>,
    /// How long a session lasts at most [default: 7d]
    #[arg(long, global = true, env = "LATCHKEY_SESSION_ABSOLUTE", hide_env_values = true)]
    pub(crate) session_absolute: Option<String>,
    /// How long after sign-in the password is asked for again before keys are created, rotated or revoked [default: off]
    #[arg(long, global = true, env = "LATCHKEY_REAUTH_AFTER", hide_env_values = true)]
    pub(crate) reauth_after: Option<String>,
    /// Failed sign-ins a minute, for each client address and each account [default: 10]
    #[arg(
        long,
        global = true,
        env = "LATCHKEY_SIGN_IN_ATTEMPTS_PER_MINUTE",
        hide_env_values = true
    )]
    pub(crate) sign_in_attempts_per_minute: Option<String>,
    /// Whether verification is answered from a cache: on or off [default: on]
    #[arg(long, global = true, env = "LATCHKEY_VERIFY_CACHE", hide_env_values = true)]
    pub(crate) verify_cache: Option<String>,
    /// The most connections from one client address; trusted proxies have no limit [default: 1000]
    #[arg(long, global = true, env = "LATCHKEY_CONNECTIONS_PER_ADDRESS", hide_env_values = true)]
    pub(crate) connections_per_address: Option<String>,
    /// How long revoked keys are kept, or forever [default: 365d]
    #[arg(long, global = true, env = "LATCHKEY_KEEP_REVOKED", hide_env_values = true)]
    pub(crate) keep_revoked: Option<String>,
    /// How long audit events are kept, or forever [default: forever]
    #[arg(long, global = true, env = "LATCHKEY_KEEP_AUDIT", hide_env_values = true)]
    pub(crate) keep_audit: Option<String>,
    /// Address of a listener for calls with a management token alone; then no other listener takes them
    #[arg(long, global = true, env = "LATCHKEY_ADMIN_LISTEN", hide_env_values = true)]
    pub(crate) admin_listen: Option<String>,
    /// Address of a listener for /metrics alone
    #[arg(long, global = true, env = "LATCHKEY_METRICS_LISTEN", hide_env_values = true)]
    pub(crate) metrics_listen: Option<String>,
    /// How long the server goes on answering after a signal to stop [default: 5s beyond loopback, else 0s]
    #[arg(long, global = true, env = "LATCHKEY_DRAIN_DELAY", hide_env_values = true)]
    pub(crate) drain_delay: Option<String>,
    /// Mode of the pooler in front of Postgres: session or transaction [default: none]
    #[arg(long, global = true, env = "LATCHKEY_DATABASE_POOLER", hide_env_values = true)]
    pub(crate) database_pooler: Option<String>,
    /// What a failover of the database keeps: none, synchronous, storage or lossy [default: as seen]
    #[arg(long, global = true, env = "LATCHKEY_FAILOVER", hide_env_values = true)]
    pub(crate) failover: Option<String>,
    /// A tracing filter such as info or latchkey=debug [default: info]
    #[arg(long, global = true, env = "LATCHKEY_LOG", hide_env_values = true)]
    pub(crate) log: Option<String>,
    /// The environment, for the secrets and to find unknown names.
    #[arg(skip)]
    pub(crate) environment: Vec<(OsString, OsString)>,
}

impl RawSettings {
    /// The same, with this process's environment. An empty variable counts as not given.
    pub(crate) fn with_environment(self) -> Self {
        let environment = std::env::vars_os().filter(|(_, value)| !value.is_empty()).collect();
        Self { environment, ..self }
    }

    /// A variable of the environment.
    pub(crate) fn variable(&self, name: &str) -> Option<&OsString> {
        self.environment.iter().find(|(known, _)| known == name).map(|(_, value)| value)
    }
}
