use std::net::IpAddr;

use actix_web::HttpRequest;
use actix_web::http::header::{self, HeaderMap};
use ipnet::IpNet;

use crate::app::App;

/// The address a request comes from: the peer's, or, behind trusted proxies, the last one in
/// `X-Forwarded-For` that is not itself a trusted proxy (ASVS 5.0, 4.1.3).
pub(crate) fn client_address(req: &HttpRequest, app: &App) -> Option<IpAddr> {
    let peer = req.peer_addr()?.ip().to_canonical();
    let proxies = &app.settings.trusted_proxies;
    if req.headers().contains_key(header::X_FORWARDED_FOR) && !is_among(proxies, peer) {
        app.stranger_forwarded.call_once(|| {
            tracing::warn!(
                %peer,
                "X-Forwarded-For from an address that LATCHKEY_TRUSTED_PROXIES does not name is not \
                 believed. If a proxy or a backend of yours sends it, name that address there: until \
                 then all people behind it share one limit on sign-ins, and one address in the audit \
                 trail"
            );
        });
    }
    Some(behind_proxies(peer, req.headers(), proxies))
}

fn is_among(proxies: &[IpNet], address: IpAddr) -> bool {
    proxies.iter().any(|net| net.contains(&address))
}

fn behind_proxies(peer: IpAddr, headers: &HeaderMap, proxies: &[IpNet]) -> IpAddr {
    let lines: Vec<_> = headers.get_all(header::X_FORWARDED_FOR).collect();
    let hops = lines.iter().rev().flat_map(|line| line.to_str().unwrap_or_default().rsplit(','));
    let mut address = peer;
    for hop in hops {
        if !is_among(proxies, address) {
            break;
        }
        // What is no address was not written by a proxy of ours; the one who wrote it stands.
        let Ok(earlier) = hop.trim().parse::<IpAddr>() else { break };
        address = earlier.to_canonical();
    }
    address
}

#[cfg(test)]
mod tests {
    use actix_web::http::header::HeaderValue;

    use super::*;

    fn seen(peer: &str, forwarded: &[&str]) -> String {
        let proxies = ["10.0.0.0/8".parse().expect("a network")];
        let mut headers = HeaderMap::new();
        for line in forwarded {
            headers.append(header::X_FORWARDED_FOR, HeaderValue::try_from(*line).expect("header"));
        }
        behind_proxies(peer.parse().expect("an address"), &headers, &proxies).to_string()
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
}
