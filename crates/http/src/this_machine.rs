//! Which requests come from this machine, as far as a request can tell.

use actix_web::HttpRequest;
use actix_web::http::header::{self, HeaderMap};

use super::Http;
use super::origin::Origin;

/// Whether a request asks for this machine by a loopback name, and no proxy says that it forwarded it,
/// unless it is one that the settings name.
///
/// What is open because nothing but this machine reaches the server asks for this too: the name of
/// another site's page may lead to 127.0.0.1 (DNS rebinding), and a proxy lets the world in. A peer by a Unix socket is
/// judged like a proxy that nobody named, though its `X-Forwarded-For` is believed: nginx asks for `localhost` there.
pub(super) fn is_local(req: &HttpRequest, http: &Http) -> bool {
    let peer = req.peer_addr().map(|peer| peer.ip().to_canonical());
    let proxies = &http.settings.trusted_proxies;
    let is_named = peer.is_some_and(|peer| proxies.iter().any(|network| network.contains(&peer)));
    asks_for_loopback(req.headers()) && (is_named || forwarding(req.headers()).is_none())
}

fn asks_for_loopback(headers: &HeaderMap) -> bool {
    let mut hosts = headers.get_all(header::HOST);
    let (Some(host), None) = (hosts.next(), hosts.next()) else { return false };
    let origin = host.to_str().ok().and_then(Origin::of_host);
    origin.is_some_and(|origin| origin.is_loopback())
}

/// The name of a header by which a proxy says for whom it asks, if there is one.
pub(super) fn forwarding(headers: &HeaderMap) -> Option<&str> {
    let mut names = headers.keys().map(header::HeaderName::as_str);
    names
        .find(|name| name.starts_with("x-forwarded-") || matches!(*name, "forwarded" | "x-real-ip"))
}

#[cfg(test)]
mod tests {
    use actix_web::http::header::{HeaderName, HeaderValue};

    use super::*;

    fn headers(lines: &[(&'static str, &'static str)]) -> HeaderMap {
        let line = |(name, value): &(&'static str, &'static str)| {
            (HeaderName::from_static(name), HeaderValue::from_static(value))
        };
        let mut headers = HeaderMap::new();
        lines.iter().map(line).for_each(|(name, value)| headers.append(name, value));
        headers
    }

    #[test]
    fn a_loopback_name_leads_to_this_machine() {
        for host in
            ["127.0.0.1:8080", "localhost:8080", "LOCALHOST", "[::1]:8080", "keys.localhost"]
        {
            assert!(asks_for_loopback(&headers(&[("host", host)])), "{host}");
        }
        for host in ["evil.example:8080", "10.0.0.1", "localhost.evil.example", "localhost/x", ""] {
            assert!(!asks_for_loopback(&headers(&[("host", host)])), "{host}");
        }
        assert!(!asks_for_loopback(&headers(&[])));
        assert!(!asks_for_loopback(&headers(&[("host", "localhost"), ("host", "localhost")])));
    }

    #[test]
    fn a_forwarded_request_is_known_by_its_headers() {
        for name in ["x-forwarded-for", "x-forwarded-proto", "forwarded", "x-real-ip"] {
            assert_eq!(forwarding(&headers(&[("host", "a"), (name, "b")])), Some(name));
        }
        assert_eq!(forwarding(&headers(&[("host", "a"), ("forward", "b")])), None);
    }
}
