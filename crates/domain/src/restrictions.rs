use std::net::IpAddr;

use crate::{AllowedNetworks, Grants, Requirement};

/// What a key may be used for, and from where. By default for all, from everywhere.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub struct Restrictions {
    /// What it may be used for.
    pub scopes: Grants,
    /// From where.
    pub networks: AllowedNetworks,
}

/// What a good key is not allowed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Denial {
    /// To be used from this address.
    Network,
    /// To be used for this.
    Scope,
}

impl Restrictions {
    /// Everything is allowed.
    pub const NONE: Self = Self { scopes: Grants::UNRESTRICTED, networks: AllowedNetworks::ANY };

    /// Whether a key may be used from an address for all that is required. The address is judged first: from
    /// elsewhere nobody learns what the key may be used for.
    pub fn judge<T: AsRef<str>>(
        &self,
        address: Option<IpAddr>,
        required: impl IntoIterator<Item = Requirement<T>>,
    ) -> Result<(), Denial> {
        if !self.networks.contain(address) {
            return Err(Denial::Network);
        }
        if required.into_iter().all(|requirement| self.scopes.meet(&requirement)) {
            Ok(())
        } else {
            Err(Denial::Scope)
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn restrictions(scopes: &[&str], networks: &[&str]) -> Restrictions {
        let scopes = Grants::parse(scopes.iter().copied()).expect("scopes");
        let networks = AllowedNetworks::parse(networks.iter().copied()).expect("networks");
        Restrictions { scopes, networks }
    }

    fn required<'t>(texts: &[&'t str]) -> Vec<Requirement<&'t str>> {
        texts.iter().map(|text| Requirement::parse(*text).expect("a requirement")).collect()
    }

    #[test]
    fn the_address_is_judged_before_the_scopes_and_all_requirements_count() {
        let key = restrictions(&["docs:read"], &["10.0.0.0/8"]);
        let [inside, outside] =
            ["10.1.2.3", "11.1.2.3"].map(|it| Some(it.parse().expect("an address")));
        assert_eq!(key.judge(inside, required(&[])), Ok(()));
        assert_eq!(key.judge(inside, required(&["docs:read", "docs:read|x"])), Ok(()));
        assert_eq!(key.judge(inside, required(&["docs:read", "x"])), Err(Denial::Scope));
        assert_eq!(key.judge(outside, required(&["x"])), Err(Denial::Network));
        assert_eq!(key.judge(None, required(&[])), Err(Denial::Network));
        assert_eq!(Restrictions::default().judge(None, required(&["x"])), Ok(()));
    }

    proptest! {
        #[test]
        fn one_more_requirement_never_gives_anything(
            granted in prop::collection::vec("[ab](:[ab*])?", 0..3),
            asked in prop::collection::vec("[ab](:[ab])?(\\|[ab])?", 0..3),
            more in "[ab](:[ab])?(\\|[ab])?",
        ) {
            let scopes = Grants::parse(granted.iter().map(String::as_str)).expect("scopes");
            let key = Restrictions { scopes, networks: AllowedNetworks::default() };
            let mut texts: Vec<&str> = asked.iter().map(String::as_str).collect();
            let fewer = key.judge(None, required(&texts));
            texts.push(&more);
            if key.judge(None, required(&texts)).is_ok() {
                prop_assert_eq!(fewer, Ok(()));
            }
        }
    }
}
