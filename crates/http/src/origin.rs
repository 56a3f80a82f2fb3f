use std::fmt;
use std::net::{Ipv4Addr, Ipv6Addr};

use thiserror::Error;
use url::{Host, Url};

/// The origin of a page or of this service: scheme, host and port (RFC 6454).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Origin {
    url: Url,
}

/// Why a setting does not name the origin of a page.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum OriginError {
    /// It is no address of a web server.
    #[error("must be an origin such as https://keys.example.com")]
    NotAnOrigin,
    /// There is something behind the origin.
    #[error("must be an origin alone, such as https://keys.example.com, with nothing behind it")]
    Longer,
    /// It names many hosts.
    #[error("must name one host; origins with a * can't be given")]
    WildCard,
    /// It is `null`.
    #[error("can't be null, which is the origin of any sandboxed page")]
    Null,
    /// No browser reaches it.
    #[error("must be where a browser reaches it; 0.0.0.0, [::] and port 0 are only for listening")]
    OnlyForListening,
}

impl Origin {
    /// Reads an origin from a setting: a trailing slash and the default port may be there. What no
    /// page can have is refused.
    pub fn parse(text: &str) -> Result<Self, OriginError> {
        if text.eq_ignore_ascii_case("null") {
            return Err(OriginError::Null);
        }
        let not_one =
            if text.contains('*') { OriginError::WildCard } else { OriginError::NotAnOrigin };
        let url = Url::parse(text).map_err(|_not_a_url| not_one)?;
        let unspecified = match url.host() {
            Some(Host::Ipv4(address)) => address.is_unspecified(),
            Some(Host::Ipv6(address)) => address.is_unspecified(),
            Some(Host::Domain(name)) if name.contains('*') => return Err(OriginError::WildCard),
            Some(Host::Domain(_)) | None => false,
        };
        if unspecified || url.port() == Some(0) {
            return Err(OriginError::OnlyForListening);
        }
        Self::of(url)
    }

    fn of(url: Url) -> Result<Self, OriginError> {
        let known = matches!(url.scheme(), "http" | "https") && url.has_host();
        let bare = url.path() == "/"
            && url.query().is_none()
            && url.fragment().is_none()
            && url.username().is_empty()
            && url.password().is_none();
        match (known, bare) {
            (true, true) => Ok(Self { url }),
            (true, false) => Err(OriginError::Longer),
            (false, _) => Err(OriginError::NotAnOrigin),
        }
    }

    /// Reads an `Origin` header, which has one spelling but for letter case: what a lenient URL
    /// parser would repair is refused.
    pub(crate) fn from_header(bytes: &[u8]) -> Option<Self> {
        let text = str::from_utf8(bytes).ok()?;
        let origin = Self::of(Url::parse(text).ok()?).ok()?;
        origin.to_string().eq_ignore_ascii_case(text).then_some(origin)
    }

    /// The origin of a plain HTTP service asked by this `Host` header.
    pub(crate) fn of_host(host: &str) -> Option<Self> {
        Self::from_header(format!("http://{host}").as_bytes())
    }

    /// Whether it is reached by https.
    pub fn is_secure(&self) -> bool {
        self.url.scheme() == "https"
    }

    /// Whether the other one is the same service under another name of this machine: 127.0.0.1, `[::1]`
    /// or localhost, with the same scheme and port.
    pub(crate) fn is_another_loopback_name_of(&self, other: &Self) -> bool {
        let usual = match other.url.host() {
            Some(Host::Ipv4(address)) => address == Ipv4Addr::LOCALHOST,
            Some(Host::Ipv6(address)) => address == Ipv6Addr::LOCALHOST,
            Some(Host::Domain(name)) => name == "localhost",
            None => false,
        };
        let place = |it: &Self| (it.is_secure(), it.url.port_or_known_default());
        usual && self.is_loopback() && place(self) == place(other)
    }

    /// Whether only this machine can reach it.
    pub fn is_loopback(&self) -> bool {
        match self.url.host() {
            Some(Host::Ipv4(address)) => address.is_loopback(),
            Some(Host::Ipv6(address)) => address.is_loopback(),
            Some(Host::Domain(name)) => name == "localhost" || name.ends_with(".localhost"),
            None => false,
        }
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.url.origin().ascii_serialization())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_header_has_one_spelling_but_for_letter_case() {
        let ours = Origin::parse("https://keys.example.com/").expect("an origin");
        for same in ["https://keys.example.com", "HTTPS://KEYS.example.com"] {
            assert_eq!(Origin::from_header(same.as_bytes()), Some(ours.clone()), "{same}");
        }
        for other in [
            "null",
            "https://keys.example.com/",
            "https://keys.example.com.",
            "https://keys.example.com:8443",
            "https://keys.example.com.evil",
            "https://evilkeys.example.com",
            "https://user@keys.example.com",
            "http://keys.example.com",
            "https:\\\\keys.example.com",
            " https://keys.example.com",
            "https://keys.example.com, https://evil.example",
        ] {
            assert_ne!(Origin::from_header(other.as_bytes()), Some(ours.clone()), "{other}");
        }
    }

    #[test]
    fn a_setting_may_spell_out_the_slash_and_the_default_port_but_no_path() {
        assert_eq!(Origin::parse("https://a.example:443/"), Origin::parse("https://a.example"));
        for (bad, expected) in [
            ("a.example", OriginError::NotAnOrigin),
            ("ftp://a.example", OriginError::NotAnOrigin),
            ("https://a.example/x", OriginError::Longer),
            ("https://a.example?x", OriginError::Longer),
            ("https://u:p@a.example", OriginError::Longer),
            ("*", OriginError::WildCard),
            ("https://*", OriginError::WildCard),
            ("https://*.a.example", OriginError::WildCard),
            ("null", OriginError::Null),
            ("http://0.0.0.0:8080", OriginError::OnlyForListening),
            ("http://[::]", OriginError::OnlyForListening),
            ("http://127.0.0.1:0", OriginError::OnlyForListening),
        ] {
            assert_eq!(Origin::parse(bad), Err(expected), "{bad}");
        }
    }

    #[test]
    fn a_loopback_address_has_other_names_on_its_port() {
        let origin = |text| Origin::parse(text).expect("an origin");
        let ours = origin("http://127.0.0.1:8080");
        for same in ["http://localhost:8080", "http://[::1]:8080", "http://127.0.0.1:8080"] {
            assert!(ours.is_another_loopback_name_of(&origin(same)), "{same}");
        }
        for other in [
            "http://localhost:8081",
            "https://localhost:8080",
            "http://127.0.0.2:8080",
            "http://a.localhost:8080",
            "http://keys.example.com:8080",
        ] {
            assert!(!ours.is_another_loopback_name_of(&origin(other)), "{other}");
        }
        let public = origin("http://keys.example.com:8080");
        assert!(!public.is_another_loopback_name_of(&origin("http://localhost:8080")));
    }

    #[test]
    fn loopback_names_and_addresses_are_known() {
        for local in
            ["http://127.0.0.1:8080", "http://[::1]", "http://localhost", "http://a.localhost"]
        {
            assert!(Origin::parse(local).expect("an origin").is_loopback(), "{local}");
        }
        assert!(!Origin::parse("http://localhost.evil.example").expect("an origin").is_loopback());
    }
}
