//! How the text of a setting is read. A value that could never work is refused here.

use std::ffi::OsStr;
use std::fmt::Display;
use std::net::{IpAddr, SocketAddr};
use std::str::FromStr;
use std::time::Duration;

use latchkey_listener::{Address, AddressError};
use thiserror::Error;
use tracing_subscriber::EnvFilter;
use tracing_subscriber::filter::LevelFilter;
use zeroize::Zeroizing;

const MAX_LIFETIME: Duration = Duration::from_hours(24 * 400);
/// A balancer that asks once a second and wants three answers has left after three seconds.
const DEFAULT_DELAY: Duration = Duration::from_secs(5);
const MAX_DELAY: Duration = Duration::from_mins(10);
const MAX_KEPT: Duration = Duration::from_hours(24 * 36_500);

#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("{0}")]
pub(super) struct Bad(pub(super) &'static str);

pub(super) fn utf8(value: &OsStr) -> Result<Zeroizing<String>, Bad> {
    value.to_str().map(|text| Zeroizing::new(text.to_owned())).ok_or(Bad("must be UTF-8 text"))
}

pub(super) fn address(text: &str) -> Result<SocketAddr, Bad> {
    let wrong = Bad("must be an address and a port such as 127.0.0.1:8080");
    text.parse().map_err(|_unparsable| wrong)
}

/// Where the server listens: addresses, separated by commas.
pub(super) fn addresses(text: &str) -> Result<Vec<Address>, String> {
    let mut all: Vec<Address> = Vec::new();
    for part in text.split(',').map(str::trim) {
        let address: Address = part.parse().map_err(|wrong: AddressError| match wrong {
            AddressError::Empty | AddressError::Neither if text == part => wrong.to_string(),
            AddressError::Empty => format!("{text}: {wrong}"),
            wrong => format!("{part}: {wrong}"),
        })?;
        if let Some(other) = all.iter().find(|other| collide(&address, other)) {
            return Err(format!("{part}: is the same as {other}"));
        }
        all.push(address);
    }
    Ok(all)
}

/// Whether two listeners can't both have what they ask for.
pub(super) fn collide(one: &Address, other: &Address) -> bool {
    match (one, other) {
        (Address::Tcp(one), Address::Tcp(other)) => {
            let (a, b) = (one.ip().to_canonical(), other.ip().to_canonical());
            let every = |ip: IpAddr| ip.is_unspecified();
            // The system chooses port 0 for each of them.
            one.port() == other.port() && one.port() != 0 && (a == b || every(a) || every(b))
        }
        (one, other) => one == other,
    }
}

pub(super) fn list<T, E: Display>(
    text: Option<&str>,
    parse: impl Fn(&str) -> Result<T, E>,
) -> Result<Vec<T>, String> {
    let entries = text.into_iter().flat_map(|text| text.split(',')).map(str::trim);
    let entries = entries.filter(|entry| !entry.is_empty());
    entries.map(|entry| parse(entry).map_err(|error| format!("{entry}: {error}"))).collect()
}

pub(super) fn either(text: &str, yes: &str, no: &str) -> Result<bool, String> {
    match text {
        text if text == yes => Ok(true),
        text if text == no => Ok(false),
        _ => Err(format!("must be {yes} or {no}")),
    }
}

pub(super) fn count(text: Option<&str>, default: u32) -> Result<u32, Bad> {
    let count = text.map_or(Ok(default), u32::from_str).ok();
    count.filter(|count| (1..=1_000_000).contains(count)).ok_or(Bad("must be from 1 to 1000000"))
}

/// A token of RFC 6265. Browsers drop a cookie whose prefix promises what only https can hold; they
/// ignore the letter case of the prefix.
pub(super) fn cookie(text: Option<&str>, https: bool) -> Result<String, Bad> {
    let name = text.unwrap_or("session");
    let token = |b: u8| b.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&b);
    let lower = name.to_ascii_lowercase();
    let promising = ["__host-", "__secure-", "__http-"].iter().any(|it| lower.starts_with(it));
    match name {
        "" => Err(Bad("must not be empty")),
        _ if name.len() > 64 || !name.bytes().all(token) => {
            Err(Bad("must be at most 64 letters, digits or any of !#$%&'*+-.^_`|~"))
        }
        _ if promising && !https => Err(Bad("needs an https LATCHKEY_PUBLIC_URL for this name")),
        _ => Ok(name.to_owned()),
    }
}

pub(super) fn span(text: &str) -> Result<Duration, Bad> {
    let span = humantime::parse_duration(text).ok();
    let wrong = Bad("must be a time from 1s to 400d, such as 12h");
    span.filter(|span| (Duration::from_secs(1)..=MAX_LIFETIME).contains(span)).ok_or(wrong)
}

/// After how long a password is asked for again; `None`: never.
pub(super) fn reauth(text: &str) -> Result<Option<Duration>, Bad> {
    if text == "off" {
        return Ok(None);
    }
    span(text)
        .map(Some)
        .map_err(|_wrong| Bad("must be off, or a time from 1s to 400d, such as 15m"))
}

/// Where nothing was said, only a service that others reach waits for its balancers.
pub(super) fn delay(text: Option<&str>, is_local: bool) -> Result<Duration, Bad> {
    let default = if is_local { Duration::ZERO } else { DEFAULT_DELAY };
    let delay = text.map_or(Some(default), |text| humantime::parse_duration(text).ok());
    delay
        .filter(|delay| *delay <= MAX_DELAY)
        .ok_or(Bad("must be a time from 0s to 10m, such as 5s"))
}

/// How long something is kept; `None` has no end.
pub(super) fn keep(text: &str) -> Result<Option<Duration>, Bad> {
    if text == "forever" {
        return Ok(None);
    }
    let span = humantime::parse_duration(text).ok();
    let wrong = Bad("must be forever, or a time from 1s to 36500d, such as 365d");
    let span = span.filter(|span| (Duration::from_secs(1)..=MAX_KEPT).contains(span));
    span.map(Some).ok_or(wrong)
}

/// A lone word is a level. The filter's own grammar takes any other word for the name of a module,
/// so that `warning` would log nothing at all.
pub(super) fn filter(text: &str) -> Result<String, Bad> {
    let wrong =
        Bad("must be a level (off, error, warn, info, debug or trace) or a tracing filter \
                     such as info,latchkey=debug");
    let words = text.split(',').map(str::trim).filter(|word| !word.contains(['=', '[', ']']));
    let misspelt = words.clone().any(|word| word.parse::<LevelFilter>().is_err());
    if misspelt || EnvFilter::try_new(text).is_err() { Err(wrong) } else { Ok(text.to_owned()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn listeners_collide_on_one_port_where_their_addresses_overlap() {
        for (one, other, expected) in [
            ("unix:/a", "unix:/a", true),
            ("unix:/a", "unix:/b", false),
            ("unix:/a", "127.0.0.1:80", false),
            ("127.0.0.1:80", "127.0.0.1:80", true),
            ("0.0.0.0:80", "127.0.0.1:80", true),
            ("127.0.0.1:80", "[::]:80", true),
            ("[::ffff:127.0.0.1]:80", "127.0.0.1:80", true),
            ("127.0.0.1:80", "127.0.0.2:80", false),
            ("127.0.0.1:80", "127.0.0.1:81", false),
            ("127.0.0.1:0", "127.0.0.1:0", false),
        ] {
            let [a, b] = [one, other].map(|text| text.parse().expect("an address"));
            assert_eq!((collide(&a, &b), collide(&b, &a)), (expected, expected), "{one} {other}");
        }
    }

    #[test]
    fn the_server_listens_at_several_addresses_each_given_once() {
        let shown = |text| {
            let all = addresses(text)?;
            Ok(all.iter().map(ToString::to_string).collect::<Vec<_>>().join(","))
        };
        for (text, expected) in [
            ("127.0.0.1:0,127.0.0.1:0", "127.0.0.1:0,127.0.0.1:0"),
            ("unix:/run/a.sock", "unix:/run/a.sock"),
            (" 127.0.0.1:80 , unix:/run/a.sock ", "127.0.0.1:80,unix:/run/a.sock"),
        ] {
            assert_eq!(shown(text), Ok(expected.to_owned()));
        }
        for (text, why) in [
            ("", "an address between two commas"),
            ("here", "must be an address and a port"),
            ("127.0.0.1:80,", "127.0.0.1:80,: an address between"),
            ("127.0.0.1:80,,[::1]:80", "127.0.0.1:80,,[::1]:80: an address between"),
            ("127.0.0.1:80,here", "here: must be an address and a port"),
            ("127.0.0.1:80,0.0.0.0:80", "0.0.0.0:80: is the same as 127.0.0.1:80"),
            ("unix:/run/a.sock,unix:/run//a.sock", "unix:/run//a.sock: is the same as"),
            ("unix:a.sock", "unix:a.sock: after unix: must come the absolute path"),
            ("unix:@a", "unix:@a: an abstract socket has no permissions"),
        ] {
            let refused: Result<String, String> = shown(text);
            let told = refused.expect_err(text);
            assert!(told.starts_with(why), "{told}");
        }
    }

    #[test]
    fn a_word_that_is_no_level_is_no_filter() {
        for good in ["info", "WARN", "off", "info,latchkey=debug", "latchkey[request]=trace,error"]
        {
            assert_eq!(filter(good).as_deref(), Ok(good));
        }
        for bad in ["warning", "inof", "latchkey", "info,latchkey=loud", "info,verbose"] {
            assert!(filter(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_cookie_that_browsers_would_drop_is_refused_without_https() {
        for name in ["__Host-session", "__HOST-session", "__Secure-s", "__Http-s"] {
            assert!(cookie(Some(name), false).is_err(), "{name}");
            assert_eq!(cookie(Some(name), true).as_deref(), Ok(name));
        }
    }
}
