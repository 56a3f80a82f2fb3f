use ipnet::IpNet;

use super::origin::Origin;

/// How the routes are reached, and by whom.
#[derive(Debug, Clone)]
pub struct HttpSettings {
    /// Where people reach the service, if that was said explicitly.
    pub public_url: Option<Origin>,
    /// Whose pages may call in the name of a session.
    pub trusted_origins: Vec<Origin>,
    /// Whose `X-Forwarded-For` is believed.
    pub trusted_proxies: Vec<IpNet>,
    /// Who may make an account without being asked to.
    pub sign_up: SignUp,
    /// The name of the session's cookie.
    pub session_cookie: String,
    /// Whether `/metrics` is answered here too, to this machine alone.
    pub metrics: bool,
    /// Whether the pages are served. They link to each other from the root, so that they can't be
    /// mounted below another path; the API and the panel for other pages can.
    pub pages: bool,
}

/// Who may make an account without being asked to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum SignUp {
    /// Everybody who reaches the service: somebody said so.
    Open,
    /// People at this machine: nothing was set, and nobody else should reach the service.
    OpenToThisMachine,
    /// Nobody; accounts are made by a command.
    Closed,
}

impl HttpSettings {
    /// Whether cookies are marked `Secure` and answers carry HSTS.
    pub fn is_https(&self) -> bool {
        self.public_url.as_ref().is_some_and(Origin::is_secure)
    }
}
