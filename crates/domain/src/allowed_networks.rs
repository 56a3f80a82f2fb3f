use std::net::IpAddr;

use ipnet::{IpNet, Ipv4Net};
use thiserror::Error;

/// The networks that a key may be used from: anywhere, which is the default, or 1 to 32 networks.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub struct AllowedNetworks(Option<Box<[IpNet]>>);

/// Why a text is no network.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum NetworkError {
    /// It is neither an address nor a network.
    #[error("must be an address or a network such as 10.0.0.0/8")]
    Malformed,
    /// It holds more than all of IPv4, in the form in which IPv6 has it.
    #[error("is wider than all of IPv4; write the IPv4 network itself, such as 10.0.0.0/8")]
    WiderThanIpv4,
}

/// Why texts are no [`AllowedNetworks`].
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum AllowedNetworksError {
    /// One of them is no network.
    #[error("network {number} {why}")]
    Malformed {
        /// Which one, from 1.
        number: usize,
        /// Why it is none.
        why: NetworkError,
    },
    /// One of them names an address in a network, and not the network.
    #[error("{given} has bits set behind its prefix; write {meant}")]
    HostBits {
        /// The text as it was read.
        given: IpNet,
        /// The network that the address is in.
        meant: IpNet,
    },
    /// There is none: a key that may be used from nowhere.
    #[error("at least one network is allowed; null allows all")]
    None,
    /// There are more than [`AllowedNetworks::MAX`], not counting those that repeat.
    #[error("a key has at most 32 networks")]
    TooMany,
}

impl AllowedNetworks {
    /// All that there are.
    pub const ANY: Self = Self(None);
    /// The most networks of a key.
    pub const MAX: usize = 32;

    /// Those in a list: IPv4 or IPv6, an address alone is a network of one. What repeats is dropped.
    #[expect(single_use_lifetimes, reason = "an argument that is an `impl` needs the name")]
    pub fn parse<'t>(
        networks: impl IntoIterator<Item = &'t str>,
    ) -> Result<Self, AllowedNetworksError> {
        let mut kept: Vec<IpNet> = Vec::new();
        for (place, text) in networks.into_iter().enumerate() {
            let number = place + 1;
            let given = read_network(text)
                .map_err(|why| AllowedNetworksError::Malformed { number, why })?;
            let meant = given.trunc();
            if given != meant {
                return Err(AllowedNetworksError::HostBits { given, meant });
            }
            if kept.contains(&given) {
                continue;
            }
            if kept.len() == Self::MAX {
                return Err(AllowedNetworksError::TooMany);
            }
            kept.push(given);
        }
        if kept.is_empty() { Err(AllowedNetworksError::None) } else { Ok(Self(Some(kept.into()))) }
    }

    /// Those that a store kept: what [`joined`](Self::joined) gave.
    pub fn restore(joined: Option<&str>) -> Result<Self, AllowedNetworksError> {
        joined.map_or_else(|| Ok(Self::default()), |joined| Self::parse(joined.split(' ')))
    }

    /// One text, with a blank between each two; `None` where all are allowed.
    pub fn joined(&self) -> Option<String> {
        self.list().map(|networks| networks.collect::<Vec<_>>().join(" "))
    }

    /// Each with the length of its prefix, in their order; `None` where all are allowed.
    pub fn list(&self) -> Option<impl Iterator<Item = String>> {
        self.0.as_deref().map(|networks| networks.iter().map(ToString::to_string))
    }

    /// Whether an address is in one of them. An IPv4 address that is written as IPv6 counts as IPv4; an
    /// address that is not known is in none.
    pub fn contain(&self, address: Option<IpAddr>) -> bool {
        self.0.as_deref().is_none_or(|networks| {
            let address = address.map(|it| it.to_canonical());
            address.is_some_and(|it| networks.iter().any(|network| network.contains(&it)))
        })
    }
}

/// Reads an address or a network. One of IPv4 addresses that are written as IPv6 is a network of IPv4, as the
/// addresses of peers are compared.
pub fn read_network(text: &str) -> Result<IpNet, NetworkError> {
    let alone = || text.parse().map(|address: IpAddr| address.into()).ok();
    let network: IpNet = text.parse().ok().or_else(alone).ok_or(NetworkError::Malformed)?;
    let IpNet::V6(mapped) = network else { return Ok(network) };
    let Some(address) = mapped.addr().to_ipv4_mapped() else { return Ok(network) };
    let prefix = mapped.prefix_len().checked_sub(96);
    let network = prefix.and_then(|prefix| Ipv4Net::new(address, prefix).ok());
    network.map(IpNet::V4).ok_or(NetworkError::WiderThanIpv4)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn networks(texts: &[&str]) -> Result<AllowedNetworks, AllowedNetworksError> {
        AllowedNetworks::parse(texts.iter().copied())
    }

    fn joined(texts: &[&str]) -> String {
        networks(texts).expect("networks").joined().expect("restricted")
    }

    fn contain(texts: &[&str], address: &str) -> bool {
        networks(texts).expect("networks").contain(Some(address.parse().expect("an address")))
    }

    #[test]
    fn networks_keep_their_order_and_show_how_long_their_prefix_is() {
        let given = ["192.0.2.7", "2001:DB8::/32", "10.0.0.0/8", "2001:db8::1", "192.0.2.7/32"];
        let kept = "192.0.2.7/32 2001:db8::/32 10.0.0.0/8 2001:db8::1/128";
        assert_eq!(joined(&given), kept);
        assert_eq!(AllowedNetworks::restore(Some(kept)), networks(&given));
        assert_eq!(AllowedNetworks::restore(None), Ok(AllowedNetworks::default()));
        assert_eq!(
            joined(&["::ffff:10.0.0.0/104", "0.0.0.0/0", "::/0"]),
            "10.0.0.0/8 0.0.0.0/0 ::/0"
        );
    }

    #[test]
    fn a_network_in_ipv4_mapped_form_is_the_ipv4_network() {
        let read = |text| read_network(text).map(|network| network.to_string());
        assert_eq!(read("::ffff:10.0.0.0/104"), Ok("10.0.0.0/8".into()));
        assert_eq!(read("::ffff:10.1.2.3"), Ok("10.1.2.3/32".into()));
        assert_eq!(read("2001:db8::/32"), Ok("2001:db8::/32".into()));
        let wide = read("::ffff:10.0.0.0/90");
        assert!(wide.is_err_and(|why| why.to_string().contains("10.0.0.0/8")));
    }

    #[test]
    fn a_network_with_host_bits_is_refused_and_the_one_that_is_meant_is_named() {
        let error = networks(&["10.0.0.1/8"]).expect_err("host bits");
        assert_eq!(
            error.to_string(),
            "10.0.0.1/8 has bits set behind its prefix; write 10.0.0.0/8"
        );
    }

    #[test]
    fn texts_that_are_no_networks_and_lists_of_none_or_too_many_are_refused() {
        for bad in
            ["", "10.0.0.0/33", "10.0.0", "x", "10.0.0.0/", "10.0.0.0/8 ", "::/129", "010.0.0.1"]
        {
            let why = NetworkError::Malformed;
            let error = AllowedNetworksError::Malformed { number: 2, why };
            assert_eq!(networks(&["10.0.0.0/8", bad]), Err(error), "{bad}");
        }
        let why = NetworkError::WiderThanIpv4;
        let error = AllowedNetworksError::Malformed { number: 1, why };
        assert_eq!(networks(&["::ffff:0.0.0.0/90"]), Err(error));
        assert_eq!(networks(&[]), Err(AllowedNetworksError::None));
        let many: Vec<String> = (0..33).map(|number| format!("10.0.0.{number}")).collect();
        let many: Vec<&str> = many.iter().map(String::as_str).collect();
        assert_eq!(networks(&many), Err(AllowedNetworksError::TooMany));
        let (_last, most) = many.split_last().expect("33");
        assert!(networks(&[most, most].concat()).is_ok());
    }

    #[test]
    fn an_address_counts_in_its_ipv4_form_and_an_unknown_one_is_in_no_network() {
        assert!(contain(&["10.0.0.0/8"], "10.9.9.9"));
        assert!(contain(&["10.0.0.0/8"], "::ffff:10.9.9.9"));
        assert!(!contain(&["10.0.0.0/8"], "11.0.0.0"));
        assert!(contain(&["2001:db8::/32"], "2001:db8:1::"));
        assert!(!contain(&["0.0.0.0/0"], "2001:db8::"));
        assert!(contain(&["::/0", "0.0.0.0/0"], "192.0.2.1"));
        assert!(!networks(&["0.0.0.0/0"]).expect("a network").contain(None));
        assert!(AllowedNetworks::default().contain(None));
    }
}
