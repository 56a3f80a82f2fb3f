use std::net::IpAddr;

use http::header::{HeaderMap, HeaderName, HeaderValue};

pub(crate) const X_FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");
/// What a proxy writes of an address that it does not know. No key with networks may be used from there.
const UNKNOWN: &str = "unknown";
/// The most bytes that are handed on of what a request says itself. Latchkey takes 8 KiB in a header.
const LONGEST: usize = 4096;

/// The way by which a request came, as the service knows it: what the request says in `X-Forwarded-For`, and after it
/// the address that the connection came from, as a proxy adds it.
///
/// Latchkey reads it from the right, as far as it trusts the proxies that it finds there, and judges keys with networks
/// by the address that it comes to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hops(HeaderValue);

impl Hops {
    /// The way of a request with these headers on a connection from `peer`. `None`: the service does not know; keys
    /// with networks are refused then.
    pub fn of(headers: &HeaderMap, peer: Option<IpAddr>) -> Self {
        let is_plain =
            |value: &HeaderValue| value.as_bytes().iter().all(|it| (b' '..=b'~').contains(it));
        let told: Vec<&HeaderValue> = headers.get_all(X_FORWARDED_FOR).iter().collect();
        let length: usize = told.iter().map(|value| value.len()).sum();
        let mut way: Vec<String> = Vec::with_capacity(told.len() + 1);
        if length > LONGEST || !told.iter().all(|value| is_plain(value)) {
            way.push(UNKNOWN.to_owned());
        } else {
            way.extend(
                told.iter().map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned()),
            );
        }
        way.push(peer.map_or_else(|| UNKNOWN.to_owned(), |peer| peer.to_canonical().to_string()));
        let way = HeaderValue::try_from(way.join(", "));
        Self(way.unwrap_or(HeaderValue::from_static(UNKNOWN)))
    }

    /// As the value of an `X-Forwarded-For`.
    pub const fn as_header(&self) -> &HeaderValue {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn way(lines: &[&str], peer: Option<&str>) -> String {
        let mut headers = HeaderMap::new();
        for line in lines {
            let line = HeaderValue::from_bytes(line.as_bytes()).expect("a value");
            headers.append(X_FORWARDED_FOR, line);
        }
        let peer = peer.map(|peer| peer.parse().expect("an address"));
        Hops::of(&headers, peer).as_header().to_str().expect("visible ASCII").to_owned()
    }

    #[test]
    fn the_peer_comes_after_all_that_the_request_says() {
        assert_eq!(way(&[], Some("192.0.2.1")), "192.0.2.1");
        let said = ["198.51.100.1", "203.0.113.9, 10.0.0.1"];
        assert_eq!(way(&said, Some("10.0.0.2")), "198.51.100.1, 203.0.113.9, 10.0.0.1, 10.0.0.2");
        assert_eq!(way(&[], Some("2001:db8::1")), "2001:db8::1");
        assert_eq!(way(&["", " ,"], Some("::ffff:10.0.0.2")), ",  ,, 10.0.0.2");
    }

    #[test]
    fn what_is_not_known_or_not_readable_is_no_address() {
        assert_eq!(way(&["192.0.2.1"], None), "192.0.2.1, unknown");
        assert_eq!(way(&["192.0.2.1\u{e9}"], Some("10.0.0.2")), "unknown, 10.0.0.2");
        let long = "1".repeat(LONGEST + 1);
        assert_eq!(way(&["192.0.2.1", &long], Some("10.0.0.2")), "unknown, 10.0.0.2");
    }
}
