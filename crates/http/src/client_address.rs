use std::net::{IpAddr, SocketAddr};

use actix_web::HttpRequest;
use actix_web::http::header::{self, HeaderMap};
use ipnet::IpNet;

use super::Http;

/// In the data of a connection: its peer came by a Unix socket.
///
/// Such a peer has no address and counts as a trusted proxy, since the permissions of the socket's file say who may
/// connect. A listener inserts this where it accepts the connection.
#[derive(Debug, Clone, Copy)]
pub struct LocalPeer;

/// The address a request comes from: the peer's, or, behind trusted proxies, the last one in
/// `X-Forwarded-For` that is not itself a trusted proxy (ASVS 5.0, 4.1.3).
pub(crate) fn client_address(req: &HttpRequest, http: &Http) -> Option<IpAddr> {
    seen(req, http)?.address
}

/// The same for a decision that rests on the address: none where a trusted proxy names something else than an address.
pub(crate) fn certain_address(req: &HttpRequest, http: &Http) -> Option<IpAddr> {
    let seen = seen(req, http)?;
    if seen.address.is_none() {
        http.local_unforwarded.call_once(|| {
            tracing::warn!(
                "a gateway or a service asked by the Unix socket whether a key is good, and named no client in \
                 X-Forwarded-For: keys that may be used from some networks only are refused there. Let it send \
                 that header"
            );
        });
    }
    seen.address.filter(|_| seen.is_certain)
}

/// Whether the peer of a request came by a Unix socket.
pub(crate) fn is_local_peer(req: &HttpRequest) -> bool {
    req.conn_data::<LocalPeer>().is_some()
}

struct Seen {
    /// None: no proxy named one, and the peer has none.
    address: Option<IpAddr>,
    /// Whether all that trusted proxies name could be read.
    is_certain: bool,
}

/// Nothing, where the peer is not known at all.
fn seen(req: &HttpRequest, http: &Http) -> Option<Seen> {
    let proxies = &http.settings.trusted_proxies;
    if is_local_peer(req) {
        return Some(behind_proxies(None, req.headers(), proxies));
    }
    let peer = req.peer_addr()?.ip().to_canonical();
    if req.headers().contains_key(header::X_FORWARDED_FOR) && !is_among(proxies, peer) {
        http.stranger_forwarded.call_once(|| {
            let setting = http.settings.names.trusted_proxies;
            tracing::warn!(
                %peer,
                "X-Forwarded-For from an address that {setting} does not name is not \
                 believed. If a proxy or a backend of yours sends it, name that address there: until \
                 then all people behind it share one limit on sign-ins, one address in the audit \
                 trail, and the networks that a key may be used from have to hold that address"
            );
        });
    }
    Some(behind_proxies(Some(peer), req.headers(), proxies))
}

fn is_among(proxies: &[IpNet], address: IpAddr) -> bool {
    proxies.iter().any(|net| net.contains(&address))
}

/// A `peer` without an address is a trusted proxy.
fn behind_proxies(peer: Option<IpAddr>, headers: &HeaderMap, proxies: &[IpNet]) -> Seen {
    let lines: Vec<_> = headers.get_all(header::X_FORWARDED_FOR).collect();
    let hops = lines.iter().rev().flat_map(|line| line.as_bytes().rsplit(|byte| *byte == b','));
    // Of a list, empty elements don't count (RFC 9110, 5.6.1).
    let hops = hops.map(<[u8]>::trim_ascii).filter(|hop| !hop.is_empty());
    let mut address = peer;
    for hop in hops {
        if address.is_some_and(|address| !is_among(proxies, address)) {
            break;
        }
        // What is no address was not written by a proxy of ours; the one who wrote it stands.
        let Some(earlier) = hop_address(hop) else { return Seen { address, is_certain: false } };
        address = Some(earlier);
    }
    Seen { address, is_certain: true }
}

/// The address of a hop, in the spellings that proxies use: alone, with a port, in brackets, quoted.
fn hop_address(hop: &[u8]) -> Option<IpAddr> {
    let hop = hop.strip_prefix(b"\"").and_then(|it| it.strip_suffix(b"\"")).unwrap_or(hop);
    let hop = str::from_utf8(hop).ok()?;
    let bracketed = hop.strip_prefix('[').and_then(|it| it.strip_suffix(']'));
    let address = match bracketed {
        Some(v6) => IpAddr::V6(v6.parse().ok()?),
        None => hop.parse().or_else(|_no_ip| hop.parse().map(|it: SocketAddr| it.ip())).ok()?,
    };
    Some(address.to_canonical())
}

#[cfg(test)]
mod tests {
    use actix_web::http::header::HeaderValue;

    use super::*;

    fn seen(peer: &str, forwarded: &[&str]) -> String {
        let seen = behind(Some(peer), forwarded);
        seen.address.expect("the peer has one").to_string()
    }

    fn behind(peer: Option<&str>, forwarded: &[&str]) -> Seen {
        let proxies = ["10.0.0.0/8".parse().expect("a network")];
        let mut headers = HeaderMap::new();
        for line in forwarded {
            let line = HeaderValue::from_bytes(line.as_bytes()).expect("a header");
            headers.append(header::X_FORWARDED_FOR, line);
        }
        behind_proxies(peer.map(|peer| peer.parse().expect("an address")), &headers, &proxies)
    }

    #[test]
    fn a_stranger_cannot_choose_an_address() {
        assert_eq!(seen("203.0.113.9", &["198.51.100.1"]), "203.0.113.9");
    }

    #[test]
    fn behind_proxies_the_last_address_that_is_not_one_of_them_counts() {
        assert_eq!(seen("10.0.0.1", &["198.51.100.1"]), "198.51.100.1");
        assert_eq!(seen("10.0.0.1", &["6.6.6.6, 198.51.100.1, 10.0.0.2"]), "198.51.100.1");
        assert_eq!(seen("10.0.0.1", &["6.6.6.6", "198.51.100.1"]), "198.51.100.1");
        assert_eq!(seen("10.0.0.1", &["nonsense"]), "10.0.0.1");
        assert_eq!(seen("10.0.0.1", &[]), "10.0.0.1");
    }

    #[test]
    fn a_peer_without_an_address_is_a_trusted_proxy_and_lends_none() {
        for (forwarded, address, is_certain) in [
            (&["198.51.100.1"][..], Some("198.51.100.1"), true),
            (&["6.6.6.6, 198.51.100.1, 10.0.0.2"], Some("198.51.100.1"), true),
            (&["6.6.6.6", "198.51.100.1"], Some("198.51.100.1"), true),
            (&["10.0.0.2"], Some("10.0.0.2"), true),
            (&["unix:, 10.0.0.2"], Some("10.0.0.2"), false),
            (&["198.51.100.1, unknown"], None, false),
            (&["unix:"], None, false),
            (&[""], None, true),
            (&[], None, true),
        ] {
            let seen = behind(None, forwarded);
            let address = address.map(|text| text.parse().expect("an address"));
            assert_eq!((seen.address, seen.is_certain), (address, is_certain), "{forwarded:?}");
        }
    }

    #[test]
    fn an_address_counts_in_every_spelling_that_proxies_use() {
        for (hop, address) in [
            ("203.0.113.9:51234", "203.0.113.9"),
            ("\"203.0.113.9\"", "203.0.113.9"),
            ("::ffff:203.0.113.9", "203.0.113.9"),
            ("2001:db8::1", "2001:db8::1"),
            ("[2001:db8::1]", "2001:db8::1"),
            ("[2001:db8::1]:443", "2001:db8::1"),
            ("\"[2001:db8::1]:443\"", "2001:db8::1"),
            ("198.51.100.1,", "198.51.100.1"),
            ("é, 198.51.100.1, ,10.0.0.2:80", "198.51.100.1"),
        ] {
            assert_eq!(seen("10.0.0.1", &[hop]), address, "{hop}");
        }
        for hop in ["unknown", "_hidden", "é", "203.0.113", "[203.0.113.9]", "\"", "1.2.3.4:"] {
            assert_eq!(seen("10.0.0.1", &[hop]), "10.0.0.1", "{hop}");
        }
    }
}
