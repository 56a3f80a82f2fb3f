use ipnet::IpNet;
use latchkey_dashboard::Product;
use url::Url;

use super::origin::Origin;

/// How the routes are reached, and by whom.
#[derive(Debug, Clone)]
#[expect(clippy::struct_excessive_bools, reason = "each stands for one group of routes")]
pub struct HttpSettings {
    /// Where people reach the service, if that was said explicitly.
    pub public_url: Option<Origin>,
    /// Whose pages may call in the name of a session.
    pub trusted_origins: Vec<Origin>,
    /// Whose `X-Forwarded-For` is believed.
    pub trusted_proxies: Vec<IpNet>,
    /// Who may make an account without being asked to.
    pub sign_up: SignUp,
    /// Whether there are accounts here. Without them their calls and pages are not there, and only
    /// sessions of another system count.
    pub accounts: bool,
    /// Where visitors without a session sign in, if not on a page of ours. The address of the page that
    /// they wanted is added as `return`.
    pub sign_in_url: Option<Url>,
    /// The name of the session's cookie.
    pub session_cookie: String,
    /// Whether `/metrics` is answered here too, to this machine alone.
    pub metrics: bool,
    /// Whether calls with a management token are answered here too.
    pub admin: bool,
    /// Whether the pages are served. They link to each other from the root, so that they can't be
    /// mounted below another path; the API and the panel for other pages can.
    pub pages: bool,
    /// What the pages say of the product whose keys these are.
    pub product: Product,
    /// Whether the API is described here: in `/openapi.json`, and among the pages in `/docs` and `/llms.txt`.
    /// Otherwise no page links there.
    pub reference: bool,
    /// Whether a verification of a key with limits answers `RateLimit` and `RateLimit-Policy`.
    pub limit_headers: bool,
    /// What the host calls those settings, for the log and for refusals that an operator can help with.
    pub names: SettingNames,
}

/// What the host calls its settings. The default names are those of the members of [`HttpSettings`].
#[derive(Debug, Clone)]
pub struct SettingNames {
    /// The setting of [`HttpSettings::public_url`].
    pub public_url: &'static str,
    /// The setting of [`HttpSettings::trusted_origins`].
    pub trusted_origins: &'static str,
    /// The setting of [`HttpSettings::trusted_proxies`].
    pub trusted_proxies: &'static str,
    /// The setting of [`HttpSettings::session_cookie`].
    pub session_cookie: &'static str,
    /// The setting of [`HttpSettings::sign_up`], with the value that lets everybody sign up.
    pub open_sign_up: &'static str,
    /// What serves `/metrics` to other machines.
    pub metrics_listener: &'static str,
}

impl Default for SettingNames {
    fn default() -> Self {
        Self {
            public_url: "public_url",
            trusted_origins: "trusted_origins",
            trusted_proxies: "trusted_proxies",
            session_cookie: "session_cookie",
            open_sign_up: "sign_up: Open",
            metrics_listener: "metrics_application",
        }
    }
}

/// Who may make an account without being asked to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum SignUp {
    /// Everybody who reaches the service: somebody said so.
    Open,
    /// People at this machine: nothing was set, and only they should reach the service.
    OpenToThisMachine,
    /// No one; an operator makes accounts by a command.
    Closed,
}

impl HttpSettings {
    /// Whether cookies are marked `Secure` and answers carry HSTS.
    pub fn is_https(&self) -> bool {
        self.public_url.as_ref().is_some_and(Origin::is_secure)
    }
}
